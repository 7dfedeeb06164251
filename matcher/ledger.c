// SPDX-License-Identifier: Apache-2.0
#include "matcher/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matcher/ledger_parts.h"

#define SCHEMA    1
#define MAP_BYTES (1ull << 30)
#define LOCK_FILE "lock"

static const char *const tables[FG_LEDGER_TABLES] = {"meta",    "events",  "passages", "subjects",
                                                     "charges", "due",     "inside",   "zones",
                                                     "used",    "revoked", "blocked",  "flights"};

// ---- keys and values
// -----------------------------------------------------------------------------

static void put_u64(uint8_t *at, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (56 - 8 * i));
}

uint64_t fg_ledger_read_u64(const void *bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value = value << 8 | ((const uint8_t *)bytes)[i];
    return value;
}

struct fg_ledger_key fg_ledger_key_u64(uint64_t number)
{
    struct fg_ledger_key key = {.length = 8};
    put_u64(key.at, number);
    return key;
}

struct fg_ledger_key fg_ledger_key_two(uint64_t first, uint64_t second)
{
    struct fg_ledger_key key = {.length = 16};
    put_u64(key.at, first);
    put_u64(key.at + 8, second);
    return key;
}

struct fg_ledger_key fg_ledger_key_raw(const void *bytes, size_t length)
{
    struct fg_ledger_key key = {.length = length};
    memcpy(key.at, bytes, length);
    return key;
}

struct fg_ledger_key fg_ledger_key_text(const char *text)
{
    return fg_ledger_key_raw(text, strlen(text));
}

int fg_ledger_damaged(unsigned table, struct fg_error *err)
{
    return fg_fail(err, -EBADMSG, "the ledger's table %s is damaged: restore it from a backup",
                   tables[table]);
}

int fg_ledger_get(struct fg_ledger *l, unsigned table, struct fg_ledger_key key,
                  struct fg_bytes *ret, struct fg_error *err)
{
    return fg_database_get(l->database, table, (struct fg_bytes){key.at, key.length}, ret, err);
}

int fg_ledger_put(struct fg_ledger *l, unsigned table, struct fg_ledger_key key, const void *value,
                  size_t length, struct fg_error *err)
{
    return fg_database_put(l->database, table, (struct fg_bytes){key.at, key.length},
                           (struct fg_bytes){value, length}, true, err);
}

int fg_ledger_delete(struct fg_ledger *l, unsigned table, struct fg_ledger_key key,
                     struct fg_error *err)
{
    return fg_database_delete(l->database, table, (struct fg_bytes){key.at, key.length}, err);
}

int fg_ledger_next_number(struct fg_ledger *l, const char *row, uint64_t *ret, struct fg_error *err)
{
    struct fg_bytes value;
    int r = fg_ledger_get(l, FG_LEDGER_META, fg_ledger_key_text(row), &value, err);
    if (r == 0 && value.length != 8)
        return fg_ledger_damaged(FG_LEDGER_META, err);
    if (r < 0 && r != -ENOENT)
        return r;
    *ret = r == 0 ? fg_ledger_read_u64(value.at) + 1 : 1;
    struct fg_ledger_key number = fg_ledger_key_u64(*ret);
    return fg_ledger_put(l, FG_LEDGER_META, fg_ledger_key_text(row), number.at, 8, err);
}

// ---- opening
// -------------------------------------------------------------------------------------

static int open_directory(struct fg_ledger *l, const char *path, struct fg_error *err)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    l->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (l->directory < 0)
        return fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    l->lock = openat(l->directory, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (l->lock < 0)
        return fg_fail(err, -errno, "%s/" LOCK_FILE ": %s", path, strerror(errno));
    if (flock(l->lock, LOCK_EX | LOCK_NB) < 0)
        return fg_fail(err, -EBUSY, "%s: another matcher has this ledger open", path);
    return 0;
}

