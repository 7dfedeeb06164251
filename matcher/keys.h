// SPDX-License-Identifier: Apache-2.0
// The key file: one 32-byte key a record, each in a fixed slot, sealed under the master key. A
// slot is written and synced before the database refers to it and overwritten after the database
// has forgotten it, so that a crash leaves an unused key at worst; those are erased at the start.
// Keys are drawn ahead into a stock, so that a record need not wait for its key's sync.
//
// The file: a header of FG_KEYS_HEADER bytes (magic "FGKEYS\n\0", u32 version, u32 slot size,
// 16-byte gallery id, then 32 zero bytes sealed under the master key: nonce, sealed bytes with
// tag; the rest zero), then slots of FG_KEYS_SLOT bytes: a random nonce, and the key XORed with
// what fg_seal_derive makes of the nonce and the wrapping key, itself derived from the master key
// and the gallery's id. A slot that was changed or copied elsewhere gives another key, which opens
// no record. An empty slot is all zero. Little-endian. One thread uses a key file.
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
#define FG_KEYS_SLOT    (FG_SEAL_INPUT + FG_SEAL_KEY)
#define FG_KEYS_GALLERY 16 // bytes of a gallery's id

struct fg_keys;

// Opens the key file in the open directory `directory` (borrowed for the call), or makes one for a
// new gallery. `master` is taken: owned by the keys from here on, and freed also on failure.
// -EKEYREJECTED: another master key; -EBADMSG: not a key file; -EPROTONOSUPPORT: another version;
// -EACCES, -ENOSPC.
int fg_keys_open(int directory, uint8_t *master, struct fg_keys **ret, struct fg_error *err);
void fg_keys_close(struct fg_keys *keys); // overwrites the stock, wipes keys; accepts NULL

const uint8_t *fg_keys_gallery(const struct fg_keys *keys); // FG_KEYS_GALLERY bytes

// Draws keys until `count` are in stock, with one sync; none when there are so many already.
// Failure: the stock is as it was, -ENOSPC or -EIO.
int fg_keys_stock(struct fg_keys *keys, uint32_t count, struct fg_error *err);
uint32_t fg_keys_stocked(const struct fg_keys *keys);
// Takes a key from the stock, which must not be empty, and returns its slot. The slot is the
// caller's: it refers to it durably, or erases it.
uint32_t fg_keys_take(struct fg_keys *keys, uint8_t ret_key[FG_SEAL_KEY]);

// All slots in memory, for a walk over all records: until fg_keys_unload, or fg_keys_settle,
// fg_keys_get reads no file and may be called on any thread. Opening loads them too.
int fg_keys_load(struct fg_keys *keys, struct fg_error *err);
void fg_keys_unload(struct fg_keys *keys);

// Brings a slot near that fg_keys_get is soon asked for; useful while the slots are loaded.
void fg_keys_prefetch(const struct fg_keys *keys, uint32_t slot);

// The key of a slot. -ENOENT: empty or out of range; -EIO. While the slots are loaded an empty
// slot gives some key.
int fg_keys_get(const struct fg_keys *keys, uint32_t slot, uint8_t ret_key[FG_SEAL_KEY]);

// Overwrites slots with random bytes, syncs, zeroes them, syncs. On failure (-EIO) they are not
// used again before the next start, which tries again.
int fg_keys_erase(struct fg_keys *keys, const uint32_t *slots, unsigned count,
                  struct fg_error *err);

// A claim says that a record of the database refers to the slot: `sure` when the record opened
// with this slot's key, so that a damaged record cannot take another's key with it. Slots of
// fg_keys_take are claimed surely.
void fg_keys_claim(struct fg_keys *keys, uint32_t slot, bool sure);
void fg_keys_claim_soon(const struct fg_keys *keys,
                        uint32_t slot); // brings it near: walks are long
bool fg_keys_claimed_surely(const struct fg_keys *keys, uint32_t slot);
bool fg_keys_empty(const struct fg_keys *keys, uint32_t slot); // or out of range
uint64_t fg_keys_unclaimed(const struct fg_keys *keys);
// Ends the start: erases every key that nothing claimed; *ret_erased is how many those were.
int fg_keys_settle(struct fg_keys *keys, uint64_t *ret_erased, struct fg_error *err);

uint64_t fg_keys_slots(const struct fg_keys *keys);
uint64_t fg_keys_slots_free(const struct fg_keys *keys); // the stock's among them

#ifdef __cplusplus
}
#endif
#endif
