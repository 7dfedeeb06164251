// SPDX-License-Identifier: Apache-2.0
// What an import has done, one subject id a line, so that a second run goes on where the first one
// was cut off. It belongs to one model: another model's templates do not count as done.
#ifndef FG_JOURNAL_H
#define FG_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_journal;

// Opens or makes the file and takes a lock on it. `model` names the model card. A last line that
// was cut off is dropped. -EBUSY: another import has it; -EINVAL: not a journal, or another
// model's; -EACCES, -EROFS, ...: err says to name another place.
int fg_journal_open(const char *path, const char *model, struct fg_journal **ret,
                    struct fg_error *err);
void fg_journal_close(struct fg_journal *journal); // accepts NULL

// Whether the id was in it when it was opened.
bool fg_journal_has(const struct fg_journal *journal, const char *id);

// Adds ids (without line breaks) in one write. They survive the end of this process; the gallery,
// not the journal, is what survives a power cut.
int fg_journal_add(struct fg_journal *journal, const char *const *ids, size_t count,
                   struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
