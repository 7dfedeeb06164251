// SPDX-License-Identifier: Apache-2.0
#include "matcher/gallery.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matcher/gallery_parts.h"
#include "matcher/master.h"

#define DEFAULT_MAP (1ull << 30)
#define MAP_UNIT    65536ull // of which every page size is a divisor
#define LOCK_FILE   "lock"

// ---- opening ------------------------------------------------------------------------------------

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

static int check_options(const struct fg_gallery_options *o, struct fg_error *err)
{
    if (!o->directory || !o->directory[0])
        return fg_fail(err, -EINVAL, "the gallery needs a directory");
    if (o->look)
        return 0;
    if (o->dimension == 0 || o->dimension > FG_TEMPLATE_MAX)
        return fg_fail(err, -EINVAL, "a gallery's dimension is 1 to %d, not %u", FG_TEMPLATE_MAX,
                       o->dimension);
    return 0;
}

static int open_directory(struct fg_gallery *g, const char *path, struct fg_error *err)
{
    if (!g->options.look && mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail_directory(err, path);
    g->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return g->directory < 0 ? fail_directory(err, path) : 0;
}

static int take_lock(struct fg_gallery *g, const char *path, struct fg_error *err)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (g->options.look ? 0 : O_CREAT);
    g->lock = openat(g->directory, LOCK_FILE, flags, 0600);
    if (g->lock < 0 && errno == ENOENT)
        return fg_fail(err, -ENOENT, "there is no gallery in %s: no file " LOCK_FILE, path);
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
    if (!old && exists(g, FG_DATABASE_FILE))
        return fg_fail(err, -EBADMSG,
                       "%s has " FG_DATABASE_FILE " but no key file " FG_KEYS_FILE
                       ": restore both from one backup",
                       g->options.directory);
    if (!old && g->options.look)
        return fg_fail(err, -ENOENT, "there is no gallery in %s: no key file " FG_KEYS_FILE,
                       g->options.directory);
    int r = fg_master_read(g->options.master_key_file, g->options.make_key && !old, &master, err);
    return r < 0 ? r : fg_keys_open(g->directory, master, &g->keys, err);
}

static int check_meta(struct fg_gallery *g, struct fg_bytes schema, struct fg_bytes gallery,
                      struct fg_error *err)
{
    uint8_t bytes[4] = {0};
    if (schema.length == sizeof bytes)
        memcpy(bytes, schema.at, sizeof bytes);
    uint32_t version = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                       (uint32_t)bytes[3] << 24;
    if (version != FG_RECORD_VERSION)
        return fg_fail(err, -EPROTONOSUPPORT,
                       "the gallery in %s has schema version %u, this program reads version %u: "
                       "use the program that made it",
                       g->options.directory, version, FG_RECORD_VERSION);
    if (gallery.length != FG_KEYS_GALLERY ||
        memcmp(gallery.at, fg_keys_gallery(g->keys), FG_KEYS_GALLERY))
        return fg_fail(err, -EBADMSG,
                       "the files " FG_DATABASE_FILE " and " FG_KEYS_FILE
                       " in %s belong to different galleries: restore both from one backup",
                       g->options.directory);
    return 0;
}

static int put_meta(struct fg_gallery *g, const char *name, const void *at, size_t length,
                    struct fg_error *err)
{
    return fg_database_put(g->database, FG_TABLE_META, fg_bytes_of_text(name),
                           (struct fg_bytes){at, length}, true, err);
}

static int write_meta(struct fg_gallery *g, struct fg_error *err)
{
    const uint8_t version[4] = {FG_RECORD_VERSION};
    if (fg_keys_slots_free(g->keys) != fg_keys_slots(g->keys))
        return fg_fail(err, -EBADMSG,
                       "the key file in %s holds keys but " FG_DATABASE_FILE
                       " is new or empty: restore both from one backup, or remove both",
                       g->options.directory);
    int r = put_meta(g, "schema", version, sizeof version, err);
    return r < 0 ? r : put_meta(g, "gallery", fg_keys_gallery(g->keys), FG_KEYS_GALLERY, err);
}

static int read_meta(struct fg_gallery *g, struct fg_error *err)
{
    struct fg_bytes schema, gallery = {0};
    int r = fg_database_get(g->database, FG_TABLE_META, fg_bytes_of_text("schema"), &schema, err);
    if (r == -ENOENT && !g->options.look)
        return write_meta(g, err);
    if (r == 0)
        r = fg_database_get(g->database, FG_TABLE_META, fg_bytes_of_text("gallery"), &gallery, err);
    return r < 0 && r != -ENOENT ? r : check_meta(g, schema, gallery, err);
}

static int open_database(struct fg_gallery *g, struct fg_error *err)
{
    static const char *const tables[FG_GALLERY_TABLES] = {"meta", "subjects", "vault"};
    const struct fg_database_options options = {.directory = g->options.directory,
                                                .what = "gallery",
                                                .setting = "gallery_mib",
                                                .tables = tables,
                                                .n_tables = FG_GALLERY_TABLES,
                                                .main_table = FG_TABLE_SUBJECTS,
                                                .most = g->options.map_bytes,
                                                .look = g->options.look};
    int r = fg_database_open(&options, &g->database, err);
    if (r == 0)
        r = fg_database_begin(g->database, !g->options.look, err);
    if (r < 0)
        return r;
    r = read_meta(g, err);
    if (r == 0 && !g->options.look)
        return fg_database_commit(g->database, err); // writes nothing when nothing changed
    fg_database_abort(g->database);
    return r;
}

