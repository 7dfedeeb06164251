// SPDX-License-Identifier: Apache-2.0
// What the files of the gallery share: gallery.c (opening), gallery_load.c (all records at once),
// gallery_apply.c (changes), gallery_check.c (damage), gallery_vault.c (vault records).
#ifndef FG_GALLERY_PARTS_H
#define FG_GALLERY_PARTS_H

#include "matcher/database.h"
#include "matcher/gallery.h"
#include "matcher/keys.h"
#include "matcher/record.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { FG_TABLE_META, FG_TABLE_SUBJECTS, FG_TABLE_VAULT, FG_GALLERY_TABLES }; // of its database

// Plain biometric data: only in locked memory.
struct fg_gallery_scratch {
    struct fg_subject subject;
    uint8_t packed[FG_SUBJECT_BYTES];
};

struct fg_gallery {
    int directory, lock; // fds
    struct fg_database *database;
    struct fg_keys *keys;
    struct fg_gallery_scratch *scratch;
    struct fg_gallery_options options; // directory and master_key_file not valid after opening
    struct fg_gallery_state state;     // counts only
    uint8_t vault_next[FG_VAULT_ID];   // where the removal of vault records goes on
};

enum fg_record_kind { FG_RECORD_OURS, FG_RECORD_FOREIGN, FG_RECORD_CORRUPT };

// A record as a walk meets it. All is borrowed.
struct fg_opened {
    struct fg_bytes id;
    enum fg_record_kind kind;
    uint32_t slot;           // FG_NO_KEY_SLOT: none can be read
    struct fg_member member; // with its model, unless the record is damaged
    uint64_t model;
};

// Opens every record on `threads` (0: as many as there are processors, at most 8), this one among
// them, and visits each here, by rising ids. A visit's result that is not 0 ends the walk and is
// returned. The key file is loaded.
typedef int (*fg_opened_visit)(void *context, const struct fg_opened *opened);
int fg_gallery_walk(struct fg_gallery *gallery, unsigned threads, fg_opened_visit visit,
                    void *context, struct fg_error *err);

static inline struct fg_bytes fg_bytes_of_text(const char *text)
{
    return (struct fg_bytes){text, __builtin_strlen(text)};
}

static inline uint64_t *fg_counter_of(struct fg_gallery_state *state, enum fg_record_kind kind)
{
    return kind == FG_RECORD_OURS      ? &state->subjects
           : kind == FG_RECORD_FOREIGN ? &state->foreign
                                       : &state->corrupt;
}

// Opens a record into scratch->subject. 0, or -EIO: its key could not be read.
int fg_gallery_open_record(struct fg_gallery *gallery, struct fg_bytes id, struct fg_bytes record,
                           enum fg_record_kind *ret_kind, uint32_t *ret_slot);

// A damaged record may name another's slot: a slot that a sound record claims is not its to erase
// (if it was its own after all, the next opening erases it). FG_NO_KEY_SLOT: nothing to erase.
uint32_t fg_gallery_slot_to_erase(const struct fg_gallery *gallery, enum fg_record_kind kind,
                                  uint32_t slot);

#ifdef __cplusplus
}
#endif
#endif
