// The kernel's audit netlink: a reader on its own thread that always drains, and requests on a socket of their own.
// No policy: modes, rules and what is restored are decided in JavaScript.
#pragma once

#include <cstdint>
#include <vector>

#include "assembler.h"
#include "reader.h"

namespace puppy {

struct AuditReaderOptions {
  AssemblerOptions assembler;
  bool multicast = false;  // join the READLOG group (CAP_AUDIT_READ) instead of being the audit daemon
  int receiveBufferBytes = 64 << 20;
  int coalesceMs = 50;  // after the first record of a quiet time, wait this long (under load up to four times) and drain all at once
};

struct AuditReaderStats {
  AssemblerStats assembler;
  uint64_t receives = 0;         // recvmmsg calls that gave something
  uint64_t overruns = 0;         // ENOBUFS: the socket buffer was full
  uint64_t truncated = 0;        // longer than any record can be
  uint64_t replaceRequests = 0;  // AUDIT_REPLACE: an audit daemon wants to start
  uint32_t replacePid = 0;
  int32_t receiveBufferBytes = 0;  // what the kernel granted
  int32_t error = 0;               // errno that ended the reader, or 0
};

class AuditReader {
 public:
  explicit AuditReader(const AuditReaderOptions& options);
  ~AuditReader();
  AuditReader(const AuditReader&) = delete;
  AuditReader& operator=(const AuditReader&) = delete;

  // Opens and binds the socket. 0 or a negative errno.
  int open();
  // For tests: reads datagrams that begin with a netlink header from any socket. Takes the descriptor.
  void adopt(int fd) { fd_ = fd; }
  // AUDIT_SET of the pid alone, on the reader's own socket, before start. 0 or a negative errno (EEXIST: there is an owner).
  int registerPid(uint32_t pid);
  int start(ReaderThread::Wake wake, void* context);
  // Ends the thread, drains what is left, gives out pending events.
  void stop();

  Assembler& assembler() { return assembler_; }
  ReaderThread& thread() { return thread_; }
  AuditReaderStats stats();

 private:
  static void body(void* self);
  void loop();
  void coalesce();
  enum class Drained { kEmpty, kMore, kBroken };
  Drained drain(int64_t deadlineMs);
  void accept(const uint8_t* p, size_t n, bool truncated);
  void publish();

  AuditReaderOptions options_;
  Assembler assembler_;
  ReaderThread thread_;
  int fd_ = -1;
  uint32_t sequence_ = 0;
  int32_t ackError_ = 1;  // 1: none yet
  AuditReaderStats counters_;
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  AuditReaderStats published_;
  std::vector<uint8_t> buffers_;
};

struct AuditReply {
  uint16_t type;
  std::vector<uint8_t> payload;
};

// One request to the kernel on a socket of its own, and its replies: until the acknowledgement, or the end of a dump.
// 0 or a negative errno (the kernel's answer, ETIMEDOUT after 5 s).
int auditRequest(uint16_t type, uint16_t flags, const uint8_t* payload, size_t n, std::vector<AuditReply>* replies);

}  // namespace puppy
