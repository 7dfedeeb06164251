// SPDX-License-Identifier: Apache-2.0
#include "matcher/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matcher/ledger_parts.h"

#define SCHEMA    1
#define MAP_BYTES (1ull << 30)
#define MAP_UNIT  65536ull // of which every page size is a divisor
#define LOCK_FILE "lock"

#define RECORDS_AHEAD 16 // of an admission, at most; they stay under the headroom's eighth
#define PAGES_TIGHT   64 // free ones, with which a transaction goes on in a full file

static const char *const tables[FG_LEDGER_TABLES] = {"meta",    "events",  "passages", "subjects",
                                                     "charges", "due",     "inside",   "zones",
                                                     "used",    "revoked", "blocked",  "flights"};

// ---- keys and values ----------------------------------------------------------------------------

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

// A key in words: as text where it is one, else in hex.
static void name_key(struct fg_bytes key, char *ret, size_t size)
{
    const uint8_t *at = key.at;
    bool plain = true;
    size_t used = 0;
    for (size_t i = 0; i < key.length; i++)
        plain = plain && at[i] > ' ' && at[i] < 127;
    ret[0] = '\0';
    for (size_t i = 0; i < key.length && used + 3 < size; i++)
        used += (size_t)snprintf(ret + used, size - used, plain ? "%c" : "%02x", at[i]);
}

int fg_ledger_damaged(unsigned table, struct fg_bytes key, struct fg_error *err)
{
    char name[2 * FG_SUBJECT_ID + 1];
    name_key(key, name, sizeof name);
    return fg_fail(err, -EBADMSG,
                   "the ledger's table %s is damaged at key %s: restore it from a backup",
                   tables[table], name);
}

int fg_ledger_get(struct fg_ledger *l, unsigned table, struct fg_ledger_key key,
                  struct fg_bytes *ret, struct fg_error *err)
{
    return fg_database_get(l->database, table, fg_ledger_bytes(&key), ret, err);
}

int fg_ledger_seek(struct fg_ledger *l, unsigned table, struct fg_ledger_key from,
                   struct fg_bytes *ret_key, struct fg_bytes *ret, struct fg_error *err)
{
    struct fg_cursor *cursor = NULL;
    int r = fg_cursor_open(l->database, table, &cursor, err);
    if (r == 0)
        r = fg_cursor_seek(cursor, fg_ledger_bytes(&from), ret_key, ret, err);
    fg_cursor_close(cursor);
    return r;
}

static int room_gone(struct fg_ledger *l, int r)
{
    l->full |= r == -ENOSPC;
    return r;
}

int fg_ledger_put(struct fg_ledger *l, unsigned table, struct fg_ledger_key key, const void *value,
                  size_t length, struct fg_error *err)
{
    const struct fg_bytes bytes = {value, length};
    int r = fg_database_put(l->database, table, fg_ledger_bytes(&key), bytes, false, err);
    l->added += r == 0;
    if (r == -EEXIST)
        r = fg_database_put(l->database, table, fg_ledger_bytes(&key), bytes, true, err);
    return room_gone(l, r);
}

int fg_ledger_append_row(struct fg_ledger *l, unsigned table, struct fg_ledger_key key,
                         const void *value, size_t length, struct fg_error *err)
{
    const struct fg_bytes bytes = {value, length};
    int r = fg_database_append(l->database, table, fg_ledger_bytes(&key), bytes, err);
    l->added += r == 0;
    return r == -EEXIST ? fg_ledger_damaged(table, fg_ledger_bytes(&key), err) : room_gone(l, r);
}

int fg_ledger_delete(struct fg_ledger *l, unsigned table, struct fg_ledger_key key,
                     struct fg_error *err)
{
    int r = fg_database_delete(l->database, table, fg_ledger_bytes(&key), err);
    l->removed += r == 0;
    return room_gone(l, r);
}

int fg_ledger_next_number(struct fg_ledger *l, const char *row, uint64_t *ret, struct fg_error *err)
{
    struct fg_bytes value;
    struct fg_ledger_key key = fg_ledger_key_text(row);
    int r = fg_ledger_get(l, FG_LEDGER_META, key, &value, err);
    if (r == 0 && value.length != 8)
        return fg_ledger_damaged(FG_LEDGER_META, fg_ledger_bytes(&key), err);
    if (r < 0 && r != -ENOENT)
        return r;
    *ret = r == 0 ? fg_ledger_read_u64(value.at) + 1 : 1;
    return fg_ledger_put(l, FG_LEDGER_META, key, fg_ledger_key_u64(*ret).at, 8, err);
}

// ---- opening ------------------------------------------------------------------------------------

static int fail_directory(struct fg_error *err, const char *path)
{
    int code = errno;
    if (code == EACCES || code == EROFS || code == EPERM)
        return fg_fail(err, -EACCES,
                       "the ledger's directory %s is not writable for this user: chown it", path);
    if (code == ENOSPC || code == EDQUOT)
        return fg_fail(err, -ENOSPC, "disk full while opening the ledger in %s", path);
    return fg_fail(err, -code, "the ledger's directory %s: %s", path, strerror(code));
}

