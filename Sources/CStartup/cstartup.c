#define _GNU_SOURCE
#include "cstartup.h"

#include <sched.h>
#include <stddef.h>

// When OpenBLAS is loaded it starts a thread for each core that the process may use, and these spin for
// some 25 ms in search of work: a tenth of the time it takes to apply a patch. This program computes in
// threads of its own, each calling BLAS for itself. So it confines itself to one core while libraries
// are loaded: functions in .preinit_array, which only executables can have, run ahead of the constructors
// of shared libraries, and those of the executable itself after them. Setting OPENBLAS_NUM_THREADS there
// would be too early: the C library has not taken over the environment yet, and drops what was set.

static cpu_set_t allowed_cores;
static int is_confined;

static void confine_to_one_core(void) {
  if (sched_getaffinity(0, sizeof allowed_cores, &allowed_cores) != 0) return;
  for (size_t core = 0; core < CPU_SETSIZE; core++) {
    if (!CPU_ISSET(core, &allowed_cores)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    is_confined = sched_setaffinity(0, sizeof one, &one) == 0;
    return;
  }
}

static void use_all_cores(void) {
  if (is_confined) sched_setaffinity(0, sizeof allowed_cores, &allowed_cores);
}

// Named sections instead of the constructor attribute: the compiler runs constructors that it can while it
// compiles, and would find nothing to do.
__attribute__((section(".preinit_array"), used)) static void (*const before_libraries)(void) =
    confine_to_one_core;

__attribute__((section(".init_array"), used)) static void (*const after_libraries)(void) = use_all_cores;
