#include "libpcap.h"

#include <fcntl.h>
#include <netdb.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace {

thread_local puppy::FilterPlace* reading = nullptr;

}  // namespace

namespace puppy {

FilterPlace::FilterPlace(const char* filter) : filter_(filter) { reading = this; }
FilterPlace::~FilterPlace() { reading = nullptr; }

void FilterPlace::read(const char* token, bool isEnd) {
  atEnd_ = isEnd;
  if (isEnd || token == nullptr) return;
  // The scanner skips these; so its copy begins before its first token.
  if (base_ == nullptr) base_ = token - strspn(filter_, " \r\n\t");
  const size_t n = strlen(filter_);
  at_ = static_cast<size_t>(token - base_);
  if (at_ > n) at_ = n;
  length_ = strnlen(token, n - at_);
}

}  // namespace puppy

// The names are the linker's (--wrap=X turns uses of X into __wrap_X) and libpcap's.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
extern "C" {

int __real_pcap_lex(void* value, void* scanner);
char* pcap_get_text(void* scanner);

int __wrap_pcap_lex(void* value, void* scanner) {
  const int token = __real_pcap_lex(value, scanner);
  if (reading != nullptr) reading->read(pcap_get_text(scanner), token == 0);
  return token;
}

// A filter must not wait for a name server: addresses alone, and names of ports.
int __real_getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found);
int __wrap_getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  addrinfo numeric = {};
  if (hints != nullptr) numeric = *hints;
  if (node != nullptr) numeric.ai_flags |= AI_NUMERICHOST;
  return __real_getaddrinfo(node, service, &numeric, found);
}
int __wrap_getnetbyname_r(const char*, netent*, char*, size_t, netent** found, int* error) {
  *found = nullptr;
  *error = HOST_NOT_FOUND;
  return 0;
}

// libpcap.a is made for programs, which may hold a copy of libc's streams; a shared library may not, so these are ours.
extern FILE* __real_stdin;
extern FILE* __real_stdout;
extern FILE* __real_stderr;
FILE* __wrap_stdin = __real_stdin;
FILE* __wrap_stdout = __real_stdout;
FILE* __wrap_stderr = __real_stderr;

// Newer than the oldest glibc. The kernel's structure is glibc's, on both architectures.
int __wrap_stat(const char* path, struct stat* out) { return static_cast<int>(syscall(SYS_newfstatat, AT_FDCWD, path, out, 0)); }

// Only network interfaces: without these, what reads from D-Bus, USB, Bluetooth and netfilter isn't linked.
int dbus_findalldevs(void*, char*) { return 0; }
void* dbus_create(const char*, char*, int* isOurs) { return *isOurs = 0, nullptr; }
int usb_findalldevs(void*, char*) { return 0; }
void* usb_create(const char*, char*, int* isOurs) { return *isOurs = 0, nullptr; }
int bt_findalldevs(void*, char*) { return 0; }
void* bt_create(const char*, char*, int* isOurs) { return *isOurs = 0, nullptr; }
int bt_monitor_findalldevs(void*, char*) { return 0; }
void* bt_monitor_create(const char*, char*, int* isOurs) { return *isOurs = 0, nullptr; }
int netfilter_findalldevs(void*, char*) { return 0; }
void* netfilter_create(const char*, char*, int* isOurs) { return *isOurs = 0, nullptr; }
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
