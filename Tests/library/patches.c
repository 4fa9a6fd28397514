/* Patches and their tensors, from buffer to buffer. */
#include "check.h"

#include <stdatomic.h>
#include <unistd.h>

/* Elements that differ between two buffers. */
static uint64_t difference_count(const char *first, const char *second, uint64_t byte_count, uint64_t width) {
  uint64_t count = 0;
  for (uint64_t start = 0; start < byte_count; start += width) {
    count += memcmp(first + start, second + start, width) != 0;
  }
  return count;
}

static void test_tensor(const sample *sample, uint64_t index) {
  const gpatch_tensor *tensor = &sample->tensors[index];
  uint64_t size = tensor->byte_count, width = strcmp(tensor->type, "BF16") == 0 ? 2 : 4, product = width;
  for (uint64_t axis = 0; axis < tensor->rank; axis++) product *= tensor->shape[axis];
  CHECK(product == size && *tensor->name);
  char *base = sample->base[index], *result = sample->result[index], *output = malloc(size + 1);
  CHECK(difference_count(base, result, size, width) == sample->changed_counts[index]);
  gpatch_options options = {.threads = 2};

  CHECK_WORKS(gpatch_patch_transform(sample->patch, index, GPATCH_RESULT, base, output, size, &options, &error));
  CHECK(memcmp(output, result, size) == 0);
  CHECK_WORKS(gpatch_patch_transform(sample->patch, index, GPATCH_BASE, result, output, size, NULL, &error));
  CHECK(memcmp(output, base, size) == 0);

  for (int role = GPATCH_BASE; role <= GPATCH_RESULT; role++) {
    gpatch_changes *changes = NULL;
    const char *bytes = role == GPATCH_BASE ? base : result;
    CHECK_WORKS((changes = gpatch_patch_changes(sample->patch, index, role, bytes, size, NULL, &error)));
    if (!changes) continue;
    CHECK(changes->count == sample->changed_counts[index]);
    CHECK(changes->element_byte_count == width);
    /* They make the other of one. */
    memcpy(output, bytes, size);
    const char *words = role == GPATCH_BASE ? changes->result : changes->base;
    for (uint64_t change = 0; change < changes->count; change++) {
      CHECK(change == 0 || changes->indices[change - 1] < changes->indices[change]);
      memcpy(output + changes->indices[change] * width, words + change * width, width);
    }
    CHECK(memcmp(output, role == GPATCH_BASE ? result : base, size) == 0);
    gpatch_changes_free(changes);
  }
  if (sample->changed_counts[index] > 0) {
    CHECK_FAILS(
        gpatch_patch_transform(sample->patch, index, GPATCH_BASE, base, output, size, NULL, &error), "mismatch");
    CHECK_FAILS(
        gpatch_patch_changes(sample->patch, index, GPATCH_RESULT, base, size, NULL, &error), "mismatch");
  }
  free(output);
}

