// SPDX-License-Identifier: Apache-2.0
// The databases under gallery and ledger: LMDB with a few tables, one writer, and room kept so that
// a full disk or a full map still lets records be deleted. Failures come as negative errno with a
// sentence in err: -ENOSPC (disk or map full), -EBADMSG (damaged), -EACCES, -EPROTONOSUPPORT
// (another LMDB), -EIO. Calls belong to the thread that opened it; bytes that a reading transaction
// has given stay where they are until it ends and may be read by any thread.
#ifndef FG_DATABASE_H
#define FG_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_DATABASE_FILE "data.mdb" // in its directory, beside lock.mdb

struct fg_database;

struct fg_bytes { // borrowed, with no alignment
    const void *at;
    size_t length;
};

#define FG_DATABASE_TABLES 12 // most tables of one

struct fg_database_options {       // all borrowed for the database's life
    const char *directory;         // must be there
    const char *what;              // for sentences: "gallery"
    const char *setting;           // by which it may grow: "gallery_mib"
    const char *const *tables;     // their names; a table is called by its place here
    unsigned n_tables, main_table; // main_table: of fg_database_state
    uint64_t most;                 // bytes that may be in use
    bool look;                     // nothing is made and nothing can be written
    bool careless; // no flush: a power cut may lose or damage it. For tests of logic
};

// Makes what is absent, but not the directory. *ret is the caller's. `look`: -ENOENT when there is
// no database.
int fg_database_open(const struct fg_database_options *options, struct fg_database **ret,
                     struct fg_error *err);
void fg_database_close(struct fg_database *database); // accepts NULL

// One transaction at a time, reading or writing. Commit ends it in any case; what it wrote is
// durable when it returns 0, with two flushes of the disk in sequence, and else not there.
int fg_database_begin(struct fg_database *database, bool writing, struct fg_error *err);
int fg_database_commit(struct fg_database *database, struct fg_error *err);
void fg_database_abort(struct fg_database *database); // none is open: nothing happens

// After a failed write of the last page nobody knows which state the next opening will find.
bool fg_database_outcome_known(struct fg_database *database);

// Within a transaction. get and delete: -ENOENT, put: -EEXIST (unless `replace`), both without a
// sentence. What get returns is valid until the next change.
int fg_database_get(struct fg_database *database, unsigned table, struct fg_bytes key,
                    struct fg_bytes *ret, struct fg_error *err);
int fg_database_put(struct fg_database *database, unsigned table, struct fg_bytes key,
                    struct fg_bytes value, bool replace, struct fg_error *err);
// For a key behind all others: pages become full. -EEXIST, without a sentence: it is not.
int fg_database_append(struct fg_database *database, unsigned table, struct fg_bytes key,
                       struct fg_bytes value, struct fg_error *err);
int fg_database_delete(struct fg_database *database, unsigned table, struct fg_bytes key,
                       struct fg_error *err);

// All of a table by rising keys. next: -ENOENT at the end.
struct fg_cursor;
int fg_cursor_open(struct fg_database *database, unsigned table, struct fg_cursor **ret,
                   struct fg_error *err);
int fg_cursor_next(struct fg_cursor *cursor, struct fg_bytes *ret_key, struct fg_bytes *ret_value,
                   struct fg_error *err);
int fg_cursor_previous(struct fg_cursor *cursor, struct fg_bytes *ret_key,
                       struct fg_bytes *ret_value, struct fg_error *err); // first of all: the last
// The first whose key is `from` or comes after it; -ENOENT: none does.
int fg_cursor_seek(struct fg_cursor *cursor, struct fg_bytes from, struct fg_bytes *ret_key,
                   struct fg_bytes *ret_value, struct fg_error *err);
// Deletes what they gave; next goes on behind it. Finds it also where a damaged key is out of
// order.
int fg_cursor_delete(struct fg_cursor *cursor, struct fg_error *err);
void fg_cursor_close(struct fg_cursor *cursor); // before its transaction ends; accepts NULL

uint64_t fg_database_count(struct fg_database *database, unsigned table); // of entries

// LMDB copies the pages that it changes, so that even a delete needs free ones: the file is always
// longer than what is in use, by FG_DATABASE_HEADROOM, and only putting asks for more. Before a
// transaction that puts `records` of at most `bytes` together. -ENOSPC.
#define FG_DATABASE_HEADROOM (1ull << 20)
int fg_database_reserve(struct fg_database *database, uint64_t records, uint64_t bytes,
                        struct fg_error *err);
// Lets the next transactions use the headroom of the map, too (`in`), or no longer.
int fg_database_use_headroom(struct fg_database *database, bool in, struct fg_error *err);

// Pages that a transaction may take before the file grows; between transactions. Reads their list.
uint64_t fg_database_free_pages(struct fg_database *database);

// Asks the system to read the file ahead, for who is about to walk it.
void fg_database_read_ahead(struct fg_database *database);

struct fg_database_state {
    uint64_t page_bytes, pages_used, file_bytes, most_bytes;           // most_bytes: of the map
    uint64_t entries, depth, branch_pages, leaf_pages, overflow_pages; // of the main table
};
void fg_database_state(struct fg_database *database, struct fg_database_state *ret);
uint64_t fg_database_bytes(struct fg_database *database); // in use

#ifdef __cplusplus
}
#endif
#endif
