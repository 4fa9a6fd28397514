/* What the tests of the library for C share. */
#ifndef CHECK_H
#define CHECK_H

#include <gradiendpatch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tells of a condition that does not hold, and counts it. */
#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)
void check(bool holds, const char *condition, const char *file, int line);

/* Makes a call that uses `error`, and has to fail with one of this kind. */
#define CHECK_FAILS(call, kind)                                    \
  do {                                                             \
    gpatch_error *error = NULL;                                    \
    check(!(call), #call, __FILE__, __LINE__);                     \
    check_kind(error, kind, __FILE__, __LINE__);                   \
  } while (0)
/* Frees the error. */
void check_kind(gpatch_error *error, const char *kind, const char *file, int line);

/* The error of a call that should have none, or NULL; tells of it, and frees it. */
#define CHECK_WORKS(call)                                          \
  do {                                                             \
    gpatch_error *error = NULL;                                    \
    check((call), #call, __FILE__, __LINE__);                      \
    check_none(error, __FILE__, __LINE__);                         \
  } while (0)
void check_none(gpatch_error *error, const char *file, int line);

/* Files that run.sh made: a base, a GRADIEND, the patch that `create` makes of both with h = -1 and α = 0.5, the result
 * that `apply` writes, and the patch from that result back to the base. */
typedef struct {
  char base[512], gradiend[512], patch[512], result[512], back[512];
} paths;

/* A patch, and what its tensors are in both roles, by their numbers. */
typedef struct {
  const paths *paths;
  gpatch_patch *patch;
  uint64_t count;
  gpatch_tensor *tensors;
  uint64_t *changed_counts;
  void **base;
  void **result;
} sample;

sample sample_open(const paths *paths);
void sample_free(sample *sample);
/* The first tensor that the patch changes. */
uint64_t changed_tensor(const sample *sample);

/* Tensors in memory: copies of those of a role. */
typedef struct {
  uint64_t count;
  gpatch_memory_tensor *tensors;
} memory;

memory memory_new(const sample *sample, gpatch_role role);
void memory_free(memory *memory);
bool memory_is(const memory *memory, const sample *sample, gpatch_role role);

/* A patch bound to a model, which may lack tensors that change only if that is allowed. */
gpatch_live *live_new(const sample *sample, const gpatch_model *model, bool allow_missing, gpatch_error **error);

void test_patches(const sample *sample);
void test_models(const sample *sample);
void test_devices(const sample *sample);
void test_model_refusals(const sample *sample);
void test_gradiends(const sample *sample);
void test_threads(const sample *sample);

#endif
