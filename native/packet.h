// What a packet is on its way to JavaScript, live or from a file, and the filter that lets it through. No meaning: bytes and numbers.
#pragma once

#include <pcap/pcap.h>

#include <cstdint>
#include <string>

#include "batch.h"

namespace puppy {

// A message (little-endian, padded to 8 bytes):
//    0 i32 size   4 u32 kind   8 f64 time, ms since the epoch
// kPacket
//   16 i32 link type (LINKTYPE_… of pcap-linktype(7))   20 i32 interface's index (0: not told)   24 i32 direction (0: not told)
//   28 u32 bytes that were captured   32 u32 bytes that the packet had   40 the bytes
// kInterface: what became of an interface that is to be read
//   16 i32 state   20 i32 index   24 i32 errno or 0   28 i32 bytes of its name   32 i32 bytes of the reason   40 name, reason
constexpr size_t kPacketHeaderBytes = 40;
constexpr uint32_t kPacket = 1;
constexpr uint32_t kInterface = 2;
enum class Direction : int32_t { kUnknown = 0, kIn = 1, kOut = 2, kOther = 3 };

// What libpcap couldn't do: an errno and its words.
struct PcapError {
  int error = 0;
  std::string text;
};

// A system call's: `what: words`, or the words alone.
PcapError errnoError(int error, const std::string& what = "");

// Why a function of libpcap failed, whose status it gave: `what: words`, or the words alone.
PcapError pcapError(pcap_t* handle, int status, const std::string& what);

// The filter for the handle's link type; false where it is none, and its place told.
bool compileFilter(pcap_t* handle, const std::string& text, bpf_program* program, PcapError* error);

// False where the ring has no room.
bool givePacket(BatchRing& ring, int dlt, int index, const pcap_pkthdr& header, const uint8_t* bytes);

}  // namespace puppy
