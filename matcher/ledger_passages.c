// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "matcher/ledger_parts.h"

#define VERSION    1
#define BYTES      256
#define LOOKS_BACK 64 // passages of one subject, at most: more are not asked for

static void walk_passage(struct fg_walk *w, struct fg_passage_record *p)
{
    uint8_t version = VERSION, state = (uint8_t)p->state;
    fg_walk_u8(w, &version);
    fg_walk_u8(w, &state);
    if (version != VERSION || state > FG_PASSAGE_VOID)
        w->failed = true;
    p->state = (enum fg_passage_state)state;
    fg_walk_u64(w, &p->run);
    fg_walk_u64(w, &p->decision);
    fg_walk_text(w, p->lane, sizeof p->lane);
    fg_walk_text(w, p->subject, sizeof p->subject);
    fg_walk_u64(w, &p->t_ns);
    fg_walk_u64(w, &p->t_settled_ns);
    fg_walk_u32(w, &p->crossings);
    fg_walk_u64(w, &p->crossing_boot);
    fg_walk_u64(w, &p->crossing_ns);
    fg_walk_raw(w, p->charge, sizeof p->charge);
}

static int unpack(struct fg_bytes value, struct fg_passage_record *ret)
{
    struct fg_walk w = {.in = value.at, .end = value.length};
    memset(ret, 0, sizeof *ret);
    walk_passage(&w, ret);
    return fg_walk_ended(&w) ? 0 : -EBADMSG;
}

struct fg_ledger_key fg_ledger_subject_key(const char *subject, uint64_t t_ns)
{
    size_t length = strlen(subject) + 1;
    struct fg_ledger_key key = fg_ledger_key_raw(subject, length), time = fg_ledger_key_u64(t_ns);
    memcpy(key.at + length, time.at, time.length);
    key.length = length + time.length;
    return key;
}

int fg_ledger_passage_order(struct fg_bytes value, struct fg_ledger_key *ret)
{
    struct fg_passage_record passage;
    int r = unpack(value, &passage);
    if (r == 0)
        *ret = fg_ledger_subject_key(passage.subject, passage.t_ns);
    return r;
}

int fg_ledger_passage_old(const void *before_ns, struct fg_bytes key, struct fg_bytes value)
{
    struct fg_passage_record passage;
    (void)key;
    if (unpack(value, &passage) < 0)
        return -EBADMSG;
    return passage.state != FG_PASSAGE_PENDING && passage.t_ns < *(const uint64_t *)before_ns;
}

int fg_ledger_passage_get(struct fg_ledger *l, uint64_t run, uint64_t decision,
                          struct fg_passage_record *ret, struct fg_error *err)
{
    struct fg_bytes value;
    struct fg_ledger_key key = fg_ledger_key_two(run, decision);
    int r = fg_ledger_get(l, FG_LEDGER_PASSAGES, key, &value, err);
    if (r == 0 && unpack(value, ret) < 0)
        r = fg_ledger_damaged(FG_LEDGER_PASSAGES, fg_ledger_bytes(&key), err);
    return r;
}

// A row of another subject or time would lead to a passage that is no longer there.
static int forget_order(struct fg_ledger *l, const struct fg_passage_record *passage,
                        struct fg_error *err)
{
    struct fg_passage_record old;
    int r = fg_ledger_passage_get(l, passage->run, passage->decision, &old, err);
    if (r == 0 && (old.t_ns != passage->t_ns || strcmp(old.subject, passage->subject) != 0))
        r = fg_ledger_delete(l, FG_LEDGER_SUBJECTS, fg_ledger_subject_key(old.subject, old.t_ns),
                             err);
    return r == -ENOENT ? 0 : r;
}

int fg_ledger_passages_time(struct fg_ledger *l, uint64_t *ret_ns, struct fg_error *err)
{
    struct fg_bytes value;
    const struct fg_ledger_key key = fg_ledger_key_text("time");
    *ret_ns = 0;
    int r = fg_ledger_get(l, FG_LEDGER_META, key, &value, err);
    if (r == 0 && value.length != 8)
        return fg_ledger_damaged(FG_LEDGER_META, fg_ledger_bytes(&key), err);
    if (r == 0)
        *ret_ns = fg_ledger_read_u64(value.at);
    return r == -ENOENT ? 0 : r;
}

