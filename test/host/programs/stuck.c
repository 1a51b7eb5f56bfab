// A file system that stops answering, as a dead NFS server's does: once DIR/hang or DIR/other was opened, everything waits, and can only be
// killed, until SIGUSR1 comes; then reads fail. Speaks FUSE's protocol itself, so that nothing has to be installed. `stuck DIR`, ends when
// it's unmounted.
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int device;
static volatile sig_atomic_t answers;

static void onSignal(int signal) { answers = signal; }

static void reply(uint64_t unique, int error, const void* data, size_t size) {
  struct fuse_out_header head = {.len = sizeof head + size, .error = -error, .unique = unique};
  struct iovec parts[] = {{&head, sizeof head}, {(void*)data, size}};
  if (writev(device, parts, 2) < 0 && errno != ENOENT) perror("reply");
}

static struct fuse_attr attributes(uint64_t node) {
  return (struct fuse_attr){.ino = node, .size = 100, .nlink = 1, .mode = node == 1 ? S_IFDIR | 0755 : S_IFREG | 0644};
}

int main(int argc, char** argv) {
  static char request[1 << 17];
  char options[100];
  if (argc != 2 || (device = open("/dev/fuse", O_RDWR | O_CLOEXEC)) < 0) return perror("/dev/fuse"), 1;
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
  if (mount("stuck", argv[1], "fuse", MS_NOSUID | MS_NODEV, options) != 0) return perror("mount"), 1;
  sigset_t none;
  sigset_t usr1;
  sigemptyset(&none);
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr1, NULL);
  sigaction(SIGUSR1, &(struct sigaction){.sa_handler = onSignal}, NULL);
  puts("ready");
  fflush(stdout);
  for (;;) {
    const ssize_t n = read(device, request, sizeof request);
    if (n < 0 && errno == ENODEV) return 0;
    if (n < 0) continue;
    const struct fuse_in_header* in = (const void*)request;
    const char* argument = request + sizeof *in;
    switch (in->opcode) {
      case FUSE_INIT: {
        struct fuse_init_out out = {.major = 7, .minor = 36, .max_write = 65536};
        reply(in->unique, 0, &out, sizeof out);
        break;
      }
      case FUSE_LOOKUP: {
        const uint64_t node = strcmp(argument, "hang") == 0 ? 2 : strcmp(argument, "other") == 0 ? 3 : 0;
        struct fuse_entry_out out = {.nodeid = node, .attr = attributes(node)};
        reply(in->unique, node == 0 ? ENOENT : 0, &out, node == 0 ? 0 : sizeof out);
        break;
      }
      case FUSE_GETATTR: {
        struct fuse_attr_out out = {.attr = attributes(in->nodeid)};
        reply(in->unique, 0, &out, sizeof out);
        break;
      }
      case FUSE_OPEN: {
        struct fuse_open_out out = {.open_flags = FOPEN_DIRECT_IO | FOPEN_NOFLUSH};
        reply(in->unique, 0, &out, sizeof out);
        while (!answers) sigsuspend(&none);
        answers = 0;
        break;
      }
      case FUSE_READ:
        reply(in->unique, EIO, NULL, 0);
        break;
      case FUSE_RELEASE:
        reply(in->unique, 0, NULL, 0);
        break;
      case FUSE_FORGET:
      case FUSE_BATCH_FORGET:
      case FUSE_INTERRUPT:
        break;
      default:
        reply(in->unique, ENOSYS, NULL, 0);
    }
  }
}
