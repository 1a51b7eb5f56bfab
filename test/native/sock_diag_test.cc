// Answers of the kernel about sockets and addresses: what is believed of them, bytes that lie, and the real kernel about this process.

#include "../../native/sock_diag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <random>

#include "../../native/addresses.h"
#include "../../native/held_sockets.h"
#include "../../native/netlink.h"
#include "harness.h"

using namespace puppy;

namespace {

std::string bytesOf(const void* p, size_t n) { return {static_cast<const char*>(p), n}; }

std::string message(uint16_t type, uint32_t sequence, const std::string& payload) {
  nlmsghdr h = {static_cast<uint32_t>(NLMSG_LENGTH(payload.size())), type, 0, sequence, 0};
  return bytesOf(&h, sizeof h) + payload + std::string(NLMSG_ALIGN(payload.size()) - payload.size(), '\0');
}

std::string attribute(uint16_t type, const std::string& value) {
  nlattr a = {static_cast<uint16_t>(NLA_HDRLEN + value.size()), type};
  return bytesOf(&a, sizeof a) + value + std::string(NLA_ALIGN(value.size()) - value.size(), '\0');
}

struct End {
  std::string address;
  uint16_t port;
};
const std::string kAny4(4, '\0');
const std::string kAny6(16, '\0');
const std::string kMapped = std::string(10, '\0') + "\xff\xff";
const std::string kHere = "\x0a\x01\x02\x03";
const std::string kThere = "\x0a\x01\x02\x04";

std::string told(uint8_t state, const End& local, const End& remote, uint32_t inode = 4711) {
  inet_diag_msg m;
  memset(&m, 0, sizeof m);
  m.idiag_family = local.address.size() == 16 ? AF_INET6 : AF_INET;
  m.idiag_state = state;
  memcpy(m.id.idiag_src, local.address.data(), local.address.size());
  memcpy(m.id.idiag_dst, remote.address.data(), remote.address.size());
  m.id.idiag_sport = htons(local.port);
  m.id.idiag_dport = htons(remote.port);
  m.idiag_uid = 33;
  m.idiag_inode = inode;
  const uint64_t cgroup = 1234567890123;
  return bytesOf(&m, sizeof m) + attribute(INET_DIAG_SHUTDOWN, "\1") + attribute(21, bytesOf(&cgroup, sizeof cgroup));
}

SocketEnds asked(uint8_t protocol, const End& local, const End& remote) {
  SocketEnds e;
  e.protocol = protocol;
  e.isIpv6 = local.address.size() == 16;
  memcpy(e.local, local.address.data(), local.address.size());
  memcpy(e.remote, remote.address.data(), remote.address.size());
  e.localPort = local.port;
  e.remotePort = remote.port;
  return e;
}

bool parses(const std::string& payload, const SocketEnds& ends, SocketFound* out) {
  return parseSocket(reinterpret_cast<const uint8_t*>(payload.data()), payload.size(), ends, out);
}

void believed() {
  const End here = {kHere, 80};
  const End there = {kThere, 4000};
  const SocketEnds tcp = asked(IPPROTO_TCP, here, there);
  const SocketEnds udp = asked(IPPROTO_UDP, here, there);
  SocketFound found;
  CHECK(parses(told(TCP_ESTABLISHED, here, there), tcp, &found));
  CHECK_EQ(found.state, TCP_ESTABLISHED);
  CHECK_EQ(found.inode, 4711u);
  CHECK_EQ(found.uid, 33u);
  CHECK_EQ(found.cgroup, 1234567890123u);
  CHECK(parses(told(TCP_ESTABLISHED, {kMapped + kHere, 80}, {kMapped + kThere, 4000}), tcp, &found));
  CHECK(parses(told(TCP_LISTEN, {kAny4, 80}, {kAny4, 0}), tcp, &found));
  CHECK(parses(told(TCP_LISTEN, {kAny6, 80}, {kAny6, 0}), tcp, &found));
  CHECK(parses(told(TCP_CLOSE, {kAny6, 80}, {kAny6, 0}), udp, &found));
  CHECK(parses(told(TCP_ESTABLISHED, here, there), udp, &found));
  // Another's.
  for (const std::string& other : {
           told(TCP_ESTABLISHED, {kHere, 81}, there),
           told(TCP_ESTABLISHED, here, {kThere, 4001}),
           told(TCP_ESTABLISHED, here, {kHere, 4000}),
           told(TCP_ESTABLISHED, {kThere, 80}, there),
           told(TCP_ESTABLISHED, {kAny4, 80}, there),
           told(TCP_ESTABLISHED, {kAny4, 80}, {kAny4, 0}),
           told(TCP_LISTEN, {kThere, 80}, {kAny4, 0}),
           told(TCP_ESTABLISHED, {std::string(12, '\0') + kHere, 80}, {kMapped + kThere, 4000}),
       }) {
    CHECK(!parses(other, tcp, &found));
  }
  CHECK(!parses(told(TCP_CLOSE, {kAny4, 81}, {kAny4, 0}), udp, &found));
  CHECK(!parses(told(TCP_ESTABLISHED, {kAny4, 80}, {kHere, 4000}), udp, &found));
}

// What came: payloads' sizes, or all of their bytes.
bool collect(void* context, uint16_t, const uint8_t* payload, size_t size) {
  static_cast<std::vector<std::string>*>(context)->push_back(bytesOf(payload, size));
  return true;
}

int reads(const std::string& bytes, bool isDump, std::vector<std::string>* out) {
  return readNetlink(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), 7, isDump, collect, out);
}

