// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "matcher/ledger_parts.h"

int fg_ledger_append(struct fg_ledger *ledger, struct fg_event *event, struct fg_error *err)
{
    uint8_t bytes[FG_EVENT_BYTES];
    uint64_t number;
    size_t length = fg_event_pack(event, bytes);
    if (length == 0)
        return fg_fail(err, -EINVAL, "an event holds a text that is too long");
    int r = fg_ledger_next_number(ledger, "events", &number, err);
    if (r == 0)
        r = fg_ledger_append_row(ledger, FG_LEDGER_EVENTS, fg_ledger_key_u64(number), bytes, length,
                                 err);
    if (r == 0)
        event->number = number;
    return r;
}

static int read_event(struct fg_bytes key, struct fg_bytes value, struct fg_event *ret,
                      struct fg_error *err)
{
    if (key.length != 8 || fg_event_unpack(value.at, value.length, ret) < 0)
        return fg_ledger_damaged(FG_LEDGER_EVENTS, key, err);
    ret->number = fg_ledger_read_u64(key.at);
    return 0;
}

static int read_events(struct fg_ledger *l, uint64_t after, struct fg_event *ret, unsigned most,
                       unsigned *ret_count, struct fg_error *err)
{
    struct fg_cursor *cursor = NULL;
    struct fg_bytes key, value;
    struct fg_ledger_key from = fg_ledger_key_u64(after + 1);
    int r = fg_cursor_open(l->database, FG_LEDGER_EVENTS, &cursor, err);
    if (r < 0)
        return r;
    r = fg_cursor_seek(cursor, (struct fg_bytes){from.at, from.length}, &key, &value, err);
    while (r == 0 && *ret_count < most) {
        r = read_event(key, value, &ret[*ret_count], err);
        if (r == 0 && ++*ret_count < most)
            r = fg_cursor_next(cursor, &key, &value, err);
    }
    fg_cursor_close(cursor);
    return r == -ENOENT ? 0 : r;
}

int fg_ledger_events(struct fg_ledger *l, uint64_t after, struct fg_event *ret, unsigned most,
                     unsigned *ret_count, struct fg_error *err)
{
    bool own = !l->open;
    *ret_count = 0;
    if (after == UINT64_MAX || most == 0)
        return 0;
    int r = own ? fg_ledger_begin(l, false, err) : 0;
    if (r < 0)
        return r;
    r = read_events(l, after, ret, most, ret_count, err);
    if (own)
        fg_ledger_abort(l);
    return r;
}

// The first event behind `number` - 1; -ENOENT: there is none.
static int event_from(struct fg_ledger *l, uint64_t number, struct fg_event *ret,
                      struct fg_error *err)
{
    struct fg_bytes key, value;
    int r = fg_ledger_seek(l, FG_LEDGER_EVENTS, fg_ledger_key_u64(number), &key, &value, err);
    return r == 0 ? read_event(key, value, ret, err) : r;
}

int fg_ledger_events_since(struct fg_ledger *l, uint64_t t_ns, uint64_t *ret_after,
                           struct fg_error *err)
{
    struct fg_ledger_state state;
    struct fg_event event;
    fg_ledger_state(l, &state);
    uint64_t low = state.first_event, high = state.last_event + 1; // the first not before lies here
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int r = event_from(l, middle, &event, err);
        if (r < 0 && r != -ENOENT)
            return r;
        if (r == 0 && event.t_ns < t_ns)
            low = event.number + 1;
        else
            high = middle;
    }
    *ret_after = low > 0 ? low - 1 : 0;
    return 0;
}

// ---- what is old --------------------------------------------------------------------------------

static int remove_row(struct fg_ledger *l, struct fg_cursor *cursor, struct fg_error *err)
{
    int r = fg_cursor_delete(cursor, err);
    l->removed += r == 0;
    l->full |= r == -ENOSPC;
    return r;
}

struct sweep {
    struct fg_ledger *ledger;
    unsigned table, budget;
    fg_ledger_old old;
    const void *context;
    struct fg_error *err;
};

// The row that orders a passage by its subject goes with it.
static int remove_order(struct sweep *s, struct fg_bytes value)
{
    struct fg_ledger_key order;
    if (s->table != FG_LEDGER_PASSAGES)
        return 0;
    int r = fg_ledger_passage_order(value, &order);
    if (r == 0)
        r = fg_ledger_delete(s->ledger, FG_LEDGER_SUBJECTS, order, s->err);
    return r == -ENOENT ? 0 : r;
}

