// client IP PORT [udp|data]: connects, prints its pid and local port, and ends. One that is refused prints nothing else.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const int isUdp = argc > 3 && strcmp(argv[3], "udp") == 0;
  struct sockaddr_storage to = {0};
  struct sockaddr_in* four = (struct sockaddr_in*)&to;
  struct sockaddr_in6* six = (struct sockaddr_in6*)&to;
  socklen_t length = sizeof *four;
  if (inet_pton(AF_INET, argv[1], &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons((uint16_t)atoi(argv[2]));
  } else if (inet_pton(AF_INET6, argv[1], &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t)atoi(argv[2]));
    length = sizeof *six;
  } else {
    return 2;
  }
  const int fd = socket(to.ss_family, isUdp ? SOCK_DGRAM : SOCK_STREAM, 0);
  connect(fd, (struct sockaddr*)&to, length);
  if (argc > 3) (void)!write(fd, "x", 1);
  struct sockaddr_storage own = {0};
  socklen_t size = sizeof own;
  getsockname(fd, (struct sockaddr*)&own, &size);
  // The port is at the same place in both.
  printf("%d %d\n", getpid(), ntohs(((struct sockaddr_in*)&own)->sin_port));
  return 0;
}
