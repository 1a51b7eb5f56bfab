// Which datagrams pass: the first of each direction, one more after a while, and all that isn't understood.

#include "../../native/udp_seen.h"

#include <pcap/dlt.h>

#include "harness.h"

using namespace test;
using puppy::UdpSeen;

namespace {

std::string big(uint64_t value, size_t bytes) {
  std::string s;
  for (size_t i = bytes; i-- > 0;) s += i < 8 ? static_cast<char>(value >> 8 * i) : '\0';
  return s;
}

struct Packet {
  bool isV6 = false;
  uint32_t from = 0x0a000001;
  uint32_t to = 0x0a000002;
  uint16_t fromPort = 40000;
  uint16_t toPort = 123;
  uint16_t fragment = 0;
  uint8_t protocol = 17;
  size_t options = 0;

  Packet reversed() const {
    Packet p = *this;
    std::swap(p.from, p.to);
    std::swap(p.fromPort, p.toPort);
    return p;
  }
  std::string bytes() const {
    const std::string ports = big(fromPort, 2) + big(toPort, 2) + big(8, 2) + big(0, 2);
    if (isV6)
      return big(0x60000000, 4) + big(8, 2) + big(protocol, 1) + big(64, 1) + big(1, 12) + big(from, 4) + big(1, 12) + big(to, 4) + ports;
    const std::string head = big(0x45 + options / 4, 1) + big(0, 1) + big(28 + options, 2) + big(7, 2) + big(fragment, 2) + big(64, 1);
    return head + big(protocol, 1) + big(0, 2) + big(from, 4) + big(to, 4) + std::string(options, 1) + ports;
  }
  std::string ethernet(const std::string& tags = "") const { return std::string(12, 2) + tags + big(isV6 ? 0x86dd : 0x0800, 2) + bytes(); }
};

bool passes(UdpSeen& seen, const Packet& p, int64_t second) {
  const std::string bytes = p.bytes();
  return seen.passes(DLT_RAW, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), second);
}

// How many of some, in as many tries.
int count(UdpSeen& seen, const Packet& p, int64_t second, int tries = 10) {
  int n = 0;
  for (int i = 0; i < tries; i++) n += passes(seen, p, second) ? 1 : 0;
  return n;
}

void firstOfEachDirection() {
  for (const bool isV6 : {false, true}) {
    UdpSeen seen;
    Packet p;
    p.isV6 = isV6;
    CHECK_EQ(count(seen, p, 1000), 2);
    CHECK_EQ(count(seen, p.reversed(), 1010), 2);
    Packet other = p;
    other.toPort++;
    CHECK_EQ(count(seen, other, 1010), 2);
    other = p;
    other.to++;
    CHECK_EQ(count(seen, other, 1010), 2);
  }
}

void againAfterAWhile() {
  UdpSeen seen;
  const Packet p;
  CHECK_EQ(count(seen, p, 1000), 2);
  CHECK_EQ(count(seen, p, 1029), 0);
  CHECK_EQ(count(seen, p, 1030), 2);
  // Each second one: the consumer never waits longer than the bound and one packet.
  int64_t last = 1030;
  for (int64_t second = 1031; second < 2000; second++) {
    if (!passes(seen, p, second)) continue;
    CHECK(second - last <= 31);
    last = second;
  }
  // The clock was set back.
  CHECK_EQ(count(seen, p, 500), 2);
  // And what was long ago by a clock that has gone all the way round.
  CHECK_EQ(count(seen, p, 500 + (int64_t{1} << 30) + 40), 2);
}

void allThatIsNoPlainDatagram() {
  UdpSeen seen;
  Packet dns;
  dns.toPort = 53;
  CHECK_EQ(count(seen, dns, 1000), 10);
  CHECK_EQ(count(seen, dns.reversed(), 1000), 10);
  for (const uint16_t port : {5353, 5355}) {
    dns.toPort = port;
    CHECK_EQ(count(seen, dns, 1000), 10);
  }
  Packet p;
  p.protocol = 6;
  CHECK_EQ(count(seen, p, 1000), 10);
  p.isV6 = true;
  p.protocol = 44;
  CHECK_EQ(count(seen, p, 1000), 10);
  for (const uint16_t fragment : {0x2000, 0x2001, 0x0001}) {
    p = Packet();
    p.fragment = fragment;
    CHECK_EQ(count(seen, p, 1000), 10);
  }
  // May be set, and is no fragment.
  p.fragment = 0x4000;
  CHECK_EQ(count(seen, p, 1000), 2);
  p.options = 40;
  CHECK_EQ(count(seen, p, 1000), 0);
}

