// Packets: capture files as they should be and as nobody would write them, filters with their places, and the live reader on the loopback
// (where this process may) beside its consumer.

#include "../../native/pcap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../../native/capture_file.h"
#include "harness.h"

using namespace test;
using puppy::CaptureFile;
using puppy::CaptureFileOptions;
using puppy::PcapError;
using puppy::PcapOptions;
using puppy::PcapReader;

namespace {

struct Message {
  uint32_t kind;
  double timeMs;
  int32_t linkType;  // or an interface's state
  int32_t index;
  int32_t direction;
  uint32_t length;
  std::string bytes;
};

std::vector<Message> takeMessages(puppy::BatchRing& ring) {
  std::vector<Message> messages;
  std::vector<uint8_t> batch;
  while (ring.take(batch, SIZE_MAX)) {
    for (size_t at = 0; at < batch.size();) {
      const uint8_t* p = batch.data() + at;
      const auto size = static_cast<size_t>(get(p, 0));
      CHECK(size >= puppy::kPacketHeaderBytes && size % 8 == 0 && at + size <= batch.size());
      Message m = {};
      m.kind = static_cast<uint32_t>(get(p, 4));
      memcpy(&m.timeMs, p + 8, sizeof m.timeMs);
      m.linkType = get(p, 16);
      m.index = get(p, 20);
      m.direction = get(p, 24);
      const auto captured = static_cast<uint32_t>(get(p, 28));
      m.length = static_cast<uint32_t>(get(p, 32));
      const size_t bytes = m.kind == puppy::kPacket ? captured : captured + m.length;
      CHECK(m.kind == puppy::kPacket || m.kind == puppy::kInterface);
      CHECK(puppy::kPacketHeaderBytes + bytes <= size && size < puppy::kPacketHeaderBytes + bytes + 8);
      CHECK(m.kind != puppy::kPacket || captured <= m.length);
      m.bytes.assign(reinterpret_cast<const char*>(p + puppy::kPacketHeaderBytes), bytes);
      messages.push_back(m);
      at += size;
    }
    ring.recycle(batch);
  }
  return messages;
}

// A number of so many bytes, in either order.
std::string number(uint64_t v, size_t bytes, bool big = false) {
  std::string s;
  for (size_t i = 0; i < bytes; i++) s += static_cast<char>(v >> 8 * (big ? bytes - 1 - i : i));
  return s;
}

std::string header(bool big, bool nano, uint32_t linkType = DLT_EN10MB, uint32_t snaplen = 65535) {
  return number(nano ? 0xa1b23c4d : 0xa1b2c3d4, 4, big) + number(2, 2, big) + number(4, 2, big) + number(0, 8, big) +
         number(snaplen, 4, big) + number(linkType, 4, big);
}
std::string record(bool big, uint32_t s, uint32_t fraction, const std::string& bytes, uint32_t length) {
  return number(s, 4, big) + number(fraction, 4, big) + number(bytes.size(), 4, big) + number(length, 4, big) + bytes;
}

// pcapng: a section, an interface of nanoseconds, and a packet.
std::string block(uint32_t type, const std::string& body, bool big) {
  const uint32_t size = static_cast<uint32_t>(body.size()) + 12;
  return number(type, 4, big) + number(size, 4, big) + body + number(size, 4, big);
}
std::string pcapng(bool big, const std::string& packet) {
  const std::string nanoseconds = number(9, 2, big) + number(1, 2, big) + std::string("\x09\0\0\0", 4) + number(0, 4, big);
  const uint64_t time = 1700000000123456789;
  return block(0x0a0d0d0a, number(0x1a2b3c4d, 4, big) + number(1, 2, big) + number(0, 2, big) + number(UINT64_MAX, 8, big), big) +
         block(1, number(DLT_RAW == 12 ? 101 : DLT_RAW, 2, big) + number(0, 2, big) + number(0, 4, big) + nanoseconds, big) +
         block(6,
               number(0, 4, big) + number(time >> 32, 4, big) + number(time & UINT32_MAX, 4, big) + number(packet.size(), 4, big) +
                   number(packet.size() + 5, 4, big) + packet + std::string((4 - packet.size() % 4) % 4, '\0'),
               big);
}

// What is in a file: its messages, or why it can't be opened.
struct Read {
  std::vector<Message> messages;
  PcapError error;    // of opening
  PcapError failure;  // of reading
};
Read readFile(const std::string& content, const std::string& filter = "") {
  const int fd = memfd_create("capture", MFD_CLOEXEC);
  CHECK(fd >= 0 && write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  CaptureFileOptions o;
  o.path = "/proc/self/fd/" + std::to_string(fd);
  o.filter = filter;
  CaptureFile file(o);
  Read r;
  if (file.open(&r.error)) {
    for (bool more = true; more;) {
      more = file.read();
      for (Message& m : takeMessages(file.ring())) r.messages.push_back(std::move(m));
    }
    r.failure = file.failure();
    CHECK_EQ(file.ringDropped(), 0u);
  } else {
    CHECK(r.error.error != 0 && !r.error.text.empty());
  }
  close(fd);
  return r;
}

const std::string kFrame("\1\2\3\4\5\6\1\2\3\4\5\7\x08\x06rest", 18);

void readsFiles() {
  for (const bool big : {false, true}) {
    for (const bool nano : {false, true}) {
      const Read r =
          readFile(header(big, nano) + record(big, 1700000000, nano ? 123456789 : 123456, kFrame, 60) + record(big, 1700000001, 0, "", 0));
      CHECK_EQ(r.failure.error, 0);
      CHECK_EQ(r.messages.size(), 2u);
      const Message& m = r.messages[0];
      CHECK_EQ(m.linkType, 1);
      CHECK_EQ(m.timeMs, 1700000000123.0 + (nano ? 0.456789 : 0.456));
      CHECK_EQ(m.length, 60u);
      CHECK_EQ(m.bytes, kFrame);
      CHECK_EQ(m.direction, 0);
      CHECK_EQ(r.messages[1].bytes.size(), 0u);
    }
    const Read r = readFile(pcapng(big, "abcdefg"));
    CHECK_EQ(r.messages.size(), 1u);
    CHECK_EQ(r.messages[0].linkType, 101);
    CHECK_EQ(r.messages[0].timeMs, 1700000000123.456789);
    CHECK_EQ(r.messages[0].bytes, std::string("abcdefg"));
    CHECK_EQ(r.messages[0].length, 12u);
  }
}

// A cooked header tells the interface and which way.
void readsCooked() {
  std::string sll2 = number(0x0800, 2, true) + number(0, 2) + number(7, 4, true) + number(1, 2, true) + std::string(2, '\0');
  sll2.resize(24, '\0');
  std::string sll = number(4, 2, true);
  sll.resize(20, '\0');
  for (const auto& [type, direction] : {std::pair<char, int>{0, 1}, {1, 1}, {2, 1}, {3, 3}, {4, 2}, {9, 0}}) {
    sll2[10] = type;
    const Read r = readFile(header(false, true, DLT_LINUX_SLL2) + record(false, 1, 1, sll2, 24));
    CHECK_EQ(r.messages[0].linkType, DLT_LINUX_SLL2);
    CHECK_EQ(r.messages[0].index, 7);
    CHECK_EQ(r.messages[0].direction, direction);
  }
  CHECK_EQ(readFile(header(false, true, DLT_LINUX_SLL) + record(false, 1, 1, sll, 20)).messages[0].direction, 2);
  // Cut: nothing is told of it.
  CHECK_EQ(readFile(header(false, true, DLT_LINUX_SLL2) + record(false, 1, 1, sll2.substr(0, 19), 24)).messages[0].index, 0);
}

// What is cut keeps what came before, and says where.
void keepsWhatWasRead() {
  const std::string one = record(false, 1, 1, kFrame, 60);
  const std::string whole = header(false, false) + one + one;
  for (size_t n = 0; n < whole.size(); n++) {
    const Read r = readFile(whole.substr(0, n));
    if (n < 24) {
      CHECK(r.error.error == EINVAL && r.error.text.find("at byte") != std::string::npos);
      continue;
    }
    const size_t records = (n - 24) / one.size();
    CHECK_EQ(r.messages.size(), records);
    const bool isWhole = (n - 24) % one.size() == 0;
    CHECK_EQ(r.failure.error, isWhole ? 0 : EIO);
    if (!isWhole) CHECK(r.failure.text.find("after " + std::to_string(records) + " packets") != std::string::npos);
  }
  CaptureFileOptions o;
  PcapError error;
  o.path = "/nonexistent";
  CHECK(!CaptureFile(o).open(&error) && error.error == ENOENT);
  o.path = "/dev/null";
  CHECK(!CaptureFile(o).open(&error));
  int pipes[2];
  CHECK(pipe(pipes) == 0);
  o.path = "/proc/self/fd/" + std::to_string(pipes[0]);
  CHECK(!CaptureFile(o).open(&error) && error.error == ESPIPE);
  close(pipes[0]);
  close(pipes[1]);
}

// Many at once come in pieces, and one by one through a filter; a large one alone.
void comesInPieces() {
  std::string many = header(false, false, DLT_EN10MB, 262144);
  for (uint32_t i = 0; i < 20000; i++) many += record(false, i, 0, i % 1000 == 0 ? kFrame : std::string(100, 'x'), 100);
  many += record(false, 20000, 0, std::string(262144, 'y'), 262144);
  const auto all = readFile(many).messages;
  CHECK_EQ(all.size(), 20001u);
  for (size_t i = 0; i < all.size(); i++) CHECK_EQ(all[i].timeMs, 1000.0 * static_cast<double>(i));
  CHECK_EQ(readFile(many, "arp").messages.size(), 20u);
}

void garbage() {
  std::vector<std::string> seeds;
  for (const bool big : {false, true}) {
    seeds.push_back(header(big, true) + record(big, 1, 1, kFrame, 60) + record(big, 1, 1, kFrame, 60));
    seeds.push_back(pcapng(big, "abcdefg") + block(5, std::string(20, 'x'), big) + block(3, std::string(20, 'x'), big));
  }
  uint32_t seed = 1;
  const auto random = [&] { return (seed = seed * 1664525 + 1013904223) >> 8; };
  for (int round = 0; round < 30000; round++) {
    std::string bytes = seeds[random() % seeds.size()];
    for (uint32_t k = random() % 4 + 1; k > 0; k--) {
      const size_t at = random() % bytes.size();
      if (random() % 3 == 0) {
        const std::string extreme = number(random() % 2 == 0 ? UINT32_MAX : 1u << random() % 32, 4, random() % 2 == 0);
        bytes.replace(at, std::min<size_t>(4, bytes.size() - at), extreme);
      } else {
        bytes[at] = static_cast<char>(random());
      }
    }
    if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 1));
    readFile(bytes, round % 2 == 0 ? "" : "tcp port 80 or arp");
  }
}

