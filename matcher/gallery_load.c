// SPDX-License-Identifier: Apache-2.0
// The records in batches: this thread walks the database and fills them, every thread opens them
// (most of the time is spent there), and this thread visits what they hold, in order. Members and
// what they are packed in lie in locked memory.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "matcher/gallery_parts.h"

#define THREADS_MOST 8
#define RECORDS      256          // of a batch, at most
#define AHEAD        4            // records whose keys are asked for early
#define CLAIMS_AHEAD 8            // visits before which a slot's state is
#define BATCH_BYTES  (128u << 10) // of its packed subjects and their rooms

_Static_assert(BATCH_BYTES >= 2 * FG_SUBJECT_BYTES, "the longest record fits");

enum batch_state { BATCH_EMPTY, BATCH_FILLED, BATCH_TAKEN, BATCH_OPENED };

struct item {
    struct fg_opened opened;
    struct fg_bytes record;
    uint8_t *packed; // and as many bytes of room behind it
};

struct batch {
    enum batch_state state;
    int result; // of opening it
    unsigned count;
    size_t used;
    uint8_t *bytes;
    struct item items[RECORDS];
};

struct load {
    struct fg_gallery *gallery;
    struct fg_cursor *cursor;
    struct fg_error *err;
    fg_opened_visit visit;
    void *context;
    bool at_end;
    struct fg_bytes id, record; // of the cursor, not yet in a batch; at NULL: none

    pthread_mutex_t mutex; // guards what follows
    pthread_cond_t filled, opened;
    bool over;
    unsigned n_batches, oldest, in_use;
    struct batch *batches; // a ring: `in_use` of them from `oldest` on
    unsigned n_workers;
    pthread_t workers[THREADS_MOST];
};

// ---- opening (any thread) -----------------------------------------------------------------------

static int open_item(const struct fg_gallery *g, struct item *item)
{
    struct fg_opened *o = &item->opened;
    o->kind = FG_RECORD_CORRUPT;
    int length = fg_record_open(g->keys, o->id, item->record, item->packed, &o->slot);
    if (length < 0)
        return length == -EIO ? length : 0;
    char *room = (char *)item->packed + length;
    if (fg_subject_unpack_member(item->packed, (size_t)length, room, &o->model, &o->member) < 0 ||
        strlen(o->member.id) != o->id.length || memcmp(o->member.id, o->id.at, o->id.length) != 0)
        return 0;
    bool ours = o->model == g->options.model && o->member.dimension == g->options.dimension;
    o->kind = ours ? FG_RECORD_OURS : FG_RECORD_FOREIGN;
    return 0;
}

static void open_batch(const struct fg_gallery *g, struct batch *b)
{
    b->result = 0;
    for (unsigned i = 0; i < b->count && b->result == 0; i++) {
        if (i + AHEAD < b->count)
            fg_record_prefetch(g->keys, b->items[i + AHEAD].record);
        b->result = open_item(g, &b->items[i]);
    }
}

// The first that nobody has taken yet; NULL: none. The mutex is held.
static struct batch *take_filled(struct load *l)
{
    for (unsigned i = 0; i < l->in_use; i++) {
        struct batch *b = &l->batches[(l->oldest + i) % l->n_batches];
        if (b->state == BATCH_FILLED) {
            b->state = BATCH_TAKEN;
            return b;
        }
    }
    return NULL;
}

// The mutex is held, but not meanwhile.
static void open_taken(struct load *l, struct batch *b)
{
    pthread_mutex_unlock(&l->mutex);
    open_batch(l->gallery, b);
    pthread_mutex_lock(&l->mutex);
    b->state = BATCH_OPENED;
    pthread_cond_signal(&l->opened);
}

static void *work(void *context)
{
    struct load *l = context;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_setname_np(pthread_self(), "fg-load");
    pthread_mutex_lock(&l->mutex);
    while (!l->over) {
        struct batch *b = take_filled(l);
        if (b)
            open_taken(l, b);
        else
            pthread_cond_wait(&l->filled, &l->mutex);
    }
    pthread_mutex_unlock(&l->mutex);
    return NULL;
}

// ---- filling and visiting (this thread) ---------------------------------------------------------

static int next_record(struct load *l)
{
    if (l->id.at || l->at_end)
        return 0;
    int r = fg_cursor_next(l->cursor, &l->id, &l->record, l->err);
    l->at_end = r == -ENOENT;
    return l->at_end ? 0 : r;
}

static int fill(struct load *l, struct batch *b)
{
    int r = next_record(l);
    b->count = 0;
    b->used = 0;
    while (r == 0 && l->id.at && b->count < RECORDS) {
        size_t length = 2 * fg_record_opened(l->record);
        if (b->used + length > BATCH_BYTES)
            break;
        b->items[b->count++] =
            (struct item){.opened.id = l->id, .record = l->record, .packed = b->bytes + b->used};
        b->used += length;
        l->id.at = NULL;
        r = next_record(l);
    }
    return r;
}

