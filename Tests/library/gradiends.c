/* GRADIENDs, and models that try what they make. */
#include "check.h"

#include <math.h>

/* The candidate of the sample's patch. */
static const float factor = -1;
static const gpatch_candidate candidate = {
    .feature_factors = &factor, .feature_factor_count = 1, .learning_rate = 0.5f};

/* The number of a tensor of the sample. */
static uint64_t number_of(const sample *sample, const char *name) {
  uint64_t index = 0;
  while (index < sample->count && strcmp(sample->tensors[index].name, name) != 0) index++;
  CHECK(index < sample->count);
  return index;
}

static void test_results(const sample *sample, const gpatch_gradiend *gradiend) {
  CHECK(gpatch_gradiend_tensor_count(gradiend) == sample->count);
  CHECK(gpatch_gradiend_latent_count(gradiend) == 1);
  uint64_t changed_count = 0;
  for (uint64_t index = 0; index < sample->count; index++) {
    gpatch_tensor tensor;
    bool is_changed;
    CHECK(gpatch_gradiend_tensor(gradiend, index, &tensor, &is_changed));
    changed_count += is_changed;
    uint64_t number = number_of(sample, tensor.name);
    CHECK(tensor.byte_count == sample->tensors[number].byte_count);
    CHECK(is_changed || sample->changed_counts[number] == 0);
    char *output = malloc(tensor.byte_count + 1);
    CHECK_WORKS(gpatch_gradiend_result(gradiend, &candidate, index, output, tensor.byte_count, NULL, &error));
    CHECK(memcmp(output, sample->result[number], tensor.byte_count) == 0);
    free(output);
  }
  CHECK(changed_count > 0);
}

static void test_candidates(const gpatch_gradiend *gradiend) {
  gpatch_tensor tensor = {.name = "untouched"};
  bool is_changed;
  CHECK(!gpatch_gradiend_tensor(gradiend, UINT64_MAX, &tensor, &is_changed));
  CHECK(strcmp(tensor.name, "untouched") == 0);
  CHECK(gpatch_gradiend_tensor(gradiend, 0, &tensor, &is_changed));
  uint64_t size = tensor.byte_count;
  char *output = malloc(size);
  const char *parts[] = {"decoder-weight", "decoder-bias", "decoder-sum", "encoder-weight"};
  for (int part = 0; part < 4; part++) {
    gpatch_candidate other = {.learning_rate = 0.5f, .part = parts[part]};
    CHECK_WORKS(gpatch_gradiend_result(gradiend, &other, 0, output, size, NULL, &error));
    other.feature_factors = &factor;
    other.feature_factor_count = 1;
    CHECK_FAILS(gpatch_gradiend_result(gradiend, &other, 0, output, size, NULL, &error), "usage");
  }
  float factors[] = {-1, 1};
  const float wrong[] = {NAN, INFINITY, -INFINITY};
  gpatch_candidate refused[] = {
      {.learning_rate = 1},
      {.feature_factor_count = 1, .learning_rate = 1},
      {.feature_factor_count = UINT64_MAX, .learning_rate = 1},
      {.feature_factors = factors, .learning_rate = 1},
      {.feature_factors = factors, .feature_factor_count = 2, .learning_rate = 1},
      {.feature_factors = factors, .feature_factor_count = UINT64_MAX, .learning_rate = 1},
      {.feature_factors = &factor, .feature_factor_count = 1, .learning_rate = 1, .part = "encoder"},
      {.feature_factors = &factor, .feature_factor_count = 1, .learning_rate = 1, .part = ""},
      {.feature_factors = &factor, .feature_factor_count = 1, .learning_rate = 1, .part = "\xff"},
      {.feature_factors = wrong, .feature_factor_count = 1, .learning_rate = 1},
      {.feature_factors = wrong + 1, .feature_factor_count = 1, .learning_rate = 1},
      {.feature_factors = &factor, .feature_factor_count = 1, .learning_rate = NAN},
      {.feature_factors = &factor, .feature_factor_count = 1, .learning_rate = -INFINITY}};
  for (size_t number = 0; number < sizeof refused / sizeof *refused; number++) {
    CHECK_FAILS(gpatch_gradiend_result(gradiend, &refused[number], 0, output, size, NULL, &error), "usage");
  }
  uint64_t count = gpatch_gradiend_tensor_count(gradiend);
  CHECK_FAILS(gpatch_gradiend_result(gradiend, &candidate, count, output, size, NULL, &error), "usage");
  CHECK_FAILS(gpatch_gradiend_result(gradiend, &candidate, UINT64_MAX, output, size, NULL, &error), "usage");
  CHECK_FAILS(gpatch_gradiend_result(gradiend, &candidate, 0, output, size - 1, NULL, &error), "usage");
  gpatch_cancellation *cancellation = gpatch_cancellation_new();
  gpatch_cancel(cancellation);
  gpatch_options options = {.cancellation = cancellation};
  CHECK_FAILS(gpatch_gradiend_result(gradiend, &candidate, 0, output, size, &options, &error), "cancelled");
  gpatch_cancellation_free(cancellation);
  free(output);
}

