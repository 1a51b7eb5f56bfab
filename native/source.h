// What the addon holds by a number: a live reader or a replay; all give what they read through a ring of the same kind.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "audit.h"
#include "capture_file.h"
#include "fsnotify.h"
#include "logline.h"
#include "pcap.h"
#include "values.h"

namespace puppy {

struct Source {
  std::unique_ptr<FsReader> files;
  std::unique_ptr<AuditReader> reader;
  std::unique_ptr<Assembler> assembler;  // replay's own
  std::unique_ptr<LogFeeder> feeder;
  std::unique_ptr<PcapReader> packets;
  std::unique_ptr<CaptureFile> capture;
  napi_threadsafe_function wake = nullptr;
  BatchRing& ring() {
    if (files) return files->ring();
    if (packets) return packets->ring();
    if (capture) return capture->ring();
    return reader ? reader->assembler().ring() : assembler->ring();
  }
  ReaderThread* thread() { return files ? &files->thread() : packets ? &packets->thread() : reader ? &reader->thread() : nullptr; }
  int start(ReaderThread::Wake onWake, void* context) {
    return files ? files->start(onWake, context) : packets ? packets->start(onWake, context) : reader->start(onWake, context);
  }
};

// The source that the first argument means; null (and thrown) where there is none.
Source* sourceOf(const Napi::CallbackInfo& info);
// Its number, or a negative errno.
double addSource(std::unique_ptr<Source> source);

// A size or a time; what is none (negative, NaN, absurd) gives the fallback.
inline int number(const Napi::Object& o, const char* name, int fallback) {
  const Napi::Value v = o.Get(name);
  const double d = v.IsNumber() ? v.As<Napi::Number>().DoubleValue() : -1;
  return d >= 0 && d <= 1 << 30 ? static_cast<int>(d) : fallback;
}

// The functions of pcap.h and capture_file.h.
void addPcap(Napi::Env env, Napi::Object exports);
void setPcapStats(Source& source, Napi::Object out);

}  // namespace puppy
