#include "pcap.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace puppy {
namespace {

constexpr int kTickMs = 1000;
// Of one interface, before others and the end get their turn.
constexpr int kPacketsMax = 4096;
// Interfaces that change all the time are looked at so often.
constexpr int64_t kLookPauseMs = 50;
constexpr int64_t kRetryMs = 1000;
constexpr int64_t kCountMs = 100;
// So long is waited for packets of an interface that went, before its handle is closed.
constexpr int64_t kLastMs = 1000;
constexpr int kSnaplenMost = 262144;  // libpcap's
// libpcap makes blocks of 256 KiB: fewer than four would drop while one is read.
constexpr size_t kBufferLeastBytes = 1 << 20;

// The kernel gives a block that isn't full when its timer has found it twice; later where the processor was taken from this machine.
int lastBlockMs(int coalesceMs) { return 2 * coalesceMs + 10; }

// The index of an interface, 0 when there is none, and whether it is up.
int indexOf(int fd, const std::string& name, bool* isUp) {
  ifreq r = {};
  memcpy(r.ifr_name, name.data(), std::min(name.size(), sizeof r.ifr_name - 1));
  *isUp = ioctl(fd, SIOCGIFFLAGS, &r) == 0 && (r.ifr_flags & IFF_UP) != 0;
  return ioctl(fd, SIOCGIFINDEX, &r) == 0 ? r.ifr_ifindex : 0;
}

}  // namespace

PcapReader::PcapReader(const PcapOptions& options) : options_(options), ring_(options.ringBytes, options.batchBytes) {
  options_.coalesceMs = std::clamp(options.coalesceMs, 1, kTickMs);
  options_.snaplen = std::clamp(options.snaplen, 1, kSnaplenMost);
  for (const std::string& name : options.interfaces) {
    interfaces_.emplace_back();
    interfaces_.back().name = name;
    interfaces_.back().isAny = name == "any";
  }
  if (options.skipRepeated) seen_ = std::make_unique<UdpSeen>();
}

PcapReader::~PcapReader() {
  stop();
  for (Interface& i : interfaces_) close(&i);
  if (controlFd_ >= 0) ::close(controlFd_);
  if (linksFd_ >= 0) ::close(linksFd_);
  pthread_mutex_destroy(&mutex_);
}

bool PcapReader::open(PcapError* error) {
  for (const Interface& i : interfaces_) {
    if (i.name.empty() || i.name.size() >= IFNAMSIZ || i.name.find_first_of(std::string("\0/", 2)) != std::string::npos) {
      *error = {EINVAL, i.name + ": no name of an interface"};
      return false;
    }
  }
  if (interfaces_.empty() || interfaces_.size() > kInterfacesMax) {
    *error = {EINVAL, "1 to " + std::to_string(kInterfacesMax) + " interfaces can be read, or any"};
    return false;
  }
  // Also of interfaces that aren't there yet.
  const int dlt = interfaces_[0].isAny ? DLT_LINUX_SLL2 : DLT_EN10MB;
  pcap_t* none = pcap_open_dead(dlt, options_.snaplen);
  bpf_program program = {};
  const bool compiles = none != nullptr && compileFilter(none, filterFor(dlt), &program, error);
  if (compiles) pcap_freecode(&program);
  if (none != nullptr) pcap_close(none);
  if (!compiles) return false;
  controlFd_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (controlFd_ < 0) controlFd_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (controlFd_ < 0) {
    *error = errnoError(errno, "a socket");
    return false;
  }
  // Without it, changes are seen when the reader looks up.
  linksFd_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  sockaddr_nl links = {};
  links.nl_family = AF_NETLINK;
  links.nl_groups = RTMGRP_LINK;
  if (linksFd_ >= 0) (void)bind(linksFd_, reinterpret_cast<sockaddr*>(&links), sizeof links);
  for (Interface& i : interfaces_) {
    const int r = take(&i);
    if (r == 0 || r == ENODEV || r == ENETDOWN) continue;
    *error = i.failure;
    return false;
  }
  return true;
}

int PcapReader::start(ReaderThread::Wake wake, void* context) { return thread_.start(&PcapReader::body, this, wake, context); }

void PcapReader::stop() { thread_.stop(); }

PcapStats PcapReader::stats() {
  Lock lock(&mutex_);
  return published_;
}

void PcapReader::publish(int64_t now) {
  // A system call for each of them.
  if (now - countMs_ >= kCountMs) {
    countMs_ = now;
    for (Interface& i : interfaces_) count(&i);
  }
  Lock lock(&mutex_);
  published_ = counters_;
}

void PcapReader::count(Interface* i) {
  pcap_stat s = {};
  if (i->handle == nullptr || pcap_stats(i->handle, &s) != 0) return;
  // ps_recv is left alone: on a loopback it has each packet twice.
  counters_.dropped += s.ps_drop - i->dropped;
  counters_.interfaceDropped += s.ps_ifdrop - i->interfaceDropped;
  i->dropped = s.ps_drop;
  i->interfaceDropped = s.ps_ifdrop;
}

