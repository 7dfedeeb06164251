// SPDX-License-Identifier: Apache-2.0
// What is wrong with a gallery, found by reading all of it, and the removal of what is damaged.
#ifndef FG_GALLERY_CHECK_H
#define FG_GALLERY_CHECK_H

#include "matcher/database.h"
#include "matcher/gallery.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_CHECK_MODELS 16

struct fg_gallery_findings {
    uint64_t records, corrupt; // corrupt: records that do not open
    uint64_t keys_missing;     // of these, whose key is not there
    uint64_t keys_unused;      // keys without a record; the matcher's next start erases them
    uint64_t key_slots, key_slots_free;
    unsigned n_models;
    struct {
        uint64_t model;
        uint32_t dimension;
        uint64_t records;
    } models[FG_CHECK_MODELS]; // the models of the others, in the order in which they were met
    uint64_t other_models;     // records of more models than fit
    struct fg_database_state database;
};

// Called for each damaged record; the id is what the database has, of any bytes.
typedef void (*fg_corrupt_visit)(void *context, struct fg_bytes id, bool key_missing);

// On a gallery opened with `look`. 0, or as fg_gallery_each.
int fg_gallery_check(struct fg_gallery *gallery, fg_corrupt_visit visit, void *context,
                     struct fg_gallery_findings *ret, struct fg_error *err);
// Whose subjects fg_gallery_each visits from here on.
void fg_gallery_look_at(struct fg_gallery *gallery, uint64_t model, uint32_t dimension);

// Removes damaged records in one durable transaction, and erases keys that are theirs and no sound
// record's. On a gallery opened without `look`. Errors as fg_gallery_apply; -EKEYEXPIRED: removed,
// but a key is still to be erased.
int fg_gallery_repair(struct fg_gallery *gallery, uint64_t *ret_removed, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