static void test_arguments(const sample *sample) {
  gpatch_patch *patch = sample->patch;
  uint64_t size = sample->tensors[0].byte_count;
  char *input = sample->base[0], *output = malloc(size + 16);
  gpatch_tensor tensor = {.name = "untouched"};
  uint64_t changed = 77;
  uint64_t numbers[] = {sample->count, UINT32_MAX, INT64_MAX, UINT64_MAX};
  for (int number = 0; number < 4; number++) {
    uint64_t index = numbers[number];
    CHECK(!gpatch_patch_tensor(patch, index, &tensor, &changed));
    CHECK(strcmp(tensor.name, "untouched") == 0 && changed == 77);
    CHECK_FAILS(gpatch_patch_transform(patch, index, GPATCH_RESULT, input, output, size, NULL, &error), "usage");
    CHECK_FAILS(gpatch_patch_changes(patch, index, GPATCH_BASE, input, size, NULL, &error), "usage");
  }
  int32_t roles[] = {GPATCH_NEITHER, 3, -1, INT32_MIN, INT32_MAX};
  for (int number = 0; number < 5; number++) {
    CHECK_FAILS(gpatch_patch_transform(patch, 0, roles[number], input, output, size, NULL, &error), "usage");
    CHECK_FAILS(gpatch_patch_changes(patch, 0, roles[number], input, size, NULL, &error), "usage");
  }
  uint64_t sizes[] = {0, size - 1, size + 1, INT64_MAX, UINT64_MAX};
  for (int number = 0; number < 5; number++) {
    CHECK_FAILS(gpatch_patch_transform(patch, 0, GPATCH_RESULT, input, output, sizes[number], NULL, &error), "usage");
    CHECK_FAILS(gpatch_patch_changes(patch, 0, GPATCH_BASE, input, sizes[number], NULL, &error), "usage");
  }
  memcpy(output, input, size);
  CHECK_FAILS(gpatch_patch_transform(patch, 0, GPATCH_RESULT, output, output, size, NULL, &error), "usage");
  CHECK_FAILS(gpatch_patch_transform(patch, 0, GPATCH_RESULT, output, output + 1, size, NULL, &error), "usage");
  CHECK(memcmp(output, input, size) == 0);
  /* Nobody wants to know. */
  CHECK(!gpatch_patch_transform(patch, 0, 99, input, output, size, NULL, NULL));
  free(output);
}

static void test_opening(const sample *sample) {
  CHECK_FAILS(gpatch_patch_open("/nowhere/patch", &error), "cannotOpen");
  CHECK_FAILS(gpatch_patch_open("", &error), "cannotOpen");
  CHECK_FAILS(gpatch_patch_open("caf\xe9", &error), "cannotOpen");
  CHECK_FAILS(gpatch_patch_open("no-one/has-this", &error), "cannotOpen");
  CHECK_FAILS(gpatch_patch_open(sample->paths->base, &error), "cannotOpen");
  CHECK_FAILS(gpatch_patch_open("/proc/self/exe", &error), "badInput");
  CHECK_FAILS(gpatch_reader_open(sample->patch, "/nowhere", &error), "cannotOpen");
  CHECK_FAILS(gpatch_reader_open(sample->patch, sample->paths->gradiend, &error), "mismatch");
  gpatch_error *error = NULL;
  CHECK(!gpatch_patch_open("/nowhere/patch", &error));
  CHECK(strcmp(gpatch_error_path(error), "/nowhere/patch") == 0);
  CHECK(!gpatch_error_tensor(error) && !gpatch_error_remedy(error));
  gpatch_error_free(error);

  /* Paths are any bytes. */
  char path[600];
  snprintf(path, sizeof path, "%s-caf\xe9", sample->paths->patch);
  CHECK(!gpatch_patch_open(path, &error));
  CHECK(strcmp(gpatch_error_path(error), path) == 0);
  gpatch_error_free(error);
  CHECK(symlink(sample->paths->patch, path) == 0);
  gpatch_patch *patch = NULL;
  CHECK_WORKS((patch = gpatch_patch_open(path, &error)));
  gpatch_patch_free(patch);
  unlink(path);
}

static void test_reader(const sample *sample) {
  gpatch_reader *reader = NULL;
  CHECK_WORKS((reader = gpatch_reader_open(sample->patch, sample->paths->base, &error)));
  uint64_t size = sample->tensors[0].byte_count;
  char *output = malloc(size);
  CHECK_WORKS(gpatch_reader_read(reader, 0, GPATCH_RESULT, output, size, NULL, &error));
  CHECK(memcmp(output, sample->result[0], size) == 0);
  CHECK_FAILS(gpatch_reader_read(reader, sample->count, GPATCH_BASE, output, size, NULL, &error), "usage");
  CHECK_FAILS(gpatch_reader_read(reader, 0, 9, output, size, NULL, &error), "usage");
  CHECK_FAILS(gpatch_reader_read(reader, 0, GPATCH_BASE, output, size + 1, NULL, &error), "usage");
  gpatch_reader_free(reader);
  /* The result's files are another model. */
  CHECK_WORKS((reader = gpatch_reader_open(sample->patch, sample->paths->result, &error)));
  uint64_t changed = changed_tensor(sample), changed_size = sample->tensors[changed].byte_count;
  output = realloc(output, changed_size);
  CHECK_FAILS(
      gpatch_reader_read(reader, changed, GPATCH_RESULT, output, changed_size, NULL, &error), "mismatch");
  gpatch_reader_free(reader);
  free(output);
}

