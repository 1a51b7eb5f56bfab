#include "capture_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace puppy {
namespace {

constexpr int kPacketsMax = 1024;

}  // namespace

CaptureFile::~CaptureFile() {
  pcap_freecode(&filter_);
  if (handle_ != nullptr) pcap_close(handle_);
}

bool CaptureFile::open(PcapError* error) {
  const auto fail = [&](const PcapError& why) {
    *error = why;
    return false;
  };
  // A pipe would hold up whoever reads it.
  const int fd = ::open(options_.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return fail(errnoError(errno));
  FILE* file = fdopen(fd, "rb");
  if (file == nullptr) {
    close(fd);
    return fail(errnoError(ENOMEM));
  }
  char words[PCAP_ERRBUF_SIZE] = "";
  // Of what is no regular file, the header can't be read back either.
  if (fseek(file, 0, SEEK_END) != 0 || ftell(file) < 0 || fseek(file, 0, SEEK_SET) != 0) {
    (void)fclose(file);
    return fail({ESPIPE, "not a regular file"});
  }
  handle_ = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, words);
  if (handle_ == nullptr) {
    const long at = ftell(file);
    (void)fclose(file);
    return fail({EINVAL, std::string(words) + " (at byte " + std::to_string(at < 0 ? 0 : at) + ")"});
  }
  dlt_ = pcap_datalink(handle_);
  return options_.filter.empty() || compileFilter(handle_, options_.filter, &filter_, error);
}

bool CaptureFile::read() {
  if (handle_ == nullptr || ended_) return false;
  const int n = pcap_dispatch(handle_, kPacketsMax, &CaptureFile::packet, reinterpret_cast<uint8_t*>(this));
  // pcap_breakloop: a batch is full.
  if (n > 0 || n == PCAP_ERROR_BREAK) return true;
  ended_ = true;
  if (n < 0) {
    failure_ = pcapError(handle_, n, "");
    failure_.text += " (at byte " + std::to_string(offset()) + ", after " + std::to_string(packets_) + " packets)";
  }
  return false;
}

uint64_t CaptureFile::offset() const {
  const long at = handle_ != nullptr ? ftell(pcap_file(handle_)) : 0;
  return at < 0 ? 0 : static_cast<uint64_t>(at);
}

void CaptureFile::packet(uint8_t* self, const pcap_pkthdr* header, const uint8_t* bytes) {
  auto* f = reinterpret_cast<CaptureFile*>(self);
  f->packets_++;
  // Not by pcap_setfilter, which would read on and on for one that passes.
  if (f->filter_.bf_insns != nullptr && pcap_offline_filter(&f->filter_, header, bytes) == 0) return;
  if (!givePacket(f->ring_, f->dlt_, 0, *header, bytes)) f->ringDropped_++;
  if (f->ring_.bytes() >= f->options_.batchBytes) pcap_breakloop(f->handle_);
}

}  // namespace puppy
