// What the sanitizers have to be told of Swift. Linked into all that `make test-sanitized` builds.

#include <stdint.h>

#ifdef ADDRESS

// Swift's runtime keeps what leak detection would report.
const char *__asan_default_options(void) { return "detect_leaks=0"; }

#else

// Every empty array is one and the same object, whose count of 0 is written and read by all threads.
const char *__tsan_default_suppressions(void) { return "race:_swiftEmptyArrayStorage\n"; }
const char *__tsan_default_options(void) { return "halt_on_error=1"; }

// A Mutex that no other thread wants is taken by code that is compiled into its users, so that the
// sanitizer sees it. Otherwise the two functions below do it, in a library that is built without the
// sanitizer: all that such a mutex guards would look like a race. Linked with --wrap for both.

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *self
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

void __tsan_acquire(void *address);
void __tsan_release(void *address);

SWIFT void lock(uint32_t thread, SELF) __asm__("__wrap_" LOCK);
SWIFT void realLock(uint32_t thread, SELF) __asm__("__real_" LOCK);
SWIFT void unlock(SELF) __asm__("__wrap_" UNLOCK);
SWIFT void realUnlock(SELF) __asm__("__real_" UNLOCK);

SWIFT void lock(uint32_t thread, SELF) {
  realLock(thread, self);
  __tsan_acquire(self);
}

SWIFT void unlock(SELF) {
  __tsan_release(self);
  realUnlock(self);
}

#endif