std::string filterError(const std::string& filter) {
  PcapError error;
  pcap_t* p = pcap_open_dead(DLT_EN10MB, 512);
  bpf_program program = {};
  if (puppy::compileFilter(p, filter, &program, &error)) pcap_freecode(&program);
  pcap_close(p);
  return error.text;
}

void tellsThePlace() {
  CHECK_EQ(filterError(""), std::string());
  CHECK_EQ(filterError("tcp port 80 and host 10.0.0.1 or ip6 net fe80::/10 or udp port domain"), std::string());
  CHECK_EQ(filterError("  tcp and foo bar").substr(0, 43), std::string("the filter is wrong at character 11 (foo): "));
  CHECK_EQ(filterError("tcp and"), std::string("the filter is wrong at its end: syntax error"));
  CHECK_EQ(filterError("port 99999").substr(0, 44), std::string("the filter is wrong at character 6 (99999): "));
  CHECK_EQ(filterError(std::string("tcp\0x", 5)), std::string("the filter has a NUL at character 4"));
  CHECK_EQ(filterError("tcp $").substr(0, 40), std::string("the filter is wrong at character 5 ($): "));
  // No name is looked up.
  CHECK(filterError("host localhost").find("unknown host") != std::string::npos);
  CHECK(filterError("net loopback").find("(loopback)") != std::string::npos);
  std::string longest = "port 1";
  for (int i = 2; i < 6000; i++) longest += " or port " + std::to_string(i * 7 % 65536) + " and host 10.0.0." + std::to_string(i % 256);
  CHECK(!filterError(longest).empty());
  CHECK(!filterError(std::string(1 << 17, ' ')).empty());
  CHECK(!filterError(std::string(30000, '(')).empty());
  uint32_t seed = 1;
  const char* const words[] = {"tcp", "port", "80",   "and", "(", ")",  "not", "host", "1.2.3.4", "[",
                               "]",   "0x",   "vlan", "ip6", "&", "\\", "\"",  "\xff", "ether",   "proto"};
  for (int round = 0; round < 20000; round++) {
    std::string filter;
    for (uint32_t k = 0; k < 8; k++) {
      seed = seed * 1664525 + 1013904223;
      filter += words[(seed >> 8) % 20];
      if (seed >> 30 != 0) filter += ' ';
    }
    filterError(filter);
  }
}

