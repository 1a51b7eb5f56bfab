// What the kernel isn't asked for however much a rule would like it: system calls that every program makes all the time, and trees
// that everything writes to. An event costs some 5 µs where it happens and 1 KB where it is read.

/** Thousands a second on a host that does nothing special. */
const FREQUENT: ReadonlySet<string> = new Set(
  (
    'read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 open openat openat2 close close_range ' +
    'stat fstat lstat newfstatat stat64 fstat64 lstat64 fstatat64 statx access faccessat faccessat2 readlink readlinkat getcwd ' +
    'getdents getdents64 lseek _llseek dup dup2 dup3 pipe pipe2 fcntl fcntl64 ioctl poll ppoll select pselect6 _newselect ' +
    'epoll_wait epoll_pwait epoll_pwait2 epoll_ctl recvfrom recvmsg recvmmsg recv sendto sendmsg sendmmsg send sendfile splice ' +
    'getsockopt setsockopt getsockname getpeername shutdown mmap mmap2 munmap mremap mprotect madvise brk futex nanosleep ' +
    'clock_nanosleep clock_gettime gettimeofday time sched_yield getpid gettid getppid getuid geteuid getgid getegid ' +
    'rt_sigaction rt_sigprocmask rt_sigreturn sigreturn rt_sigtimedwait sigaltstack getrandom getrusage getrlimit prlimit64 ' +
    'set_robust_list rseq set_tid_address arch_prctl wait4 waitid io_uring_enter ' +
    'io_submit io_getevents timerfd_settime eventfd2 sched_getaffinity membarrier restart_syscall'
  ).split(' '),
);

export const isFrequent = (syscall: string): boolean => FREQUENT.has(syscall);

/** Conditions that leave few events of a frequent system call: an argument or a result, not who or whether. */
export const isNarrow = (conditions: readonly string[]): boolean =>
  conditions.some(text => /^(?:a[0-3]|exit)(?:=|>=)/.test(text));

/** Trees in which ordinary work writes all the time. */
const BUSY: ReadonlySet<string> = new Set(
  '/home /usr /var /var/lib /var/log /var/cache /var/tmp /tmp /run /dev /dev/shm /proc /sys /opt /srv /root /mnt /media'.split(
    ' ',
  ),
);

export const isBusyTree = (path: string): boolean => path === '/' || BUSY.has(path);
