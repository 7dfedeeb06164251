// SPDX-License-Identifier: Apache-2.0
// The key file: one 32-byte key a record, each in a fixed slot, sealed under the master key. A
// slot is written and synced before the database refers to it and overwritten after the database
// has forgotten it, so that a crash leaves an unused key at worst; those are erased at the start.
//
// The file: a header of FG_KEYS_HEADER bytes (magic "FGKEYS\n\0", u32 version, u32 slot size,
// 16-byte gallery id, then 32 zero bytes sealed under the master key: nonce, sealed bytes with
// tag; the rest zero), then slots of FG_KEYS_SLOT bytes: nonce, sealed key with tag; an empty
// slot is all zero. Little-endian. One thread uses a key file.
#ifndef FG_KEYS_H
#define FG_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "matcher/seal.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_KEYS_FILE    "keys"
#define FG_KEYS_HEADER  144
#define FG_KEYS_SLOT    (FG_SEAL_NONCE + FG_SEAL_KEY + FG_SEAL_TAG)
#define FG_KEYS_GALLERY 16 // bytes of a gallery's id

// Reads the master key from `file`, or when NULL from $CREDENTIALS_DIRECTORY/facegate-master. With
// `make` an absent `file` is made, durably, mode 0600. Success: *ret_key is fg_seal_alloc'd
// memory of FG_SEAL_KEY bytes, owned by the caller. -ENOKEY: absent; -EPERM: readable by group or
// others; -EINVAL: no key in it; or what opening it returned.
int fg_master_read(const char *file, bool make, uint8_t **ret_key, struct fg_error *err);

struct fg_keys;

// Opens the key file in the open directory `directory` (borrowed for the call), or makes one for a
// new gallery. `master` is taken: owned by the keys from here on, and freed also on failure.
// -EKEYREJECTED: another master key; -EBADMSG: not a key file; -EPROTONOSUPPORT: another version;
// -EACCES, -ENOSPC.
int fg_keys_open(int directory, uint8_t *master, struct fg_keys **ret, struct fg_error *err);
void fg_keys_close(struct fg_keys *keys); // wipes the master key; accepts NULL

const uint8_t *fg_keys_gallery(const struct fg_keys *keys); // FG_KEYS_GALLERY bytes

// Draws `count` keys and stores them with one sync. The slots are the caller's: it refers to them
// durably, or erases them. Failure: nothing is left behind, -ENOSPC or -EIO.
int fg_keys_add(struct fg_keys *keys, unsigned count, uint32_t *ret_slots,
                uint8_t (*ret_keys)[FG_SEAL_KEY], struct fg_error *err);

// The key of a slot. -ENOENT: empty or out of range; -EBADMSG: does not open; -EIO.
int fg_keys_get(struct fg_keys *keys, uint32_t slot, uint8_t ret_key[FG_SEAL_KEY]);

// Overwrites slots with random bytes, syncs, zeroes them, syncs. On failure (-EIO) they are not
// used again before the next start, which tries again.
int fg_keys_erase(struct fg_keys *keys, const uint32_t *slots, unsigned count,
                  struct fg_error *err);

// A claim says that a record of the database refers to the slot: `sure` when the record opened
// with this slot's key, so that a damaged record cannot take another's key with it. Slots of
// fg_keys_add are claimed surely.
void fg_keys_claim(struct fg_keys *keys, uint32_t slot, bool sure);
bool fg_keys_claimed_surely(const struct fg_keys *keys, uint32_t slot);
// Ends the start: erases every key that nothing claimed; *ret_erased is how many those were.
int fg_keys_settle(struct fg_keys *keys, uint64_t *ret_erased, struct fg_error *err);

uint64_t fg_keys_slots(const struct fg_keys *keys);
uint64_t fg_keys_slots_free(const struct fg_keys *keys);

#ifdef __cplusplus
}
#endif
#endif
