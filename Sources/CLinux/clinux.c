#define _GNU_SOURCE
#include "clinux.h"

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

int clinux_rename_exclusively(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

int clinux_rename_exchange(const char *first, const char *second) {
  return renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE);
}

int clinux_reserve(int descriptor, off_t byte_count) {
  return fallocate(descriptor, 0, 0, byte_count);
}

int clinux_begin_writeback(int descriptor, off_t offset, off_t byte_count) {
  return sync_file_range(descriptor, offset, byte_count, SYNC_FILE_RANGE_WRITE);
}

int clinux_core_count(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int)online : 1;
}

void clinux_keep_freed_memory(int byte_count) {
  // Larger blocks would be mapped one by one; this is the most that glibc takes.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, byte_count);
}

void clinux_raise_file_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Swift's library for glibc refers to hypotf, which nothing here calls. It is the one symbol that asks
// for glibc 2.35; as the program has it, 2.34 will do.
__attribute__((visibility("hidden"))) float hypotf(float x, float y) {
  return (float)__builtin_sqrt((double)x * x + (double)y * y);
}

char **clinux_environment(void) { return environ; }

bool clinux_has_x86_64_v3(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("x86-64-v3");
#else
  return false;
#endif
}
