// SPDX-License-Identifier: Apache-2.0
// Changes in groups. A record is sealed with a key that is on disk already, and a key is erased
// after the database has forgotten its record.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "matcher/gallery_parts.h"

#define STOCK        1024 // keys that are drawn ahead
#define GROUPS_AHEAD 4    // of subjects, when the stock did not do: many more may come

struct group {
    struct fg_gallery *gallery;
    struct fg_change *changes;
    unsigned count, subjects; // subjects: of all changes
    uint8_t (*nonces)[FG_SEAL_NONCE];
    unsigned n_used, n_old, n_sealed;
    uint32_t *used;                 // slots of the keys taken
    uint32_t *old;                  // slots to erase when the group stands
    struct fg_gallery_state counts; // as they will be
};

// ---- putting ------------------------------------------------------------------------------------

static int fail_exists(struct fg_error *err, const char *id)
{
    return fg_fail(err, -EEXIST, "subject %s is enrolled already: ask to replace it", id);
}

// All that can be refused without a look into the database.
static int check_subject(struct fg_gallery *g, const struct fg_subject *s, unsigned at,
                         struct fg_error *err)
{
    if (fg_subject_pack(s, g->scratch->packed) < 0)
        return fg_fail(err, -EINVAL,
                       "subject %u cannot be stored: its id, lists, validity or templates are not "
                       "well formed",
                       at);
    if (s->model != g->options.model || s->dimension != g->options.dimension)
        return fg_fail(err, -EINVAL,
                       "subject %s is of model %016llx with dimension %u, this gallery of model "
                       "%016llx with %u",
                       s->id, (unsigned long long)s->model, s->dimension,
                       (unsigned long long)g->options.model, g->options.dimension);
    return 0;
}

uint32_t fg_gallery_slot_to_erase(const struct fg_gallery *g, enum fg_record_kind kind,
                                  uint32_t slot)
{
    bool others = kind == FG_RECORD_CORRUPT && fg_keys_claimed_surely(g->keys, slot);
    return slot >= fg_keys_slots(g->keys) || others ? FG_NO_KEY_SLOT : slot;
}

static int forget(struct group *w, struct fg_bytes id, struct fg_bytes record, struct fg_error *err)
{
    uint32_t slot;
    enum fg_record_kind kind;
    struct fg_gallery *g = w->gallery;
    int r = fg_gallery_open_record(g, id, record, &kind, &slot);
    if (r < 0)
        return fg_fail(err, r, "reading the key file: %s", strerror(-r));
    uint64_t *counter = fg_counter_of(&w->counts, kind);
    if (*counter == 0) // damaged since it was counted as sound
        counter = w->counts.subjects > 0 ? &w->counts.subjects : &w->counts.foreign;
    *counter -= *counter > 0;
    slot = fg_gallery_slot_to_erase(g, kind, slot);
    if (slot != FG_NO_KEY_SLOT)
        w->old[w->n_old++] = slot;
    return 0;
}

static int forget_replaced(struct group *w, struct fg_bytes id, struct fg_error *err)
{
    struct fg_bytes record;
    int r = fg_database_get(w->gallery->database, FG_TABLE_SUBJECTS, id, &record, err);
    if (r == 0)
        r = forget(w, id, record, err);
    return r == -ENOENT ? 0 : r;
}

static int store_subject(struct group *w, const struct fg_subject *s, bool replace,
                         struct fg_error *err)
{
    struct fg_gallery *g = w->gallery;
    struct fg_bytes id = fg_bytes_of_text(s->id);
    uint8_t record[FG_RECORD_MOST], key[FG_SEAL_KEY];
    int r = replace ? forget_replaced(w, id, err) : 0;
    if (r < 0)
        return r;
    int length = fg_subject_pack(s, g->scratch->packed);
    if (length < 0)
        return fg_fail(err, length, "subject %s cannot be stored", s->id);
    uint32_t slot = fg_keys_take(g->keys, key);
    w->used[w->n_used++] = slot;
    size_t sealed = fg_record_seal(s->id, slot, key, w->nonces[w->n_sealed++], g->scratch->packed,
                                   (size_t)length, record);
    explicit_bzero(key, sizeof key);
    r = fg_database_put(g->database, FG_TABLE_SUBJECTS, id, (struct fg_bytes){record, sealed},
                        replace, err);
    w->counts.subjects += r == 0;
    return r == -EEXIST ? fail_exists(err, s->id) : r;
}

