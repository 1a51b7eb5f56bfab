// Stand-ins for symbols that newer glibc versions added and the static libstdc++ and libgcc refer to.
#include <pthread.h>

extern "C" {
// libstdc++ may skip atomics while this is true; we have threads.
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;
// libgcc's unwinder falls back to dl_iterate_phdr when nothing is found.
__attribute__((visibility("hidden"))) int _dl_find_object(void*, void*) { return -1; }
// libgcc's gthreads ask for it by its internal name to see whether threads are there.
__attribute__((visibility("hidden"))) int __pthread_key_create(pthread_key_t* key, void (*destructor)(void*)) {
  return pthread_key_create(key, destructor);
}
// The old version by another name, so that the static libraries' reference binds to the function here.
int oldPthreadOnce(pthread_once_t*, void (*)());
__attribute__((visibility("hidden"))) int pthread_once(pthread_once_t* control, void (*routine)()) {
  return oldPthreadOnce(control, routine);
}
}
