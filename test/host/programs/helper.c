// What the host tests make the kernel see: processes with odd arguments, short ones, storms of them, and every way to connect.
// Static, so that an exec is cheap. One subcommand a scenario; what was measured is printed as `name value` lines.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

extern char** environ;
static char* no_environment[] = {NULL};

static void fail(const char* what) {
  fprintf(stderr, "helper: %s: %s\n", what, strerror(errno));
  _exit(70);
}

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

// args PATH COUNT BYTES: COUNT arguments of BYTES bytes after argv[0].
static int args(char** a) {
  const long count = atol(a[1]);
  const size_t bytes = (size_t)atol(a[2]);
  char* one = malloc(bytes + 1);
  memset(one, 'x', bytes);
  one[bytes] = '\0';
  char** list = calloc((size_t)count + 2, sizeof *list);
  list[0] = a[0];
  for (long i = 1; i <= count; i++) list[i] = one;
  execve(a[0], list, no_environment);
  fail("execve");
  return 1;
}

// exact PATH BYTES: argv whose strings with their NULs are exactly BYTES, the last byte before the last NUL being 'Z'.
static int exact(char** a) {
  size_t left = (size_t)atol(a[1]) - strlen(a[0]) - 1;
  char** list = calloc(64, sizeof *list);
  int n = 0;
  list[n++] = a[0];
  while (left > 0) {
    const size_t take = left > 100000 ? 100000 : left;
    char* one = malloc(take);
    memset(one, 'y', take - 1);
    one[take - 1] = '\0';
    left -= take;
    if (left == 0 && take > 1) one[take - 2] = 'Z';
    list[n++] = one;
  }
  execve(a[0], list, no_environment);
  fail("execve");
  return 1;
}

// A file's content in a memfd, executed by its descriptor.
static int memory(char** a) {
  const int from = open(a[0], O_RDONLY);
  const int fd = memfd_create("puppy-test", 0);
  if (from < 0 || fd < 0) fail("memfd");
  char buffer[65536];
  ssize_t n;
  while ((n = read(from, buffer, sizeof buffer)) > 0) {
    if (write(fd, buffer, (size_t)n) != n) fail("write");
  }
  syscall(SYS_execveat, fd, "", a + 1, environ, AT_EMPTY_PATH);
  fail("execveat");
  return 1;
}

static pid_t start(const char* path, char** argv) {
  const pid_t pid = vfork();
  if (pid == 0) {
    execve(path, argv, no_environment);
    _exit(71);
  }
  if (pid < 0) fail("vfork");
  return pid;
}

static void reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) fail("waitpid");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fprintf(stderr, "helper: a child ended with %x\n", status);
    _exit(72);
  }
}

