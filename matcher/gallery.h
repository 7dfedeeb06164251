// SPDX-License-Identifier: Apache-2.0
// The gallery: enrolled subjects, durable and sealed, in LMDB. Only the matcher opens it, and one
// process at a time (a lock file is taken before any socket is bound).
//
// In its directory: data.mdb, lock.mdb, keys (the key file) and lock. Each subject's record is
// sealed with its own 32-byte key from a fixed slot of the key file, itself wrapped by the master
// key. Deleting overwrites the slot and syncs, so that old database pages say nothing (flash may
// keep old blocks).
#ifndef FG_GALLERY_H
#define FG_GALLERY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "matcher/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_gallery;

// Called once a subject while opening and by fg_gallery_each, on the calling thread and by rising
// ids; a non-zero return stops the walk and is returned. The member is borrowed for the call. It
// must not call the gallery.
typedef int (*fg_gallery_visit)(void *context, const struct fg_member *member);

struct fg_gallery_options {
    const char *directory; // made (mode 0700) when absent, its parent not
    // 32 bytes of hex or raw in this file, mode 0600 or stricter; made when `make_key` and absent.
    // NULL: $CREDENTIALS_DIRECTORY/facegate-master, which systemd provides.
    const char *master_key_file;
    bool make_key;
    uint64_t model; // templates of this card's id are loaded; others are counted as foreign
    uint32_t dimension;
    uint64_t map_bytes; // most bytes of the database; 0: 1 GiB
    unsigned threads;   // that open records in a walk over all; 0: a processor each, at most 8
    // Nothing is made, changed or cleaned up, and opening reads no record: for fg_gallery_check.
    bool look;
    // NULL: none. Opening reads every record anyway: a visit here saves fg_gallery_each after it.
    fg_gallery_visit visit;
    // NULL, or called when the gallery is this process's alone, before at most `most` visits. A
    // failure ends the opening.
    int (*begin)(void *context, uint64_t most, struct fg_error *err);
    void *context;
};

// Success: 0, *ret owned by the caller. Failures, each with its remedy in err: -EACCES (directory
// not writable), -ENOSPC, -EBUSY (another matcher has it), -EPROTONOSUPPORT (made by another
// version), -ENOKEY (no master key), -EPERM (its file is readable by group or others),
// -EKEYREJECTED (another master key), -EBADMSG (corrupt, or files that do not belong together),
// -EINVAL; with `look` -ENOENT (no gallery there). A single damaged record is no failure: it is
// counted. A gallery belongs to the thread that opens it, for all calls.
int fg_gallery_open(const struct fg_gallery_options *options, struct fg_gallery **ret,
                    struct fg_error *err);
void fg_gallery_close(struct fg_gallery *gallery); // accepts NULL

// True when the master key came from a plain file: worth a warning.
bool fg_gallery_key_from_file(const struct fg_gallery *gallery);

// Every subject of this gallery's model; corrupt and foreign records are skipped and counted.
int fg_gallery_each(struct fg_gallery *gallery, fg_gallery_visit visit, void *context);

// A change: subjects to put, all or none of them, or an id to delete.
struct fg_change {
    const struct fg_subject *subjects; // NULL: delete `id`
    unsigned count;
    bool replace; // subjects whose id is there
    const char *id;

    // Set by fg_gallery_apply. Putting: -EEXIST: an id is there; -ENOSPC: disk or map full;
    // -EINVAL: another model or dimension, or not well formed. Deleting: -ENOENT; -EKEYEXPIRED: the
    // record is gone for good, but overwriting its key failed; that is tried again at the next
    // opening. A change with another result than 0 and -EKEYEXPIRED has changed nothing.
    int result;
    unsigned failed; // the subject at fault; `count` when no single one is
    struct fg_error err;
};

// Makes the changes one after the other in one durable transaction, each with an outcome of its
// own. What is put is on disk when it returns, what is deleted is gone with its key overwritten.
// Putting costs two flushes of the disk in sequence, however many (a third when the keys in stock
// don't do), what is deleted or replaced two more. Deleting works on a full map and a full disk
// too.
void fg_gallery_apply(struct fg_gallery *gallery, struct fg_change *changes, unsigned count);

// Draws keys ahead, with one flush, when few are left: for a moment when nobody waits.
void fg_gallery_restock(struct fg_gallery *gallery);

// A single change; the results and err are its own.
int fg_gallery_put(struct fg_gallery *gallery, const struct fg_subject *subject, bool replace,
                   struct fg_error *err);
int fg_gallery_put_many(struct fg_gallery *gallery, const struct fg_subject *subjects,
                        unsigned count, bool replace, unsigned *ret_failed, struct fg_error *err);
int fg_gallery_delete(struct fg_gallery *gallery, const char *id, struct fg_error *err);

// -ENOENT when there is no such subject; -EBADMSG: its record is damaged.
int fg_gallery_get(struct fg_gallery *gallery, const char *id, struct fg_subject *ret,
                   struct fg_error *err);
// Vault records: ciphertext under a random id, whose key is not here (matcher/vault.h). put,
// delete: durable when they return 0. put: -EEXIST, -ENOSPC, -EINVAL; get: the length, -ENOENT,
// -EBADMSG; delete: -ENOENT; expire looks at the next FG_VAULT_LOOKS records, removes those whose
// validity is over, and returns how many.
#define FG_VAULT_ID    16
#define FG_VAULT_MOST  1200
#define FG_VAULT_LOOKS 256
int fg_gallery_vault_put(struct fg_gallery *gallery, const uint8_t id[FG_VAULT_ID],
                         uint64_t until_s, const void *bytes, size_t length, struct fg_error *err);
int fg_gallery_vault_get(struct fg_gallery *gallery, const uint8_t id[FG_VAULT_ID],
                         uint8_t ret[FG_VAULT_MOST], struct fg_error *err);
int fg_gallery_vault_delete(struct fg_gallery *gallery, const uint8_t id[FG_VAULT_ID],
                            struct fg_error *err);
int fg_gallery_vault_expire(struct fg_gallery *gallery, uint64_t now_s);

struct fg_gallery_state {
    uint64_t subjects; // of this model
    uint64_t foreign;  // of other models
    uint64_t corrupt;  // records that did not open
    uint64_t bytes;    // of the database in use; its file is at least 1 MiB longer
    uint64_t key_slots, key_slots_free;
    uint64_t keys_erased; // at opening: left by a crash, referred to by no record
};
void fg_gallery_state(struct fg_gallery *gallery, struct fg_gallery_state *ret);

#ifdef __cplusplus
}
#endif
#endif