// ---- walking ------------------------------------------------------------------------------------

struct walk {
    struct fg_gallery *gallery;
    fg_gallery_visit visit;
    void *context;
    bool claiming; // tell the key file which slots are in use
    struct fg_gallery_state counts;
};

static int walk_record(void *context, const struct fg_opened *opened)
{
    struct walk *walk = context;
    ++*fg_counter_of(&walk->counts, opened->kind);
    if (walk->claiming)
        fg_keys_claim(walk->gallery->keys, opened->slot, opened->kind != FG_RECORD_CORRUPT);
    return opened->kind == FG_RECORD_OURS && walk->visit
               ? walk->visit(walk->context, &opened->member)
               : 0;
}

static int walk_all(struct walk *walk, struct fg_error *err)
{
    struct fg_gallery *g = walk->gallery;
    int r = fg_gallery_walk(g, g->options.threads, walk_record, walk, err);
    if (r)
        return r;
    g->state.subjects = walk->counts.subjects;
    g->state.foreign = walk->counts.foreign;
    g->state.corrupt = walk->counts.corrupt;
    return 0;
}

int fg_gallery_each(struct fg_gallery *gallery, fg_gallery_visit visit, void *context)
{
    struct walk walk = {.gallery = gallery, .visit = visit, .context = context};
    return walk_all(&walk, NULL);
}

// ---- life ---------------------------------------------------------------------------------------

static int begin(struct fg_gallery *g, struct fg_error *err)
{
    struct fg_database_state state;
    if (!g->options.begin)
        return 0;
    fg_database_state(g->database, &state);
    return g->options.begin(g->options.context, state.entries, err);
}

// What a crash has left is cleaned, and what the first enrolments need is made ready.
static int settle(struct fg_gallery *g, struct fg_error *err)
{
    // A full disk refuses enrolment, not the start.
    (void)fg_database_reserve(g->database, 0, 0, NULL);
    struct walk walk = {
        .gallery = g, .visit = g->options.visit, .context = g->options.context, .claiming = true};
    int r = begin(g, err);
    if (r == 0)
        r = walk_all(&walk, err);
    if (r == 0)
        r = fg_keys_settle(g->keys, &g->state.keys_erased, err);
    if (r == 0)
        fg_gallery_restock(g);
    return r;
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
    if (r < 0 || g->options.look)
        return r;
    return fsync(g->directory) < 0 ? fail_directory(err, path) : settle(g, err);
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
    fg_database_close(g->database);
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

void fg_gallery_state(struct fg_gallery *gallery, struct fg_gallery_state *ret)
{
    *ret = gallery->state;
    ret->bytes = fg_database_bytes(gallery->database);
    ret->key_slots = fg_keys_slots(gallery->keys);
    ret->key_slots_free = fg_keys_slots_free(gallery->keys);
}

// ---- one record ---------------------------------------------------------------------------------

int fg_gallery_open_record(struct fg_gallery *g, struct fg_bytes id, struct fg_bytes record,
                           enum fg_record_kind *ret_kind, uint32_t *ret_slot)
{
    struct fg_subject *s = &g->scratch->subject;
    int length = fg_record_open(g->keys, id, record, g->scratch->packed, ret_slot);
    *ret_kind = FG_RECORD_CORRUPT;
    if (length < 0)
        return length == -EIO ? length : 0;
    if (fg_subject_unpack(g->scratch->packed, (size_t)length, s) < 0 ||
        strlen(s->id) != id.length || memcmp(s->id, id.at, id.length) != 0)
        return 0;
    bool ours = s->model == g->options.model && s->dimension == g->options.dimension;
    *ret_kind = ours ? FG_RECORD_OURS : FG_RECORD_FOREIGN;
    return 0;
}

static int get_record(struct fg_gallery *g, const char *name, struct fg_error *err)
{
    uint32_t slot;
    enum fg_record_kind kind;
    struct fg_bytes id = fg_bytes_of_text(name), record;
    int r = fg_database_get(g->database, FG_TABLE_SUBJECTS, id, &record, err);
    if (r == -ENOENT)
        return fg_fail(err, r, "there is no subject %s", name);
    if (r < 0)
        return r;
    r = fg_gallery_open_record(g, id, record, &kind, &slot);
    if (r < 0)
        return fg_fail(err, r, "reading the key file: %s", strerror(-r));
    if (kind == FG_RECORD_CORRUPT)
        return fg_fail(err, -EBADMSG, "the record of subject %s is damaged: delete it, enrol again",
                       name);
    return 0;
}

int fg_gallery_get(struct fg_gallery *gallery, const char *id, struct fg_subject *ret,
                   struct fg_error *err)
{
    if (!fg_subject_id_ok(id))
        return fg_fail(err, -ENOENT, "there is no such subject: the id is not well formed");
    int r = fg_database_begin(gallery->database, false, err);
    if (r < 0)
        return r;
    r = get_record(gallery, id, err);
    fg_database_abort(gallery->database);
    if (r == 0)
        *ret = gallery->scratch->subject;
    explicit_bzero(gallery->scratch, sizeof *gallery->scratch);
    return r;
}