void datagrams() {
  const int32_t refused = -ENOENT;
  const std::string one = message(SOCK_DIAG_BY_FAMILY, 7, "abcd");
  const std::string done = message(NLMSG_DONE, 7, std::string(4, '\0'));
  std::vector<std::string> out;
  CHECK_EQ(reads(one, false, &out), 0);
  CHECK_EQ(reads(one + one, true, &out), 1);
  CHECK_EQ(reads(one + done, true, &out), 0);
  CHECK_EQ(out.size(), 4u);
  CHECK_EQ(reads(message(NLMSG_ERROR, 7, bytesOf(&refused, 4) + std::string(16, 'x')), false, &out), -ENOENT);
  CHECK_EQ(reads(message(NLMSG_ERROR, 7, ""), false, &out), 0);
  CHECK_EQ(reads(message(SOCK_DIAG_BY_FAMILY, 6, "late"), false, &out), 1);
  CHECK_EQ(out.size(), 4u);
  // Cut, or with lengths that lie.
  for (size_t n = 1; n < one.size(); n++) CHECK_EQ(reads(one.substr(0, n), false, &out), -EBADMSG);
  for (const uint32_t length : {0u, 15u, 21u, 0xfffffff0u}) {
    std::string lie = one;
    memcpy(lie.data(), &length, sizeof length);
    CHECK_EQ(reads(lie, true, &out), -EBADMSG);
  }
  CHECK_EQ(out.size(), 4u);
}

bool parseAll(void*, uint16_t, const uint8_t* payload, size_t size) {
  SocketFound found;
  uint8_t entry[kListenerBytes];
  std::vector<uint8_t> addresses;
  (void)parseSocket(payload, size, asked(IPPROTO_TCP, {kHere, 80}, {kThere, 4000}), &found);
  (void)parseListener(payload, size, 80, entry);
  parseAddress(payload, size, &addresses);
  for (size_t at = 0; at < addresses.size(); at += 1 + addresses[at]) CHECK(addresses[at] == 4 || addresses[at] == 16);
  return true;
}

// Real answers with bytes changed and cut, each in memory of exactly its size.
void hostile() {
  std::mt19937 random(1);
  ifaddrmsg address;
  memset(&address, 0, sizeof address);
  address.ifa_family = AF_INET6;
  const std::string payloads[] = {told(TCP_ESTABLISHED, {kHere, 80}, {kThere, 4000}), told(TCP_LISTEN, {kAny6, 80}, {kAny6, 0}),
                                  bytesOf(&address, sizeof address) + attribute(IFA_ADDRESS, kAny6) + attribute(IFA_LOCAL, kAny6)};
  for (int i = 0; i < 200'000; i++) {
    std::string bytes = message(SOCK_DIAG_BY_FAMILY, 7, payloads[i % 3]) + message(RTM_NEWADDR, 7, payloads[random() % 3]);
    for (unsigned n = random() % 4; n > 0; n--) bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 2 == 0) bytes.resize(random() % bytes.size());
    const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
    (void)readNetlink(exact.data(), exact.size(), 7, true, parseAll, nullptr);
    (void)parseAll(nullptr, 0, exact.data(), exact.size());
  }
}