// Takes the first `count` subjects of a refused change out again: they were not there before.
static int take_back(struct group *w, const struct fg_change *c, unsigned count,
                     struct fg_error *err)
{
    int r = 0;
    for (unsigned i = 0; i < count && r == 0; i++)
        r = fg_database_delete(w->gallery->database, FG_TABLE_SUBJECTS,
                               fg_bytes_of_text(c->subjects[i].id), err);
    w->counts.subjects -= count;
    return r == -ENOENT ? -EBADMSG : r;
}

static int put_change(struct group *w, struct fg_change *c, struct fg_error *err)
{
    int r = 0;
    unsigned taken = w->n_used, i = 0;
    for (; i < c->count && r == 0; i++)
        r = check_subject(w->gallery, &c->subjects[i], i, err);
    if (r == 0)
        for (i = 0; i < c->count && r == 0; i++)
            r = store_subject(w, &c->subjects[i], c->replace, err);
    c->failed = r < 0 ? i - 1 : c->count;
    if (r != -EEXIST)
        return r;
    int bad = take_back(w, c, c->failed, err);
    if (bad < 0)
        return bad;
    for (; taken < w->n_used; taken++) // they may be on pages that were written early
        w->old[w->n_old++] = w->used[taken];
    return r;
}

// ---- deleting -----------------------------------------------------------------------------------

static int delete_change(struct group *w, struct fg_change *c, struct fg_error *err)
{
    struct fg_database *d = w->gallery->database;
    struct fg_bytes id = fg_bytes_of_text(c->id), record;
    if (!fg_subject_id_ok(c->id))
        return fg_fail(err, -ENOENT, "there is no such subject: the id is not well formed");
    int r = fg_database_get(d, FG_TABLE_SUBJECTS, id, &record, err);
    if (r == 0)
        r = forget(w, id, record, err);
    if (r == 0)
        r = fg_database_delete(d, FG_TABLE_SUBJECTS, id, err);
    return r == -ENOENT ? fg_fail(err, r, "there is no subject %s", c->id) : r;
}

// ---- groups -------------------------------------------------------------------------------------

// At most, sealed.
static uint64_t bytes_of(const struct fg_subject *s)
{
    const uint64_t words = (uint64_t)(s->n_lanes + s->n_tags) * FG_SUBJECT_WORD;
    return FG_RECORD_HEAD + FG_SEAL_TAG + 64 + 3 * FG_SUBJECT_ID + words +
           (1 + (uint64_t)s->n_sources) * s->dimension;
}

// Room in the database, and as many keys as there are subjects.
static int make_ready(struct group *w, struct fg_error *err)
{
    struct fg_keys *keys = w->gallery->keys;
    uint64_t bytes = 0;
    int r = 0;
    for (unsigned i = 0; i < w->count; i++)
        for (unsigned k = 0; w->changes[i].subjects && k < w->changes[i].count; k++)
            bytes += bytes_of(&w->changes[i].subjects[k]);
    if (fg_keys_stocked(keys) < w->subjects) // more than needed, if there is room
        r = fg_keys_stock(keys, GROUPS_AHEAD * w->subjects + STOCK, err);
    if (r == -ENOSPC)
        r = fg_keys_stock(keys, w->subjects, err);
    return r == 0 && w->subjects > 0
               ? fg_database_reserve(w->gallery->database, w->subjects, bytes, err)
               : r;
}

static int group_init(struct group *w, struct fg_error *err)
{
    for (unsigned i = 0; i < w->count; i++)
        w->subjects += w->changes[i].subjects ? w->changes[i].count : 0;
    w->counts = w->gallery->state;
    w->nonces = malloc(w->subjects * sizeof *w->nonces + 1);
    w->used = malloc(w->subjects * sizeof *w->used + 1);
    w->old = malloc((2 * (size_t)w->subjects + w->count) * sizeof *w->old + 1);
    if (!w->nonces || !w->used || !w->old)
        return fg_fail(err, -ENOMEM, "out of memory for %u subjects", w->subjects);
    fg_seal_random(w->nonces, w->subjects * sizeof *w->nonces); // one call: each takes a while
    int r = make_ready(w, err);
    return r < 0 ? r : fg_database_begin(w->gallery->database, true, err);
}

static void group_finish(struct group *w)
{
    free(w->nonces);
    free(w->used);
    free(w->old);
    explicit_bzero(w->gallery->scratch, sizeof *w->gallery->scratch);
}

// Of one change alone; anything else fails the group.
static bool is_refusal(int r)
{
    return r == -EEXIST || r == -ENOENT || r == -EINVAL;
}

