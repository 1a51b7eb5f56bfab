// Audit records to whole events: reassembles by serial, splits fields, joins EXECVE arguments, bounds and counts.
// It doesn't know what a record means: which records matter and what they say is decided in JavaScript.
// One thread at a time.
//
// Layout of one event in a batch, all integers little-endian, the whole padded to 8 bytes:
//   int32  size        bytes of the event, header included
//   int32  records     number of records
//   int32  flags       EventFlag bits
//   uint32 serial
//   double stampMs     milliseconds since the epoch
//   int32  argc        as EXECVE says, -1 without EXECVE
//   int32  argsStored  arguments in the argv blob
//   int32  argvOffset  from the event's start; each argument is followed by a NUL byte
//   int32  argvBytes   bytes of the blob
//   int32  dataOffset  where record text begins, from the event's start
//   int32  inputBytes  bytes of all records as received
//   then for each record: int32 type, fields, textOffset, textBytes (offsets from dataOffset), and for each of its fields
//   int32 key (an index into the key list, or -(length of the name), which then stands before the value), valueOffset,
//   valueBytes<<kFlagBits | ValueFlag, and uint32 digest: the number of a kNumber value, a hash of any other
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "batch.h"
#include "execve.h"
#include "serials.h"

namespace puppy {

enum EventFlag : int32_t {
  kEndEoe = 1,
  kEndProctitle = 2,
  kEndSingle = 4,
  kEndTimeout = 8,
  kEndForced = 16,        // its slot was needed, or the input ended
  kArgvTruncated = 32,    // more bytes of arguments than the bound
  kArgvGap = 64,          // an EXECVE record is missing
  kArgvPlain = 128,       // the blob is ASCII without backslash
  kRecordsDropped = 256,  // more records or bytes in the event than the bound
  kContinuation = 512     // records that came after their event was given out
};

enum ValueFlag : int32_t {
  kQuoted = 1,
  kPlain = 2,   // ASCII without backslash
  kNested = 4,  // inside msg='...'
  kHex = 8,     // an even number of upper-case hex digits
  kNumber = 16  // a decimal number below 2^32
};
constexpr int kFlagBits = 5;
constexpr size_t kFieldInts = 4;

struct AssemblerOptions {
  std::vector<std::string> keys;
  size_t argvMaxBytes = 256 * 1024;
  size_t ringBytes = 32 << 20;
  size_t batchBytes = 256 * 1024;
  // Replay: an event is timed out by the stamps of later ones. Live: by `expire`.
  bool timeoutByStamp = false;
};

struct AssemblerStats {
  uint64_t records = 0;
  uint64_t bytes = 0;
  uint64_t events = 0;
  uint64_t ringDropped = 0;     // whole events that the ring had no room for
  uint64_t timedOut = 0;        // events ended by time
  uint64_t forced = 0;          // events ended because their slot was needed
  uint64_t malformed = 0;       // input without `audit(sec.ms:serial)`
  uint64_t recordsDropped = 0;  // beyond the bounds of one event
  uint64_t missing = 0;         // serials never seen
  uint64_t late = 0;            // records of a serial that was already judged missing
  uint64_t pending = 0;
  uint32_t firstSerial = 0;  // of this assembler's input, 0 before any
  uint32_t highestSerial = 0;
};

class Assembler {
 public:
  explicit Assembler(const AssemblerOptions& options);
  ~Assembler();
  Assembler(const Assembler&) = delete;
  Assembler& operator=(const Assembler&) = delete;

  // One record as the kernel sends it: `audit(sec.ms:serial): text`. `nowMs` is a monotonic time, for `expire` and serial gaps
  // (unused with timeoutByStamp).
  void push(uint16_t type, const char* payload, size_t size, int64_t nowMs);
  // Ends events whose first record came before `beforeMs` (monotonic). Only when the input is drained.
  void expire(int64_t beforeMs);
  // Tells the serial window the time (monotonic) while no records come.
  void tick(int64_t nowMs) { serials_.tick(nowMs); }
  // The input ended: gives out every pending event, judges every gap.
  void finish();

  AssemblerStats stats() const;
  BatchRing& ring() { return ring_; }

 private:
  struct Event;
  struct Stamp {
    int64_t ms;
    uint32_t serial;
    size_t textStart;
  };
  static bool parseStamp(const char* p, size_t n, Stamp* out);
  Event* open(const Stamp& stamp, int64_t nowMs);
  void close(Event* e, int32_t flag);
  void addRecord(Event* e, uint16_t type, const char* text, size_t n);
  void splitFields(Event* e, const char* base, size_t from, size_t to, int32_t flags);
  void emit(Event* e);
  int32_t keyIndex(const char* name, size_t n) const;

  // Power of two. An event whose slot is taken by a serial this much newer is given out as it is.
  static constexpr size_t kSlots = 8192;
  static constexpr size_t kMaxRecords = 1024;
  static constexpr size_t kMaxDataBytes = 512 * 1024;
  static constexpr size_t kMaxPendingBytes = 32 << 20;
  static constexpr size_t kMaxFree = 64;
  static constexpr int64_t kStampTimeoutMs = 2000;
  // A log of a quiet host may have the next event's stamp far later: how many records of others must have come as well.
  static constexpr uint64_t kReorderRecords = 8;
  static constexpr size_t kDone = 1 << 16;

  AssemblerOptions options_;
  BatchRing ring_;
  SerialWindow serials_;
  int64_t logClockMs_ = 0;
  std::vector<Event*> slots_;
  std::vector<Event*> free_;
  Event* oldest_ = nullptr;
  Event* newest_ = nullptr;
  size_t pending_ = 0;
  size_t pendingBytes_ = 0;
  // Serials given out lately, so that a late EOE doesn't make an event of its own: serial and stamp by slot.
  std::vector<uint32_t> doneSerial_;
  std::vector<int64_t> doneMs_;
  // Open-addressed key table.
  std::vector<int32_t> keyTable_;
  AssemblerStats stats_;
};

}  // namespace puppy
