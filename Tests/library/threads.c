/* Many threads call at once. */
#include "check.h"

enum { thread_count = 8, round_count = 10 };

typedef struct {
  const sample *sample;
  const gpatch_live *live;
  uint64_t number;
} job;

static void *work(void *given) {
  const job *job = given;
  const sample *sample = job->sample;
  gpatch_options options = {.threads = 2};
  for (int round = 0; round < round_count; round++) {
    uint64_t index = (job->number + round) % sample->count, size = sample->tensors[index].byte_count;
    char *output = malloc(size + 1);
    CHECK_WORKS(gpatch_patch_transform(
        sample->patch, index, GPATCH_RESULT, sample->base[index], output, size, &options, &error));
    CHECK(memcmp(output, sample->result[index], size) == 0);
    free(output);
    CHECK_FAILS(gpatch_patch_open("/nowhere", &error), "cannotOpen");
    gpatch_role role = job->number % 2 ? GPATCH_BASE : GPATCH_RESULT;
    CHECK_WORKS(gpatch_live_move(job->live, role, round % 2 == 0, &options, &error));
    gpatch_verdict *verdict = NULL;
    CHECK_WORKS((verdict = gpatch_live_verdict(job->live, &options, &error)));
    CHECK(gpatch_verdict_role(verdict) != GPATCH_NEITHER);
    gpatch_verdict_free(verdict);
  }
  return NULL;
}

void test_threads(const sample *sample) {
  memory memory = memory_new(sample, GPATCH_BASE);
  gpatch_model *model = gpatch_model_new(memory.tensors, memory.count, NULL, NULL);
  gpatch_live *live = live_new(sample, model, false, NULL);
  pthread_t threads[thread_count];
  job jobs[thread_count];
  for (uint64_t number = 0; number < thread_count; number++) {
    jobs[number] = (job){.sample = sample, .live = live, .number = number};
    CHECK(pthread_create(&threads[number], NULL, work, &jobs[number]) == 0);
  }
  for (uint64_t number = 0; number < thread_count; number++) pthread_join(threads[number], NULL);
  CHECK_WORKS(gpatch_live_move(live, GPATCH_BASE, true, NULL, &error));
  CHECK(memory_is(&memory, sample, GPATCH_BASE));
  gpatch_live_free(live);
  gpatch_model_free(model);
  memory_free(&memory);
}