// storm PATH COUNT: as fast as it goes, one after another. load PATH MILLISECONDS PAUSE_US: at a rate, for a time.
static int storm(char** a, int by_time) {
  const double limit = atof(a[1]);
  const long pause_us = by_time ? atol(a[2]) : 0;
  const double begin = now_ms();
  double longest = 0;
  long count = 0;
  for (;;) {
    const double t = now_ms();
    if (by_time ? t - begin >= limit : (double)count >= limit) break;
    char number[32];
    snprintf(number, sizeof number, "%ld", count);
    char* list[] = {a[0], "leaf", number, NULL};
    const pid_t pid = start(a[0], list);
    const double started = now_ms() - t;
    reap(pid);
    struct stat st;
    const double u = now_ms();
    stat("/", &st);
    const double looked = now_ms() - u;
    if (started > longest) longest = started;
    if (looked > longest) longest = looked;
    count++;
    if (pause_us > 0) usleep((useconds_t)pause_us);
  }
  printf("count %ld\nlongest_ms %.3f\ntotal_ms %.1f\n", count, longest, now_ms() - begin);
  return 0;
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in a;
  memset(&a, 0, sizeof a);
  a.sin_family = AF_INET;
  a.sin_port = htons((uint16_t)port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

static struct sockaddr_in6 loopback6(int port, int mapped) {
  struct sockaddr_in6 a;
  memset(&a, 0, sizeof a);
  a.sin6_family = AF_INET6;
  a.sin6_port = htons((uint16_t)port);
  inet_pton(AF_INET6, mapped ? "::ffff:127.0.0.1" : "::1", &a.sin6_addr);
  return a;
}

// dial NUMBER PORT: one process of `short`.
static int dial(char** a) {
  struct sockaddr_in to = loopback(atoi(a[1]));
  const int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(s, (struct sockaddr*)&to, sizeof to) < 0) fail("connect");
  return 0;
}

static int compare(const void* a, const void* b) {
  const double x = *(const double*)a;
  const double y = *(const double*)b;
  return x < y ? -1 : x > y;
}

// brief PATH COUNT PORT: processes that exec, connect and exit, one after another; prints how long they lived.
static int brief(char** a) {
  const long count = atol(a[1]);
  double* lives = calloc((size_t)count, sizeof *lives);
  for (long i = 0; i < count; i++) {
    char number[32];
    snprintf(number, sizeof number, "%ld", i);
    char* list[] = {a[0], "dial", number, a[2], NULL};
    const double t = now_ms();
    reap(start(a[0], list));
    lives[i] = now_ms() - t;
  }
  qsort(lives, (size_t)count, sizeof *lives, compare);
  printf("median_ms %.3f\np90_ms %.3f\nmost_ms %.3f\n", lives[count / 2], lives[count * 9 / 10], lives[count - 1]);
  return 0;
}

static int uring(int port) {
  struct io_uring_params p;
  memset(&p, 0, sizeof p);
  const int ring = (int)syscall(SYS_io_uring_setup, 4, &p);
  if (ring < 0) fail("io_uring_setup");
  char* sq = mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(unsigned), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  struct io_uring_sqe* sqes =
      mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
  if (sq == MAP_FAILED || sqes == MAP_FAILED) fail("mmap");
  struct sockaddr_in to = loopback(port);
  const int s = socket(AF_INET, SOCK_STREAM, 0);
  memset(sqes, 0, sizeof *sqes);
  sqes[0].opcode = IORING_OP_CONNECT;
  sqes[0].fd = s;
  sqes[0].addr = (uint64_t)(uintptr_t)&to;
  sqes[0].off = sizeof to;
  unsigned* tail = (unsigned*)(sq + p.sq_off.tail);
  unsigned* array = (unsigned*)(sq + p.sq_off.array);
  array[*tail & *(unsigned*)(sq + p.sq_off.ring_mask)] = 0;
  __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
  const long r = syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
  if (r < 0) fail("io_uring_enter");
  return 0;
}

// connect HOW PORT; prints the errno that it gave.
static int connects(char** a) {
  const char* how = a[0];
  const int port = atoi(a[1]);
  struct sockaddr_in v4 = loopback(port);
  int r = 0;
  errno = 0;
  if (strcmp(how, "v4") == 0) {
    r = connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr*)&v4, sizeof v4);
  } else if (strcmp(how, "v6") == 0 || strcmp(how, "mapped") == 0) {
    struct sockaddr_in6 v6 = loopback6(port, strcmp(how, "mapped") == 0);
    r = connect(socket(AF_INET6, SOCK_STREAM, 0), (struct sockaddr*)&v6, sizeof v6);
  } else if (strcmp(how, "long") == 0) {
    char room[128];
    memset(room, 0x41, sizeof room);
    memcpy(room, &v4, sizeof v4);
    r = connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr*)room, sizeof room);
  } else if (strcmp(how, "progress") == 0) {
    r = connect(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), (struct sockaddr*)&v4, sizeof v4);
  } else if (strcmp(how, "udp") == 0) {
    r = connect(socket(AF_INET, SOCK_DGRAM, 0), (struct sockaddr*)&v4, sizeof v4);
  } else if (strcmp(how, "fastopen") == 0) {
    r = (int)sendto(socket(AF_INET, SOCK_STREAM, 0), "x", 1, MSG_FASTOPEN, (struct sockaddr*)&v4, sizeof v4);
    if (r >= 0) r = 0;
  } else if (strcmp(how, "fastopenmsg") == 0) {
    struct iovec data = {"x", 1};
    struct msghdr m;
    memset(&m, 0, sizeof m);
    m.msg_name = &v4;
    m.msg_namelen = sizeof v4;
    m.msg_iov = &data;
    m.msg_iovlen = 1;
    r = (int)sendmsg(socket(AF_INET, SOCK_STREAM, 0), &m, MSG_FASTOPEN);
    if (r >= 0) r = 0;
  } else if (strcmp(how, "unix") == 0) {
    struct sockaddr_un un;
    memset(&un, 0, sizeof un);
    un.sun_family = AF_UNIX;
    strcpy(un.sun_path, "/puppy-test/no-such-socket");
    for (int i = 0; i < 100; i++) r = connect(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), (struct sockaddr*)&un, sizeof un);
  } else if (strcmp(how, "uring") == 0) {
    return uring(port);
  } else {
    return 64;
  }
  printf("errno %d\n", r < 0 ? errno : 0);
  return 0;
}

// Writes to a file through a mapping, never by a call.
static int mapped(char** a) {
  const int fd = open(a[0], O_RDWR);
  char* at = fd < 0 ? MAP_FAILED : mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) fail("mmap");
  memcpy(at, "MAP!", 4);
  return 0;
}

// One process makes many files: PREFIX0, PREFIX1, ...
static int burst(char** a) {
  char path[4096];
  const int count = atoi(a[1]);
  for (int i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s%d", a[0], i);
    const int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
    if (fd < 0 || write(fd, "x", 1) != 1) fail(path);
    close(fd);
  }
  return 0;
}

int main(int argc, char** argv) {
  // As a leaf of a storm, with odd arguments, or with none at all it only ends.
  const char* what = argc > 1 ? argv[1] : "leaf";
  char** a = argv + 2;
  if (strcmp(what, "args") == 0 && argc == 5) return args(a);
  if (strcmp(what, "exact") == 0 && argc == 4) return exact(a);
  if (strcmp(what, "memfd") == 0 && argc >= 3) return memory(a);
  if (strcmp(what, "null") == 0 && argc == 3) {
    syscall(SYS_execve, a[0], NULL, no_environment);
    fail("execve");
  }
  if (strcmp(what, "storm") == 0 && argc == 4) return storm(a, 0);
  if (strcmp(what, "load") == 0 && argc == 5) return storm(a, 1);
  if (strcmp(what, "brief") == 0 && argc == 5) return brief(a);
  if (strcmp(what, "dial") == 0 && argc == 4) return dial(a);
  if (strcmp(what, "mapped") == 0 && argc == 3) return mapped(a);
  if (strcmp(what, "burst") == 0 && argc == 4) return burst(a);
  if (strcmp(what, "xattr") == 0 && argc == 3 && setxattr(a[0], "user.puppy", "x", 1, 0) != 0) fail("setxattr");
  if (strcmp(what, "connect") == 0 && argc == 4) return connects(a);
  return 0;
}
