/* Models in memory, there and back. */
#include "check.h"

static gpatch_model *model_of(const memory *memory) {
  gpatch_model *model = NULL;
  CHECK_WORKS((model = gpatch_model_new(memory->tensors, memory->count, NULL, &error)));
  return model;
}

static gpatch_role role_of(const gpatch_live *live) {
  gpatch_verdict *verdict = NULL;
  CHECK_WORKS((verdict = gpatch_live_verdict(live, NULL, &error)));
  gpatch_role role = gpatch_verdict_role(verdict);
  if (role != GPATCH_NEITHER) CHECK(!gpatch_verdict_differing(verdict, role, 0));
  gpatch_verdict_free(verdict);
  return role;
}

static void test_diff(const sample *sample) {
  memory base = memory_new(sample, GPATCH_BASE), result = memory_new(sample, GPATCH_RESULT);
  gpatch_model *models[] = {model_of(&base), model_of(&result)};
  /* Paths are any bytes. */
  char path[600];
  snprintf(path, sizeof path, "%s-\xff-made", sample->paths->patch);
  CHECK_WORKS(gpatch_diff(models[0], models[1], path, NULL, &error));
  CHECK_FAILS(gpatch_diff(models[0], models[1], path, NULL, &error), "outputExists");
  gpatch_patch *patch = NULL;
  CHECK_WORKS((patch = gpatch_patch_open(path, &error)));
  gpatch_live *live = NULL;
  CHECK_WORKS((live = gpatch_live_new(patch, models[0], &error)));
  CHECK_WORKS(gpatch_live_move(live, GPATCH_RESULT, true, NULL, &error));
  CHECK(memory_is(&base, sample, GPATCH_RESULT));
  gpatch_live_free(live);
  gpatch_patch_free(patch);
  for (int number = 0; number < 2; number++) gpatch_model_free(models[number]);
  memory_free(&base);
  memory_free(&result);
  remove(path);
}

static void test_moves(const sample *sample) {
  memory memory = memory_new(sample, GPATCH_BASE);
  gpatch_model *model = model_of(&memory);
  gpatch_live *live = NULL;
  CHECK_WORKS((live = live_new(sample, model, false, &error)));
  gpatch_model_free(model);
  CHECK(!gpatch_live_missing(live, 0) && !gpatch_live_unknown(live, 0));
  CHECK(!gpatch_live_missing(live, UINT64_MAX) && !gpatch_live_unknown(live, UINT64_MAX));
  CHECK(role_of(live) == GPATCH_BASE);
  for (int round = 0; round < 100; round++) {
    bool checks = round % 3 != 1;
    CHECK_WORKS(gpatch_live_move(live, GPATCH_RESULT, checks, NULL, &error));
    CHECK(memory_is(&memory, sample, GPATCH_RESULT));
    CHECK_WORKS(gpatch_live_move(live, GPATCH_RESULT, checks, NULL, &error));
    CHECK(memory_is(&memory, sample, GPATCH_RESULT));
    CHECK_WORKS(gpatch_live_move(live, GPATCH_BASE, checks, NULL, &error));
    CHECK(memory_is(&memory, sample, GPATCH_BASE));
  }
  int32_t roles[] = {GPATCH_NEITHER, 3, -1};
  for (int number = 0; number < 3; number++) {
    CHECK_FAILS(gpatch_live_move(live, roles[number], true, NULL, &error), "usage");
  }

  /* Somebody else writes to it. */
  char *byte = memory.tensors[0].data;
  *byte ^= 1;
  gpatch_error *error = NULL;
  CHECK(!gpatch_live_move(live, GPATCH_RESULT, true, NULL, &error));
  CHECK(strcmp(gpatch_error_kind(error), "mismatch") == 0);
  CHECK(strcmp(gpatch_error_tensor(error), memory.tensors[0].tensor.name) == 0);
  CHECK(strcmp(gpatch_error_path(error), "the model") == 0 && gpatch_error_remedy(error));
  gpatch_error_free(error);
  CHECK(role_of(live) == GPATCH_NEITHER);
  gpatch_verdict *verdict = gpatch_live_verdict(live, NULL, NULL);
  CHECK(strcmp(gpatch_verdict_differing(verdict, GPATCH_BASE, 0), memory.tensors[0].tensor.name) == 0);
  CHECK(!gpatch_verdict_differing(verdict, GPATCH_BASE, 1));
  CHECK(gpatch_verdict_differing(verdict, GPATCH_RESULT, 0));
  CHECK(!gpatch_verdict_differing(verdict, GPATCH_RESULT, UINT64_MAX));
  CHECK(!gpatch_verdict_differing(verdict, GPATCH_NEITHER, 0));
  gpatch_verdict_free(verdict);
  *byte ^= 1;
  CHECK_WORKS(gpatch_live_move(live, GPATCH_RESULT, true, NULL, &error));
  CHECK(role_of(live) == GPATCH_RESULT);
  gpatch_live_free(live);
  memory_free(&memory);
}