static void test_trial(const sample *sample, gpatch_gradiend *gradiend) {
  memory memory = memory_new(sample, GPATCH_BASE);
  gpatch_model *model = NULL;
  CHECK_WORKS((model = gpatch_model_new(memory.tensors, memory.count, NULL, &error)));
  gpatch_trial *trial = NULL;
  CHECK_WORKS((trial = gpatch_trial_new(gradiend, model, &error)));
  /* It keeps what it was made from. */
  gpatch_gradiend_free(gradiend);
  gpatch_model_free(model);
  for (int round = 0; round < 3; round++) {
    float other = (float)round;
    gpatch_candidate first = candidate;
    first.feature_factors = &other;
    CHECK_WORKS(gpatch_trial_move(trial, &first, NULL, &error));
    CHECK_WORKS(gpatch_trial_move(trial, &candidate, NULL, &error));
    CHECK(memory_is(&memory, sample, GPATCH_RESULT));
    gpatch_candidate wrong = {.learning_rate = NAN};
    CHECK_FAILS(gpatch_trial_move(trial, &wrong, NULL, &error), "usage");
    CHECK(memory_is(&memory, sample, GPATCH_RESULT));
    CHECK_WORKS(gpatch_trial_move(trial, NULL, NULL, &error));
    CHECK(memory_is(&memory, sample, GPATCH_BASE));
    CHECK_WORKS(gpatch_trial_move(trial, NULL, NULL, &error));
  }
  *(char *)memory.tensors[changed_tensor(sample)].data ^= 1;
  CHECK_FAILS(gpatch_trial_move(trial, &candidate, NULL, &error), "mismatch");
  gpatch_trial_free(trial);
  memory_free(&memory);
}

void test_gradiends(const sample *sample) {
  const paths *paths = sample->paths;
  CHECK_FAILS(gpatch_gradiend_open(paths->base, "/nowhere", &error), "cannotOpen");
  CHECK_FAILS(gpatch_gradiend_open("/nowhere", paths->gradiend, &error), "cannotOpen");
  CHECK_FAILS(gpatch_gradiend_open(paths->gradiend, paths->base, &error), "badInput");
  CHECK_FAILS(gpatch_gradiend_open("\xff", paths->gradiend, &error), "cannotOpen");
  CHECK_FAILS(gpatch_gradiend_open(paths->base, "\xff", &error), "cannotOpen");
  gpatch_gradiend *gradiend = NULL;
  CHECK_WORKS((gradiend = gpatch_gradiend_open(paths->base, paths->gradiend, &error)));
  if (!gradiend) return;
  test_results(sample, gradiend);
  test_candidates(gradiend);
  gpatch_model *empty = gpatch_model_new(NULL, 0, NULL, NULL);
  CHECK_FAILS(gpatch_trial_new(gradiend, empty, &error), "mismatch");
  gpatch_model_free(empty);
  test_trial(sample, gradiend);
}
