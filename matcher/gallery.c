// SPDX-License-Identifier: Apache-2.0
#include "matcher/gallery.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matcher/keys.h"

#define SCHEMA      1u
#define DEFAULT_MAP (1ull << 30)
#define MAP_UNIT    65536ull     // of which every page size is a divisor
#define HEADROOM    (1ull << 20) // so that a delete works on a full map and a full disk
#define GROW        (1ull << 18)
#define DATA_FILE   "data.mdb"
#define LOCK_FILE   "lock"

// A record: version u8, slot u32, nonce, sealed subject. Its key in the database is the id.
enum { AT_SLOT = 1, AT_NONCE = 5, AT_SEALED = AT_NONCE + FG_SEAL_NONCE };
#define RECORD_MAX (AT_SEALED + FG_SUBJECT_BYTES + FG_SEAL_TAG)
#define NO_SLOT    UINT32_MAX

// Plain biometric data and keys: only in locked memory.
struct scratch {
    struct fg_subject subject;
    uint8_t plain[FG_SUBJECT_BYTES];
    uint8_t key[FG_SEAL_KEY];
};

struct fg_gallery {
    int directory, lock; // fds
    MDB_env *env;
    MDB_dbi meta, subjects;
    struct fg_keys *keys;
    struct scratch *scratch;
    struct fg_gallery_options options; // directory and master_key_file not valid after opening
    struct fg_gallery_state state;     // counts only
    uint64_t reserved;                 // bytes of the database file that the disk has promised
};

enum kind { KIND_OURS, KIND_FOREIGN, KIND_CORRUPT };

// ---- errors -------------------------------------------------------------------------------------

static int fail_database(struct fg_error *err, int code, const char *doing)
{
    switch (code) {
    case MDB_MAP_FULL:
        return fg_fail(err, -ENOSPC, "the gallery is full (%s): raise gallery_mib", doing);
    case ENOSPC:
    case EDQUOT:
        return fg_fail(err, -ENOSPC, "disk full (%s): free some space", doing);
    case EACCES:
    case EROFS:
        return fg_fail(err, -EACCES, "%s: not permitted; give the matcher's user write access",
                       doing);
    case MDB_VERSION_MISMATCH:
        return fg_fail(err, -EPROTONOSUPPORT, "%s: " DATA_FILE " was made by another LMDB version",
                       doing);
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        return fg_fail(err, -EBADMSG, "%s: " DATA_FILE " is damaged; restore it from a backup",
                       doing);
    case MDB_PANIC:
        return fg_fail(err, -EIO, "%s: an earlier write failed; restart the matcher", doing);
    default:
        return fg_fail(err, code > 0 ? -code : -EIO, "%s: %s", doing, mdb_strerror(code));
    }
}

static int fail_directory(struct fg_error *err, const char *path)
{
    int code = errno;
    if (code == EACCES || code == EROFS || code == EPERM)
        return fg_fail(err, -EACCES,
                       "the gallery's directory %s is not writable for this user: chown it", path);
    if (code == ENOSPC || code == EDQUOT)
        return fg_fail(err, -ENOSPC, "disk full while opening the gallery in %s", path);
    return fg_fail(err, -code, "the gallery's directory %s: %s", path, strerror(code));
}

// ---- records ------------------------------------------------------------------------------------

struct record_data {
    uint8_t bytes[AT_NONCE + FG_SUBJECT_ID];
    size_t length;
};

// What a record is bound to: its version and slot, and the id it is stored under.
static struct record_data data_of(const uint8_t *record, const void *id, size_t length)
{
    struct record_data data = {.length = AT_NONCE + length};
    memcpy(data.bytes, record, AT_NONCE);
    memcpy(data.bytes + AT_NONCE, id, length);
    return data;
}

// Returns the record's length, or -EINVAL for a subject that cannot be packed.
static int seal_record(struct fg_gallery *g, const struct fg_subject *subject, uint32_t slot,
                       const uint8_t *key, uint8_t record[RECORD_MAX])
{
    int length = fg_subject_pack(subject, g->scratch->plain);
    if (length < 0)
        return length;
    record[0] = SCHEMA;
    for (int i = 0; i < 4; i++)
        record[AT_SLOT + i] = (uint8_t)(slot >> (8 * i));
    struct record_data data = data_of(record, subject->id, strlen(subject->id));
    fg_seal_random(record + AT_NONCE, FG_SEAL_NONCE);
    fg_seal(key, record + AT_NONCE, data.bytes, data.length, g->scratch->plain, (size_t)length,
            record + AT_SEALED);
    return AT_SEALED + length + FG_SEAL_TAG;
}

