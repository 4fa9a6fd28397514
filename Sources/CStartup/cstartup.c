#include "cstartup.h"

#include <stdlib.h>

// When OpenBLAS is loaded it starts a thread for each core, and these spin for some 25 ms in search
// of work: a tenth of the time it takes to apply a patch. This program computes in threads of its own,
// each calling BLAS for itself. What decides is an environment variable that is read while the
// library is loaded, so it is set before: functions in .preinit_array, which only executables can
// have, run ahead of the constructors of shared libraries.
static void use_one_blas_thread(void) { setenv("OPENBLAS_NUM_THREADS", "1", 0); }

__attribute__((section(".preinit_array"), used)) static void (*const before_libraries)(void) =
    use_one_blas_thread;
