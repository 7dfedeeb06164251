// SPDX-License-Identifier: Apache-2.0
// What a program that reads a stranger's picture gives up: files, children, dumps, memory without
// end. In two steps: before anything is opened, and when nothing more will be.
#ifndef FG_CONFINE_H
#define FG_CONFINE_H

#include <stddef.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

// Closes all file descriptors but 0 to 2; no core file, no tracing by others of the same user, no
// privileges by execve. 0 or negative errno.
int fg_confine_begin(struct fg_error *err);

// From here on: working directory /, no file can grow, no new process or thread (for users other
// than root), and the address space may grow by `more` bytes. 0 or negative errno.
int fg_confine_end(size_t more, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