static void test_missing(const sample *sample) {
  memory memory = memory_new(sample, GPATCH_BASE);
  uint64_t gone = changed_tensor(sample);
  const char *name = memory.tensors[gone].tensor.name;
  memory.tensors[gone].tensor.name = "somebody else";
  gpatch_model *model = model_of(&memory);
  CHECK_FAILS(live_new(sample, model, false, &error), "mismatch");
  gpatch_live *live = NULL;
  CHECK_WORKS((live = live_new(sample, model, true, &error)));
  CHECK(strcmp(gpatch_live_missing(live, 0), name) == 0 && !gpatch_live_missing(live, 1));
  CHECK(strcmp(gpatch_live_unknown(live, 0), "somebody else") == 0 && !gpatch_live_unknown(live, 1));
  CHECK_WORKS(gpatch_live_move(live, GPATCH_RESULT, true, NULL, &error));
  for (uint64_t index = 0; index < memory.count; index++) {
    const void *expected = index == gone ? sample->base[index] : sample->result[index];
    CHECK(memcmp(memory.tensors[index].data, expected, sample->tensors[index].byte_count) == 0);
  }
  gpatch_live_free(live);
  gpatch_model_free(model);

  /* Nothing is there at all. */
  CHECK_WORKS((model = gpatch_model_new(NULL, 0, "llama", &error)));
  CHECK_FAILS(live_new(sample, model, false, &error), "mismatch");
  CHECK_FAILS(live_new(sample, model, true, &error), "mismatch");
  gpatch_model_free(model);
  memory_free(&memory);
}

/* BF16 values in F32, at addresses that are multiples of nothing, each tensor under a second name. */
static void test_wide(const sample *sample) {
  uint64_t count = sample->count;
  gpatch_memory_tensor *tensors = calloc(2 * count, sizeof *tensors);
  char **names = calloc(count, sizeof *names), **buffers = calloc(count, sizeof *buffers);
  for (uint64_t index = 0; index < count; index++) {
    uint64_t size = sample->tensors[index].byte_count;
    const unsigned char *narrow = sample->base[index];
    buffers[index] = malloc(2 * size + 1);
    char *wide = buffers[index] + 1;
    for (uint64_t element = 0; element < size / 2; element++) {
      const unsigned char bytes[] = {0, 0, narrow[2 * element], narrow[2 * element + 1]};
      memcpy(wide + 4 * element, bytes, 4);
    }
    gpatch_memory_tensor tensor = {.tensor = sample->tensors[index], .data = wide};
    tensor.tensor.type = "F32";
    tensor.tensor.byte_count = 2 * size;
    names[index] = malloc(strlen(tensor.tensor.name) + 9);
    sprintf(names[index], "wrapped/%s", tensor.tensor.name);
    tensors[index] = tensor;
    tensor.tensor.name = names[index];
    tensors[count + index] = tensor;
  }
  gpatch_model *model = NULL;
  CHECK_WORKS((model = gpatch_model_new(tensors, 2 * count, "llama", &error)));
  gpatch_live *live = NULL;
  CHECK_WORKS((live = live_new(sample, model, false, &error)));
  CHECK(!gpatch_live_missing(live, 0) && !gpatch_live_unknown(live, 0));
  for (int role = GPATCH_RESULT; role >= GPATCH_BASE; role--) {
    CHECK_WORKS(gpatch_live_move(live, role, true, NULL, &error));
    CHECK(role_of(live) == role);
    for (uint64_t index = 0; index < count; index++) {
      const char *narrow = role == GPATCH_BASE ? sample->base[index] : sample->result[index];
      for (uint64_t element = 0; element < sample->tensors[index].byte_count / 2; element++) {
        const char *wide = (const char *)tensors[index].data + 4 * element;
        CHECK(wide[0] == 0 && wide[1] == 0 && memcmp(wide + 2, narrow + 2 * element, 2) == 0);
      }
    }
  }
  gpatch_live_free(live);
  gpatch_model_free(model);
  for (uint64_t index = 0; index < count; index++) {
    free(names[index]);
    free(buffers[index]);
  }
  free(names);
  free(buffers);
  free(tensors);
}

