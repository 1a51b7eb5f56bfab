// The functions of pcap.h and capture_file.h as N-API has them. What can't be opened gives [errno, why].

#include "source.h"

namespace puppy {
namespace {

Napi::Value failed(Napi::Env env, const PcapError& error) {
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0u, Napi::Number::New(env, error.error));
  pair.Set(1u, bytesOf(env, error.text.data(), error.text.size()));
  return pair;
}

Napi::Value added(Napi::Env env, std::unique_ptr<Source> source) {
  const double id = addSource(std::move(source));
  if (id < 0) return failed(env, {static_cast<int>(-id), "too many sources are open"});
  return Napi::Number::New(env, id);
}

// pcapOpen(options)
Napi::Value PcapOpen(const Napi::CallbackInfo& info) {
  const auto o = info[0].ToObject();
  PcapOptions p;
  const Napi::Value names = o.Get("interfaces");
  if (names.IsArray()) {
    const auto list = names.As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); i++) p.interfaces.push_back(list.Get(i).ToString().Utf8Value());
  }
  p.filter = o.Get("filter").ToString().Utf8Value();
  const Napi::Value ethernetFilter = o.Get("ethernetFilter");
  if (ethernetFilter.IsString()) p.ethernetFilter = ethernetFilter.ToString().Utf8Value();
  p.skipRepeated = o.Get("skipRepeated").ToBoolean();
  p.snaplen = number(o, "snaplen", p.snaplen);
  p.bufferBytes = static_cast<size_t>(number(o, "bufferBytes", static_cast<int>(p.bufferBytes)));
  p.coalesceMs = number(o, "coalesceMs", p.coalesceMs);
  p.ringBytes = static_cast<size_t>(number(o, "ringBytes", static_cast<int>(p.ringBytes)));
  auto source = std::make_unique<Source>();
  source->packets = std::make_unique<PcapReader>(p);
  PcapError error;
  if (!source->packets->open(&error)) return failed(info.Env(), error);
  return added(info.Env(), std::move(source));
}

// pcapFileOpen(path, filter)
Napi::Value PcapFileOpen(const Napi::CallbackInfo& info) {
  CaptureFileOptions c;
  if (!pathOf(info, 0, &c.path)) return info.Env().Undefined();
  c.filter = info[1].ToString().Utf8Value();
  auto source = std::make_unique<Source>();
  source->capture = std::make_unique<CaptureFile>(c);
  PcapError error;
  if (!source->capture->open(&error)) return failed(info.Env(), error);
  return added(info.Env(), std::move(source));
}

// pcapFileRead(id): true when there may be more, false at the file's end, or [errno, why].
Napi::Value PcapFileRead(const Napi::CallbackInfo& info) {
  Source* s = sourceOf(info);
  if (s == nullptr || !s->capture) return info.Env().Undefined();
  if (s->capture->read()) return Napi::Boolean::New(info.Env(), true);
  const PcapError& failure = s->capture->failure();
  return failure.error == 0 ? Napi::Boolean::New(info.Env(), false) : failed(info.Env(), failure);
}

}  // namespace

void setPcapStats(Source& source, Napi::Object out) {
  const auto set = [&](const char* name, double v) { out.Set(name, Napi::Number::New(out.Env(), v)); };
  if (source.capture) {
    set("packets", static_cast<double>(source.capture->packets()));
    set("bytes", static_cast<double>(source.capture->offset()));
    set("ringDropped", static_cast<double>(source.capture->ringDropped()));
    return;
  }
  const PcapStats s = source.packets->stats();
  set("packets", static_cast<double>(s.packets));
  set("repeated", static_cast<double>(s.repeated));
  set("reads", static_cast<double>(s.reads));
  set("dropped", static_cast<double>(s.dropped));
  set("interfaceDropped", static_cast<double>(s.interfaceDropped));
  set("ringDropped", static_cast<double>(s.ringDropped));
  set("opened", static_cast<double>(s.opened));
  set("error", s.error);
}

void addPcap(Napi::Env env, Napi::Object exports) {
  exports.Set("pcapOpen", Napi::Function::New(env, PcapOpen, "pcapOpen"));
  exports.Set("pcapFileOpen", Napi::Function::New(env, PcapFileOpen, "pcapFileOpen"));
  exports.Set("pcapFileRead", Napi::Function::New(env, PcapFileRead, "pcapFileRead"));
}

}  // namespace puppy