const std::string& PcapReader::filterFor(int dlt) const {
  return dlt == DLT_EN10MB && !options_.ethernetFilter.empty() ? options_.ethernetFilter : options_.filter;
}

int PcapReader::take(Interface* i) {
  char words[PCAP_ERRBUF_SIZE] = "";
  const auto fail = [&](PcapError why) {
    if (i->handle != nullptr) pcap_close(i->handle);
    i->handle = nullptr;
    i->failure = std::move(why);
    return i->failure.error;
  };
  i->handle = pcap_create(i->name.c_str(), words);
  if (i->handle == nullptr) return fail({EIO, i->name + ": " + words});
  pcap_t* p = i->handle;
  const size_t share = std::max(options_.bufferBytes / interfaces_.size(), kBufferLeastBytes);
  pcap_set_snaplen(p, options_.snaplen);
  pcap_set_promisc(p, 0);
  pcap_set_timeout(p, options_.coalesceMs);
  pcap_set_buffer_size(p, static_cast<int>(std::min<size_t>(share, 1 << 30)));
  pcap_set_tstamp_precision(p, PCAP_TSTAMP_PRECISION_NANO);
  bool isUp = false;
  const int index = i->isAny ? 0 : indexOf(controlFd_, i->name, &isUp);
  const int status = pcap_activate(p);
  // A positive one is a warning.
  if (status < 0) return fail(pcapError(p, status, i->name));
  if (i->isAny && pcap_set_datalink(p, DLT_LINUX_SLL2) != 0) return fail(pcapError(p, PCAP_ERROR, i->name));
  bpf_program program = {};
  PcapError wrong;
  if (!compileFilter(p, filterFor(pcap_datalink(p)), &program, &wrong)) return fail(wrong);
  const int set = pcap_setfilter(p, &program);
  pcap_freecode(&program);
  if (set != 0) return fail(pcapError(p, set, i->name));
  if (pcap_setnonblock(p, 1, words) != 0) return fail({EIO, i->name + ": " + words});
  i->fd = pcap_get_selectable_fd(p);
  i->dlt = pcap_datalink(p);
  i->index = index;
  i->packets = 0;
  i->dropped = 0;
  i->interfaceDropped = 0;
  counters_.opened++;
  return 0;
}

void PcapReader::close(Interface* i) {
  if (i->handle == nullptr) return;
  count(i);
  pcap_close(i->handle);
  i->handle = nullptr;
  i->closeMs = 0;
}

void PcapReader::body(void* self) { static_cast<PcapReader*>(self)->loop(); }

void PcapReader::loop() {
  bool isMore = false;
  for (Interface& i : interfaces_) i.told = -1;
  look(nowMs(CLOCK_MONOTONIC));
  while (!thread_.stopping()) {
    pollfd fds[2 + kInterfacesMax] = {{thread_.stopFd(), POLLIN, 0}, {linksFd_, POLLIN, 0}};
    const size_t n = 2 + interfaces_.size();
    for (size_t k = 2; k < n; k++) {
      const Interface& i = interfaces_[k - 2];
      // A negative descriptor is left out.
      fds[k] = {i.handle != nullptr && i.closeMs == 0 ? i.fd : -1, POLLIN, 0};
    }
    const int64_t waitMs = isMore ? 0 : std::clamp<int64_t>(lookMs_ - nowMs(CLOCK_MONOTONIC), 0, kTickMs);
    const int ready = poll(fds, n, static_cast<int>(waitMs));
    if (thread_.stopping()) break;
    if (ready < 0 && errno != EINTR) {
      counters_.error = errno;
      break;
    }
    const int64_t now = nowMs(CLOCK_MONOTONIC);
    if (ready > 0 && fds[1].revents != 0) drainLinks();
    const bool again = isMore;
    isMore = false;
    for (size_t k = 2; k < n; k++) {
      if ((again || (ready > 0 && fds[k].revents != 0)) && drain(&interfaces_[k - 2], now)) isMore = true;
    }
    if (now >= lookMs_) look(now);
    publish(now);
    if (isTold_) continue;
    // They gathered in the kernel.
    isTold_ = true;
    thread_.wake();
  }
  // The block that the kernel is filling is given when its time is over.
  if (thread_.stopping()) (void)poll(nullptr, 0, lastBlockMs(options_.coalesceMs));
  const int64_t now = nowMs(CLOCK_MONOTONIC);
  for (Interface& i : interfaces_) {
    for (int round = 0; round < 64 && drain(&i, now); round++) continue;
  }
  countMs_ = 0;
  publish(now);
  thread_.wake();
}

bool PcapReader::drain(Interface* i, int64_t now) {
  if (i->handle == nullptr) return false;
  Feed feed = {this, i};
  const int n = pcap_dispatch(i->handle, kPacketsMax, &PcapReader::packet, reinterpret_cast<uint8_t*>(&feed));
  counters_.reads++;
  if (n >= 0) return n == kPacketsMax;
  if (i->closeMs != 0) return false;
  // It went down, or away. What came just before is still in a block that the kernel will give.
  leave(i, pcapError(i->handle, n, i->name), now);
  return false;
}

