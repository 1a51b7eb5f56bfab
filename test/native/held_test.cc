// Holding what is at a path: by openat2 and name by name, with links on the way, and what can be read of it.

#include "../../native/held.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "harness.h"

using namespace test;

namespace {

struct Folder {
  std::string path = "/tmp/puppy-held-XXXXXX";
  Folder() {
    CHECK(mkdtemp(path.data()) != nullptr);
    char real[4096];
    CHECK(realpath(path.c_str(), real) != nullptr);
    path = real;
  }
  ~Folder() { (void)!system(("rm -rf " + path).c_str()); }
  std::string operator/(const char* name) const { return path + "/" + name; }
};

int hold(const std::string& path, double* numbers) {
  const int fd = puppy::holdPath(path);
  if (fd < 0) return fd;
  CHECK_EQ(puppy::statHeld(fd, numbers), 0);
  return fd;
}

void kinds() {
  const Folder folder;
  double numbers[puppy::kHeldNumbers];
  CHECK_EQ(mkfifo((folder / "fifo").c_str(), 0600), 0);
  CHECK_EQ(symlink("some/where", (folder / "link").c_str()), 0);
  int fd = hold(folder / "fifo", numbers);
  CHECK(S_ISFIFO(static_cast<mode_t>(numbers[0])));
  close(fd);
  fd = hold(folder / "link", numbers);
  CHECK(S_ISLNK(static_cast<mode_t>(numbers[0])));
  std::string target;
  CHECK_EQ(puppy::linkTarget(fd, &target), 0);
  CHECK_EQ(target, "some/where");
  close(fd);
  CHECK_EQ(puppy::holdPath(folder / "none"), -ENOENT);
  CHECK_EQ(puppy::holdPath(folder / "fifo/x"), -ENOTDIR);
  CHECK_EQ(puppy::statHeld(-1, numbers), -EBADF);
}

void reading() {
  const Folder folder;
  const int made = open((folder / "f").c_str(), O_CREAT | O_WRONLY, 0640);
  CHECK_EQ(write(made, "abc", 3), 3);
  close(made);
  double numbers[puppy::kHeldNumbers];
  const int held = hold(folder / "f", numbers);
  CHECK_EQ(numbers[6], 3.0);
  // What was held is read, whatever has its name now.
  CHECK_EQ(rename((folder / "f").c_str(), (folder / "g").c_str()), 0);
  CHECK_EQ(symlink("/etc/passwd", (folder / "f").c_str()), 0);
  const int fd = puppy::openHeld(held);
  char content[8];
  CHECK_EQ(read(fd, content, sizeof content), 3);
  std::string capability = "?";
  CHECK_EQ(puppy::capabilityOf(fd, &capability), 0);
  CHECK(capability.empty());
  close(fd);
  close(held);
}

// Longer than any path that the kernel takes: name by name.
void deep() {
  const Folder folder;
  const std::string name(200, 'd');
  std::string path = folder.path;
  int at = open(folder.path.c_str(), O_PATH);
  for (int i = 0; i < 30; i++) {
    CHECK_EQ(mkdirat(at, name.c_str(), 0700), 0);
    const int next = openat(at, name.c_str(), O_PATH);
    close(at);
    at = next;
    path += "/" + name + (i == 3 ? "//" : "");
  }
  CHECK_EQ(symlinkat(".", at, "link"), 0);
  close(at);
  double numbers[puppy::kHeldNumbers];
  const int fd = hold(path + "/", numbers);
  CHECK(S_ISDIR(static_cast<mode_t>(numbers[0])));
  close(fd);
  const int link = hold(path + "/link", numbers);
  CHECK(S_ISLNK(static_cast<mode_t>(numbers[0])));
  close(link);
  CHECK_EQ(puppy::holdPath(path + "/link/x"), -ELOOP);
  CHECK_EQ(puppy::holdPath(path + "/none"), -ENOENT);
  CHECK_EQ(puppy::holdPath(path + "/" + std::string(300, 'n')), -ENAMETOOLONG);
}

void links() {
  const Folder folder;
  CHECK_EQ(symlink("/etc", (folder / "out").c_str()), 0);
  CHECK_EQ(puppy::holdPath(folder / "out/passwd"), -ELOOP);
  const std::string root = "/proc/" + std::to_string(getpid()) + "/root";
  CHECK_EQ(puppy::holdPath(root + folder.path + "/out/passwd"), -ELOOP);
  double numbers[puppy::kHeldNumbers];
  for (const std::string& path : {root, root + "/", root + folder.path, std::string("/")}) {
    const int fd = hold(path, numbers);
    CHECK(fd >= 0);
    CHECK(S_ISDIR(static_cast<mode_t>(numbers[0])));
    close(fd);
  }
  CHECK_EQ(puppy::holdPath("/proc/self/exe/x"), -ELOOP);
  CHECK_EQ(puppy::holdPath("/proc/1/rooted"), -ENOENT);
}

const Case kCases[] = {{"kinds", kinds}, {"reading", reading}, {"a deep path", deep}, {"links on the way", links}};

}  // namespace

int main(int argc, char** argv) { return test::main(kCases, argc, argv); }
