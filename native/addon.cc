// The only file that knows N-API, with addon_held.cc and addon_pcap.cc. Every function takes and gives plain values; handles are small
// integers, and nothing is finalized by the garbage collector. Errors of the kernel are negative errno numbers; wrong use throws a TypeError.

#define NAPI_DISABLE_CPP_EXCEPTIONS 1
#include <napi.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "scan.h"
#include "source.h"

namespace puppy {
namespace {

constexpr size_t kMaxSources = 64;
std::vector<std::unique_ptr<Source>> sources;

}  // namespace

Source* sourceOf(const Napi::CallbackInfo& info) {
  const int64_t id = info.Length() > 0 && info[0].IsNumber() ? info[0].As<Napi::Number>().Int64Value() : -1;
  if (id < 0 || static_cast<size_t>(id) >= sources.size() || !sources[static_cast<size_t>(id)]) {
    Napi::TypeError::New(info.Env(), "no such source").ThrowAsJavaScriptException();
    return nullptr;
  }
  return sources[static_cast<size_t>(id)].get();
}

double addSource(std::unique_ptr<Source> source) {
  for (size_t i = 0; i < sources.size(); i++) {
    if (!sources[i]) {
      sources[i] = std::move(source);
      return static_cast<double>(i);
    }
  }
  if (sources.size() >= kMaxSources) return -EMFILE;
  sources.push_back(std::move(source));
  return static_cast<double>(sources.size() - 1);
}

}  // namespace puppy

namespace {

using puppy::addSource;
using puppy::Assembler;
using puppy::AuditReader;
using puppy::bytesOf;
using puppy::FsReader;
using puppy::number;
using puppy::pathOf;
using puppy::Source;
using puppy::sourceOf;

// The directories of a file reader; null where it's none.
puppy::Directories* directoriesOf(const Napi::CallbackInfo& info) {
  Source* s = sourceOf(info);
  return s != nullptr && s->files ? &s->files->directories() : nullptr;
}

puppy::AssemblerOptions assemblerOptions(const Napi::Object& o) {
  puppy::AssemblerOptions a;
  const Napi::Value keys = o.Get("keys");
  if (keys.IsArray()) {
    const auto list = keys.As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); i++) a.keys.push_back(list.Get(i).ToString().Utf8Value());
  }
  a.argvMaxBytes = static_cast<size_t>(number(o, "argvMaxBytes", 256 * 1024));
  a.ringBytes = static_cast<size_t>(number(o, "ringBytes", 32 << 20));
  a.batchBytes = static_cast<size_t>(number(o, "batchBytes", 256 * 1024));
  return a;
}

Napi::Value ReplayOpen(const Napi::CallbackInfo& info) {
  const auto o = info[0].ToObject();
  auto source = std::make_unique<Source>();
  puppy::AssemblerOptions a = assemblerOptions(o);
  a.timeoutByStamp = true;
  source->assembler = std::make_unique<Assembler>(a);
  puppy::LogFeeder::Types types;
  const Napi::Value list = o.Get("types");
  if (list.IsArray()) {
    const auto pairs = list.As<Napi::Array>();
    for (uint32_t i = 0; i < pairs.Length(); i++) {
      const auto pair = pairs.Get(i).ToObject();
      types.emplace(pair.Get(0u).ToString().Utf8Value(), static_cast<uint16_t>(pair.Get(1u).ToNumber().Uint32Value()));
    }
  }
  source->feeder = std::make_unique<puppy::LogFeeder>(source->assembler.get(), std::move(types));
  return Napi::Number::New(info.Env(), addSource(std::move(source)));
}

