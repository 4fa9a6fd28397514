// The few calls that Swift's Glibc module does not show.
#ifndef CLINUX_H
#define CLINUX_H

#include <stdbool.h>
#include <sys/types.h>

/// rename(2) that fails with EEXIST where `to` exists.
int clinux_rename_exclusively(const char *from, const char *to);

/// Swaps two names in one step.
int clinux_rename_exchange(const char *first, const char *second);

/// Reserves the disk space of a file's first `byte_count` bytes, and extends it to them.
int clinux_reserve(int descriptor, off_t byte_count);

/// Begins to write a part of a file to the disk, without waiting for it.
int clinux_begin_writeback(int descriptor, off_t offset, off_t byte_count);

/// How many cores this process may use.
int clinux_core_count(void);

/// Has each arena keep up to so much freed memory, which the system would have to clear again.
void clinux_keep_freed_memory(int byte_count);

/// Raises the limit on open files to the highest that this process may have.
void clinux_raise_file_limit(void);

/// The environment of this process, for a child to inherit.
char **clinux_environment(void);

/// Whether the processor has the instructions of the x86-64-v3 level.
bool clinux_has_x86_64_v3(void);

#endif