void noWake(void*) {}

// Nothing where this process may not read packets.
bool openLive(PcapReader& reader) {
  PcapError error;
  if (reader.open(&error)) return true;
  CHECK_EQ(error.error, EPERM);
  return false;
}

void sendLocal(int count, uint16_t port) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < count; i++) (void)sendto(fd, "hello", 5, 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
  close(fd);
}

void readsTheLoopback() {
  for (const char* name : {"any", "lo"}) {
    PcapOptions o;
    o.interfaces = {name, "none-such"};
    if (o.interfaces[0] == "any") o.interfaces.pop_back();
    o.filter = "udp dst port 47123";
    o.snaplen = 64;
    PcapReader reader(o);
    if (!openLive(reader)) return;
    CHECK_EQ(reader.start(noWake, nullptr), 0);
    sendLocal(10, 47123);
    sendLocal(10, 47124);
    reader.stop();
    const auto messages = takeMessages(reader.ring());
    size_t packets = 0;
    size_t states = 0;
    for (const Message& m : messages) {
      if (m.kind == puppy::kInterface) {
        states++;
        continue;
      }
      packets++;
      CHECK(m.bytes.size() <= 64);
      CHECK_EQ(m.index, 1);
      timespec t;
      clock_gettime(CLOCK_REALTIME, &t);
      CHECK(m.timeMs > 1e3 * static_cast<double>(t.tv_sec - 60) && m.timeMs < 1e3 * static_cast<double>(t.tv_sec + 60));
    }
    // Each leaves and arrives; on the loopback libpcap gives the second.
    CHECK_EQ(packets, 10u);
    CHECK_EQ(states, o.interfaces.size());
    CHECK_EQ(reader.stats().packets, 10u);
    CHECK_EQ(reader.stats().dropped, 0u);
  }
}