// Opens a record into scratch->subject; *ret_slot is NO_SLOT when none can be read. Returns its
// kind, or -EIO when its key could not be read.
static int open_record(struct fg_gallery *g, const MDB_val *id, const MDB_val *value,
                       uint32_t *ret_slot)
{
    struct scratch *s = g->scratch;
    const uint8_t *record = value->mv_data;
    *ret_slot = NO_SLOT;
    if (value->mv_size < AT_SEALED + FG_SEAL_TAG || value->mv_size > RECORD_MAX ||
        record[0] != SCHEMA || id->mv_size >= FG_SUBJECT_ID)
        return KIND_CORRUPT;
    *ret_slot = (uint32_t)record[1] | (uint32_t)record[2] << 8 | (uint32_t)record[3] << 16 |
                (uint32_t)record[4] << 24;
    int r = fg_keys_get(g->keys, *ret_slot, s->key);
    if (r < 0)
        return r == -EIO ? r : KIND_CORRUPT;
    struct record_data data = data_of(record, id->mv_data, id->mv_size);
    size_t sealed = value->mv_size - AT_SEALED;
    if (fg_unseal(s->key, record + AT_NONCE, data.bytes, data.length, record + AT_SEALED, sealed,
                  s->plain) < 0 ||
        fg_subject_unpack(s->plain, sealed - FG_SEAL_TAG, &s->subject) < 0 ||
        strlen(s->subject.id) != id->mv_size || memcmp(s->subject.id, id->mv_data, id->mv_size))
        return KIND_CORRUPT;
    bool ours =
        s->subject.model == g->options.model && s->subject.dimension == g->options.dimension;
    return ours ? KIND_OURS : KIND_FOREIGN;
}

static void wipe(struct fg_gallery *g)
{
    explicit_bzero(g->scratch, sizeof *g->scratch);
}

static uint64_t *counter_of(struct fg_gallery_state *state, int kind)
{
    return kind == KIND_OURS      ? &state->subjects
           : kind == KIND_FOREIGN ? &state->foreign
                                  : &state->corrupt;
}

static MDB_val value_of_id(const char *id)
{
    return (MDB_val){strlen(id), (void *)(uintptr_t)id};
}

// ---- walking ------------------------------------------------------------------------------------

struct walk {
    fg_gallery_visit visit;
    void *context;
    bool claiming; // tell the key file which slots are in use
    struct fg_gallery_state counts;
};

static int walk_record(struct fg_gallery *g, struct walk *walk, const MDB_val *id,
                       const MDB_val *value)
{
    uint32_t slot;
    int kind = open_record(g, id, value, &slot);
    if (kind < 0)
        return kind;
    ++*counter_of(&walk->counts, kind);
    if (walk->claiming)
        fg_keys_claim(g->keys, slot, kind != KIND_CORRUPT);
    return kind == KIND_OURS && walk->visit ? walk->visit(walk->context, &g->scratch->subject) : 0;
}

// *ret_database is set to LMDB's code when it is LMDB that failed.
static int walk_cursor(struct fg_gallery *g, MDB_txn *txn, struct walk *walk, int *ret_database)
{
    MDB_cursor *cursor;
    MDB_val id, value;
    int r = 0, code = mdb_cursor_open(txn, g->subjects, &cursor);
    if (code == 0) {
        while (r == 0 && (code = mdb_cursor_get(cursor, &id, &value, MDB_NEXT)) == 0)
            r = walk_record(g, walk, &id, &value);
        mdb_cursor_close(cursor);
    }
    if (code == MDB_NOTFOUND)
        code = 0;
    *ret_database = code;
    return r;
}

static int walk_all(struct fg_gallery *g, struct walk *walk, struct fg_error *err)
{
    MDB_txn *txn;
    int r = 0, code = mdb_txn_begin(g->env, NULL, MDB_RDONLY, &txn);
    if (code == 0) {
        r = walk_cursor(g, txn, walk, &code);
        mdb_txn_abort(txn);
    }
    wipe(g);
    if (code)
        return fail_database(err, code, "reading the gallery");
    if (r)
        return r;
    g->state.subjects = walk->counts.subjects;
    g->state.foreign = walk->counts.foreign;
    g->state.corrupt = walk->counts.corrupt;
    return 0;
}