/* Progress of a piece of work, which is cancelled as soon as there is any if `cancellation` is set. */
typedef struct {
  atomic_ullong last, calls;
  gpatch_cancellation *cancellation;
  const gpatch_live *live;
} watch;

static void progress(void *context, uint64_t done, uint64_t total) {
  watch *watch = context;
  watch->calls++;
  CHECK(done <= total && total > 0);
  if (done == total) watch->last = total;
  if (watch->cancellation) gpatch_cancel(watch->cancellation);
  /* It cannot wait for what it is part of. */
  if (!watch->live) return;
  CHECK_FAILS(gpatch_live_move(watch->live, GPATCH_BASE, true, NULL, &error), "usage");
  CHECK_FAILS(gpatch_live_verdict(watch->live, NULL, &error), "usage");
}

static void test_options(const sample *sample) {
  uint64_t size = sample->tensors[0].byte_count;
  char *output = malloc(size);
  watch watch = {0};
  gpatch_options options = {.threads = UINT32_MAX, .progress = progress, .progress_context = &watch};
  CHECK_WORKS(
      gpatch_patch_transform(sample->patch, 0, GPATCH_RESULT, sample->base[0], output, size, &options, &error));
  CHECK(watch.last == size && watch.calls > 0);

  gpatch_cancellation *cancellation = gpatch_cancellation_new();
  options = (gpatch_options){.cancellation = cancellation};
  CHECK_WORKS(
      gpatch_patch_transform(sample->patch, 0, GPATCH_RESULT, sample->base[0], output, size, &options, &error));
  gpatch_cancel(cancellation);
  gpatch_cancel(cancellation);
  CHECK_FAILS(
      gpatch_patch_transform(sample->patch, 0, GPATCH_RESULT, sample->base[0], output, size, &options, &error),
      "cancelled");
  gpatch_cancellation_free(cancellation);

  /* Somebody who looks on has enough: the model stays what it was. */
  memory memory = memory_new(sample, GPATCH_BASE);
  gpatch_model *model = gpatch_model_new(memory.tensors, memory.count, NULL, NULL);
  gpatch_live *live = live_new(sample, model, false, NULL);
  watch.cancellation = gpatch_cancellation_new();
  options = (gpatch_options){
      .threads = 1, .cancellation = watch.cancellation, .progress = progress, .progress_context = &watch};
  CHECK_FAILS(gpatch_live_move(live, GPATCH_RESULT, true, &options, &error), "cancelled");
  CHECK(memory_is(&memory, sample, GPATCH_BASE));
  gpatch_cancellation_free(watch.cancellation);
  watch.cancellation = NULL;
  watch.live = live;
  options = (gpatch_options){.threads = 2, .progress = progress, .progress_context = &watch};
  CHECK_WORKS(gpatch_live_move(live, GPATCH_RESULT, true, &options, &error));
  CHECK(memory_is(&memory, sample, GPATCH_RESULT));
  gpatch_live_free(live);
  gpatch_model_free(model);
  memory_free(&memory);
  free(output);
}

void test_patches(const sample *sample) {
  for (uint64_t index = 0; index < sample->count; index++) test_tensor(sample, index);
  test_arguments(sample);
  test_opening(sample);
  test_reader(sample);
  test_options(sample);
}