// feed(id, bytes): a piece of an audit.log.
Napi::Value Feed(const Napi::CallbackInfo& info) {
  Source* s = sourceOf(info);
  if (s == nullptr) return info.Env().Undefined();
  if (!s->feeder || !info[1].IsTypedArray()) {
    Napi::TypeError::New(info.Env(), "feed: a replay and bytes expected").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  const auto bytes = info[1].As<Napi::Uint8Array>();
  s->feeder->feed(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength());
  return info.Env().Undefined();
}

// finish(id): the input ended, or the recorded event did.
Napi::Value Finish(const Napi::CallbackInfo& info) {
  Source* s = sourceOf(info);
  if (s != nullptr && s->feeder) s->feeder->finish();
  return info.Env().Undefined();
}

// take(id, buffer): moves the next batch into the buffer. Its size; 0 when there is none; -size when the buffer is too small.
Napi::Value Take(const Napi::CallbackInfo& info) {
  Source* s = sourceOf(info);
  if (s == nullptr) return info.Env().Undefined();
  if (!info[1].IsTypedArray()) {
    Napi::TypeError::New(info.Env(), "take: a buffer expected").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  auto buffer = info[1].As<Napi::Uint8Array>();
  if (s->thread() != nullptr) s->thread()->woken();
  puppy::BatchRing& ring = s->ring();
  const size_t size = ring.peek();
  if (size == 0) return Napi::Number::New(info.Env(), 0);
  if (size > buffer.ByteLength()) return Napi::Number::New(info.Env(), -static_cast<double>(size));
  static std::vector<uint8_t> batch;
  if (!ring.take(batch, buffer.ByteLength())) return Napi::Number::New(info.Env(), -static_cast<double>(ring.peek()));
  memcpy(buffer.Data(), batch.data(), batch.size());
  const auto n = static_cast<double>(batch.size());
  ring.recycle(batch);
  return Napi::Number::New(info.Env(), n);
}

Napi::Value Stats(const Napi::CallbackInfo& info) {
  Source* s = sourceOf(info);
  if (s == nullptr) return info.Env().Undefined();
  Napi::Object o = Napi::Object::New(info.Env());
  const auto set = [&](const char* name, double v) { o.Set(name, Napi::Number::New(info.Env(), v)); };
  if (s->files) {
    const puppy::FsReaderStats f = s->files->stats();
    set("reads", static_cast<double>(f.reads));
    set("events", static_cast<double>(f.events));
    set("overflows", static_cast<double>(f.overflows));
    set("ringDropped", static_cast<double>(f.ringDropped));
    set("ignored", static_cast<double>(f.ignored));
    set("malformed", static_cast<double>(f.malformed));
    set("refusedNumbers", static_cast<double>(f.refusedNumbers));
    set("directories", static_cast<double>(f.directories));
    set("error", f.error);
    return o;
  }
  if (s->packets || s->capture) {
    puppy::setPcapStats(*s, o);
    return o;
  }
  puppy::AssemblerStats a;
  if (s->reader) {
    const puppy::AuditReaderStats r = s->reader->stats();
    a = r.assembler;
    set("receives", static_cast<double>(r.receives));
    set("overruns", static_cast<double>(r.overruns));
    set("truncated", static_cast<double>(r.truncated));
    set("replaceRequests", static_cast<double>(r.replaceRequests));
    set("replacePid", r.replacePid);
    set("receiveBufferBytes", r.receiveBufferBytes);
    set("error", r.error);
  } else {
    a = s->assembler->stats();
    const puppy::LogStats& l = s->feeder->stats();
    set("lines", static_cast<double>(l.lines));
    set("unknownType", static_cast<double>(l.unknownType));
    set("notAudit", static_cast<double>(l.notAudit));
    set("tooLong", static_cast<double>(l.tooLong));
  }
  set("records", static_cast<double>(a.records));
  set("bytes", static_cast<double>(a.bytes));
  set("events", static_cast<double>(a.events));
  set("ringDropped", static_cast<double>(a.ringDropped));
  set("timedOut", static_cast<double>(a.timedOut));
  set("forced", static_cast<double>(a.forced));
  set("malformed", static_cast<double>(a.malformed));
  set("recordsDropped", static_cast<double>(a.recordsDropped));
  set("missing", static_cast<double>(a.missing));
  set("late", static_cast<double>(a.late));
  set("pending", static_cast<double>(a.pending));
  set("firstSerial", a.firstSerial);
  set("highestSerial", a.highestSerial);
  return o;
}

Napi::Value AuditOpen(const Napi::CallbackInfo& info) {
  const auto o = info[0].ToObject();
  puppy::AuditReaderOptions r;
  r.assembler = assemblerOptions(o);
  r.multicast = o.Get("multicast").ToBoolean().Value();
  r.receiveBufferBytes = number(o, "receiveBufferBytes", 64 << 20);
  r.coalesceMs = number(o, "coalesceMs", 50);
  auto source = std::make_unique<Source>();
  source->reader = std::make_unique<AuditReader>(r);
  const int e = source->reader->open();
  return Napi::Number::New(info.Env(), e < 0 ? e : addSource(std::move(source)));
}

// auditRegister(id, pid): 0 or a negative errno.
Napi::Value AuditRegister(const Napi::CallbackInfo& info) {
  Source* s = sourceOf(info);
  if (s == nullptr || !s->reader) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), s->reader->registerPid(info[1].ToNumber().Uint32Value()));
}

void callWake(napi_env env, napi_value callback, void*, void*) {
  if (env == nullptr || callback == nullptr) return;
  napi_value undefined;
  napi_get_undefined(env, &undefined);
  napi_call_function(env, undefined, callback, 0, nullptr, nullptr);
}

// On the reader's thread. A full queue means that a wake is on its way already.
void wakeJavaScript(void* context) {
  static char token;
  napi_call_threadsafe_function(static_cast<napi_threadsafe_function>(context), &token, napi_tsfn_nonblocking);
}

