// Reads a .pcap or .pcapng file by libpcap, in slices, as the same messages that a live reader gives.
#pragma once

#include <cstdint>
#include <string>

#include "packet.h"

namespace puppy {

struct CaptureFileOptions {
  std::string path;
  std::string filter;
  size_t ringBytes = 4 << 20;
  size_t batchBytes = 256 << 10;
};

class CaptureFile {
 public:
  explicit CaptureFile(const CaptureFileOptions& options) : options_(options), ring_(options.ringBytes, options.batchBytes) {}
  ~CaptureFile();
  CaptureFile(const CaptureFile&) = delete;
  CaptureFile& operator=(const CaptureFile&) = delete;

  bool open(PcapError* error);
  // Reads about one batch into the ring, which is to be taken; false when the file has ended, well or by `failure`.
  bool read();

  BatchRing& ring() { return ring_; }
  uint64_t packets() const { return packets_; }
  uint64_t ringDropped() const { return ringDropped_; }
  // Bytes of the file that were read.
  uint64_t offset() const;
  const PcapError& failure() const { return failure_; }

 private:
  static void packet(uint8_t* self, const pcap_pkthdr* header, const uint8_t* bytes);

  CaptureFileOptions options_;
  BatchRing ring_;
  pcap_t* handle_ = nullptr;
  bpf_program filter_ = {};
  int dlt_ = 0;
  uint64_t packets_ = 0;
  uint64_t ringDropped_ = 0;
  bool ended_ = false;
  PcapError failure_;
};

}  // namespace puppy
