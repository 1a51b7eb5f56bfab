// The arguments of one execution, joined from its EXECVE records: `argc=3 a0="x" a1=6162 a2_len=20000 a2[0]=61… a2[1]=…`, over any
// number of records. Stores a prefix of the arguments that is true: it stops at the first gap and at the bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace puppy {

class ExecveArguments {
 public:
  // One record's text. At most `maxBytes` are stored, the byte after each argument included.
  void add(const char* text, size_t n, size_t maxBytes);
  // No record will come any more: what argc promises and didn't come is a gap.
  void finish();
  void reset();

  // As EXECVE says, -1 without the record that has it.
  int64_t argc() const { return argc_; }
  int64_t stored() const { return stored_; }
  // Each stored argument followed by a NUL byte; no argument holds one.
  const std::string& blob() const { return blob_; }
  bool any() const { return argc_ >= 0 || partsOf_ >= 0 || next_ > 0; }
  bool gap() const { return gap_; }
  bool truncated() const { return truncated_; }

 private:
  void beginParts(int64_t arg);
  void endParts();
  void stopAtGap();
  void endArgument();
  void store(const char* text, size_t n, bool quoted, bool part, size_t maxBytes);

  int64_t argc_ = -1;
  int64_t next_ = 0;                  // the argument that must come next
  int64_t partsOf_ = -1;              // the long argument that is being joined
  int64_t nextPart_ = 0;              // its part that must come next
  uint64_t partsTextBytes_ = 0;       // what came of it, as text
  uint64_t partsAnnouncedBytes_ = 0;  // its `a0_len`
  int64_t stored_ = 0;
  bool stopped_ = false;  // nothing more is stored: cut or gap
  bool gap_ = false;
  bool truncated_ = false;
  std::string blob_;
};

}  // namespace puppy
