/*
 * gradiend-patch as a C library: patches and GRADIENDs on tensors in the memory of a running process.
 *
 * Objects. Those that a function returns are the caller's, who gives them back to the function whose name ends in
 * _free; NULL is allowed there. An object that another was made from is kept for as long as that one lives. Strings
 * are UTF-8, paths any bytes, and end in NUL; those that a function returns live as long as the object that they were asked of.
 *
 * Errors. Functions that can fail take a gpatch_error ** last. If they do, they return NULL or false, and store an
 * error there, which is the caller's; else they store nothing. NULL there means that nobody wants to know. Nothing is
 * ever printed, no signal is handled, and arguments that make no sense are errors of kind "usage".
 *
 * Threads. All functions may be called from any thread. Work on one gpatch_model is done one call at a time.
 * Callbacks come on any thread, also on several at once. None can move or read a model, which would wait for itself:
 * that is an error of kind "usage".
 *
 * Files. Patches are read into memory when they are opened. The files of models and GRADIENDs are mapped: they must
 * not be truncated while they are open, which ends a process by SIGBUS. Nobody can have gradiend-patch change a model's
 * files in place meanwhile.
 */
#ifndef GRADIENDPATCH_H
#define GRADIENDPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wnullability-extension"
#pragma clang assume_nonnull begin
#define GPATCH_NULLABLE _Nullable
#else
#define GPATCH_NULLABLE
#endif

/* The version of this interface. It grows whenever something here changes in a way that callers notice. */
#define GPATCH_ABI_VERSION 1

/* The version of the interface that the library has, to compare with that of the header. */
uint32_t gpatch_abi_version(void);

/* The version of the library, such as "0.1.0". Lives for ever. */
const char *gpatch_version(void);

/* ---- Errors ------------------------------------------------------------------------------------------------ */

typedef struct gpatch_error gpatch_error;

/* What went wrong, for programs: "usage", "mismatch", "badInput", "cannotOpen", "outputExists", "cannotCreate",
 * "inputOutput", "cancelled", "unfinished". More may come. "unfinished" alone means that something is half changed. */
const char *gpatch_error_kind(const gpatch_error *error);
/* One line without a full stop: place and cause. */
const char *gpatch_error_message(const gpatch_error *error);
/* The file at fault, or "the model" for one in memory; the tensor at fault; what to do. NULL where there is none. */
const char *GPATCH_NULLABLE gpatch_error_path(const gpatch_error *error);
const char *GPATCH_NULLABLE gpatch_error_tensor(const gpatch_error *error);
const char *GPATCH_NULLABLE gpatch_error_remedy(const gpatch_error *error);
void gpatch_error_free(gpatch_error *GPATCH_NULLABLE error);

/* ---- How work is done -------------------------------------------------------------------------------------- */

typedef struct gpatch_cancellation gpatch_cancellation;

gpatch_cancellation *gpatch_cancellation_new(void);
/* Ends all work that was given this object soon, with an error of kind "cancelled". */
void gpatch_cancel(gpatch_cancellation *cancellation);
void gpatch_cancellation_free(gpatch_cancellation *GPATCH_NULLABLE cancellation);

/* All zeros is a good choice. Functions take a pointer to it, or NULL for that. */
typedef struct gpatch_options {
  /* How many threads work; 0 is one for each core. */
  uint32_t threads;
  const gpatch_cancellation *GPATCH_NULLABLE cancellation;
  /* Called with bytes that are done, and all bytes. */
  void (*GPATCH_NULLABLE progress)(void *GPATCH_NULLABLE context, uint64_t done, uint64_t total);
  void *GPATCH_NULLABLE progress_context;
} gpatch_options;

/* ---- Tensors ----------------------------------------------------------------------------------------------- */

/* What a tensor is. */
typedef struct gpatch_tensor {
  const char *name;
  /* As safetensors has it: "BF16", "F32", "U8" and so on; of GGUF files also "Q4_K" and its like. */
  const char *type;
  /* `rank` dimensions, outermost first. */
  const uint64_t *GPATCH_NULLABLE shape;
  uint64_t rank;
  uint64_t byte_count;
} gpatch_tensor;

/* Which of a patch's two checkpoints something is, or is to be. */
typedef int32_t gpatch_role;
#define GPATCH_NEITHER 0
#define GPATCH_BASE 1
#define GPATCH_RESULT 2

/* Elements that differ, and what they are in base and result: `count` indices into the tensor made flat, ascending,
 * and as many elements each. */
typedef struct gpatch_changes {
  uint64_t count;
  uint64_t element_byte_count;
  const int64_t *indices;
  const void *base;
  const void *result;
} gpatch_changes;

void gpatch_changes_free(gpatch_changes *GPATCH_NULLABLE changes);

/* ---- Patches ----------------------------------------------------------------------------------------------- */

typedef struct gpatch_patch gpatch_patch;

/* Opens a patch: a file, a folder with gradiend_patch.safetensors, or a name on the Hub of what the local cache has. */
gpatch_patch *GPATCH_NULLABLE gpatch_patch_open(const char *path, gpatch_error *GPATCH_NULLABLE *GPATCH_NULLABLE error);
void gpatch_patch_free(gpatch_patch *GPATCH_NULLABLE patch);

