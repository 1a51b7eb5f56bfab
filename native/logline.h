// Lines of an audit.log to records: `[node=NAME ]type=SYSCALL msg=audit(...): ...`. Feeds the same assembler as the kernel does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "assembler.h"

namespace puppy {

struct LogStats {
  uint64_t lines = 0;
  uint64_t unknownType = 0;  // a type name that the table doesn't hold
  uint64_t notAudit = 0;     // no `type=` and `msg=audit(`
  uint64_t tooLong = 0;      // over the bound: passed over
};

class LogFeeder {
 public:
  using Types = std::unordered_map<std::string, uint16_t>;
  LogFeeder(Assembler* assembler, Types types) : assembler_(assembler), types_(static_cast<Types&&>(types)) {}

  // Any piece of the file; a line may span calls.
  void feed(const char* p, size_t n);
  // The input ended; a last line without newline counts.
  void finish();
  const LogStats& stats() const { return stats_; }

 private:
  // The kernel's records are under 9 KB; auditd's enriched text adds a few hundred bytes.
  static constexpr size_t kMaxLine = 256 * 1024;
  void line(const char* p, size_t n);

  Assembler* assembler_;
  Types types_;
  std::string rest_;
  bool skipping_ = false;
  LogStats stats_;
};

}  // namespace puppy