static int make_changes(struct group *w, struct fg_error *err)
{
    for (unsigned i = 0; i < w->count; i++) {
        struct fg_change *c = &w->changes[i];
        c->failed = c->count;
        c->err = (struct fg_error){""};
        c->result = c->subjects ? put_change(w, c, &c->err) : delete_change(w, c, &c->err);
        if (c->result < 0 && !is_refusal(c->result)) {
            *err = c->err;
            return c->result;
        }
    }
    return 0;
}

// The records stand. A key that resists is erased at the next opening; a deletion says so.
static void erase_old(struct group *w)
{
    struct fg_error err = {""};
    if (fg_keys_erase(w->gallery->keys, w->old, w->n_old, &err) == 0)
        return;
    for (unsigned i = 0; i < w->count; i++) {
        struct fg_change *c = &w->changes[i];
        if (c->subjects || c->result < 0)
            continue;
        c->err = err;
        c->result = fg_fail_prefix(&c->err, -EKEYEXPIRED, "subject %s is deleted", c->id);
    }
}

static int apply_together(struct fg_gallery *g, struct fg_change *changes, unsigned count,
                          struct fg_error *err)
{
    struct group w = {.gallery = g, .changes = changes, .count = count};
    int r = group_init(&w, err);
    if (r == 0)
        r = make_changes(&w, err);
    if (r == 0)
        r = fg_database_commit(g->database, err);
    if (r == 0) {
        g->state = w.counts;
        erase_old(&w);
    } else {
        fg_database_abort(g->database);
        if (w.n_used > 0 && fg_database_outcome_known(g->database))
            fg_keys_erase(g->keys, w.used, w.n_used, NULL);
    }
    group_finish(&w);
    return r;
}

// -ENOSPC of a deletion is only ever the map here, or the disk.
static int apply_with_headroom(struct fg_gallery *g, struct fg_change *c, struct fg_error *err)
{
    int r = fg_database_use_headroom(g->database, true, err);
    if (r < 0)
        return r;
    r = apply_together(g, c, 1, err);
    int back = fg_database_use_headroom(g->database, false, err);
    return r < 0 ? r : back;
}

static void apply_alone(struct fg_gallery *g, struct fg_change *c)
{
    struct fg_error err = {""};
    int r = apply_together(g, c, 1, &err);
    if (r == -ENOSPC && !c->subjects)
        r = apply_with_headroom(g, c, &err);
    if (r < 0) {
        c->result = r;
        c->err = err;
    }
}

void fg_gallery_apply(struct fg_gallery *gallery, struct fg_change *changes, unsigned count)
{
    struct fg_error err = {""};
    int r = count > 1 ? apply_together(gallery, changes, count, &err) : -ENOSPC;
    if (r == 0)
        return;
    for (unsigned i = 0; i < count; i++) {
        changes[i].failed = changes[i].count;
        if (r == -ENOSPC || r == -ENOMEM) { // one that is too large must not fail its neighbours
            apply_alone(gallery, &changes[i]);
            continue;
        }
        changes[i].result = r;
        changes[i].err = err;
    }
}

void fg_gallery_restock(struct fg_gallery *gallery)
{
    if (fg_keys_stocked(gallery->keys) < STOCK / 2)
        (void)fg_keys_stock(gallery->keys, STOCK, NULL); // when needed, its failure is told
}

// ---- single changes -----------------------------------------------------------------------------

static int apply_one(struct fg_gallery *g, struct fg_change *c, struct fg_error *err)
{
    fg_gallery_apply(g, c, 1);
    if (c->result < 0 && err)
        *err = c->err;
    return c->result;
}

int fg_gallery_put_many(struct fg_gallery *gallery, const struct fg_subject *subjects,
                        unsigned count, bool replace, unsigned *ret_failed, struct fg_error *err)
{
    struct fg_change change = {.subjects = subjects, .count = count, .replace = replace};
    if (count == 0)
        return 0;
    int r = apply_one(gallery, &change, err);
    if (r < 0 && ret_failed)
        *ret_failed = change.failed;
    return r;
}

int fg_gallery_put(struct fg_gallery *gallery, const struct fg_subject *subject, bool replace,
                   struct fg_error *err)
{
    return fg_gallery_put_many(gallery, subject, 1, replace, NULL, err);
}

int fg_gallery_delete(struct fg_gallery *gallery, const char *id, struct fg_error *err)
{
    struct fg_change change = {.id = id};
    return apply_one(gallery, &change, err);
}
