/* Uses the whole interface of libgradiendpatch: main FOLDER, with the files that run.sh makes. */
#include "check.h"

#include <stdatomic.h>

static atomic_int fault_count;

void check(bool holds, const char *condition, const char *file, int line) {
  if (holds) return;
  fault_count++;
  printf("%s:%d: %s\n", file, line, condition);
}

void check_kind(gpatch_error *error, const char *kind, const char *file, int line) {
  check(error != NULL, "there is an error", file, line);
  if (!error) return;
  check(strcmp(gpatch_error_kind(error), kind) == 0, kind, file, line);
  check(*gpatch_error_message(error) != 0, "the error says something", file, line);
  if (strcmp(gpatch_error_kind(error), kind) != 0) {
    printf("  it is %s: %s\n", gpatch_error_kind(error), gpatch_error_message(error));
  }
  gpatch_error_free(error);
}

void check_none(gpatch_error *error, const char *file, int line) {
  check(error == NULL, "there is no error", file, line);
  if (!error) return;
  printf("  %s: %s\n", gpatch_error_kind(error), gpatch_error_message(error));
  gpatch_error_free(error);
}

static void *copy(const void *bytes, uint64_t count) {
  void *copied = malloc(count > 0 ? count : 1);
  if (copied) memcpy(copied, bytes, count);
  return copied;
}

/* The tensors of the base of a patch, read from its files. */
static void **base_tensors(const char *patch_path, const char *files, uint64_t *count) {
  gpatch_patch *patch = gpatch_patch_open(patch_path, NULL);
  CHECK(patch);
  gpatch_reader *reader = NULL;
  CHECK_WORKS((reader = gpatch_reader_open(patch, files, &error)));
  *count = gpatch_patch_tensor_count(patch);
  void **tensors = calloc(*count, sizeof *tensors);
  for (uint64_t index = 0; index < *count; index++) {
    gpatch_tensor tensor;
    uint64_t changed;
    CHECK(gpatch_patch_tensor(patch, index, &tensor, &changed));
    tensors[index] = malloc(tensor.byte_count + 1);
    CHECK_WORKS(gpatch_reader_read(reader, index, GPATCH_BASE, tensors[index], tensor.byte_count, NULL, &error));
  }
  gpatch_patch_free(patch);
  gpatch_reader_free(reader);
  return tensors;
}

sample sample_open(const paths *paths) {
  sample sample = {.paths = paths};
  CHECK_WORKS((sample.patch = gpatch_patch_open(paths->patch, &error)));
  uint64_t count = gpatch_patch_tensor_count(sample.patch), back_count;
  sample.count = count;
  sample.tensors = calloc(count, sizeof *sample.tensors);
  sample.changed_counts = calloc(count, sizeof *sample.changed_counts);
  for (uint64_t index = 0; index < count; index++) {
    CHECK(gpatch_patch_tensor(sample.patch, index, &sample.tensors[index], &sample.changed_counts[index]));
  }
  sample.base = base_tensors(paths->patch, paths->base, &count);
  /* The result as `apply` wrote it. */
  sample.result = base_tensors(paths->back, paths->result, &back_count);
  CHECK(count == back_count && count == sample.count && count > 0);
  return sample;
}

void sample_free(sample *sample) {
  for (uint64_t index = 0; index < sample->count; index++) {
    free(sample->base[index]);
    free(sample->result[index]);
  }
  free(sample->base);
  free(sample->result);
  free(sample->tensors);
  free(sample->changed_counts);
  gpatch_patch_free(sample->patch);
}

uint64_t changed_tensor(const sample *sample) {
  uint64_t index = 0;
  while (index + 1 < sample->count && sample->changed_counts[index] == 0) index++;
  return index;
}

memory memory_new(const sample *sample, gpatch_role role) {
  memory memory = {.count = sample->count, .tensors = calloc(sample->count, sizeof *memory.tensors)};
  for (uint64_t index = 0; index < memory.count; index++) {
    const void *bytes = role == GPATCH_BASE ? sample->base[index] : sample->result[index];
    memory.tensors[index].tensor = sample->tensors[index];
    memory.tensors[index].data = copy(bytes, sample->tensors[index].byte_count);
  }
  return memory;
}

void memory_free(memory *memory) {
  for (uint64_t index = 0; index < memory->count; index++) free(memory->tensors[index].data);
  free(memory->tensors);
}

bool memory_is(const memory *memory, const sample *sample, gpatch_role role) {
  for (uint64_t index = 0; index < memory->count; index++) {
    const void *bytes = role == GPATCH_BASE ? sample->base[index] : sample->result[index];
    if (memcmp(memory->tensors[index].data, bytes, sample->tensors[index].byte_count) != 0) return false;
  }
  return true;
}

static void test_nothing(void) {
  CHECK(gpatch_abi_version() == GPATCH_ABI_VERSION);
  CHECK(strchr(gpatch_version(), '.') != NULL);
  gpatch_error_free(NULL);
  gpatch_cancellation_free(NULL);
  gpatch_changes_free(NULL);
  gpatch_patch_free(NULL);
  gpatch_reader_free(NULL);
  gpatch_model_free(NULL);
  gpatch_live_free(NULL);
  gpatch_verdict_free(NULL);
  gpatch_gradiend_free(NULL);
  gpatch_trial_free(NULL);
}

gpatch_live *live_new(const sample *sample, const gpatch_model *model, bool allow_missing, gpatch_error **error) {
  gpatch_live *live = gpatch_live_new(sample->patch, model, error);
  if (live != NULL && !allow_missing && !gpatch_live_check_complete(live, error)) {
    gpatch_live_free(live);
    return NULL;
  }
  return live;
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  paths paths;
  const char *names[] = {"base", "gradiend", "patch", "result", "back"};
  char *all[] = {paths.base, paths.gradiend, paths.patch, paths.result, paths.back};
  for (int index = 0; index < 5; index++) snprintf(all[index], 512, "%s/%s", arguments[1], names[index]);
  test_nothing();
  sample sample = sample_open(&paths);
  test_patches(&sample);
  test_models(&sample);
  test_devices(&sample);
  test_model_refusals(&sample);
  test_gradiends(&sample);
  test_threads(&sample);
  sample_free(&sample);
  if (fault_count > 0) printf("%d checks failed\n", fault_count);
  return fault_count > 0;
}