/* The tensors of the base that the patch was made for, numbered from 0. */
uint64_t gpatch_patch_tensor_count(const gpatch_patch *patch);
/* Describes a tensor, and says how many of its elements change. False, with nothing stored, if there is none. */
bool gpatch_patch_tensor(const gpatch_patch *patch, uint64_t index, gpatch_tensor *tensor, uint64_t *changed_count);

/* Turns one tensor into what it is in a role, from the bytes that it has in the other: `byte_count` bytes of `input`
 * give as many of `output`, which must not overlap. Both are checked against the patch's digests of the tensor; after
 * an error `output` holds nothing of use. */
bool gpatch_patch_transform(
    const gpatch_patch *patch, uint64_t index, gpatch_role role, const void *input, void *output, uint64_t byte_count,
    const gpatch_options *GPATCH_NULLABLE options, gpatch_error *GPATCH_NULLABLE *GPATCH_NULLABLE error);

/* The changes of one tensor, whose bytes are those of `role`, for those who patch where this library cannot reach. Its
 * elements have to have bytes of their own, which those of "F4" or "Q4_K" have not. */
gpatch_changes *GPATCH_NULLABLE gpatch_patch_changes(
    const gpatch_patch *patch, uint64_t index, gpatch_role role, const void *bytes, uint64_t byte_count,
    const gpatch_options *GPATCH_NULLABLE options, gpatch_error *GPATCH_NULLABLE *GPATCH_NULLABLE error);

/* ---- A patch and files that hold its base ------------------------------------------------------------------- */

typedef struct gpatch_reader gpatch_reader;

/* Opens a checkpoint, as gradiend-patch does, and finds the patch's tensors there. */
gpatch_reader *GPATCH_NULLABLE gpatch_reader_open(
    const gpatch_patch *patch, const char *checkpoint, gpatch_error *GPATCH_NULLABLE *GPATCH_NULLABLE error);
void gpatch_reader_free(gpatch_reader *GPATCH_NULLABLE reader);

/* Writes a tensor of the patch, as it is in a role, to `output`, from the base's files. Both are checked against the
 * patch's digests of the tensor. */
bool gpatch_reader_read(
    const gpatch_reader *reader, uint64_t index, gpatch_role role, void *output, uint64_t byte_count,
    const gpatch_options *GPATCH_NULLABLE options, gpatch_error *GPATCH_NULLABLE *GPATCH_NULLABLE error);

/* ---- Models in memory -------------------------------------------------------------------------------------- */

/* How to reach tensors that lie where this process cannot. Each returns false if that is not possible; what became of
 * elements that were to be written is then unknown. */
typedef struct gpatch_device {
  void *GPATCH_NULLABLE context;
  /* Copies `byte_count` bytes of a tensor, from `offset` on, to `destination`. */
  bool (*read)(
      void *GPATCH_NULLABLE context, uint64_t handle, uint64_t offset, uint64_t byte_count, void *destination);
  /* Puts `count` elements to their places, given by indices into the tensor made flat. */
  bool (*write)(
      void *GPATCH_NULLABLE context, uint64_t handle, uint64_t count, const int64_t *indices, const void *elements);
} gpatch_device;

/* A tensor of a model: its elements lie one after the other at `data`, or on a device, which knows it by `handle`. On a
 * device, elements have bytes of their own. */
typedef struct gpatch_memory_tensor {
  gpatch_tensor tensor;
  void *GPATCH_NULLABLE data;
  const gpatch_device *GPATCH_NULLABLE device;
  uint64_t handle;
} gpatch_memory_tensor;

typedef struct gpatch_model gpatch_model;

/* A model in memory, by the names that its modules have, each once. Tensors at the same address, or of the same device
 * and handle, are one, as a head that is tied to the embedding; others must not overlap. Nothing is read yet; what
 * `data` and `device` point to stays the caller's, and has to live as long as the model and what is made from it.
 *
 * model_type: what the model's config.json calls its family, which tells how fused experts are named; or NULL. */
gpatch_model *GPATCH_NULLABLE gpatch_model_new(
    const gpatch_memory_tensor *GPATCH_NULLABLE tensors, uint64_t count, const char *GPATCH_NULLABLE model_type,
    gpatch_error *GPATCH_NULLABLE *GPATCH_NULLABLE error);
void gpatch_model_free(gpatch_model *GPATCH_NULLABLE model);

/* Writes the patch between two models of the same tensors to `path`, where nothing may be. */
bool gpatch_diff(
    const gpatch_model *base, const gpatch_model *result, const char *path, const gpatch_options *GPATCH_NULLABLE options,
    gpatch_error *GPATCH_NULLABLE *GPATCH_NULLABLE error);

/* ---- A patch and a model in memory ------------------------------------------------------------------------- */

typedef struct gpatch_live gpatch_live;

/* Finds a patch's tensors in a model, which may lack some, but not all that the patch changes. */
gpatch_live *GPATCH_NULLABLE gpatch_live_new(
    const gpatch_patch *patch, const gpatch_model *model, gpatch_error *GPATCH_NULLABLE *GPATCH_NULLABLE error);
