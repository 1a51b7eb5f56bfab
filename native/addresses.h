// The addresses of a network namespace's interfaces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace puppy {

// Each as a byte with its length (4 or 16), and its bytes. 0 or a negative errno: EOVERFLOW where there are more than kAddressesMax.
constexpr size_t kAddressesMax = 1 << 14;
int namespaceAddresses(int32_t pid, std::vector<uint8_t>* out);

// The bytes of an ifaddrmsg and its attributes: adds the address, if that's in them.
void parseAddress(const uint8_t* payload, size_t size, std::vector<uint8_t>* out);

}  // namespace puppy
