// Which datagrams are one more of what was told already. A filter in the kernel has no memory, so all of UDP comes to the reader's
// thread; JavaScript needs the first datagrams of a flow, and now and then one, so that it knows the flow is still there. No policy
// beyond that; what can't be read here passes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace puppy {

class UdpSeen {
 public:
  // Of a flow, in each direction, in so many seconds. Shorter than any time after which the consumer takes a flow for another one.
  static constexpr uint32_t kPasses = 2;
  static constexpr uint32_t kSeconds = 30;

  UdpSeen();

  // False where the consumer has seen enough of it. All of DNS, mDNS and LLMNR passes, and what is no whole datagram.
  bool passes(int dlt, const uint8_t* bytes, size_t length, int64_t second);

 private:
  static constexpr size_t kFlows = 1 << 16;
  static constexpr size_t kWays = 4;  // of which one is let go for a new flow
  struct Flow {
    uint64_t ends;  // their hash
    // By direction: when the first of these seconds passed, and how many have since in the lowest two bits; 0: none ever.
    uint32_t passed[2];
  };
  Flow& flow(uint64_t ends, uint32_t now);

  std::vector<Flow> flows_;
  // Nobody outside can know which flows share a place, or a hash.
  uint64_t seed_[2];
};

}  // namespace puppy