void gpatch_live_free(gpatch_live *GPATCH_NULLABLE live);

/* False, with an error, if the model lacks a tensor that the patch changes. */
bool gpatch_live_check_complete(const gpatch_live *live, gpatch_error *GPATCH_NULLABLE *GPATCH_NULLABLE error);

/* Tensors of the patch's base that the model lacks, and those of the model that the base does not know: the name with
 * this number, or NULL. */
const char *GPATCH_NULLABLE gpatch_live_missing(const gpatch_live *live, uint64_t index);
const char *GPATCH_NULLABLE gpatch_live_unknown(const gpatch_live *live, uint64_t index);

typedef struct gpatch_verdict gpatch_verdict;

/* Reads the model and says which of the two checkpoints it is, the base if they are the same. */
gpatch_verdict *GPATCH_NULLABLE gpatch_live_verdict(
    const gpatch_live *live, const gpatch_options *GPATCH_NULLABLE options,
    gpatch_error *GPATCH_NULLABLE *GPATCH_NULLABLE error);
void gpatch_verdict_free(gpatch_verdict *GPATCH_NULLABLE verdict);
gpatch_role gpatch_verdict_role(const gpatch_verdict *verdict);
/* The tensors that are not those of `role`: the name with this number, or NULL. */
const char *GPATCH_NULLABLE gpatch_verdict_differing(const gpatch_verdict *verdict, gpatch_role role, uint64_t index);

/* Makes the model what it is in `role`; one that is that already is left alone.
 *
 * The model is wholly the one or the other, whatever happens: before the first write all of it is checked, and what
 * fails afterwards is undone, unless the error is of kind "unfinished". With `check` all of it is compared before with
 * what the patch's digests were found to fit, and what was written is compared after. Without, once all was checked,
 * only the elements that change are looked at before, and nothing of a device. Nobody else may use the model
 * meanwhile. */
bool gpatch_live_move(
    const gpatch_live *live, gpatch_role role, bool check, const gpatch_options *GPATCH_NULLABLE options,
    gpatch_error *GPATCH_NULLABLE *GPATCH_NULLABLE error);

/* ---- GRADIENDs --------------------------------------------------------------------------------------------- */

typedef struct gpatch_gradiend gpatch_gradiend;

/* Opens a base model's files and the GRADIEND that is for it, as gradiend-patch create does. */
gpatch_gradiend *GPATCH_NULLABLE gpatch_gradiend_open(
    const char *base, const char *gradiend, gpatch_error *GPATCH_NULLABLE *GPATCH_NULLABLE error);
void gpatch_gradiend_free(gpatch_gradiend *GPATCH_NULLABLE gradiend);

/* How many feature factors a candidate has. */
uint64_t gpatch_gradiend_latent_count(const gpatch_gradiend *gradiend);
/* The tensors of the base, numbered from 0. */
uint64_t gpatch_gradiend_tensor_count(const gpatch_gradiend *gradiend);
/* Describes a tensor, and says whether the GRADIEND changes it. False if there is none. */
bool gpatch_gradiend_tensor(const gpatch_gradiend *gradiend, uint64_t index, gpatch_tensor *tensor, bool *is_changed);

/* One choice of what the GRADIEND does to the base. */
typedef struct gpatch_candidate {
  /* h, one for each latent. */
  const float *GPATCH_NULLABLE feature_factors;
  uint64_t feature_factor_count;
  /* α */
  float learning_rate;
  /* What is added: "decoder", "decoder-weight", "decoder-bias", "decoder-sum" or "encoder-weight"; NULL for the first. */
  const char *GPATCH_NULLABLE part;
} gpatch_candidate;

/* Writes a tensor of the result to `output`: the bits that gradiend-patch create puts into a patch. */
bool gpatch_gradiend_result(
    const gpatch_gradiend *gradiend, const gpatch_candidate *candidate, uint64_t index, void *output,
    uint64_t byte_count, const gpatch_options *GPATCH_NULLABLE options,
    gpatch_error *GPATCH_NULLABLE *GPATCH_NULLABLE error);

typedef struct gpatch_trial gpatch_trial;

/* Finds the base's tensors in a model. */
gpatch_trial *GPATCH_NULLABLE gpatch_trial_new(
    const gpatch_gradiend *gradiend, const gpatch_model *model, gpatch_error *GPATCH_NULLABLE *GPATCH_NULLABLE error);
void gpatch_trial_free(gpatch_trial *GPATCH_NULLABLE trial);

/* Makes a model that is the base a candidate, and back: NULL gives the base's bits back, from its files. As with
 * gpatch_live_move, the model is wholly the one or the other. */
bool gpatch_trial_move(
    const gpatch_trial *trial, const gpatch_candidate *GPATCH_NULLABLE candidate,
    const gpatch_options *GPATCH_NULLABLE options, gpatch_error *GPATCH_NULLABLE *GPATCH_NULLABLE error);

#ifdef __clang__
#pragma clang assume_nonnull end
#pragma clang diagnostic pop
#endif
#ifdef __cplusplus
}
#endif
#endif
