// SPDX-License-Identifier: Apache-2.0
// The back office's file of charges: one JSON object a line, each with its `id`, each id once. What
// a kill or a power cut left half-written at the end is cut off when it is opened.
#ifndef FG_SPOOL_H
#define FG_SPOOL_H

#include <stdbool.h>

#include "common/error.h"
#include "common/json.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_spool;

// Makes the file (0600) when absent. -EBUSY: another process has it open; -EBADMSG: a whole line is
// no charge; -EACCES, -ENOSPC, -EIO.
int fg_spool_open(const char *path, struct fg_spool **ret, struct fg_error *err);
void fg_spool_close(struct fg_spool *spool); // accepts NULL; what was not synced may be lost

bool fg_spool_has(const struct fg_spool *spool, const char *id);
// Adds a charge that it does not have. 0 or an errno of the file.
int fg_spool_add(struct fg_spool *spool, const struct fg_json *charge, struct fg_error *err);
// What was added is on the disk when this returns 0.
int fg_spool_sync(struct fg_spool *spool, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