int fg_gallery_each(struct fg_gallery *gallery, fg_gallery_visit visit, void *context)
{
    struct walk walk = {.visit = visit, .context = context};
    return walk_all(gallery, &walk, NULL);
}

// ---- room ---------------------------------------------------------------------------------------

static uint64_t bytes_in_use(struct fg_gallery *g, uint64_t *ret_page)
{
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(g->env, &info);
    mdb_env_stat(g->env, &stat);
    *ret_page = stat.ms_psize;
    return (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
}

// LMDB copies the pages that it changes, so that even a delete needs free ones: the file is always
// HEADROOM longer than what is in use, and only putting asks for more. A small put may take from
// the headroom once (there may be free pages that nobody counts), the next is refused.
static int reserve(struct fg_gallery *g, unsigned subjects)
{
    mdb_filehandle_t fd;
    uint64_t page, used = bytes_in_use(g, &page);
    uint64_t more = subjects * (2 * page + RECORD_MAX);
    uint64_t want = (used + more + HEADROOM + GROW - 1) / GROW * GROW;
    if (want <= g->reserved)
        return 0;
    mdb_env_get_fd(g->env, &fd);
    if (posix_fallocate(fd, (off_t)g->reserved, (off_t)(want - g->reserved)) == 0) {
        g->reserved = want;
        return 0;
    }
    return used + HEADROOM <= g->reserved && more <= HEADROOM / 2 ? 0 : ENOSPC;
}

// ---- opening ------------------------------------------------------------------------------------

static int check_options(const struct fg_gallery_options *o, struct fg_error *err)
{
    if (!o->directory || !o->directory[0])
        return fg_fail(err, -EINVAL, "the gallery needs a directory");
    if (o->dimension == 0 || o->dimension > FG_TEMPLATE_MAX)
        return fg_fail(err, -EINVAL, "a gallery's dimension is 1 to %d, not %u", FG_TEMPLATE_MAX,
                       o->dimension);
    return 0;
}

static int open_directory(struct fg_gallery *g, const char *path, struct fg_error *err)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail_directory(err, path);
    g->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return g->directory < 0 ? fail_directory(err, path) : 0;
}

