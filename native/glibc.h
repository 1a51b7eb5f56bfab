// Binds to the oldest version of the few glibc functions that changed theirs, so that an addon built on a new distribution loads on an
// old one. Each line was found with `objdump -T`; the build fails when a symbol newer than the floor appears (build.ts).
#pragma once
#if defined(__x86_64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.2.5");
__asm__(".symver pthread_key_create,pthread_key_create@GLIBC_2.2.5");
__asm__(".symver oldPthreadOnce,pthread_once@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.17");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.17");
__asm__(".symver pthread_key_create,pthread_key_create@GLIBC_2.17");
__asm__(".symver oldPthreadOnce,pthread_once@GLIBC_2.17");
#endif
