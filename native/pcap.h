// Reads packets of this host on a thread of its own: `any`, or interfaces by name, which may come and go. Only what the filter lets
// through, never in promiscuous mode. No meaning and no policy.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "packet.h"
#include "reader.h"
#include "udp_seen.h"

namespace puppy {

constexpr size_t kInterfacesMax = 32;

enum class InterfaceState : int32_t { kGone = 0, kRead = 1, kDown = 2, kFailed = 3 };

struct PcapOptions {
  // `any` or names. One that isn't there is read when it comes.
  std::vector<std::string> interfaces;
  std::string filter;
  // For Ethernet, in place of it; empty: the same.
  std::string ethernetFilter;
  // Of UDP only what is new: udp_seen.h.
  bool skipRepeated = false;
  int snaplen = 512;
  // The kernel's ring, of all interfaces together.
  size_t bufferBytes = 8 << 20;
  // How long packets gather there before this thread is woken.
  int coalesceMs = 20;
  size_t ringBytes = 16 << 20;
  size_t batchBytes = 256 << 10;
};

struct PcapStats {
  uint64_t packets = 0;
  uint64_t repeated = 0;  // of them, datagrams that weren't handed over
  uint64_t reads = 0;
  uint64_t dropped = 0;           // the kernel's ring was full
  uint64_t interfaceDropped = 0;  // as libpcap tells it of the interface
  uint64_t ringDropped = 0;       // the consumer was too slow
  uint64_t opened = 0;            // times that an interface was taken up
  int32_t error = 0;              // errno that ended the reader, or 0
};

class PcapReader {
 public:
  explicit PcapReader(const PcapOptions& options);
  ~PcapReader();
  PcapReader(const PcapReader&) = delete;
  PcapReader& operator=(const PcapReader&) = delete;

  // False: why not. An interface that is missing or down is no reason.
  bool open(PcapError* error);
  int start(ReaderThread::Wake wake, void* context);
  // Ends the thread and takes what is left.
  void stop();

  BatchRing& ring() { return ring_; }
  ReaderThread& thread() { return thread_; }
  PcapStats stats();

 private:
  struct Interface {
    std::string name;
    bool isAny = false;
    pcap_t* handle = nullptr;
    int fd = -1;
    int dlt = 0;
    int index = 0;
    // Of this handle: what was given, and what was counted already.
    uint32_t packets = 0;
    uint32_t dropped = 0;
    uint32_t interfaceDropped = 0;
    // What the consumer was told last; nothing yet: -1.
    int32_t told = -1;
    // It failed: the reason, when its handle is closed (0: there is none to close), at the latest, and when it's tried again.
    PcapError failure;
    int64_t closeMs = 0;
    int64_t lastMs = 0;
    int64_t retryMs = 0;
  };
  struct Feed {
    PcapReader* reader;
    Interface* from;
  };
  static void body(void* self);
  static void packet(uint8_t* feed, const pcap_pkthdr* header, const uint8_t* bytes);
  void loop();
  void look(int64_t now);
  void lookAt(Interface* i, int64_t now);
  const std::string& filterFor(int dlt) const;
  // 0, or the errno of `failure`.
  int take(Interface* i);
  void close(Interface* i);
  // True when there is more.
  bool drain(Interface* i, int64_t now);
  // Its handle is closed when what came before was read.
  void leave(Interface* i, PcapError why, int64_t now);
  static bool isEmpty(const Interface& i);
  void drainLinks();
  void tell(Interface* i, InterfaceState state, const PcapError& why);
  void count(Interface* i);
  void publish(int64_t now);

  PcapOptions options_;
  std::vector<Interface> interfaces_;
  std::unique_ptr<UdpSeen> seen_;
  BatchRing ring_;
  ReaderThread thread_;
  PcapStats counters_;
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  PcapStats published_;
  int controlFd_ = -1;  // asks for interfaces
  int linksFd_ = -1;    // is told when they change
  // When interfaces were looked at last, and are to be next.
  int64_t lookedMs_ = 0;
  int64_t lookMs_ = 0;
  int64_t countMs_ = 0;
  bool isTold_ = true;
};

}  // namespace puppy
