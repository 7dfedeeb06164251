// SPDX-License-Identifier: Apache-2.0
#include "matcher/database.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define GROW       (1ull << 18)
#define FREE_TABLE 0 // LMDB's own: transaction -> how many pages it freed, and which

struct fg_database {
    MDB_env *env;
    struct fg_database_options options;
    MDB_dbi tables[FG_DATABASE_TABLES];
    MDB_txn *txn;      // the open transaction
    uint64_t reserved; // bytes of the file that the disk has promised
};

struct fg_cursor {
    MDB_cursor *mdb;
    const struct fg_database *database;
};

// ---- errors -------------------------------------------------------------------------------------

static const char opening[] = "opening", reading[] = "reading", writing[] = "writing";

static int fail_code(const struct fg_database *d, struct fg_error *err, int code, const char *doing)
{
    const char *what = d->options.what;
    switch (code) {
    case 0:
        return 0;
    case MDB_NOTFOUND:
        return -ENOENT;
    case MDB_KEYEXIST:
        return -EEXIST;
    case MDB_MAP_FULL:
        return fg_fail(err, -ENOSPC, "the %s is full (%s the %s): raise %s", what, doing, what,
                       d->options.setting);
    case ENOSPC:
    case EDQUOT:
        return fg_fail(err, -ENOSPC, "disk full (%s the %s): free some space", doing, what);
    case EACCES:
    case EROFS:
        return fg_fail(err, -EACCES,
                       "%s the %s: not permitted; give the matcher's user write access", doing,
                       what);
    case MDB_VERSION_MISMATCH:
        return fg_fail(err, -EPROTONOSUPPORT,
                       "%s the %s: " FG_DATABASE_FILE " was made by another LMDB version", doing,
                       what);
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        return fg_fail(err, -EBADMSG,
                       "%s the %s: " FG_DATABASE_FILE " is damaged; restore it from a backup",
                       doing, what);
    case MDB_PANIC:
        return fg_fail(err, -EIO, "%s the %s: an earlier write failed; restart the matcher", doing,
                       what);
    default:
        // -EINVAL would read as a refusal of what was to be stored
        return fg_fail(err, code > 0 && code != EINVAL ? -code : -EIO, "%s the %s: %s", doing, what,
                       mdb_strerror(code));
    }
}

// ---- opening ------------------------------------------------------------------------------------

static uint64_t bytes_in_use(struct fg_database *d, uint64_t *ret_page)
{
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(d->env, &info);
    mdb_env_stat(d->env, &stat);
    *ret_page = stat.ms_psize;
    return (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
}

// A file cut short would be met as a SIGBUS later; `reserve` keeps it longer than what is in use.
static int check_length(struct fg_database *d)
{
    mdb_filehandle_t fd;
    struct stat st;
    int code = mdb_env_get_fd(d->env, &fd);
    if (code == 0 && fstat(fd, &st) < 0)
        code = errno;
    if (code)
        return code;
    return (uint64_t)st.st_size < fg_database_bytes(d) ? MDB_CORRUPTED : 0;
}

static int open_env(struct fg_database *d)
{
    const struct fg_database_options *o = &d->options;
    unsigned flags = (o->look ? MDB_RDONLY : 0) | (o->careless ? MDB_NOSYNC : 0);
    int code = mdb_env_create(&d->env);
    if (code == 0)
        code = mdb_env_set_maxdbs(d->env, o->n_tables);
    if (code == 0)
        code = mdb_env_set_mapsize(d->env, o->most);
    if (code == 0)
        code = mdb_env_open(d->env, o->directory, flags, 0600);
    return code ? code : check_length(d);
}

static int open_tables(struct fg_database *d)
{
    const struct fg_database_options *o = &d->options;
    int code = mdb_txn_begin(d->env, NULL, o->look ? MDB_RDONLY : 0, &d->txn);
    for (unsigned i = 0; i < o->n_tables && code == 0; i++) {
        code = mdb_dbi_open(d->txn, o->tables[i], o->look ? 0 : MDB_CREATE, &d->tables[i]);
        if (code == MDB_NOTFOUND && o->look && i > o->main_table)
            code = 0; // of an older version, which had no such table
    }
    if (code)
        return code;
    code = mdb_txn_commit(d->txn); // writes nothing when nothing changed
    d->txn = NULL;
    return code;
}

int fg_database_open(const struct fg_database_options *options, struct fg_database **ret,
                     struct fg_error *err)
{
    struct fg_database *d = calloc(1, sizeof *d);
    if (!d)
        return fg_fail(err, -ENOMEM, "out of memory for the database");
    d->options = *options;
    int code = open_env(d);
    if (code == 0)
        code = open_tables(d);
    if (code) {
        int r = fail_code(d, err, code == MDB_NOTFOUND ? MDB_CORRUPTED : code, opening);
        fg_database_close(d);
        return r;
    }
    *ret = d;
    return 0;
}

void fg_database_close(struct fg_database *d)
{
    if (!d)
        return;
    fg_database_abort(d);
    if (d->env)
        mdb_env_close(d->env);
    free(d);
}

// ---- transactions -------------------------------------------------------------------------------

int fg_database_begin(struct fg_database *d, bool to_write, struct fg_error *err)
{
    int code = mdb_txn_begin(d->env, NULL, to_write ? 0 : MDB_RDONLY, &d->txn);
    if (code)
        d->txn = NULL;
    return fail_code(d, err, code, to_write ? writing : reading);
}

int fg_database_commit(struct fg_database *d, struct fg_error *err)
{
    int code = mdb_txn_commit(d->txn);
    d->txn = NULL;
    return fail_code(d, err, code, writing);
}

void fg_database_abort(struct fg_database *d)
{
    if (d->txn)
        mdb_txn_abort(d->txn);
    d->txn = NULL;
}

bool fg_database_outcome_known(struct fg_database *d)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(d->env, NULL, MDB_RDONLY, &txn);
    if (code == 0)
        mdb_txn_abort(txn);
    return code != MDB_PANIC;
}

