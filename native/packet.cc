#include "packet.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "libpcap.h"

namespace puppy {
namespace {

constexpr size_t kFilterMaxBytes = 64 << 10;
constexpr size_t kQuotedMaxBytes = 40;
constexpr int kLinkTypeRaw = 101;  // DLT_RAW differs from system to system

int errnoOf(int status) {
  switch (status) {
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
      return EPERM;
    case PCAP_ERROR_NO_SUCH_DEVICE:
      return ENODEV;
    case PCAP_ERROR_IFACE_NOT_UP:
      return ENETDOWN;
    default:
      return EIO;
  }
}

// What a cooked header says of where its packet went: packet_type of sll_addr.
Direction directionOf(uint8_t type) {
  switch (type) {
    case PACKET_HOST:
    case PACKET_BROADCAST:
    case PACKET_MULTICAST:
      return Direction::kIn;
    case PACKET_OUTGOING:
      return Direction::kOut;
    case PACKET_OTHERHOST:
      return Direction::kOther;
    default:
      return Direction::kUnknown;
  }
}

uint32_t bigEndian32(const uint8_t* p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return ntohl(v);
}

}  // namespace

PcapError errnoError(int error, const std::string& what) {
  char room[128];
  const std::string words = strerror_r(error, room, sizeof room);
  return {error, what.empty() ? words : what + ": " + words};
}

PcapError pcapError(pcap_t* handle, int status, const std::string& what) {
  // A status of its own comes with words in the handle, or without.
  std::string words = handle != nullptr ? pcap_geterr(handle) : "";
  if (words.empty()) words = pcap_statustostr(status);
  const int error = errnoOf(status);
  if (error == EPERM) words += " (CAP_NET_RAW is missing)";
  return {error, what.empty() ? words : what + ": " + words};
}

bool compileFilter(pcap_t* handle, const std::string& text, bpf_program* program, PcapError* error) {
  const auto fail = [&](const std::string& why) {
    *error = {EINVAL, "the filter " + why};
    return false;
  };
  if (text.size() > kFilterMaxBytes) return fail("is longer than " + std::to_string(kFilterMaxBytes) + " bytes");
  const size_t nul = text.find('\0');
  if (nul != std::string::npos) return fail("has a NUL at character " + std::to_string(nul + 1));
  FilterPlace place(text.c_str());
  if (pcap_compile(handle, program, text.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    std::string words = pcap_geterr(handle);
    const std::string prefix = "can't parse filter expression: ";
    if (words.compare(0, prefix.size(), prefix) == 0) words.erase(0, prefix.size());
    if (place.atEnd()) return fail("is wrong at its end: " + words);
    const std::string token = text.substr(place.at(), std::min(place.length(), kQuotedMaxBytes));
    return fail("is wrong at character " + std::to_string(place.at() + 1) + " (" + token + "): " + words);
  }
  if (program->bf_len > BPF_MAXINSNS) {
    const std::string n = std::to_string(program->bf_len);
    pcap_freecode(program);
    return fail("is too long for the kernel: it takes " + n + " instructions, more than " + std::to_string(BPF_MAXINSNS));
  }
  return true;
}

bool givePacket(BatchRing& ring, int dlt, int index, const pcap_pkthdr& header, const uint8_t* bytes) {
  // In a file nothing has to be true.
  const uint32_t captured = header.caplen;
  const uint32_t length = std::max<uint32_t>(captured, header.len);
  Direction direction = Direction::kUnknown;
  if (dlt == DLT_LINUX_SLL2 && captured >= 20) {
    index = static_cast<int>(bigEndian32(bytes + 4));
    direction = directionOf(bytes[10]);
  } else if (dlt == DLT_LINUX_SLL && captured >= 16 && bytes[0] == 0) {
    direction = directionOf(bytes[1]);
  }
  std::vector<uint8_t>& out = ring.scratch();
  const size_t size = (kPacketHeaderBytes + captured + 7) & ~static_cast<size_t>(7);
  out.resize(size);
  const auto put = [&](size_t at, auto v) { memcpy(out.data() + at, &v, sizeof v); };
  put(0, static_cast<int32_t>(size));
  put(4, kPacket);
  // The handles are opened for nanoseconds.
  put(8, static_cast<double>(header.ts.tv_sec) * 1000 + static_cast<double>(header.ts.tv_usec) / 1e6);
  put(16, static_cast<int32_t>(dlt == DLT_RAW ? kLinkTypeRaw : dlt));
  put(20, static_cast<int32_t>(index));
  put(24, static_cast<int32_t>(direction));
  put(28, captured);
  put(32, length);
  put(36, uint32_t{0});
  if (captured > 0) memcpy(out.data() + kPacketHeaderBytes, bytes, captured);
  return ring.commit();
}

}  // namespace puppy