static void remember(struct sweep *s, struct fg_bytes key)
{
    size_t length = key.length < FG_SUBJECT_ID ? key.length : FG_SUBJECT_ID;
    s->ledger->swept_length[s->table] = length;
    memcpy(s->ledger->swept[s->table], key.at, length);
}

// Looks at up to `budget` records from where the last sweep ended. Returns how many it removed.
static int sweep(struct sweep *s)
{
    struct fg_ledger *l = s->ledger;
    struct fg_cursor *cursor = NULL;
    struct fg_bytes key, value;
    struct fg_ledger_key from = fg_ledger_key_raw(l->swept[s->table], l->swept_length[s->table]);
    int removed = 0, r = fg_cursor_open(l->database, s->table, &cursor, s->err);
    if (r < 0)
        return r;
    r = from.length > 0
            ? fg_cursor_seek(cursor, (struct fg_bytes){from.at, from.length}, &key, &value, s->err)
            : fg_cursor_next(cursor, &key, &value, s->err);
    for (unsigned i = 0; r == 0 && i < s->budget; i++) {
        int old = s->old(s->context, key, value);
        r = old < 0 ? fg_ledger_damaged(s->table, key, s->err) : 0;
        if (r == 0 && old)
            r = remove_order(s, value);
        if (r == 0 && old)
            r = remove_row(l, cursor, s->err);
        removed += r == 0 && old;
        if (r == 0)
            r = fg_cursor_next(cursor, &key, &value, s->err);
    }
    if (r == 0)
        remember(s, key);
    else
        l->swept_length[s->table] = 0;
    fg_cursor_close(cursor);
    return r < 0 && r != -ENOENT ? r : removed;
}

static int mark_old(const void *context, struct fg_bytes key, struct fg_bytes value)
{
    (void)key;
    if (value.length != 8)
        return -EBADMSG;
    uint64_t until_s = fg_ledger_read_u64(value.at);
    return until_s != 0 && until_s <= *(const uint64_t *)context;
}

// Events lie by their time: the first that is young ends it.
static int remove_events(struct fg_ledger *l, uint64_t before_ns, unsigned most,
                         struct fg_error *err)
{
    struct fg_cursor *cursor = NULL;
    struct fg_bytes key, value;
    struct fg_event event;
    int removed = 0, r = fg_cursor_open(l->database, FG_LEDGER_EVENTS, &cursor, err);
    if (r < 0)
        return r;
    r = fg_cursor_next(cursor, &key, &value, err);
    while (r == 0 && (unsigned)removed < most) {
        r = read_event(key, value, &event, err);
        if (r < 0 || event.t_ns >= before_ns)
            break;
        r = remove_row(l, cursor, err);
        removed += r == 0;
        if (r == 0)
            r = fg_cursor_next(cursor, &key, &value, err);
    }
    fg_cursor_close(cursor);
    return r < 0 && r != -ENOENT ? r : removed;
}

int fg_ledger_expire(struct fg_ledger *l, uint64_t events_before_ns, uint64_t state_before_ns,
                     uint64_t now_s, unsigned most, struct fg_error *err)
{
    const struct {
        unsigned table;
        fg_ledger_old old;
        const void *context;
    } kinds[] = {{FG_LEDGER_PASSAGES, fg_ledger_passage_old, &state_before_ns},
                 {FG_LEDGER_CHARGES, fg_ledger_charge_old, &state_before_ns},
                 {FG_LEDGER_USED, mark_old, &now_s},
                 {FG_LEDGER_REVOKED, mark_old, &now_s},
                 {FG_LEDGER_BLOCKED, mark_old, &now_s}};
    int removed = events_before_ns > 0 ? remove_events(l, events_before_ns, most, err) : 0;
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0] && removed >= 0; i++) {
        struct sweep s = {.ledger = l,
                          .table = kinds[i].table,
                          .budget = most,
                          .old = kinds[i].old,
                          .context = kinds[i].context,
                          .err = err};
        int r = sweep(&s);
        removed = r < 0 ? r : removed + r;
    }
    return removed;
}
