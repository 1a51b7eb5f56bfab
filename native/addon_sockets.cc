// The functions of sock_diag.h, addresses.h and held_sockets.h as N-API has them. Errors of the kernel are negative errno numbers.

#include <linux/netlink.h>
#include <netinet/in.h>

#include "addresses.h"
#include "held_sockets.h"
#include "netlink.h"
#include "sock_diag.h"
#include "values.h"

namespace puppy {
namespace {

int32_t intOf(const Napi::CallbackInfo& info, size_t i) { return info[i].IsNumber() ? info[i].As<Napi::Number>().Int32Value() : -1; }

Napi::Float64Array numbersOf(const Napi::CallbackInfo& info, size_t i, size_t least) {
  const bool is = info[i].IsTypedArray() && info[i].As<Napi::TypedArray>().TypedArrayType() == napi_float64_array;
  if (is && info[i].As<Napi::Float64Array>().ElementLength() >= least) return info[i].As<Napi::Float64Array>();
  Napi::TypeError::New(info.Env(), "a place for numbers expected").ThrowAsJavaScriptException();
  return Napi::Float64Array();
}

// netNamespace(pid): its inode.
Napi::Value NetNamespace(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(netNamespace(intOf(info, 0))));
}

// netAddresses(pid): bytes as addresses.h has them.
Napi::Value NetAddresses(const Napi::CallbackInfo& info) {
  std::vector<uint8_t> bytes;
  const int r = namespaceAddresses(intOf(info, 0), &bytes);
  if (r < 0) return Napi::Number::New(info.Env(), r);
  return bytesOf(info.Env(), bytes.data(), bytes.size());
}

// diagOpen(pid): a descriptor.
Napi::Value DiagOpen(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), openNetlink(NETLINK_SOCK_DIAG, intOf(info, 0)));
}

// The ends as their key has them: protocol, address, port, address, port.
bool endsOf(const uint8_t* key, size_t size, bool isFirstLocal, SocketEnds* out) {
  const size_t length = size == 13 ? 4 : 16;
  if (size != 1 + 2 * (length + 2)) return false;
  out->protocol = key[0];
  out->isIpv6 = length == 16;
  const uint8_t* local = key + 1 + (isFirstLocal ? 0 : length + 2);
  const uint8_t* remote = key + 1 + (isFirstLocal ? length + 2 : 0);
  memcpy(out->local, local, length);
  memcpy(out->remote, remote, length);
  out->localPort = static_cast<uint16_t>(local[length] << 8 | local[length + 1]);
  out->remotePort = static_cast<uint16_t>(remote[length] << 8 | remote[length + 1]);
  return out->protocol == IPPROTO_TCP || out->protocol == IPPROTO_UDP;
}

// diagFind(fd, ends, isFirstLocal, interface, out): 0; in `out` state, inode, uid, cgroup.
Napi::Value DiagFind(const Napi::CallbackInfo& info) {
  const Napi::Float64Array out = numbersOf(info, 4, 4);
  SocketEnds ends;
  if (out.IsEmpty() || !info[1].IsTypedArray()) return info.Env().Undefined();
  const auto key = info[1].As<Napi::Uint8Array>();
  if (!endsOf(key.Data(), key.ByteLength(), info[2].ToBoolean(), &ends)) return Napi::Number::New(info.Env(), -EINVAL);
  ends.interface = static_cast<uint32_t>(intOf(info, 3));
  SocketFound found;
  const int r = findSocket(intOf(info, 0), ends, &found);
  if (r == 0) {
    const double numbers[] = {static_cast<double>(found.state), static_cast<double>(found.inode), static_cast<double>(found.uid),
                              static_cast<double>(found.cgroup)};
    memcpy(const_cast<double*>(out.Data()), numbers, sizeof numbers);
  }
  return Napi::Number::New(info.Env(), r);
}

// diagListeners(fd, port): bytes as sock_diag.h has them.
Napi::Value DiagListeners(const Napi::CallbackInfo& info) {
  std::vector<uint8_t> bytes;
  const int r = findListeners(intOf(info, 0), static_cast<uint16_t>(intOf(info, 1)), &bytes);
  if (r < 0) return Napi::Number::New(info.Env(), r);
  return bytesOf(info.Env(), bytes.data(), bytes.size());
}

size_t readInto(HeldSockets& sockets, Napi::Float64Array out, int64_t microseconds) {
  return sockets.read(out.Data(), out.ElementLength() / kHeldSocketNumbers, microseconds);
}

// socketsOf(pid, out, microseconds): how many sockets in `out`, as held_sockets.h has them.
Napi::Value SocketsOf(const Napi::CallbackInfo& info) {
  const Napi::Float64Array out = numbersOf(info, 1, kHeldSocketNumbers);
  if (out.IsEmpty()) return info.Env().Undefined();
  HeldSockets sockets;
  const int32_t pid = intOf(info, 0);
  const int r = pid > 0 ? sockets.begin(pid) : -ESRCH;
  if (r < 0) return Napi::Number::New(info.Env(), r);
  return Napi::Number::New(info.Env(), static_cast<double>(readInto(sockets, out, intOf(info, 2))));
}

// socketScan(out, microseconds): of all processes, from where the last call left off; -1 - count where that was the end. Only one thread
// may ask.
Napi::Value SocketScan(const Napi::CallbackInfo& info) {
  static HeldSockets sockets;
  const Napi::Float64Array out = numbersOf(info, 0, kHeldSocketNumbers);
  if (out.IsEmpty()) return info.Env().Undefined();
  if (sockets.isDone()) (void)sockets.begin(0);
  const auto n = static_cast<double>(readInto(sockets, out, intOf(info, 1)));
  return Napi::Number::New(info.Env(), sockets.isDone() ? -1 - n : n);
}

}  // namespace

void addSockets(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*f)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, f, name));
  };
  add("netNamespace", NetNamespace);
  add("netAddresses", NetAddresses);
  add("diagOpen", DiagOpen);
  add("diagFind", DiagFind);
  add("diagListeners", DiagListeners);
  add("socketsOf", SocketsOf);
  add("socketScan", SocketScan);
}

}  // namespace puppy