void everyLink() {
  const std::string tag = big(0x8100, 2) + big(7, 2);
  for (const bool isV6 : {false, true}) {
    Packet p;
    p.isV6 = isV6;
    const std::string type = big(isV6 ? 0x86dd : 0x0800, 2);
    const std::pair<int, std::string> frames[] = {
        {DLT_EN10MB, p.ethernet()},
        {DLT_EN10MB, p.ethernet(tag)},
        {DLT_EN10MB, p.ethernet(big(0x88a8, 2) + big(9, 2) + tag)},
        {DLT_LINUX_SLL2, type + std::string(18, 0) + p.bytes()},
        {DLT_LINUX_SLL2, tag.substr(0, 2) + std::string(18, 0) + tag.substr(2) + type + p.bytes()},
        {DLT_LINUX_SLL, std::string(14, 0) + type + p.bytes()},
        {DLT_RAW, p.bytes()},
    };
    for (const auto& [dlt, frame] : frames) {
      UdpSeen seen;
      for (int i = 0; i < 4; i++) CHECK_EQ(seen.passes(dlt, reinterpret_cast<const uint8_t*>(frame.data()), frame.size(), 1000), i < 2);
      // Cut anywhere before the ports: it can't be told apart.
      for (size_t n = 0; n < frame.size() - 4; n++) {
        const std::vector<uint8_t> cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(n));
        CHECK(seen.passes(dlt, cut.data(), n, 1000));
      }
    }
    UdpSeen seen;
    const std::string deep = p.ethernet(tag + tag + tag);
    for (int i = 0; i < 4; i++) CHECK(seen.passes(DLT_EN10MB, reinterpret_cast<const uint8_t*>(deep.data()), deep.size(), 1000));
    const std::string null = p.bytes();
    for (int i = 0; i < 4; i++) CHECK(seen.passes(DLT_NULL, reinterpret_cast<const uint8_t*>(null.data()), null.size(), 1000));
  }
}

// More flows than there is room: each new one passes, and what is still remembered isn't told again.
void aFlood() {
  UdpSeen seen;
  Packet p;
  const auto flow = [&](uint32_t i) {
    p.from = 0x0a000000 + i / 50000;
    p.fromPort = static_cast<uint16_t>(i % 50000 + 1000);
    return p;
  };
  for (uint32_t i = 0; i < 300000; i++) CHECK(passes(seen, flow(i), 1000 + i / 50000));
  uint32_t kept = 0;
  for (uint32_t i = 299999; i >= 290000; i--) kept += count(seen, flow(i), 1006) == 1 ? 1 : 0;
  CHECK(kept > 9000);
}

void garbage() {
  UdpSeen seen;
  uint32_t seed = 1;
  const auto random = [&] { return (seed = seed * 1664525 + 1013904223) >> 8; };
  const int links[] = {DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, DLT_NULL};
  for (int round = 0; round < 200000; round++) {
    Packet p;
    p.isV6 = random() % 2 == 0;
    std::string frame = random() % 2 == 0 ? p.ethernet() : p.bytes();
    for (uint32_t k = random() % 4; k > 0; k--) frame[random() % frame.size()] = static_cast<char>(random());
    const size_t n = random() % (frame.size() + 1);
    const std::vector<uint8_t> bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(n));
    (void)seen.passes(links[random() % 5], bytes.data(), n, random() % 100);
  }
}

const Case kCases[] = {{"the first of each direction", firstOfEachDirection},
                       {"again after a while", againAfterAWhile},
                       {"all that is no plain datagram", allThatIsNoPlainDatagram},
                       {"every link", everyLink},
                       {"a flood", aFlood},
                       {"garbage", garbage}};

}  // namespace

int main(int argc, char** argv) { return test::main(kCases, argc, argv); }