static int take_lock(struct fg_gallery *g, const char *path, struct fg_error *err)
{
    g->lock = openat(g->directory, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (g->lock < 0)
        return fail_directory(err, path);
    if (flock(g->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return fg_fail(err, -EBUSY, "another facegate-matcher has the gallery in %s open: stop it",
                       path);
    return fail_directory(err, path);
}

static bool exists(struct fg_gallery *g, const char *name)
{
    return faccessat(g->directory, name, F_OK, 0) == 0;
}

// The key file is made before the database, so a database without one has lost it.
static int open_keys(struct fg_gallery *g, struct fg_error *err)
{
    uint8_t *master;
    bool old = exists(g, FG_KEYS_FILE);
    if (!old && exists(g, DATA_FILE))
        return fg_fail(err, -EBADMSG,
                       "%s has " DATA_FILE " but no key file " FG_KEYS_FILE
                       ": restore both from one backup",
                       g->options.directory);
    int r = fg_master_read(g->options.master_key_file, g->options.make_key && !old, &master, err);
    return r < 0 ? r : fg_keys_open(g->directory, master, &g->keys, err);
}

// A file cut short would be met as a SIGBUS later; `reserve` keeps it longer than what is in use.
static int check_length(struct fg_gallery *g)
{
    mdb_filehandle_t fd;
    uint64_t page;
    struct stat st;
    int code = mdb_env_get_fd(g->env, &fd);
    if (code == 0 && fstat(fd, &st) < 0)
        code = errno;
    if (code)
        return code;
    return (uint64_t)st.st_size < bytes_in_use(g, &page) ? MDB_CORRUPTED : 0;
}

static int open_env(struct fg_gallery *g)
{
    int code = mdb_env_create(&g->env);
    if (code == 0)
        code = mdb_env_set_maxdbs(g->env, 2);
    if (code == 0)
        code = mdb_env_set_mapsize(g->env, g->options.map_bytes);
    if (code == 0)
        code = mdb_env_open(g->env, g->options.directory, 0, 0600);
    return code ? code : check_length(g);
}

static int check_meta(struct fg_gallery *g, const MDB_val *schema, const MDB_val *gallery,
                      struct fg_error *err)
{
    uint8_t bytes[4] = {0};
    if (schema->mv_size == sizeof bytes)
        memcpy(bytes, schema->mv_data, sizeof bytes);
    uint32_t version = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                       (uint32_t)bytes[3] << 24;
    if (version != SCHEMA)
        return fg_fail(err, -EPROTONOSUPPORT,
                       "the gallery in %s has schema version %u, this program reads version %u: "
                       "use the program that made it",
                       g->options.directory, version, SCHEMA);
    if (gallery->mv_size != FG_KEYS_GALLERY ||
        memcmp(gallery->mv_data, fg_keys_gallery(g->keys), FG_KEYS_GALLERY))
        return fg_fail(err, -EBADMSG,
                       "the files " DATA_FILE " and " FG_KEYS_FILE
                       " in %s belong to different galleries: restore both from one backup",
                       g->options.directory);
    return 0;
}

static int write_meta(struct fg_gallery *g, MDB_txn *txn, struct fg_error *err)
{
    uint8_t version[4] = {SCHEMA};
    MDB_val name = value_of_id("schema"), value = {sizeof version, version};
    if (fg_keys_slots_free(g->keys) != fg_keys_slots(g->keys))
        return fg_fail(err, -EBADMSG,
                       "the key file in %s holds keys but " DATA_FILE
                       " is new or empty: restore both from one backup, or remove both",
                       g->options.directory);
    int code = mdb_put(txn, g->meta, &name, &value, 0);
    if (code == 0) {
        name = value_of_id("gallery");
        value = (MDB_val){FG_KEYS_GALLERY, (void *)(uintptr_t)fg_keys_gallery(g->keys)};
        code = mdb_put(txn, g->meta, &name, &value, 0);
    }
    return code ? fail_database(err, code, "making the gallery") : 0;
}

static int open_meta(struct fg_gallery *g, MDB_txn *txn, struct fg_error *err)
{
    MDB_val name = value_of_id("schema"), schema, gallery = {0};
    int code = mdb_dbi_open(txn, "meta", MDB_CREATE, &g->meta);
    if (code == 0)
        code = mdb_dbi_open(txn, "subjects", MDB_CREATE, &g->subjects);
    if (code == 0)
        code = mdb_get(txn, g->meta, &name, &schema);
    if (code == MDB_NOTFOUND)
        return write_meta(g, txn, err);
    if (code)
        return fail_database(err, code, "opening the gallery");
    name = value_of_id("gallery");
    code = mdb_get(txn, g->meta, &name, &gallery);
    if (code && code != MDB_NOTFOUND)
        return fail_database(err, code, "opening the gallery");
    return check_meta(g, &schema, &gallery, err);
}

static int open_database(struct fg_gallery *g, struct fg_error *err)
{
    MDB_txn *txn;
    int code = open_env(g);
    if (code == 0)
        code = mdb_txn_begin(g->env, NULL, 0, &txn);
    if (code)
        return fail_database(err, code, "opening the gallery");
    int r = open_meta(g, txn, err);
    if (r < 0) {
        mdb_txn_abort(txn);
        return r;
    }
    code = mdb_txn_commit(txn); // writes nothing when nothing changed
    return code ? fail_database(err, code, "opening the gallery") : 0;
}

static int open_all(struct fg_gallery *g, struct fg_error *err)
{
    const char *path = g->options.directory;
    int r = open_directory(g, path, err);
    if (r == 0)
        r = take_lock(g, path, err);
    if (r == 0)
        r = open_keys(g, err);
    if (r == 0)
        r = open_database(g, err);
    if (r == 0 && fsync(g->directory) < 0)
        r = fail_directory(err, path);
    if (r < 0)
        return r;
    (void)reserve(g, 0); // a full disk refuses enrolment, not the start
    struct walk walk = {.visit = g->options.visit, .context = g->options.context, .claiming = true};
    r = walk_all(g, &walk, err);
    return r ? r : fg_keys_settle(g->keys, &g->state.keys_erased, err);
}

int fg_gallery_open(const struct fg_gallery_options *options, struct fg_gallery **ret,
                    struct fg_error *err)
{
    int r = check_options(options, err);
    if (r < 0)
        return r;
    struct fg_gallery *g = calloc(1, sizeof *g);
    if (!g || fg_seal_init() < 0 || !(g->scratch = fg_seal_alloc(sizeof *g->scratch))) {
        free(g);
        return fg_fail(err, -ENOMEM, "out of memory for the gallery");
    }
    g->directory = g->lock = -1;
    g->options = *options;
    if (g->options.map_bytes == 0)
        g->options.map_bytes = DEFAULT_MAP;
    g->options.map_bytes = (g->options.map_bytes + MAP_UNIT - 1) / MAP_UNIT * MAP_UNIT;
    r = open_all(g, err);
    if (r) {
        fg_gallery_close(g);
        return r;
    }
    *ret = g;
    return 0;
}

void fg_gallery_close(struct fg_gallery *g)
{
    if (!g)
        return;
    if (g->env)
        mdb_env_close(g->env);
    fg_keys_close(g->keys);
    fg_seal_free(g->scratch);
    if (g->lock >= 0)
        close(g->lock);
    if (g->directory >= 0)
        close(g->directory);
    free(g);
}

bool fg_gallery_key_from_file(const struct fg_gallery *gallery)
{
    return gallery->options.master_key_file != NULL;
}

// ---- putting ------------------------------------------------------------------------------------

struct batch {
    const struct fg_subject *subjects;
    unsigned count, at; // at: the subject at work, and so at fault; count: none
    bool replace;
    MDB_txn *txn;
    uint32_t *slots;
    uint8_t (*keys)[FG_SEAL_KEY];
    bool keyed;    // the slots are written
    uint32_t *old; // slots of replaced records
    unsigned n_old;
    struct fg_gallery_state counts; // as they will be
};

static int batch_init(struct fg_gallery *g, struct batch *b, struct fg_error *err)
{
    b->slots = calloc(b->count, sizeof *b->slots);
    b->old = calloc(b->count, sizeof *b->old);
    b->keys = fg_seal_alloc((size_t)b->count * FG_SEAL_KEY);
    b->counts = g->state;
    if (!b->slots || !b->old || !b->keys)
        return fg_fail(err, -ENOMEM, "out of memory for %u subjects", b->count);
    int code = reserve(g, b->count);
    if (code == 0)
        code = mdb_txn_begin(g->env, NULL, 0, &b->txn);
    return code ? fail_database(err, code, "writing the gallery") : 0;
}

static void batch_finish(struct batch *b)
{
    if (b->txn)
        mdb_txn_abort(b->txn);
    free(b->slots);
    free(b->old);
    fg_seal_free(b->keys);
}

static int fail_exists(struct fg_error *err, const char *id)
{
    return fg_fail(err, -EEXIST, "subject %s is enrolled already: ask to replace it", id);
}

// All that can be refused before a key is written.
static int check_subject(struct fg_gallery *g, struct batch *b, struct fg_error *err)
{
    const struct fg_subject *s = &b->subjects[b->at];
    MDB_val value;
    if (fg_subject_pack(s, g->scratch->plain) < 0)
        return fg_fail(err, -EINVAL,
                       "subject %u cannot be stored: its id, lists, validity or templates are not "
                       "well formed",
                       b->at);
    if (s->model != g->options.model || s->dimension != g->options.dimension)
        return fg_fail(err, -EINVAL,
                       "subject %s is of model %016llx with dimension %u, this gallery of model "
                       "%016llx with %u",
                       s->id, (unsigned long long)s->model, s->dimension,
                       (unsigned long long)g->options.model, g->options.dimension);
    MDB_val id = value_of_id(s->id);
    int code = mdb_get(b->txn, g->subjects, &id, &value);
    if (code == 0 && !b->replace)
        return fail_exists(err, s->id);
    return code && code != MDB_NOTFOUND ? fail_database(err, code, "reading the gallery") : 0;
}

// The slot to erase with a record, or NO_SLOT. A damaged record may name another's slot: a slot
// that a sound record claims is left alone (if it was its own after all, the next opening erases).
static int forget(struct fg_gallery *g, const MDB_val *id, const MDB_val *value,
                  struct fg_gallery_state *counts, uint32_t *ret_slot, struct fg_error *err)
{
    int kind = open_record(g, id, value, ret_slot);
    if (kind < 0)
        return fg_fail(err, kind, "reading the key file: %s", strerror(-kind));
    uint64_t *counter = counter_of(counts, kind);
    if (*counter == 0) // damaged since it was counted as sound
        counter = counts->subjects > 0 ? &counts->subjects : &counts->foreign;
    *counter -= *counter > 0;
    if (*ret_slot >= fg_keys_slots(g->keys) ||
        (kind == KIND_CORRUPT && fg_keys_claimed_surely(g->keys, *ret_slot)))
        *ret_slot = NO_SLOT;
    return 0;
}

static int store_subject(struct fg_gallery *g, struct batch *b, struct fg_error *err)
{
    const struct fg_subject *s = &b->subjects[b->at];
    uint8_t record[RECORD_MAX];
    MDB_val id = value_of_id(s->id), value;
    int code = mdb_get(b->txn, g->subjects, &id, &value);
    if (code == 0 && b->replace) {
        int r = forget(g, &id, &value, &b->counts, &b->old[b->n_old], err);
        if (r < 0)
            return r;
        b->n_old += b->old[b->n_old] != NO_SLOT;
    }
    int length = seal_record(g, s, b->slots[b->at], b->keys[b->at], record);
    if (length < 0)
        return fg_fail(err, length, "subject %s cannot be stored", s->id);
    value = (MDB_val){(size_t)length, record};
    code = mdb_put(b->txn, g->subjects, &id, &value, b->replace ? 0 : MDB_NOOVERWRITE);
    if (code == MDB_KEYEXIST)
        return fail_exists(err, s->id);
    b->counts.subjects++;
    return code ? fail_database(err, code, "writing the gallery") : 0;
}

static int for_each_subject(struct fg_gallery *g, struct batch *b,
                            int (*step)(struct fg_gallery *, struct batch *, struct fg_error *),
                            struct fg_error *err)
{
    int r = 0;
    for (unsigned i = 0; i < b->count && r == 0; i++) {
        b->at = i;
        r = step(g, b, err);
    }
    return r;
}

static int commit(MDB_txn **txn, struct fg_error *err)
{
    int code = mdb_txn_commit(*txn);
    *txn = NULL;
    return code ? fail_database(err, code, "writing the gallery") : 0;
}

// After a failed write of LMDB's last page nobody knows which state the next opening will find.
static bool outcome_known(struct fg_gallery *g)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(g->env, NULL, MDB_RDONLY, &txn);
    if (code == 0)
        mdb_txn_abort(txn);
    return code != MDB_PANIC;
}

static int batch_write(struct fg_gallery *g, struct batch *b, struct fg_error *err)
{
    int r = for_each_subject(g, b, check_subject, err);
    if (r < 0)
        return r;
    b->at = b->count;
    r = fg_keys_add(g->keys, b->count, b->slots, b->keys, err);
    if (r < 0)
        return r;
    b->keyed = true;
    r = for_each_subject(g, b, store_subject, err);
    if (r < 0)
        return r;
    b->at = b->count;
    return commit(&b->txn, err);
}

int fg_gallery_put_many(struct fg_gallery *gallery, const struct fg_subject *subjects,
                        unsigned count, bool replace, unsigned *ret_failed, struct fg_error *err)
{
    struct batch b = {.subjects = subjects, .count = count, .at = count, .replace = replace};
    if (count == 0)
        return 0;
    int r = batch_init(gallery, &b, err);
    if (r == 0)
        r = batch_write(gallery, &b, err);
    if (r == 0) {
        gallery->state = b.counts;
        // The new records stand. A key that resists is erased at the next opening.
        fg_keys_erase(gallery->keys, b.old, b.n_old, NULL);
    } else {
        if (b.keyed && outcome_known(gallery))
            fg_keys_erase(gallery->keys, b.slots, b.count, NULL);
        if (ret_failed)
            *ret_failed = b.at;
    }
    wipe(gallery);
    batch_finish(&b);
    return r;
}

int fg_gallery_put(struct fg_gallery *gallery, const struct fg_subject *subject, bool replace,
                   struct fg_error *err)
{
    return fg_gallery_put_many(gallery, subject, 1, replace, NULL, err);
}

// ---- getting and deleting -----------------------------------------------------------------------

static int fail_unknown(struct fg_error *err, const char *id)
{
    return fg_fail(err, -ENOENT, "there is no subject %s", id);
}

static int get_record(struct fg_gallery *g, MDB_txn *txn, const char *name, struct fg_error *err)
{
    uint32_t slot;
    MDB_val id = value_of_id(name), value;
    int code = mdb_get(txn, g->subjects, &id, &value);
    if (code == MDB_NOTFOUND)
        return fail_unknown(err, name);
    if (code)
        return fail_database(err, code, "reading the gallery");
    int kind = open_record(g, &id, &value, &slot);
    if (kind < 0)
        return fg_fail(err, kind, "reading the key file: %s", strerror(-kind));
    if (kind == KIND_CORRUPT)
        return fg_fail(err, -EBADMSG, "the record of subject %s is damaged: delete it, enrol again",
                       name);
    return 0;
}

int fg_gallery_get(struct fg_gallery *gallery, const char *id, struct fg_subject *ret,
                   struct fg_error *err)
{
    MDB_txn *txn;
    if (!fg_subject_id_ok(id))
        return fg_fail(err, -ENOENT, "there is no such subject: the id is not well formed");
    int code = mdb_txn_begin(gallery->env, NULL, MDB_RDONLY, &txn);
    if (code)
        return fail_database(err, code, "reading the gallery");
    int r = get_record(gallery, txn, id, err);
    mdb_txn_abort(txn);
    if (r == 0)
        *ret = gallery->scratch->subject;
    wipe(gallery);
    return r;
}

// -ENOSPC is only ever the map here, or the disk.
static int delete_record(struct fg_gallery *g, const char *name, uint32_t *ret_slot,
                         struct fg_error *err)
{
    MDB_txn *txn;
    MDB_val id = value_of_id(name), value;
    struct fg_gallery_state counts = g->state;
    int r = 0, code = mdb_txn_begin(g->env, NULL, 0, &txn);
    if (code)
        return fail_database(err, code, "writing the gallery");
    code = mdb_get(txn, g->subjects, &id, &value);
    if (code == 0)
        r = forget(g, &id, &value, &counts, ret_slot, err);
    if (code == 0 && r == 0)
        code = mdb_del(txn, g->subjects, &id, NULL);
    if (code || r) {
        mdb_txn_abort(txn);
        return r                      ? r
               : code == MDB_NOTFOUND ? fail_unknown(err, name)
                                      : fail_database(err, code, "deleting");
    }
    r = commit(&txn, err);
    if (r == 0)
        g->state = counts;
    return r;
}

static int delete_with_headroom(struct fg_gallery *g, const char *id, uint32_t *ret_slot,
                                struct fg_error *err)
{
    MDB_envinfo info;
    mdb_env_info(g->env, &info);
    int code = mdb_env_set_mapsize(g->env, info.me_mapsize + HEADROOM);
    if (code)
        return fail_database(err, code, "deleting");
    int r = delete_record(g, id, ret_slot, err);
    // LMDB never goes below what is in use.
    code = mdb_env_set_mapsize(g->env, g->options.map_bytes);
    return r == 0 && code ? fail_database(err, code, "deleting") : r;
}

int fg_gallery_delete(struct fg_gallery *gallery, const char *id, struct fg_error *err)
{
    uint32_t slot = NO_SLOT;
    if (!fg_subject_id_ok(id))
        return fg_fail(err, -ENOENT, "there is no such subject: the id is not well formed");
    int r = delete_record(gallery, id, &slot, err);
    if (r == -ENOSPC)
        r = delete_with_headroom(gallery, id, &slot, err);
    wipe(gallery);
    if (r < 0 || slot == NO_SLOT)
        return r;
    r = fg_keys_erase(gallery->keys, &slot, 1, err);
    return r < 0 ? fg_fail_prefix(err, -EKEYEXPIRED, "subject %s is deleted", id) : 0;
}

void fg_gallery_state(struct fg_gallery *gallery, struct fg_gallery_state *ret)
{
    uint64_t page;
    *ret = gallery->state;
    ret->bytes = bytes_in_use(gallery, &page);
    ret->key_slots = fg_keys_slots(gallery->keys);
    ret->key_slots_free = fg_keys_slots_free(gallery->keys);
}