// auditStart, fsStart, pcapStart(id, callback): the callback is called when there is something to take, once until the next take.
Napi::Value Start(const Napi::CallbackInfo& info) {
  Source* s = sourceOf(info);
  if (s == nullptr || s->thread() == nullptr) return info.Env().Undefined();
  if (!info[1].IsFunction()) {
    Napi::TypeError::New(info.Env(), "start: a callback expected").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  const Napi::String name = Napi::String::New(info.Env(), s->files ? "puppy-fsnotify" : s->packets ? "puppy-pcap" : "puppy-audit");
  const napi_status status =
      napi_create_threadsafe_function(info.Env(), info[1], nullptr, name, 4, 1, nullptr, nullptr, nullptr, callWake, &s->wake);
  if (status != napi_ok) return Napi::Number::New(info.Env(), -ENOMEM);
  return Napi::Number::New(info.Env(), s->start(wakeJavaScript, s->wake));
}

// stop(id): ends a live reader's thread and drains its socket; what was read can still be taken, and stats asked.
Napi::Value Stop(const Napi::CallbackInfo& info) {
  Source* s = sourceOf(info);
  if (s == nullptr) return info.Env().Undefined();
  if (s->reader) s->reader->stop();
  if (s->files) s->files->stop();
  if (s->packets) s->packets->stop();
  if (s->wake != nullptr) {
    napi_release_threadsafe_function(s->wake, napi_tsfn_abort);
    s->wake = nullptr;
  }
  return info.Env().Undefined();
}

Napi::Value Close(const Napi::CallbackInfo& info) {
  Stop(info);
  if (sourceOf(info) != nullptr) puppy::sources[static_cast<size_t>(info[0].As<Napi::Number>().Int64Value())].reset();
  return info.Env().Undefined();
}

// auditRequest(type, flags, payload): a list of [type, payload], or a negative errno.
Napi::Value AuditRequest(const Napi::CallbackInfo& info) {
  if (!info[2].IsTypedArray()) {
    Napi::TypeError::New(info.Env(), "auditRequest: type, flags and a payload expected").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  const auto payload = info[2].As<Napi::Uint8Array>();
  std::vector<puppy::AuditReply> replies;
  const int r =
      puppy::auditRequest(static_cast<uint16_t>(info[0].ToNumber().Uint32Value()), static_cast<uint16_t>(info[1].ToNumber().Uint32Value()),
                          payload.Data(), payload.ByteLength(), &replies);
  if (r < 0) return Napi::Number::New(info.Env(), r);
  Napi::Array list = Napi::Array::New(info.Env(), replies.size());
  for (uint32_t i = 0; i < replies.size(); i++) {
    const auto& p = replies[i].payload;
    Napi::Array pair = Napi::Array::New(info.Env(), 2);
    pair.Set(0u, Napi::Number::New(info.Env(), replies[i].type));
    pair.Set(1u, bytesOf(info.Env(), p.data(), p.size()));
    list.Set(i, pair);
  }
  return list;
}

// fsOpen(options): a handle or a negative errno.
Napi::Value FsOpen(const Napi::CallbackInfo& info) {
  const auto o = info[0].ToObject();
  const std::string backend = o.Get("backend").ToString().Utf8Value();
  puppy::FsReaderOptions f;
  f.backend = backend == "fanotify" ? puppy::Backend::kFanotify : backend == "inotify" ? puppy::Backend::kInotify : puppy::Backend::kAuto;
  f.plain = o.Get("plain").ToBoolean().Value();
  f.coalesceMs = number(o, "coalesceMs", 20);
  f.ringBytes = static_cast<size_t>(number(o, "ringBytes", 16 << 20));
  auto source = std::make_unique<Source>();
  source->files = std::make_unique<FsReader>(f);
  const int e = source->files->open();
  return Napi::Number::New(info.Env(), e < 0 ? e : addSource(std::move(source)));
}

// fsFeatures(id): what the kernel tells.
Napi::Value FsFeatures(const Napi::CallbackInfo& info) {
  const puppy::Directories* d = directoriesOf(info);
  if (d == nullptr) return info.Env().Undefined();
  Napi::Object o = Napi::Object::New(info.Env());
  o.Set("fanotify", Napi::Boolean::New(info.Env(), d->fanotifyFd() >= 0));
  o.Set("refused", Napi::Number::New(info.Env(), d->refused()));
  return o;
}

// fsWatch(id, path, mask, out): 0 or a negative errno; in `out` (a Float64Array) the directory's number, 1 where all of its file system
// is watched, and 1 where nothing watched it until now.
Napi::Value FsWatch(const Napi::CallbackInfo& info) {
  puppy::Directories* d = directoriesOf(info);
  std::string path;
  if (d == nullptr || !pathOf(info, 1, &path)) return info.Env().Undefined();
  puppy::Watched watched;
  const int r = d->watch(path.c_str(), info[2].ToNumber().Uint32Value(), &watched);
  if (r == 0 && info[3].IsTypedArray() && info[3].As<Napi::TypedArray>().ByteLength() >= 24) {
    auto out = info[3].As<Napi::Float64Array>();
    out[0] = static_cast<double>(watched.id);
    out[1] = watched.whole ? 1 : 0;
    out[2] = watched.anew ? 1 : 0;
  }
  return Napi::Number::New(info.Env(), r);
}

// fsForget(id, directory), fsIgnore(id, directory)
template <void (puppy::Directories::*Method)(uint64_t)>
Napi::Value FsDrop(const Napi::CallbackInfo& info) {
  puppy::Directories* d = directoriesOf(info);
  if (d == nullptr) return info.Env().Undefined();
  (d->*Method)(static_cast<uint64_t>(info[1].ToNumber().Int64Value()));
  return info.Env().Undefined();
}

// fsPath(id, directory): the bytes of its present path, or a negative errno.
Napi::Value FsPath(const Napi::CallbackInfo& info) {
  puppy::Directories* d = directoriesOf(info);
  if (d == nullptr) return info.Env().Undefined();
  std::string path;
  const int r = d->path(static_cast<uint64_t>(info[1].ToNumber().Int64Value()), &path);
  if (r < 0) return Napi::Number::New(info.Env(), r);
  return bytesOf(info.Env(), path.data(), path.size());
}

// fsStat(path, out): 0 or a negative errno; the numbers as scan.h has them.
Napi::Value FsStat(const Napi::CallbackInfo& info) {
  std::string path;
  if (!pathOf(info, 0, &path)) return info.Env().Undefined();
  double stat[puppy::kStatNumbers];
  const int r = puppy::statPath(path.c_str(), stat);
  if (r == 0 && info[1].IsTypedArray() && info[1].As<Napi::TypedArray>().ByteLength() >= sizeof stat) {
    memcpy(info[1].As<Napi::Float64Array>().Data(), stat, sizeof stat);
  }
  return Napi::Number::New(info.Env(), r);
}

// fsList(path or scan, buffer, out): the bytes in the buffer or a negative errno; out: the scan to go on with, as scan.h has it.
Napi::Value FsList(const Napi::CallbackInfo& info) {
  if (!info[1].IsTypedArray() || !info[2].IsTypedArray() || info[2].As<Napi::TypedArray>().ByteLength() < sizeof(double)) {
    Napi::TypeError::New(info.Env(), "a buffer and a number's place expected").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  auto buffer = info[1].As<Napi::Uint8Array>();
  uint32_t scan = 0;
  int64_t n = 0;
  if (info[0].IsNumber()) {
    scan = info[0].ToNumber().Uint32Value();
    n = puppy::scanOn(&scan, buffer.Data(), buffer.ByteLength());
  } else {
    std::string path;
    if (!pathOf(info, 0, &path)) return info.Env().Undefined();
    n = puppy::scanDirectory(path.c_str(), buffer.Data(), buffer.ByteLength(), &scan);
  }
  info[2].As<Napi::Float64Array>()[0] = scan;
  return Napi::Number::New(info.Env(), static_cast<double>(n));
}

// fsListEnd(scan)
Napi::Value FsListEnd(const Napi::CallbackInfo& info) {
  puppy::endScan(info[0].ToNumber().Uint32Value());
  return info.Env().Undefined();
}

// fsMounts(): the mount table, as /proc/self/mountinfo has it.
Napi::Value FsMounts(const Napi::CallbackInfo& info) {
  std::string text;
  const int r = puppy::readMounts(&text);
  if (r < 0) return Napi::Number::New(info.Env(), r);
  return bytesOf(info.Env(), text.data(), text.size());
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*f)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, f, name));
  };
  add("replayOpen", ReplayOpen);
  add("feed", Feed);
  add("finish", Finish);
  add("take", Take);
  add("stats", Stats);
  add("auditOpen", AuditOpen);
  add("auditRegister", AuditRegister);
  add("auditStart", Start);
  add("stop", Stop);
  add("close", Close);
  add("auditRequest", AuditRequest);
  add("fsOpen", FsOpen);
  add("fsFeatures", FsFeatures);
  add("fsStart", Start);
  add("pcapStart", Start);
  add("fsWatch", FsWatch);
  add("fsForget", FsDrop<&puppy::Directories::forget>);
  add("fsIgnore", FsDrop<&puppy::Directories::ignore>);
  add("fsPath", FsPath);
  add("fsStat", FsStat);
  add("fsList", FsList);
  add("fsListEnd", FsListEnd);
  add("fsMounts", FsMounts);
  puppy::addHeld(env, exports);
  puppy::addPcap(env, exports);
  puppy::addSockets(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(puppy, Init)
