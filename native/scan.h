// What a directory holds at this moment, read without opening, following or waiting for anything in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace puppy {

// What is at a path: 10 numbers (f64): mode, inode, device major and minor, links, mtime and ctime in ms, uid, gid, size. 0 or a negative
// errno.
constexpr size_t kStatNumbers = 10;
int statPath(const char* path, double* out);

// The entries of a directory, each: i32 size, u32 mode, f64 inode, f64 mtime ms, f64 ctime ms, u32 links, i32 name bytes, the name,
// padded to 8 bytes. After `maxEntries` there is one with mode 0 and no name instead of the rest. 0 or a negative errno.
int scanDirectory(const char* path, size_t maxEntries, std::vector<uint8_t>* out);

// The mount table of this process. 0 or a negative errno.
int readMounts(std::string* out);

}  // namespace puppy
