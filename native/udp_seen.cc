#include "udp_seen.h"

#include <pcap/dlt.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace puppy {
namespace {

constexpr uint32_t kCountMask = 3;
constexpr uint32_t kSecondMask = UINT32_MAX >> 2;
constexpr int kTagsMost = 2;
constexpr uint8_t kUdp = 17;

uint16_t bigEndian16(const uint8_t* p) { return static_cast<uint16_t>(p[0] << 8 | p[1]); }

// Where the packet of IP begins.
constexpr size_t kNowhere = SIZE_MAX;
size_t networkAt(int dlt, const uint8_t* bytes, size_t length) {
  size_t type = 0;
  size_t at = 0;
  switch (dlt) {
    case DLT_EN10MB:
      type = 12;
      at = 14;
      break;
    case DLT_LINUX_SLL:
      type = 14;
      at = 16;
      break;
    case DLT_LINUX_SLL2:
      at = 20;
      break;
    case DLT_RAW:
      return 0;
    default:
      return kNowhere;
  }
  for (int tags = 0;; tags++) {
    if (length < at) return kNowhere;
    const uint16_t is = bigEndian16(bytes + type);
    if (is == 0x0800 || is == 0x86dd) return at;
    if ((is != 0x8100 && is != 0x88a8) || tags == kTagsMost) return kNowhere;
    type = at + 2;
    at += 4;
  }
}

// Both ends, the lower one first, so that they are the same in both directions.
struct Ends {
  uint64_t words[5] = {};  // version, addresses, ports
  bool isSwapped = false;
  bool isDns = false;
};

bool isDnsPort(uint16_t port) { return port == 53 || port == 5353 || port == 5355; }

// False for all that isn't a datagram with its ports.
bool endsOf(const uint8_t* bytes, size_t length, Ends* ends) {
  if (length < 1) return false;
  const uint8_t version = bytes[0] >> 4;
  const size_t size = version == 4 ? 4 : 16;
  size_t addresses = 0;
  size_t ports = 0;
  if (version == 4 && length >= 20) {
    addresses = 12;
    ports = static_cast<size_t>(bytes[0] & 15) * 4;
    // A fragment, or none of UDP.
    if (ports < 20 || bytes[9] != kUdp || (bigEndian16(bytes + 6) & 0x3fff) != 0) return false;
  } else if (version == 6 && length >= 40 && bytes[6] == kUdp) {
    addresses = 8;
    ports = 40;
  } else {
    return false;
  }
  if (length < ports + 4) return false;
  const uint8_t* from = bytes + addresses;
  const uint8_t* to = from + size;
  uint16_t fromPort = bigEndian16(bytes + ports);
  uint16_t toPort = bigEndian16(bytes + ports + 2);
  ends->isDns = isDnsPort(fromPort) || isDnsPort(toPort);
  const int order = memcmp(from, to, size);
  ends->isSwapped = order > 0 || (order == 0 && fromPort > toPort);
  if (ends->isSwapped) {
    std::swap(from, to);
    std::swap(fromPort, toPort);
  }
  memcpy(ends->words, from, size);
  memcpy(ends->words + 2, to, size);
  ends->words[4] = static_cast<uint64_t>(version) << 32 | static_cast<uint64_t>(fromPort) << 16 | toPort;
  return true;
}

uint64_t rotated(uint64_t v, int bits) { return v << bits | v >> (64 - bits); }

// SipHash-2-4 (Aumasson and Bernstein) of words.
template <size_t N>
uint64_t sipHash(const uint64_t (&words)[N], const uint64_t (&key)[2]) {
  uint64_t a = key[0] ^ 0x736f6d6570736575;
  uint64_t b = key[1] ^ 0x646f72616e646f6d;
  uint64_t c = key[0] ^ 0x6c7967656e657261;
  uint64_t d = key[1] ^ 0x7465646279746573;
  const auto rounds = [&](int n) {
    for (; n > 0; n--) {
      a += b;
      b = rotated(b, 13) ^ a;
      a = rotated(a, 32);
      c += d;
      d = rotated(d, 16) ^ c;
      a += d;
      d = rotated(d, 21) ^ a;
      c += b;
      b = rotated(b, 17) ^ c;
      c = rotated(c, 32);
    }
  };
  const auto take = [&](uint64_t word) {
    d ^= word;
    rounds(2);
    a ^= word;
  };
  for (const uint64_t word : words) take(word);
  take(static_cast<uint64_t>(N * 8) << 56);
  c ^= 0xff;
  rounds(4);
  return a ^ b ^ c ^ d;
}

// Also where the clock was set back: as if long ago.
uint32_t age(uint32_t passed, uint32_t now) { return (passed & kCountMask) == 0 ? kSecondMask : (now - (passed >> 2)) & kSecondMask; }

}  // namespace

UdpSeen::UdpSeen() : flows_(kFlows, Flow{}) {
  // Old kernels don't have it, and then it's the clock and a place in memory.
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  seed_[0] = static_cast<uint64_t>(now.tv_nsec) << 32 ^ static_cast<uint64_t>(now.tv_sec);
  seed_[1] = reinterpret_cast<uintptr_t>(flows_.data()) ^ static_cast<uint64_t>(getpid()) << 48;
#ifdef SYS_getrandom
  (void)syscall(SYS_getrandom, seed_, sizeof seed_, 0);
#endif
}

UdpSeen::Flow& UdpSeen::flow(uint64_t ends, uint32_t now) {
  Flow* const set = flows_.data() + ends % (kFlows / kWays) * kWays;
  Flow* oldest = set;
  uint32_t most = 0;
  for (Flow* f = set; f < set + kWays; f++) {
    const uint32_t idle = age(f->passed[0], now) < age(f->passed[1], now) ? age(f->passed[0], now) : age(f->passed[1], now);
    if (f->ends == ends && idle != kSecondMask) return *f;
    if (idle < most) continue;
    most = idle;
    oldest = f;
  }
  *oldest = {ends, {0, 0}};
  return *oldest;
}

bool UdpSeen::passes(int dlt, const uint8_t* bytes, size_t length, int64_t second) {
  const size_t at = networkAt(dlt, bytes, length);
  Ends ends;
  if (at == kNowhere || !endsOf(bytes + at, length - at, &ends) || ends.isDns) return true;
  const uint32_t now = static_cast<uint32_t>(second) & kSecondMask;
  uint32_t& passed = flow(sipHash(ends.words, seed_), now).passed[ends.isSwapped ? 1 : 0];
  if (age(passed, now) >= kSeconds) {
    passed = now << 2 | 1;
    return true;
  }
  if ((passed & kCountMask) >= kPasses) return false;
  passed++;
  return true;
}

}  // namespace puppy
