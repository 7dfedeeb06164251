// SPDX-License-Identifier: Apache-2.0
// A catalogue of translated sentences, as msgfmt(1) makes it (GNU gettext manual, "The Format of
// GNU MO Files"). The C library's gettext() speaks one language a process and reads a file without
// checking where its offsets point; a gate's display needs several at once, and a matcher must not
// end for a truncated file. So this reads all of a file, checks it, and keeps it.
#ifndef FG_CATALOGUE_H
#define FG_CATALOGUE_H

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_CATALOGUE_BYTES (1 << 20) // most of a file

struct fg_catalogue;

// Success: 0, *ret owned by the caller. -ENOENT and other errors of reading; -EBADMSG: not a
// little-endian catalogue, cut short, or not UTF-8; -EFBIG; -ENOMEM.
int fg_catalogue_read(const char *path, struct fg_catalogue **ret, struct fg_error *err);
void fg_catalogue_destroy(struct fg_catalogue *catalogue); // accepts NULL

// The translation, borrowed; NULL when there is none.
const char *fg_catalogue_find(const struct fg_catalogue *catalogue, const char *sentence);

#ifdef __cplusplus
}
#endif
#endif
