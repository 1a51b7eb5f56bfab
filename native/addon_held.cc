// The functions of held.h as N-API has them. Errors of the kernel are negative errno numbers.

#include "held.h"
#include "values.h"

namespace puppy {
namespace {

int fdOf(const Napi::CallbackInfo& info) { return info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : -1; }

// hold(path): a descriptor or a negative errno.
Napi::Value Hold(const Napi::CallbackInfo& info) {
  std::string path;
  if (!pathOf(info, 0, &path)) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), holdPath(path));
}

// heldStat(fd, out): 0 or a negative errno; the numbers as held.h has them.
Napi::Value HeldStat(const Napi::CallbackInfo& info) {
  double numbers[kHeldNumbers];
  const int r = statHeld(fdOf(info), numbers);
  if (r == 0 && info[1].IsTypedArray() && info[1].As<Napi::TypedArray>().ByteLength() >= sizeof numbers) {
    memcpy(info[1].As<Napi::Float64Array>().Data(), numbers, sizeof numbers);
  }
  return Napi::Number::New(info.Env(), r);
}

// heldOpen(held): a descriptor or a negative errno.
Napi::Value HeldOpen(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), openHeld(fdOf(info))); }

// heldLink(held), heldCapability(fd): bytes or a negative errno.
template <int (*Read)(int, std::string*)>
Napi::Value HeldBytes(const Napi::CallbackInfo& info) {
  std::string value;
  const int r = Read(fdOf(info), &value);
  if (r < 0) return Napi::Number::New(info.Env(), r);
  return bytesOf(info.Env(), value.data(), value.size());
}

}  // namespace

void addHeld(Napi::Env env, Napi::Object exports) {
  exports.Set("hold", Napi::Function::New(env, Hold, "hold"));
  exports.Set("heldStat", Napi::Function::New(env, HeldStat, "heldStat"));
  exports.Set("heldOpen", Napi::Function::New(env, HeldOpen, "heldOpen"));
  exports.Set("heldLink", Napi::Function::New(env, HeldBytes<linkTarget>, "heldLink"));
  exports.Set("heldCapability", Napi::Function::New(env, HeldBytes<capabilityOf>, "heldCapability"));
}

}  // namespace puppy