static int check_schema(struct fg_ledger *l, const char *path, struct fg_error *err)
{
    struct fg_bytes value;
    int r = fg_database_begin(l->database, true, err);
    if (r < 0)
        return r;
    r = fg_ledger_get(l, FG_LEDGER_META, fg_ledger_key_text("schema"), &value, err);
    if (r == -ENOENT)
        r = fg_ledger_put(l, FG_LEDGER_META, fg_ledger_key_text("schema"),
                          fg_ledger_key_u64(SCHEMA).at, 8, err);
    else if (r == 0 && (value.length != 8 || fg_ledger_read_u64(value.at) != SCHEMA))
        r = fg_fail(err, -EPROTONOSUPPORT,
                    "the ledger in %s was made by another version: use that one", path);
    if (r == 0)
        return fg_database_commit(l->database, err);
    fg_database_abort(l->database);
    return r;
}

int fg_ledger_open(const struct fg_ledger_options *options, struct fg_ledger **ret,
                   struct fg_error *err)
{
    struct fg_ledger *l = calloc(1, sizeof *l);
    if (!l)
        return fg_fail(err, -ENOMEM, "out of memory");
    l->directory = l->lock = -1;
    const struct fg_database_options database = {.directory = options->directory,
                                                 .what = "ledger",
                                                 .setting = "ledger_mib",
                                                 .tables = tables,
                                                 .n_tables = FG_LEDGER_TABLES,
                                                 .main_table = FG_LEDGER_EVENTS,
                                                 .most = options->map_bytes ? options->map_bytes
                                                                            : MAP_BYTES,
                                                 .careless = options->careless};
    int r = open_directory(l, options->directory, err);
    if (r == 0)
        r = fg_database_open(&database, &l->database, err);
    if (r == 0)
        r = check_schema(l, options->directory, err);
    if (r < 0)
        fg_ledger_close(l);
    else
        *ret = l;
    return r;
}

void fg_ledger_close(struct fg_ledger *ledger)
{
    if (!ledger)
        return;
    fg_database_close(ledger->database);
    if (ledger->lock >= 0)
        close(ledger->lock);
    if (ledger->directory >= 0)
        close(ledger->directory);
    free(ledger);
}

// ---- transactions
// --------------------------------------------------------------------------------

int fg_ledger_begin(struct fg_ledger *ledger, bool writing, struct fg_error *err)
{
    int r = fg_database_begin(ledger->database, writing, err);
    ledger->open = r == 0;
    ledger->writing = writing;
    return r;
}

int fg_ledger_commit(struct fg_ledger *ledger, struct fg_error *err)
{
    ledger->open = false;
    return fg_database_commit(ledger->database, err);
}

void fg_ledger_abort(struct fg_ledger *ledger)
{
    ledger->open = false;
    fg_database_abort(ledger->database);
}

bool fg_ledger_is_open(const struct fg_ledger *ledger)
{
    return ledger->open;
}

// ---- accounts
// ------------------------------------------------------------------------------------

static uint64_t edge(struct fg_ledger *l, bool last)
{
    struct fg_cursor *cursor = NULL;
    struct fg_bytes key, value;
    uint64_t number = 0;
    if (fg_cursor_open(l->database, FG_LEDGER_EVENTS, &cursor, NULL) < 0)
        return 0;
    int r = last ? fg_cursor_previous(cursor, &key, &value, NULL)
                 : fg_cursor_next(cursor, &key, &value, NULL);
    if (r == 0 && key.length == 8)
        number = fg_ledger_read_u64(key.at);
    fg_cursor_close(cursor);
    return number;
}

void fg_ledger_state(struct fg_ledger *l, struct fg_ledger_state *ret)
{
    bool own = !l->open;
    memset(ret, 0, sizeof *ret);
    if (own && fg_ledger_begin(l, false, NULL) < 0)
        return;
    ret->events = fg_database_count(l->database, FG_LEDGER_EVENTS);
    ret->first_event = edge(l, false);
    ret->last_event = edge(l, true);
    ret->passages = fg_database_count(l->database, FG_LEDGER_PASSAGES);
    ret->charges_due = fg_database_count(l->database, FG_LEDGER_DUE);
    ret->inside = fg_database_count(l->database, FG_LEDGER_INSIDE);
    ret->bytes = fg_database_bytes(l->database);
    if (own)
        fg_ledger_abort(l);
}