static int keep_time(struct fg_ledger *l, const struct fg_passage_record *passage,
                     struct fg_error *err)
{
    const uint64_t begun_ns = passage->t_ns, settled_ns = passage->t_settled_ns;
    const uint64_t t_ns = settled_ns > begun_ns ? settled_ns : begun_ns;
    uint64_t kept_ns;
    int r = fg_ledger_passages_time(l, &kept_ns, err);
    if (r < 0 || t_ns <= kept_ns)
        return r;
    return fg_ledger_put(l, FG_LEDGER_META, fg_ledger_key_text("time"), fg_ledger_key_u64(t_ns).at,
                         8, err);
}

int fg_ledger_passage_put(struct fg_ledger *l, const struct fg_passage_record *passage,
                          struct fg_error *err)
{
    uint8_t bytes[BYTES];
    struct fg_walk w = {.out = bytes, .end = sizeof bytes};
    struct fg_passage_record copy = *passage;
    struct fg_ledger_key key = fg_ledger_key_two(passage->run, passage->decision);
    walk_passage(&w, &copy);
    if (w.failed)
        return fg_fail(err, -EINVAL, "a passage holds a text that is too long");
    int r = keep_time(l, passage, err);
    if (r == 0)
        r = forget_order(l, passage, err);
    if (r == 0)
        r = fg_ledger_put(l, FG_LEDGER_PASSAGES, key, bytes, w.at, err);
    return r < 0 ? r
                 : fg_ledger_put(l, FG_LEDGER_SUBJECTS,
                                 fg_ledger_subject_key(passage->subject, passage->t_ns), key.at,
                                 key.length, err);
}

// ---- the last -----------------------------------------------------------------------------------

static bool of_subject(struct fg_bytes key, const char *subject)
{
    size_t length = strlen(subject) + 1;
    return key.length == length + 8 && memcmp(key.at, subject, length) == 0;
}

// The row with the subject's highest time.
static int go_last(struct fg_cursor *cursor, const char *subject, struct fg_bytes *key,
                   struct fg_bytes *value, struct fg_error *err)
{
    struct fg_ledger_key behind = fg_ledger_subject_key(subject, UINT64_MAX);
    int r = fg_cursor_seek(cursor, (struct fg_bytes){behind.at, behind.length}, key, value, err);
    if (r == 0 || r == -ENOENT)
        r = fg_cursor_previous(cursor, key, value, err);
    return r;
}

static int look(struct fg_ledger *l, struct fg_bytes key, struct fg_bytes at,
                struct fg_passage_record *ret, struct fg_error *err)
{
    if (at.length != 16)
        return fg_ledger_damaged(FG_LEDGER_SUBJECTS, key, err);
    int r = fg_ledger_passage_get(l, fg_ledger_read_u64(at.at),
                                  fg_ledger_read_u64((const uint8_t *)at.at + 8), ret, err);
    return r == -ENOENT ? fg_ledger_damaged(FG_LEDGER_SUBJECTS, key, err) : r;
}

int fg_ledger_passage_last(struct fg_ledger *l, const char *subject, const char *lane,
                           unsigned states, struct fg_passage_record *ret, struct fg_error *err)
{
    struct fg_cursor *cursor = NULL;
    struct fg_bytes key, value;
    bool found = false;
    int r = fg_cursor_open(l->database, FG_LEDGER_SUBJECTS, &cursor, err);
    if (r < 0)
        return r;
    r = go_last(cursor, subject, &key, &value, err);
    for (unsigned i = 0; r == 0 && i < LOOKS_BACK && of_subject(key, subject); i++) {
        r = look(l, key, value, ret, err);
        found = r == 0 && (states >> ret->state & 1) && (!lane || strcmp(lane, ret->lane) == 0);
        if (r < 0 || found)
            break;
        r = fg_cursor_previous(cursor, &key, &value, err);
    }
    fg_cursor_close(cursor);
    return r < 0 ? r : found ? 0 : -ENOENT;
}

int fg_ledger_passages_pending(struct fg_ledger *l,
                               int (*visit)(void *context, const struct fg_passage_record *passage),
                               void *context, struct fg_error *err)
{
    struct fg_cursor *cursor = NULL;
    struct fg_bytes key, value;
    struct fg_passage_record passage;
    int r = fg_cursor_open(l->database, FG_LEDGER_PASSAGES, &cursor, err);
    if (r < 0)
        return r;
    r = fg_cursor_next(cursor, &key, &value, err);
    while (r == 0) {
        r = unpack(value, &passage) < 0 ? fg_ledger_damaged(FG_LEDGER_PASSAGES, key, err) : 0;
        if (r == 0 && passage.state == FG_PASSAGE_PENDING)
            r = visit(context, &passage);
        if (r == 0)
            r = fg_cursor_next(cursor, &key, &value, err);
    }
    fg_cursor_close(cursor);
    return r == -ENOENT ? 0 : r;
}
