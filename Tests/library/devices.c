/* Models on devices, which fail. */
#include "check.h"

#include <stdatomic.h>

/* A device that is memory in truth; of its calls that with one number fails. */
typedef struct {
  const memory *memory;
  atomic_int call_count;
  int failing;
} context;

static bool fails(context *context) { return context->call_count++ == context->failing; }

static bool read_bytes(void *given, uint64_t handle, uint64_t offset, uint64_t byte_count, void *destination) {
  context *context = given;
  if (fails(context)) return false;
  memcpy(destination, (char *)context->memory->tensors[handle].data + offset, byte_count);
  return true;
}

static bool write_elements(
    void *given, uint64_t handle, uint64_t count, const int64_t *indices, const void *elements) {
  context *context = given;
  bool is_failing = fails(context);
  const gpatch_tensor *tensor = &context->memory->tensors[handle].tensor;
  uint64_t width = strcmp(tensor->type, "BF16") == 0 ? 2 : 4;
  char *data = context->memory->tensors[handle].data;
  /* What fails is done in half. */
  for (uint64_t number = 0; number < (is_failing ? count / 2 : count); number++) {
    memcpy(data + indices[number] * width, (const char *)elements + number * width, width);
  }
  return !is_failing;
}

/* Goes there and back; returns whether nothing failed. */
static bool moves(const sample *sample, int failing) {
  memory memory = memory_new(sample, GPATCH_BASE);
  context context = {.memory = &memory, .failing = failing};
  gpatch_device device = {.context = &context, .read = read_bytes, .write = write_elements};
  gpatch_memory_tensor *tensors = calloc(memory.count, sizeof *tensors);
  for (uint64_t index = 0; index < memory.count; index++) {
    tensors[index] = (gpatch_memory_tensor){
        .tensor = memory.tensors[index].tensor, .device = &device, .handle = index};
  }
  gpatch_model *model = NULL;
  CHECK_WORKS((model = gpatch_model_new(tensors, memory.count, NULL, &error)));
  free(tensors);
  gpatch_live *live = NULL;
  CHECK_WORKS((live = live_new(sample, model, false, &error)));
  bool works = true;
  for (int role = GPATCH_RESULT; role >= GPATCH_BASE; role--) {
    gpatch_error *error = NULL;
    if (!gpatch_live_move(live, role, true, NULL, &error)) {
      CHECK(memory_is(&memory, sample, role == GPATCH_BASE ? GPATCH_RESULT : GPATCH_BASE));
      CHECK(gpatch_error_tensor(error) != NULL);
      check_kind(error, "inputOutput", __FILE__, __LINE__);
      works = false;
      CHECK_WORKS(gpatch_live_move(live, role, true, NULL, &error));
    }
    CHECK(memory_is(&memory, sample, role));
  }
  gpatch_live_free(live);
  gpatch_model_free(model);
  memory_free(&memory);
  return works;
}

void test_devices(const sample *sample) {
  CHECK(moves(sample, -1));
  int failing = 0;
  while (!moves(sample, failing)) failing++;
  CHECK(failing > 10);

  /* Names of one device and handle are one tensor: they have one length. */
  context context = {0};
  gpatch_device device = {.context = &context, .read = read_bytes, .write = write_elements};
  uint64_t shape[] = {4, 4};
  gpatch_memory_tensor tied[] = {
      {.tensor = {.name = "a", .type = "F16", .shape = shape, .rank = 2, .byte_count = 32}, .device = &device},
      {.tensor = {.name = "b", .type = "F16", .shape = shape, .rank = 1, .byte_count = 8}, .device = &device}};
  CHECK_FAILS(gpatch_model_new(tied, 2, NULL, &error), "usage");
  tied[1].handle = UINT64_MAX;
  gpatch_model *model = NULL;
  CHECK_WORKS((model = gpatch_model_new(tied, 2, NULL, &error)));
  gpatch_model_free(model);
  tied[1].tensor.type = "F4";
  tied[1].tensor.byte_count = 2;
  CHECK_FAILS(gpatch_model_new(tied, 2, NULL, &error), "usage");
}