static MDB_val val(struct fg_bytes bytes)
{
    return (MDB_val){bytes.length, (void *)(uintptr_t)bytes.at};
}

int fg_database_get(struct fg_database *d, unsigned table, struct fg_bytes key,
                    struct fg_bytes *ret, struct fg_error *err)
{
    MDB_val name = val(key), value;
    int code = mdb_get(d->txn, d->tables[table], &name, &value);
    if (code == 0)
        *ret = (struct fg_bytes){value.mv_data, value.mv_size};
    return fail_code(d, err, code, reading);
}

int fg_database_put(struct fg_database *d, unsigned table, struct fg_bytes key,
                    struct fg_bytes value, bool replace, struct fg_error *err)
{
    MDB_val name = val(key), data = val(value);
    unsigned flags = replace ? 0 : MDB_NOOVERWRITE;
    return fail_code(d, err, mdb_put(d->txn, d->tables[table], &name, &data, flags), writing);
}

int fg_database_append(struct fg_database *d, unsigned table, struct fg_bytes key,
                       struct fg_bytes value, struct fg_error *err)
{
    MDB_val name = val(key), data = val(value);
    return fail_code(d, err, mdb_put(d->txn, d->tables[table], &name, &data, MDB_APPEND), writing);
}

int fg_database_delete(struct fg_database *d, unsigned table, struct fg_bytes key,
                       struct fg_error *err)
{
    MDB_val name = val(key);
    return fail_code(d, err, mdb_del(d->txn, d->tables[table], &name, NULL), writing);
}

// ---- walking ------------------------------------------------------------------------------------

int fg_cursor_open(struct fg_database *d, unsigned table, struct fg_cursor **ret,
                   struct fg_error *err)
{
    struct fg_cursor *cursor = calloc(1, sizeof *cursor);
    if (!cursor)
        return fg_fail(err, -ENOMEM, "out of memory for the database");
    int code = mdb_cursor_open(d->txn, d->tables[table], &cursor->mdb);
    if (code) {
        free(cursor);
        return fail_code(d, err, code, reading);
    }
    cursor->database = d;
    *ret = cursor;
    return 0;
}

static int move(struct fg_cursor *cursor, MDB_val key, MDB_cursor_op operation,
                struct fg_bytes *ret_key, struct fg_bytes *ret_value, struct fg_error *err)
{
    MDB_val value;
    int code = mdb_cursor_get(cursor->mdb, &key, &value, operation);
    if (code == 0) {
        *ret_key = (struct fg_bytes){key.mv_data, key.mv_size};
        *ret_value = (struct fg_bytes){value.mv_data, value.mv_size};
    }
    return fail_code(cursor->database, err, code, reading);
}

int fg_cursor_next(struct fg_cursor *cursor, struct fg_bytes *ret_key, struct fg_bytes *ret_value,
                   struct fg_error *err)
{
    return move(cursor, (MDB_val){0, NULL}, MDB_NEXT, ret_key, ret_value, err);
}

int fg_cursor_previous(struct fg_cursor *cursor, struct fg_bytes *ret_key,
                       struct fg_bytes *ret_value, struct fg_error *err)
{
    return move(cursor, (MDB_val){0, NULL}, MDB_PREV, ret_key, ret_value, err);
}

