/* Preloaded by test_few_threads.py: the system gives THREADS_LEFT more threads and then none, as in a container that
   limits their number. (RLIMIT_NPROC does not bind root.) */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument) {
  static atomic_int made;
  const char* const left = getenv("THREADS_LEFT");
  if (left && atomic_fetch_add(&made, 1) >= atoi(left)) return EAGAIN;
  int (*next)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  *(void**)&next = dlsym(RTLD_NEXT, "pthread_create");
  return next(thread, attributes, start, argument);
}