void PcapReader::leave(Interface* i, PcapError why, int64_t now) {
  i->failure = std::move(why);
  i->closeMs = now + lastBlockMs(options_.coalesceMs);
  i->lastMs = now + kLastMs;
  lookMs_ = std::min(lookMs_, i->closeMs);
}

// Whether the kernel has given what it counted. On a loopback it counts twice what libpcap gives once: never true there.
bool PcapReader::isEmpty(const Interface& i) {
  pcap_stat s = {};
  return pcap_stats(i.handle, &s) != 0 || s.ps_recv - s.ps_drop <= i.packets;
}

void PcapReader::packet(uint8_t* feed, const pcap_pkthdr* header, const uint8_t* bytes) {
  const auto* f = reinterpret_cast<Feed*>(feed);
  PcapReader* r = f->reader;
  f->from->packets++;
  r->counters_.packets++;
  if (r->seen_ && !r->seen_->passes(f->from->dlt, bytes, header->caplen, header->ts.tv_sec)) {
    r->counters_.repeated++;
    return;
  }
  r->isTold_ = false;
  if (!givePacket(r->ring_, f->from->dlt, f->from->index, *header, bytes)) r->counters_.ringDropped++;
}

// Only that something changed is of interest.
void PcapReader::drainLinks() {
  char buffer[8 << 10];
  for (int k = 0; k < 64 && recv(linksFd_, buffer, sizeof buffer, 0) > 0; k++) continue;
  lookMs_ = std::min(lookMs_, lookedMs_ + kLookPauseMs);
  for (Interface& i : interfaces_) i.retryMs = 0;
}

// What became of the interfaces.
void PcapReader::look(int64_t now) {
  lookedMs_ = now;
  lookMs_ = now + kTickMs;
  for (Interface& i : interfaces_) lookAt(&i, now);
}

void PcapReader::lookAt(Interface* i, int64_t now) {
  bool isUp = true;
  const int index = i->isAny ? 0 : indexOf(controlFd_, i->name, &isUp);
  if (i->handle != nullptr && i->closeMs == 0 && index != i->index) {
    // Deleted, and perhaps another by its name is there.
    leave(i, {ENODEV, i->name + ": it was removed"}, now);
  }
  if (i->closeMs != 0) {
    if (now < i->closeMs) {
      lookMs_ = std::min(lookMs_, i->closeMs);
      return;
    }
    (void)drain(i, now);
    if (now < i->lastMs && !isEmpty(*i)) {
      i->closeMs = now + options_.coalesceMs;
      lookMs_ = std::min(lookMs_, i->closeMs);
      return;
    }
    close(i);
    i->closeMs = 0;
    i->retryMs = now;
    // Told even where it can be read again at once: something may be missing.
    const bool isGone = !i->isAny && index != i->index;
    tell(i, isGone ? InterfaceState::kGone : isUp ? InterfaceState::kFailed : InterfaceState::kDown, i->failure);
  }
  if (i->handle == nullptr && now >= i->retryMs) {
    i->retryMs = now + kRetryMs;
    const bool isThere = i->isAny || index != 0;
    const int r = !isThere ? ENODEV : take(i);
    if (r != 0) {
      if (!isThere) i->failure = {ENODEV, i->name + ": there is no such interface"};
      const auto state = r == ENODEV ? InterfaceState::kGone : r == ENETDOWN ? InterfaceState::kDown : InterfaceState::kFailed;
      tell(i, state, i->failure);
    }
  }
  if (i->handle == nullptr) return;
  if (isUp) {
    tell(i, InterfaceState::kRead, {});
  } else {
    tell(i, InterfaceState::kDown, {ENETDOWN, i->name + ": it is down"});
  }
}

// Once for each change.
void PcapReader::tell(Interface* i, InterfaceState state, const PcapError& why) {
  if (i->told == static_cast<int32_t>(state)) return;
  std::vector<uint8_t>& out = ring_.scratch();
  const size_t size = (kPacketHeaderBytes + i->name.size() + why.text.size() + 7) & ~static_cast<size_t>(7);
  out.assign(size, 0);
  const auto put = [&](size_t at, auto v) { memcpy(out.data() + at, &v, sizeof v); };
  put(0, static_cast<int32_t>(size));
  put(4, kInterface);
  put(8, static_cast<double>(nowMs(CLOCK_REALTIME)));
  put(16, static_cast<int32_t>(state));
  put(20, static_cast<int32_t>(i->index));
  put(24, static_cast<int32_t>(why.error));
  put(28, static_cast<int32_t>(i->name.size()));
  put(32, static_cast<int32_t>(why.text.size()));
  memcpy(out.data() + kPacketHeaderBytes, i->name.data(), i->name.size());
  memcpy(out.data() + kPacketHeaderBytes + i->name.size(), why.text.data(), why.text.size());
  isTold_ = false;
  // Where there is no room, it's told when there is.
  if (ring_.commit()) i->told = static_cast<int32_t>(state);
}

}  // namespace puppy