void test_models(const sample *sample) {
  test_moves(sample);
  test_diff(sample);
  test_missing(sample);
  test_wide(sample);
}

/* ---- Refusals ---------------------------------------------------------------------------------------------- */

#define REFUSED(kind, ...)                                                    \
  do {                                                                        \
    gpatch_memory_tensor tensor = {.tensor = good, .data = data};             \
    __VA_ARGS__;                                                              \
    CHECK_FAILS(gpatch_model_new(&tensor, 1, NULL, &error), kind);            \
  } while (0)

void test_model_refusals(const sample *sample) {
  (void)sample;
  float data[6] = {0};
  uint64_t shape[] = {2, 3}, half[] = {1ull << 32, 1ull << 32}, high[] = {1ull << 63}, empty[] = {UINT64_MAX, 0};
  const gpatch_tensor good = {.name = "a", .type = "F32", .shape = shape, .rank = 2, .byte_count = 24};
  REFUSED("usage", tensor.tensor.type = "F33");
  REFUSED("usage", tensor.tensor.type = "");
  REFUSED("usage", tensor.tensor.type = "f32");
  REFUSED("usage", tensor.tensor.type = "\xff");
  REFUSED("usage", tensor.tensor.type = "Q4_K");
  REFUSED("usage", tensor.tensor.name = "\xc3");
  REFUSED("usage", tensor.tensor.shape = NULL);
  REFUSED("usage", tensor.tensor.rank = 65);
  REFUSED("usage", tensor.tensor.rank = 1ull << 40);
  REFUSED("usage", tensor.tensor.rank = UINT64_MAX);
  REFUSED("usage", tensor.tensor.rank = 1);
  REFUSED("usage", tensor.tensor.shape = half);
  REFUSED("usage", (tensor.tensor.shape = high, tensor.tensor.rank = 1));
  REFUSED("usage", (tensor.tensor.shape = empty, tensor.tensor.byte_count = 0));
  REFUSED("usage", tensor.tensor.byte_count = 23);
  REFUSED("usage", tensor.tensor.byte_count = 0);
  REFUSED("usage", tensor.tensor.byte_count = UINT64_MAX);
  REFUSED("usage", tensor.data = NULL);
  REFUSED("usage", tensor.data = (void *)(UINTPTR_MAX - 7));

  gpatch_memory_tensor two[] = {{.tensor = good, .data = data}, {.tensor = good, .data = data}};
  CHECK_FAILS(gpatch_model_new(two, 2, NULL, &error), "usage");
  two[1].tensor.name = "b";
  gpatch_model *model = NULL;
  CHECK_WORKS((model = gpatch_model_new(two, 2, NULL, &error)));
  gpatch_model_free(model);
  two[1].tensor.type = "I32";
  CHECK_FAILS(gpatch_model_new(two, 2, NULL, &error), "usage");
  two[1].tensor.type = "F32";
  two[1].data = data + 1;
  CHECK_FAILS(gpatch_model_new(two, 2, NULL, &error), "usage");

  CHECK_FAILS(gpatch_model_new(two, 1, "\xff", &error), "usage");
  CHECK_FAILS(gpatch_model_new(NULL, 3, NULL, &error), "usage");
  CHECK_FAILS(gpatch_model_new(two, 1ull << 60, NULL, &error), "usage");
  CHECK_FAILS(gpatch_model_new(two, UINT64_MAX, NULL, &error), "usage");

  /* No elements need no place. */
  gpatch_memory_tensor none = {.tensor = {.name = "", .type = "BF16", .shape = empty + 1, .rank = 1}};
  CHECK_WORKS((model = gpatch_model_new(&none, 1, NULL, &error)));
  gpatch_model_free(model);
}
