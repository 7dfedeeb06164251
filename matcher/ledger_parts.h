// SPDX-License-Identifier: Apache-2.0
// What the files of the ledger share, one a kind of record: ledger.c opens it and keeps its
// numbers.
#ifndef FG_LEDGER_PARTS_H
#define FG_LEDGER_PARTS_H

#include "matcher/bytes.h"
#include "matcher/database.h"
#include "matcher/ledger.h"

#ifdef __cplusplus
extern "C" {
#endif

// Numbers in keys are big-endian, so that keys rise with them.
enum {
    FG_LEDGER_META,   // "schema"; "events", "due": the last number given; "time": of passages; u64
    FG_LEDGER_EVENTS, // number u64 -> event
    FG_LEDGER_PASSAGES, // run u64, decision u64 -> passage
    FG_LEDGER_SUBJECTS, // subject, 0, time u64 -> key of its passage
    FG_LEDGER_CHARGES,  // id -> charge
    FG_LEDGER_DUE,      // number u64 -> id of a charge that is due
    FG_LEDGER_INSIDE,   // subject -> zone, since
    FG_LEDGER_ZONES,    // zone, 0 -> people in it, u64
    FG_LEDGER_USED,     // serial -> until s, u64
    FG_LEDGER_REVOKED,  // serial -> until s
    FG_LEDGER_BLOCKED,  // subject -> until s
    FG_LEDGER_FLIGHTS,  // name -> flight
    FG_LEDGER_TABLES
};

struct fg_ledger {
    struct fg_database *database;
    int directory, lock; // fds
    bool open, writing;
    // What a transaction may do: `tight` is one that must remove more than it adds, because the
    // last one found no room (`full`) or the disk promises none.
    bool full, tight, headroom;
    uint64_t added, removed;                        // records of the transaction
    uint8_t swept[FG_LEDGER_TABLES][FG_SUBJECT_ID]; // where the removal of the old goes on
    size_t swept_length[FG_LEDGER_TABLES];
};

struct fg_ledger_key {
    uint8_t at[2 * FG_SUBJECT_ID];
    size_t length;
};

struct fg_ledger_key fg_ledger_key_u64(uint64_t number);
struct fg_ledger_key fg_ledger_key_two(uint64_t first, uint64_t second);
struct fg_ledger_key fg_ledger_key_text(const char *text);
struct fg_ledger_key fg_ledger_key_raw(const void *bytes, size_t length);
uint64_t fg_ledger_read_u64(const void *bytes); // big-endian

// Within a transaction. get: -ENOENT. The value is borrowed until the next change.
int fg_ledger_get(struct fg_ledger *l, unsigned table, struct fg_ledger_key key,
                  struct fg_bytes *ret, struct fg_error *err);
int fg_ledger_put(struct fg_ledger *l, unsigned table, struct fg_ledger_key key, const void *value,
                  size_t length, struct fg_error *err);
// Behind all keys of the table; -EBADMSG: it is not.
int fg_ledger_append_row(struct fg_ledger *l, unsigned table, struct fg_ledger_key key,
                         const void *value, size_t length, struct fg_error *err);
int fg_ledger_delete(struct fg_ledger *l, unsigned table, struct fg_ledger_key key,
                     struct fg_error *err);
// The first record whose key is `from` or comes after it; -ENOENT: none does. All is borrowed.
int fg_ledger_seek(struct fg_ledger *l, unsigned table, struct fg_ledger_key from,
                   struct fg_bytes *ret_key, struct fg_bytes *ret, struct fg_error *err);
// The next number of a row of META, kept.
int fg_ledger_next_number(struct fg_ledger *l, const char *row, uint64_t *ret,
                          struct fg_error *err);
// -EBADMSG, naming the table and the key.
int fg_ledger_damaged(unsigned table, struct fg_bytes key, struct fg_error *err);

static inline struct fg_bytes fg_ledger_bytes(const struct fg_ledger_key *key)
{
    return (struct fg_bytes){key->at, key->length};
}

// Whether a record may go; 1, 0, or a negative errno.
typedef int (*fg_ledger_old)(const void *context, struct fg_bytes key, struct fg_bytes value);

int fg_ledger_passage_old(const void *before_ns, struct fg_bytes key, struct fg_bytes value);
int fg_ledger_charge_old(const void *before_ns, struct fg_bytes key, struct fg_bytes value);
// A passage's row in the order of its subject.
struct fg_ledger_key fg_ledger_subject_key(const char *subject, uint64_t t_ns);
int fg_ledger_passage_order(struct fg_bytes value, struct fg_ledger_key *ret);

#ifdef __cplusplus
}
#endif
#endif