// A consumer that takes while packets come, and a ring that is too small for them.
void besideItsConsumer() {
  PcapOptions o;
  o.interfaces = {"lo"};
  o.filter = "udp dst port 47125";
  o.ringBytes = 16 << 10;
  o.coalesceMs = 1;
  PcapReader reader(o);
  if (!openLive(reader)) return;
  CHECK_EQ(reader.start(noWake, nullptr), 0);
  size_t packets = 0;
  const auto take = [&] {
    for (const Message& m : takeMessages(reader.ring())) packets += m.kind == puppy::kPacket ? 1 : 0;
  };
  for (int i = 0; i < 50; i++) {
    sendLocal(100, 47125);
    if (i % 2 == 0) take();
    (void)reader.stats();
  }
  reader.stop();
  take();
  const auto s = reader.stats();
  CHECK_EQ(packets + s.ringDropped, s.packets);
  CHECK(s.packets == 5000 || s.dropped > 0);
}

void refuses() {
  for (const std::string& name : {std::string(), std::string(16, 'x'), std::string("a/b"), std::string("a\0b", 3)}) {
    PcapOptions o;
    o.interfaces = {name};
    PcapError error;
    CHECK(!PcapReader(o).open(&error) && error.error == EINVAL);
  }
  PcapOptions o;
  PcapError error;
  CHECK(!PcapReader(o).open(&error) && error.error == EINVAL);
  o.interfaces = std::vector<std::string>(33, "lo");
  CHECK(!PcapReader(o).open(&error) && error.error == EINVAL);
  o.interfaces = {"none-such"};
  o.filter = "tcp and";
  CHECK(!PcapReader(o).open(&error) && error.error == EINVAL);
}

const Case kCases[] = {{"reads files", readsFiles},
                       {"reads cooked headers", readsCooked},
                       {"keeps what was read", keepsWhatWasRead},
                       {"comes in pieces", comesInPieces},
                       {"garbage", garbage},
                       {"tells a filter's place", tellsThePlace},
                       {"reads the loopback", readsTheLoopback},
                       {"beside its consumer", besideItsConsumer},
                       {"refuses", refuses}};

}  // namespace

int main(int argc, char** argv) { return test::main(kCases, argc, argv); }