int fg_cursor_seek(struct fg_cursor *cursor, struct fg_bytes from, struct fg_bytes *ret_key,
                   struct fg_bytes *ret_value, struct fg_error *err)
{
    return move(cursor, val(from), MDB_SET_RANGE, ret_key, ret_value, err);
}

int fg_cursor_delete(struct fg_cursor *cursor, struct fg_error *err)
{
    return fail_code(cursor->database, err, mdb_cursor_del(cursor->mdb, 0), writing);
}

void fg_cursor_close(struct fg_cursor *cursor)
{
    if (!cursor)
        return;
    mdb_cursor_close(cursor->mdb);
    free(cursor);
}

// ---- room ---------------------------------------------------------------------------------------

// A small put may take from the headroom once (there may be free pages that nobody counts), the
// next is refused.
int fg_database_reserve(struct fg_database *d, uint64_t records, uint64_t bytes,
                        struct fg_error *err)
{
    mdb_filehandle_t fd;
    uint64_t page, used = bytes_in_use(d, &page);
    uint64_t more = records * 2 * page + bytes;
    uint64_t want = (used + more + FG_DATABASE_HEADROOM + GROW - 1) / GROW * GROW;
    if (want <= d->reserved)
        return 0;
    mdb_env_get_fd(d->env, &fd);
    if (posix_fallocate(fd, (off_t)d->reserved, (off_t)(want - d->reserved)) == 0) {
        d->reserved = want;
        return 0;
    }
    if (used + FG_DATABASE_HEADROOM <= d->reserved && more <= FG_DATABASE_HEADROOM / 8)
        return 0;
    return fail_code(d, err, ENOSPC, writing);
}

int fg_database_use_headroom(struct fg_database *d, bool in, struct fg_error *err)
{
    MDB_envinfo info;
    mdb_env_info(d->env, &info);
    // LMDB never goes below what is in use.
    uint64_t most = in ? info.me_mapsize + FG_DATABASE_HEADROOM : d->options.most;
    return fail_code(d, err, mdb_env_set_mapsize(d->env, most), writing);
}

static uint64_t count_free(MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    size_t count;
    uint64_t pages = 0;
    if (mdb_cursor_open(txn, FREE_TABLE, &cursor) != 0)
        return 0;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0 && value.mv_size >= sizeof count) {
        memcpy(&count, value.mv_data, sizeof count);
        pages += count;
    }
    mdb_cursor_close(cursor);
    return pages;
}

uint64_t fg_database_free_pages(struct fg_database *d)
{
    MDB_txn *txn; // LMDB shows that table to readers alone
    if (mdb_txn_begin(d->env, NULL, MDB_RDONLY, &txn) != 0)
        return 0;
    uint64_t pages = count_free(txn);
    mdb_txn_abort(txn);
    return pages;
}

void fg_database_read_ahead(struct fg_database *d)
{
    mdb_filehandle_t fd;
    if (mdb_env_get_fd(d->env, &fd) == 0)
        (void)posix_fadvise(fd, 0, (off_t)fg_database_bytes(d), POSIX_FADV_WILLNEED);
}

uint64_t fg_database_count(struct fg_database *d, unsigned table)
{
    MDB_stat stat;
    return mdb_stat(d->txn, d->tables[table], &stat) == 0 ? stat.ms_entries : 0;
}

// ---- accounts -----------------------------------------------------------------------------------

void fg_database_state(struct fg_database *d, struct fg_database_state *ret)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file = {0};
    MDB_txn *txn = d->txn;
    mdb_filehandle_t fd;
    mdb_env_info(d->env, &info);
    mdb_env_stat(d->env, &stat);
    *ret = (struct fg_database_state){.page_bytes = stat.ms_psize,
                                      .pages_used = info.me_last_pgno + 1,
                                      .most_bytes = info.me_mapsize};
    if (mdb_env_get_fd(d->env, &fd) == 0 && fstat(fd, &file) == 0)
        ret->file_bytes = (uint64_t)file.st_size;
    if (!txn && mdb_txn_begin(d->env, NULL, MDB_RDONLY, &txn) != 0)
        return;
    if (mdb_stat(txn, d->tables[d->options.main_table], &stat) == 0) {
        ret->entries = stat.ms_entries;
        ret->depth = stat.ms_depth;
        ret->branch_pages = stat.ms_branch_pages;
        ret->leaf_pages = stat.ms_leaf_pages;
        ret->overflow_pages = stat.ms_overflow_pages;
    }
    if (!d->txn)
        mdb_txn_abort(txn);
}

uint64_t fg_database_bytes(struct fg_database *d)
{
    uint64_t page;
    return bytes_in_use(d, &page);
}