static int open_directory(struct fg_ledger *l, const char *path, struct fg_error *err)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail_directory(err, path);
    l->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return l->directory < 0 ? fail_directory(err, path) : 0;
}

static int take_lock(struct fg_ledger *l, const char *path, struct fg_error *err)
{
    l->lock = openat(l->directory, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (l->lock < 0)
        return fail_directory(err, path);
    if (flock(l->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return fg_fail(err, -EBUSY, "another facegate-matcher has the ledger in %s open: stop it",
                       path);
    return fail_directory(err, path);
}

// New files are found again after a power cut, and so is the directory itself.
static int settle_directory(struct fg_ledger *l, const char *path, struct fg_error *err)
{
    int parent = openat(l->directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int bad = fsync(l->directory) < 0 || (parent >= 0 && fsync(parent) < 0);
    int code = errno;
    if (parent >= 0)
        close(parent);
    errno = code;
    return bad ? fail_directory(err, path) : 0;
}

static int check_schema(struct fg_ledger *l, const char *path, struct fg_error *err)
{
    struct fg_bytes value;
    int r = fg_ledger_begin(l, true, err);
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
        return fg_ledger_commit(l, err); // writes nothing when nothing changed
    fg_ledger_abort(l);
    return r;
}

static int open_database(struct fg_ledger *l, const struct fg_ledger_options *options,
                         struct fg_error *err)
{
    const uint64_t most = options->map_bytes ? options->map_bytes : MAP_BYTES;
    const struct fg_database_options database = {.directory = options->directory,
                                                 .what = "ledger",
                                                 .setting = "ledger_mib",
                                                 .tables = tables,
                                                 .n_tables = FG_LEDGER_TABLES,
                                                 .main_table = FG_LEDGER_EVENTS,
                                                 .most =
                                                     (most + MAP_UNIT - 1) / MAP_UNIT * MAP_UNIT,
                                                 .careless = options->careless};
    return fg_database_open(&database, &l->database, err);
}

int fg_ledger_open(const struct fg_ledger_options *options, struct fg_ledger **ret,
                   struct fg_error *err)
{
    struct fg_ledger *l = calloc(1, sizeof *l);
    if (!l)
        return fg_fail(err, -ENOMEM, "out of memory");
    l->directory = l->lock = -1;
    int r = open_directory(l, options->directory, err);
    if (r == 0)
        r = take_lock(l, options->directory, err);
    if (r == 0)
        r = open_database(l, options, err);
    if (r == 0)
        r = check_schema(l, options->directory, err);
    if (r == 0 && !options->careless)
        r = settle_directory(l, options->directory, err);
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

// ---- transactions -------------------------------------------------------------------------------

// Room for an admission on the disk, so that it is missed before the commit. Where there is none,
// free pages of the file do; and where there are none either, only removals are welcome.
static int find_room(struct fg_ledger *l, struct fg_error *err)
{
    int r = fg_database_reserve(l->database, RECORDS_AHEAD, 0, NULL);
    l->tight = l->headroom = false;
    if (r == 0 && !l->full)
        return 0;
    l->tight = fg_database_free_pages(l->database) < PAGES_TIGHT;
    l->full = l->full && l->tight;
    l->headroom = l->full;
    return l->headroom ? fg_database_use_headroom(l->database, true, err) : 0;
}

static void leave_headroom(struct fg_ledger *l)
{
    if (l->headroom)
        (void)fg_database_use_headroom(l->database, false, NULL);
    l->headroom = false;
}

int fg_ledger_begin(struct fg_ledger *ledger, bool writing, struct fg_error *err)
{
    int r = writing ? find_room(ledger, err) : 0;
    if (r == 0)
        r = fg_database_begin(ledger->database, writing, err);
    ledger->open = r == 0;
    ledger->writing = writing;
    ledger->added = ledger->removed = 0;
    return r;
}

int fg_ledger_commit(struct fg_ledger *ledger, struct fg_error *err)
{
    if (ledger->writing && ledger->tight && ledger->added > 0 && ledger->removed <= ledger->added) {
        fg_ledger_abort(ledger);
        return fg_fail(err, -ENOSPC,
                       "no room in the ledger: free some disk space or raise ledger_mib");
    }
    ledger->open = false;
    int r = room_gone(ledger, fg_database_commit(ledger->database, err));
    leave_headroom(ledger);
    return r;
}

void fg_ledger_abort(struct fg_ledger *ledger)
{
    ledger->open = false;
    fg_database_abort(ledger->database);
    leave_headroom(ledger);
}

bool fg_ledger_is_open(const struct fg_ledger *ledger)
{
    return ledger->open;
}

// ---- accounts -----------------------------------------------------------------------------------

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
