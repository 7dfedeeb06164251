// SPDX-License-Identifier: Apache-2.0
#include "matcher/tills.h"

#include <errno.h>
#include <string.h>

struct fg_till *fg_tills_find(struct fg_tills *tills, const char *lane)
{
    for (unsigned i = 0; i < FG_TILLS; i++)
        if (tills->at[i].lane[0] && strcmp(tills->at[i].lane, lane) == 0)
            return &tills->at[i];
    return NULL;
}

static bool same(const struct fg_payment *a, const struct fg_payment *b)
{
    return strcmp(a->firm, b->firm) == 0 && strcmp(a->id, b->id) == 0 && a->kind == b->kind &&
           a->amount == b->amount;
}

int fg_tills_ask(struct fg_tills *tills, const char *lane, const struct fg_payment *payment,
                 uint64_t now_ns)
{
    struct fg_till *till = fg_tills_find(tills, lane);
    if (till && !same(&till->payment, payment))
        return -EBUSY;
    for (unsigned i = 0; i < FG_TILLS && !till; i++)
        if (!tills->at[i].lane[0])
            till = &tills->at[i];
    if (!till)
        return -ENOSPC;
    memcpy(till->lane, lane, strlen(lane) + 1);
    till->payment = *payment;
    till->until_ns = now_ns + FG_TILL_MS * UINT64_C(1000000);
    return 0;
}

int fg_tills_pin(struct fg_tills *tills, const char *lane, const char *pin)
{
    struct fg_till *till = fg_tills_find(tills, lane);
    size_t length = strnlen(pin, FG_TILL_PIN);
    if (length < 4 || length >= FG_TILL_PIN || strspn(pin, "0123456789") != length)
        return -EINVAL;
    if (!till)
        return -ENOENT;
    memcpy(till->pin, pin, length + 1);
    return 0;
}

void fg_tills_end(struct fg_tills *tills, const char *lane, enum fg_till_state state,
                  const char *reason)
{
    struct fg_till *till = fg_tills_find(tills, lane);
    if (!till)
        return;
    struct fg_till_outcome *outcome = &tills->lately[tills->next++ % FG_TILL_LATELY];
    memcpy(outcome->firm, till->payment.firm, sizeof outcome->firm);
    memcpy(outcome->id, till->payment.id, sizeof outcome->id);
    outcome->state = state;
    outcome->reason = reason;
    explicit_bzero(till, sizeof *till);
}

// The latest of that name.
static const struct fg_till_outcome *look(const struct fg_tills *tills, const char *firm,
                                          const char *id)
{
    for (unsigned i = 1; i <= FG_TILL_LATELY; i++) {
        const struct fg_till_outcome *o = &tills->lately[(tills->next - i) % FG_TILL_LATELY];
        if (o->state != FG_TILL_UNKNOWN && strcmp(o->firm, firm) == 0 && strcmp(o->id, id) == 0)
            return o;
    }
    return NULL;
}

enum fg_till_state fg_tills_outcome(const struct fg_tills *tills, const char *firm, const char *id,
                                    const char **ret_reason)
{
    *ret_reason = NULL;
    for (unsigned i = 0; i < FG_TILLS; i++) {
        const struct fg_till *till = &tills->at[i];
        if (till->lane[0] && strcmp(till->payment.firm, firm) == 0 &&
            strcmp(till->payment.id, id) == 0)
            return FG_TILL_WAITING;
    }
    const struct fg_till_outcome *o = look(tills, firm, id);
    *ret_reason = o ? o->reason : NULL;
    return o ? o->state : FG_TILL_UNKNOWN;
}

unsigned fg_tills_tick(struct fg_tills *tills, uint64_t now_ns, const char *reason)
{
    unsigned ended = 0;
    for (unsigned i = 0; i < FG_TILLS; i++) {
        struct fg_till *till = &tills->at[i];
        if (!till->lane[0] || till->until_ns > now_ns)
            continue;
        fg_tills_end(tills, till->lane, FG_TILL_REFUSED, reason);
        ended++;
    }
    return ended;
}
