// What the functions of the addon take and give, as N-API values.
#pragma once

#define NAPI_DISABLE_CPP_EXCEPTIONS 1
#include <napi.h>

#include <cstring>
#include <string>

namespace puppy {

inline Napi::Value bytesOf(Napi::Env env, const void* p, size_t n) {
  Napi::Uint8Array bytes = Napi::Uint8Array::New(env, n);
  if (n > 0) memcpy(bytes.Data(), p, n);
  return bytes;
}

// A path's bytes; false (and thrown) when it is none.
inline bool pathOf(const Napi::CallbackInfo& info, size_t i, std::string* path) {
  if (info[i].IsTypedArray()) {
    const auto bytes = info[i].As<Napi::Uint8Array>();
    path->assign(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength());
    if (!path->empty() && path->find('\0') == std::string::npos) return true;
  }
  Napi::TypeError::New(info.Env(), "a path's bytes expected").ThrowAsJavaScriptException();
  return false;
}

// The functions of held.h.
void addHeld(Napi::Env env, Napi::Object exports);

// The functions of sock_diag.h, addresses.h and held_sockets.h.
void addSockets(Napi::Env env, Napi::Object exports);

}  // namespace puppy
