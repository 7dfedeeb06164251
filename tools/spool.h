// SPDX-License-Identifier: Apache-2.0
// A file of charges, one JSON object a line, that holds each charge once: what a back office takes
// over, through any number of kills and power cuts. A last line that was cut off is removed at the
// opening; its charge was not taken yet and comes again. One thread.
#ifndef FG_SPOOL_H
#define FG_SPOOL_H

#include <stdbool.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_spool;

// Success: 0, owned by the caller, locked against other processes until it is closed. -EBUSY:
// another process has it; -EBADMSG: a line is no charge; -EACCES, -ENOSPC and what else files say.
int fg_spool_open(const char *path, struct fg_spool **ret, struct fg_error *err);
void fg_spool_close(struct fg_spool *spool); // what was not synced may be lost; accepts NULL

// Adds a line for the charge (its id, a text) unless the file has one. 0, -ENOSPC, -EIO, -ENOMEM;
// after a failure only the closing makes sense.
int fg_spool_add(struct fg_spool *spool, const char *charge, const char *line,
                 struct fg_error *err);
// Everything added is on disk when it returns 0.
int fg_spool_sync(struct fg_spool *spool, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
