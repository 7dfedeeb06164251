// SPDX-License-Identifier: Apache-2.0
// A folder of people: DIR/PERSON/PHOTOGRAPH, sorted by name.
#ifndef FG_PEOPLE_H
#define FG_PEOPLE_H

#include <stddef.h>

#include "common/error.h"

struct fg_person {
    char *name;    // the folder's
    char **photos; // paths
    size_t n_photos;
};

struct fg_people {
    struct fg_person *people;
    size_t count, n_photos; // of all
};

// Reads the names; people without a JPEG or PNG are left out. Success: *ret is the caller's
// (fg_people_finish). -ENOENT, -ENOTDIR, -ENODATA when nobody is in it.
int fg_people_read(const char *folder, struct fg_people *ret, struct fg_error *err);
void fg_people_finish(struct fg_people *people);

#endif
