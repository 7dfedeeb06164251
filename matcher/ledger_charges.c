// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "matcher/ledger_parts.h"

#define VERSION 1
#define BYTES   320

static void walk_charge(struct fg_walk *w, struct fg_charge *c)
{
    uint8_t version = VERSION, state = (uint8_t)c->state;
    fg_walk_u8(w, &version);
    fg_walk_u8(w, &state);
    if (version != VERSION || state > FG_CHARGE_TAKEN)
        w->failed = true;
    c->state = (enum fg_charge_state)state;
    fg_walk_text(w, c->subject, sizeof c->subject);
    fg_walk_text(w, c->lane, sizeof c->lane);
    fg_walk_text(w, c->firm, sizeof c->firm);
    fg_walk_text(w, c->payment, sizeof c->payment);
    fg_walk_u64(w, &c->amount);
    fg_walk_text(w, c->currency, sizeof c->currency);
    fg_walk_u64(w, &c->t_ns);
    fg_walk_u64(w, &c->t_due_ns);
    fg_walk_u64(w, &c->due);
}

static int unpack(struct fg_bytes value, struct fg_charge *ret)
{
    struct fg_walk w = {.in = value.at, .end = value.length};
    memset(ret, 0, sizeof *ret);
    walk_charge(&w, ret);
    return fg_walk_ended(&w) ? 0 : -EBADMSG;
}

int fg_ledger_charge_old(const void *before_ns, struct fg_bytes key, struct fg_bytes value)
{
    struct fg_charge charge;
    (void)key;
    if (unpack(value, &charge) < 0)
        return -EBADMSG;
    return (charge.state == FG_CHARGE_VOID || charge.state == FG_CHARGE_TAKEN) &&
           charge.t_ns < *(const uint64_t *)before_ns;
}

int fg_ledger_charge_get(struct fg_ledger *l, const uint8_t id[FG_CHARGE_ID], struct fg_charge *ret,
                         struct fg_error *err)
{
    struct fg_bytes value;
    struct fg_ledger_key key = fg_ledger_key_raw(id, FG_CHARGE_ID);
    int r = fg_ledger_get(l, FG_LEDGER_CHARGES, key, &value, err);
    if (r == 0 && unpack(value, ret) < 0)
        return fg_ledger_damaged(FG_LEDGER_CHARGES, fg_ledger_bytes(&key), err);
    if (r == 0)
        memcpy(ret->id, id, FG_CHARGE_ID);
    return r;
}

// Those due stand in a row of their own until the back office has them. Their place is the
// ledger's to know, whatever the caller has in `due`.
static int keep_row(struct fg_ledger *l, struct fg_charge *charge, struct fg_error *err)
{
    struct fg_charge old = {.due = 0};
    int r = fg_ledger_charge_get(l, charge->id, &old, err);
    if (r < 0 && r != -ENOENT)
        return r;
    bool was = r == 0 && old.state == FG_CHARGE_DUE, is = charge->state == FG_CHARGE_DUE;
    charge->due = old.due;
    if (was == is)
        return 0;
    if (was)
        return fg_ledger_delete(l, FG_LEDGER_DUE, fg_ledger_key_u64(old.due), err);
    r = fg_ledger_next_number(l, "due", &charge->due, err);
    return r < 0 ? r
                 : fg_ledger_append_row(l, FG_LEDGER_DUE, fg_ledger_key_u64(charge->due),
                                        charge->id, FG_CHARGE_ID, err);
}

int fg_ledger_charge_put(struct fg_ledger *l, struct fg_charge *charge, struct fg_error *err)
{
    uint8_t bytes[BYTES];
    struct fg_walk w = {.out = bytes, .end = sizeof bytes};
    int r = keep_row(l, charge, err);
    if (r == -ENOENT) {
        struct fg_ledger_key due = fg_ledger_key_u64(charge->due);
        return fg_ledger_damaged(FG_LEDGER_DUE, fg_ledger_bytes(&due), err);
    }
    if (r < 0)
        return r;
    walk_charge(&w, charge);
    if (w.failed)
        return fg_fail(err, -EINVAL, "a charge holds a text that is too long");
    return fg_ledger_put(l, FG_LEDGER_CHARGES, fg_ledger_key_raw(charge->id, FG_CHARGE_ID), bytes,
                         w.at, err);
}

int fg_ledger_charges_due(struct fg_ledger *l, const char *firm, uint64_t after,
                          struct fg_charge *ret, unsigned most, unsigned *ret_count,
                          struct fg_error *err)
{
    struct fg_cursor *cursor = NULL;
    struct fg_bytes key, value;
    struct fg_ledger_key from = fg_ledger_key_u64(after + 1);
    *ret_count = 0;
    int r = fg_cursor_open(l->database, FG_LEDGER_DUE, &cursor, err);
    if (r < 0)
        return r;
    r = fg_cursor_seek(cursor, (struct fg_bytes){from.at, from.length}, &key, &value, err);
    while (r == 0 && *ret_count < most) {
        struct fg_charge *charge = &ret[*ret_count];
        r = value.length == FG_CHARGE_ID ? fg_ledger_charge_get(l, value.at, charge, err)
                                         : -EBADMSG;
        if (r < 0) {
            r = fg_ledger_damaged(FG_LEDGER_DUE, key, err);
            break;
        }
        *ret_count += !firm || strcmp(charge->firm, firm) == 0;
        r = fg_cursor_next(cursor, &key, &value, err);
    }
    fg_cursor_close(cursor);
    return r == -ENOENT ? 0 : r;
}
