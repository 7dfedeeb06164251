// SPDX-License-Identifier: Apache-2.0
// The people to import: a folder of people (FOLDER/PERSON/PHOTOGRAPH), or a CSV whose header row
// names its columns: id, photo, photo2, ..., valid_from, valid_until, lanes, tags, consent,
// guardian, born.
#ifndef FG_ROLL_H
#define FG_ROLL_H

#include <stddef.h>

#include "common/error.h"
#include "tools/enrolment.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_roll_entry {
    unsigned line; // of the CSV; 0: a folder
    char *id;
    char **photos; // paths; those of a CSV are relative to its folder
    size_t n_photos;
    char *fields[FG_FIELDS]; // texts as they stand in the CSV; NULL: not given. id is not in it
    unsigned same_as;        // line of an earlier record with this id; 0: none
};

struct fg_roll { // starts as {0}
    struct fg_roll_entry *entries;
    size_t count;
};

// Reads `path`, a folder or a CSV file. Success: *ret is the caller's (fg_roll_finish). Failure:
// -ENOENT, -ENODATA (nobody in it), -EINVAL (columns), or as fg_csv_next; nothing is kept of a CSV
// with a fault in its form.
int fg_roll_read(const char *path, struct fg_roll *ret, struct fg_error *err);
void fg_roll_finish(struct fg_roll *roll);

#ifdef __cplusplus
}
#endif
#endif
