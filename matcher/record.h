// SPDX-License-Identifier: Apache-2.0
// A record: a packed subject sealed with its own key, as the database stores it under the subject's
// id. Version u8, slot u32 (of the key, little-endian), nonce, sealed bytes with tag; bound to its
// version, slot and id.
#ifndef FG_RECORD_H
#define FG_RECORD_H

#include "matcher/database.h"
#include "matcher/keys.h"
#include "matcher/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_RECORD_VERSION 1
#define FG_RECORD_HEAD    (5 + FG_SEAL_NONCE)
#define FG_RECORD_MOST    (FG_RECORD_HEAD + FG_SUBJECT_BYTES + FG_SEAL_TAG)
#define FG_NO_KEY_SLOT    UINT32_MAX

// Seals `length` packed bytes; returns the record's length.
size_t fg_record_seal(const char *id, uint32_t slot, const uint8_t key[FG_SEAL_KEY],
                      const uint8_t nonce[FG_SEAL_NONCE], const uint8_t *packed, size_t length,
                      uint8_t ret[FG_RECORD_MOST]);

// The bytes that opening writes, at most FG_SUBJECT_BYTES; 0 for what can't be a record.
size_t fg_record_opened(struct fg_bytes record);

// Asks memory for a record's key, which lies anywhere in the key file.
void fg_record_prefetch(const struct fg_keys *keys, struct fg_bytes record);

// Opens it and returns the length of the packed subject. *ret_slot is FG_NO_KEY_SLOT when none can
// be read. -EBADMSG: damaged; -EIO: its key could not be read. Thread: as fg_keys_get.
int fg_record_open(const struct fg_keys *keys, struct fg_bytes id, struct fg_bytes record,
                   uint8_t *packed, uint32_t *ret_slot);

#ifdef __cplusplus
}
#endif
#endif