// A socket that listens, and its port.
uint16_t listening(int fd) {
  sockaddr_in a = {};
  socklen_t n = sizeof a;
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK_EQ(bind(fd, reinterpret_cast<sockaddr*>(&a), n), 0);
  CHECK_EQ(listen(fd, 1), 0);
  CHECK_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&a), &n), 0);
  return ntohs(a.sin_port);
}

void kernel() {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const uint16_t port = listening(server);
  // To this very namespace, by the thread that goes to another one: root alone may.
  const int away = openNetlink(NETLINK_SOCK_DIAG, getpid());
  CHECK(away >= 0 || away == -EPERM);
  CHECK_EQ(openNetlink(NETLINK_SOCK_DIAG, 0x7ffffffe), -ENOENT);
  CHECK_EQ(netNamespace(0), netNamespace(getpid()));
  CHECK_EQ(netNamespace(0x7ffffffe), -ENOENT);
  const int fd = openNetlink(NETLINK_SOCK_DIAG, 0);
  CHECK(fd >= 0);
  const End here = {"\x7f" + std::string("\0\0\1", 3), port};
  for (const int asks : {fd, away}) {
    if (asks < 0) continue;
    SocketFound found;
    CHECK_EQ(findSocket(asks, asked(IPPROTO_TCP, here, {kThere, 9}), &found), 0);
    CHECK_EQ(found.state, TCP_LISTEN);
    CHECK_EQ(findSocket(asks, asked(IPPROTO_UDP, here, {kThere, 9}), &found), -ENOENT);
    std::vector<uint8_t> listeners;
    CHECK_EQ(findListeners(asks, port, &listeners), 0);
    CHECK(!listeners.empty() && listeners.size() % kListenerBytes == 0);
    HeldSockets held;
    CHECK_EQ(held.begin(getpid()), 0);
    bool isHeld = false;
    // One at a time, and all within the time that there is.
    for (double row[kHeldSocketNumbers]; !held.isDone();) {
      if (held.read(row, 1, 1'000'000) == 0) continue;
      CHECK_EQ(row[0], static_cast<double>(getpid()));
      CHECK(row[1] > 0);
      isHeld = isHeld || row[2] == static_cast<double>(found.inode);
    }
    CHECK(isHeld);
  }
  // More that listen than are told: the question is given up, and so is its socket.
  std::vector<uint8_t> listeners;
  std::vector<int> many;
  for (uint32_t i = 2; i < 2 + kListenersMax; i++) {
    many.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in a = {};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
    a.sin_port = htons(port);
    CHECK_EQ(bind(many.back(), reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
    CHECK_EQ(listen(many.back(), 1), 0);
  }
  CHECK_EQ(findListeners(fd, port, &listeners), -EOVERFLOW);
  for (const int one : many) close(one);
  std::vector<uint8_t> addresses;
  CHECK_EQ(namespaceAddresses(0, &addresses), 0);
  close(server);
  close(fd);
  if (away >= 0) close(away);
}

void held() {
  const auto inode = [](const std::string& s) { return socketOf(s.data(), s.size()); };
  CHECK_EQ(inode("socket:[4294967295]"), UINT32_MAX);
  for (const char* none : {"", "socket:[", "socket:[]", "socket:[1", "socket:[x]", "socket:[4294967296]", "pipe:[12345]", "/socket:[1]"}) {
    CHECK_EQ(inode(none), 0u);
  }
  HeldSockets all;
  CHECK_EQ(all.begin(0), 0);
  std::vector<double> rows(3 * 64);
  for (int i = 0; i < 1'000'000 && !all.isDone(); i++) CHECK(all.read(rows.data(), 64, 100) <= 64);
  CHECK(all.isDone());
  CHECK(all.begin(0x7ffffffe) < 0 && all.isDone());
}

}  // namespace

int main(int argc, char** argv) {
  const test::Case cases[] = {{"believed", believed}, {"datagrams", datagrams}, {"hostile", hostile}, {"kernel", kernel}, {"held", held}};
  return test::main(cases, argc, argv);
}