static int fill_empty(struct load *l)
{
    int r = 0;
    while (r == 0 && l->in_use < l->n_batches && !(l->at_end && !l->id.at)) {
        struct batch *b = &l->batches[(l->oldest + l->in_use) % l->n_batches];
        r = fill(l, b);
        if (r < 0 || b->count == 0)
            break;
        pthread_mutex_lock(&l->mutex);
        b->state = BATCH_FILLED;
        l->in_use++;
        pthread_cond_signal(&l->filled);
        pthread_mutex_unlock(&l->mutex);
    }
    return r;
}

// Waits for the oldest, and opens others meanwhile.
static struct batch *oldest_opened(struct load *l)
{
    struct batch *oldest = &l->batches[l->oldest];
    pthread_mutex_lock(&l->mutex);
    while (oldest->state != BATCH_OPENED) {
        struct batch *b = take_filled(l);
        if (b)
            open_taken(l, b);
        else
            pthread_cond_wait(&l->opened, &l->mutex);
    }
    pthread_mutex_unlock(&l->mutex);
    return oldest;
}

static int visit_batch(struct load *l, struct batch *b)
{
    int r = b->result;
    if (r < 0)
        return fg_fail(l->err, r, "reading the key file: %s", strerror(-r));
    for (unsigned i = 0; i < b->count && r == 0; i++) {
        if (i + CLAIMS_AHEAD < b->count)
            fg_keys_claim_soon(l->gallery->keys, b->items[i + CLAIMS_AHEAD].opened.slot);
        r = l->visit(l->context, &b->items[i].opened);
    }
    pthread_mutex_lock(&l->mutex);
    b->state = BATCH_EMPTY;
    l->oldest = (l->oldest + 1) % l->n_batches;
    l->in_use--;
    pthread_mutex_unlock(&l->mutex);
    return r;
}

static int load_all(struct load *l)
{
    int r = fill_empty(l);
    while (r == 0 && l->in_use > 0) {
        r = visit_batch(l, oldest_opened(l));
        if (r == 0)
            r = fill_empty(l);
    }
    return r;
}

// ---- life ---------------------------------------------------------------------------------------

static unsigned threads_of(unsigned wanted)
{
    long processors = wanted ? (long)wanted : sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 1 ? 1 : processors > THREADS_MOST ? THREADS_MOST : (unsigned)processors;
}

static int load_init(struct load *l, unsigned threads)
{
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->filled, NULL);
    pthread_cond_init(&l->opened, NULL);
    l->n_batches = 2 * threads + 16; // enough to work on while one that holds the oldest sleeps
    l->batches = calloc(l->n_batches, sizeof *l->batches);
    for (unsigned i = 0; l->batches && i < l->n_batches; i++)
        if (!(l->batches[i].bytes = fg_seal_alloc(BATCH_BYTES)))
            return -ENOMEM;
    if (!l->batches)
        return -ENOMEM;
    while (l->n_workers < threads - 1 && // fewer will do
           pthread_create(&l->workers[l->n_workers], NULL, work, l) == 0)
        l->n_workers++;
    return 0;
}

static void load_finish(struct load *l)
{
    if (l->n_workers > 0) {
        pthread_mutex_lock(&l->mutex);
        l->over = true;
        pthread_cond_broadcast(&l->filled);
        pthread_mutex_unlock(&l->mutex);
    }
    for (unsigned i = 0; i < l->n_workers; i++)
        pthread_join(l->workers[i], NULL);
    for (unsigned i = 0; l->batches && i < l->n_batches; i++)
        fg_seal_free(l->batches[i].bytes);
    free(l->batches);
    pthread_cond_destroy(&l->opened);
    pthread_cond_destroy(&l->filled);
    pthread_mutex_destroy(&l->mutex);
}

static int walk(struct fg_gallery *g, unsigned threads, struct load *l)
{
    fg_database_read_ahead(g->database);
    int r = fg_database_begin(g->database, false, l->err);
    if (r == 0)
        r = fg_cursor_open(g->database, FG_TABLE_SUBJECTS, &l->cursor, l->err);
    if (r == 0) {
        r = load_init(l, threads_of(threads));
        r = r < 0 ? fg_fail(l->err, r, "out of memory for loading the gallery") : load_all(l);
        load_finish(l);
    }
    fg_cursor_close(l->cursor);
    fg_database_abort(g->database);
    return r;
}

int fg_gallery_walk(struct fg_gallery *gallery, unsigned threads, fg_opened_visit visit,
                    void *context, struct fg_error *err)
{
    struct load l = {.gallery = gallery, .err = err, .visit = visit, .context = context};
    int r = fg_keys_load(gallery->keys, err);
    if (r == 0)
        r = walk(gallery, threads, &l);
    fg_keys_unload(gallery->keys);
    return r;
}
