// SPDX-License-Identifier: Apache-2.0
#include "matcher/gallery_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "matcher/gallery_parts.h"

// ---- checking -----------------------------------------------------------------------------------

struct check {
    struct fg_gallery *gallery;
    fg_corrupt_visit visit;
    void *context;
    struct fg_gallery_findings findings;
};

static void count_model(struct fg_gallery_findings *f, const struct fg_opened *opened)
{
    for (unsigned i = 0; i < f->n_models; i++) {
        if (f->models[i].model == opened->model &&
            f->models[i].dimension == opened->member.dimension) {
            f->models[i].records++;
            return;
        }
    }
    if (f->n_models == FG_CHECK_MODELS) {
        f->other_models++;
        return;
    }
    f->models[f->n_models].model = opened->model;
    f->models[f->n_models].dimension = opened->member.dimension;
    f->models[f->n_models++].records = 1;
}

static int check_record(void *context, const struct fg_opened *opened)
{
    struct check *check = context;
    struct fg_gallery_findings *f = &check->findings;
    struct fg_keys *keys = check->gallery->keys;
    const bool corrupt = opened->kind == FG_RECORD_CORRUPT;
    f->records++;
    fg_keys_claim(keys, opened->slot, !corrupt);
    if (!corrupt) {
        count_model(f, opened);
        return 0;
    }
    bool missing = opened->slot != FG_NO_KEY_SLOT && fg_keys_empty(keys, opened->slot);
    f->corrupt++;
    f->keys_missing += missing;
    check->visit(check->context, opened->id, missing);
    return 0;
}

int fg_gallery_check(struct fg_gallery *gallery, fg_corrupt_visit visit, void *context,
                     struct fg_gallery_findings *ret, struct fg_error *err)
{
    struct check check = {.gallery = gallery, .visit = visit, .context = context};
    int r = fg_gallery_walk(gallery, gallery->options.threads, check_record, &check, err);
    if (r < 0)
        return r;
    struct fg_gallery_findings *f = &check.findings;
    f->keys_unused = fg_keys_unclaimed(gallery->keys);
    f->key_slots = fg_keys_slots(gallery->keys);
    f->key_slots_free = fg_keys_slots_free(gallery->keys);
    fg_database_state(gallery->database, &f->database);
    *ret = *f;
    return 0;
}

void fg_gallery_look_at(struct fg_gallery *gallery, uint64_t model, uint32_t dimension)
{
    gallery->options.model = model;
    gallery->options.dimension = dimension;
}

// ---- repairing ----------------------------------------------------------------------------------

struct damaged {
    size_t id_length;
    uint8_t *id;
    uint32_t slot;
};

struct repair {
    struct fg_gallery *gallery;
    size_t count, room;
    struct damaged *records;
};

static int keep_damaged(void *context, const struct fg_opened *opened)
{
    struct repair *repair = context;
    if (opened->kind != FG_RECORD_CORRUPT)
        return 0;
    if (repair->count == repair->room) {
        size_t room = repair->room ? 2 * repair->room : 64;
        struct damaged *records = realloc(repair->records, room * sizeof *records);
        if (!records)
            return -ENOMEM;
        repair->records = records;
        repair->room = room;
    }
    struct damaged *record = &repair->records[repair->count];
    record->id_length = opened->id.length;
    record->slot = fg_gallery_slot_to_erase(repair->gallery, opened->kind, opened->slot);
    record->id = malloc(opened->id.length);
    if (!record->id)
        return -ENOMEM;
    memcpy(record->id, opened->id.at, opened->id.length);
    repair->count++;
    return 0;
}

// The walk meets them in the order in which they were kept.
static int remove_all(struct repair *repair, struct fg_cursor *cursor, struct fg_error *err)
{
    struct fg_bytes id, record;
    size_t at = 0;
    int r = 0;
    while (at < repair->count && (r = fg_cursor_next(cursor, &id, &record, err)) == 0) {
        const struct damaged *damaged = &repair->records[at];
        if (id.length != damaged->id_length || memcmp(id.at, damaged->id, id.length) != 0)
            continue;
        r = fg_cursor_delete(cursor, err);
        if (r < 0)
            break;
        at++;
    }
    return r == -ENOENT ? fg_fail(err, -EBADMSG, "a damaged record is not there any more") : r;
}

static int remove_damaged(struct repair *repair, struct fg_error *err)
{
    struct fg_database *d = repair->gallery->database;
    struct fg_cursor *cursor = NULL;
    int r = fg_database_begin(d, true, err);
    if (r == 0)
        r = fg_cursor_open(d, FG_TABLE_SUBJECTS, &cursor, err);
    if (r == 0)
        r = remove_all(repair, cursor, err);
    fg_cursor_close(cursor);
    if (r == 0)
        return fg_database_commit(d, err);
    fg_database_abort(d);
    return r;
}

static int remove_with_headroom(struct repair *repair, struct fg_error *err)
{
    struct fg_database *d = repair->gallery->database;
    int r = fg_database_use_headroom(d, true, err);
    if (r == 0)
        r = remove_damaged(repair, err);
    int back = fg_database_use_headroom(d, false, err);
    return r < 0 ? r : back;
}

static int erase_damaged(struct repair *repair, struct fg_error *err)
{
    struct fg_keys *keys = repair->gallery->keys;
    uint32_t *slots = malloc(repair->count * sizeof *slots);
    unsigned n = 0;
    for (size_t i = 0; slots && i < repair->count; i++)
        if (!fg_keys_empty(keys, repair->records[i].slot))
            slots[n++] = repair->records[i].slot;
    int r = slots ? fg_keys_erase(keys, slots, n, err) : -ENOMEM;
    free(slots);
    return r < 0 ? fg_fail_prefix(err, -EKEYEXPIRED, "the damaged records are removed") : 0;
}

int fg_gallery_repair(struct fg_gallery *gallery, uint64_t *ret_removed, struct fg_error *err)
{
    struct repair repair = {.gallery = gallery};
    int r = fg_gallery_walk(gallery, gallery->options.threads, keep_damaged, &repair, err);
    if (r == 0 && repair.count > 0)
        r = remove_damaged(&repair, err);
    if (r == -ENOSPC)
        r = remove_with_headroom(&repair, err);
    if (r == 0) {
        *ret_removed = repair.count;
        gallery->state.corrupt = 0;
        if (repair.count > 0)
            r = erase_damaged(&repair, err);
    }
    for (size_t i = 0; i < repair.count; i++)
        free(repair.records[i].id);
    free(repair.records);
    return r;
}
