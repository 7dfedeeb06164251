// SPDX-License-Identifier: Apache-2.0
// The requests about what goes on in a lane: payments, PINs, documents, waking.
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "matcher/calibrate.h"
#include "matcher/request.h"

#define AMOUNT_MOST 9007199254740992.0 // a JSON number is exact up to 2^53

static fg_refusal read_lane(struct fg_request *r, char lane[FG_WIRE_NAME])
{
    if (!fg_request_text(r->header, "lane", lane, FG_WIRE_NAME) || !fg_wire_name_ok(lane))
        return fg_refuse(r, "bad_request", "lane must be 1 to 31 of [A-Za-z0-9._-]");
    const char *firm = r->control->firm;
    if (firm && strcmp(fg_policy_lane(r->control->policy, lane)->firm, firm) != 0)
        return fg_refuse(r, "not_allowed", "the lane is not this firm's");
    return NULL;
}

static fg_refusal check_payments(struct fg_request *r)
{
    if (r->control->policy->payments && r->control->tills && r->control->passages)
        return NULL;
    return fg_refuse(r, "not_here", "the matcher's profile has no payments");
}

// ---- payments ----------------------------------------------------------------------------------

static bool read_kind(const struct fg_json *header, enum fg_payment_kind *ret)
{
    static const char *const kinds[] = {"purchase", "deposit", "withdrawal"};
    const char *kind = fg_json_get_string(header, "kind", "");
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i], kind) != 0)
            continue;
        *ret = (enum fg_payment_kind)i;
        return true;
    }
    return false;
}

static fg_refusal read_payment_id(struct fg_request *r, char ret[FG_SUBJECT_ID])
{
    if (fg_request_text(r->header, "payment", ret, FG_SUBJECT_ID) && fg_subject_id_ok(ret))
        return NULL;
    return fg_refuse(r, "bad_request", "payment must be 1 to 63 of [A-Za-z0-9._:@-]");
}

static fg_refusal read_payment(struct fg_request *r, const char *lane, struct fg_payment *ret)
{
    double amount = fg_json_get_number(r->header, "amount", 0);
    fg_refusal refused = read_payment_id(r, ret->id);
    if (refused)
        return refused;
    if (!(amount >= 1 && amount <= AMOUNT_MOST) || floor(amount) != amount)
        return fg_refuse(r, "bad_request",
                         "amount must be a whole number of the currency's smallest unit, from 1");
    if (!read_kind(r->header, &ret->kind))
        return fg_refuse(r, "bad_request", "kind must be purchase, deposit or withdrawal");
    ret->amount = (uint64_t)amount;
    memcpy(ret->firm, fg_policy_lane(r->control->policy, lane)->firm, sizeof ret->firm);
    return NULL;
}

static int find_charge(struct fg_request *r, const struct fg_payment *payment,
                       struct fg_charge *ret)
{
    uint8_t id[FG_CHARGE_ID];
    fg_payment_charge(payment, id);
    int code = fg_ledger_begin(r->control->ledger, false, &r->err);
    if (code == 0)
        code = fg_ledger_charge_get(r->control->ledger, id, ret, &r->err);
    fg_ledger_abort(r->control->ledger);
    return code;
}

// Whatever the till asks again after a power cut, a payment that was charged stays charged once.
static fg_refusal check_unpaid(struct fg_request *r, const struct fg_payment *payment)
{
    struct fg_charge charge;
    int code = find_charge(r, payment, &charge);
    if (code == -ENOENT)
        return NULL;
    if (code < 0)
        return fg_refuse_storage(r, code);
    return charge.state == FG_CHARGE_DUE || charge.state == FG_CHARGE_TAKEN
               ? fg_refuse(r, "exists", "this payment was made already")
               : NULL;
}

fg_refusal fg_request_pay(struct fg_request *r)
{
    char lane[FG_WIRE_NAME] = "";
    struct fg_payment payment = {.amount = 0};
    fg_refusal refused = check_payments(r);
    if (!refused)
        refused = read_lane(r, lane);
    if (!refused)
        refused = read_payment(r, lane, &payment);
    if (!refused)
        refused = check_unpaid(r, &payment);
    if (refused)
        return refused;
    int code = fg_tills_ask(r->control->tills, lane, &payment, r->now_ns);
    if (code == -EBUSY)
        return fg_refuse(r, "busy", "the lane waits for another payment: cancel it, or wait");
    if (code < 0)
        return fg_refuse(r, "busy", "too many lanes wait for payments");
    r->control->again(r->control->context, lane);
    return NULL;
}

fg_refusal fg_request_pay_cancel(struct fg_request *r)
{
    char lane[FG_WIRE_NAME] = "";
    fg_refusal refused = check_payments(r);
    if (!refused)
        refused = read_lane(r, lane);
    if (!refused)
        fg_tills_end(r->control->tills, lane, FG_TILL_REFUSED, "cancelled");
    return refused;
}

// The tills remember only the last ones, and say admitted before the ledger is on disk: what was
// charged, was paid, and nothing else.
static fg_refusal compare_with_ledger(struct fg_request *r, const char *firm, const char *id,
                                      enum fg_till_state *state, const char **reason)
{
    struct fg_payment payment = {.amount = 0};
    struct fg_charge charge;
    snprintf(payment.firm, sizeof payment.firm, "%s", firm);
    snprintf(payment.id, sizeof payment.id, "%s", id);
    int code = find_charge(r, &payment, &charge);
    if (code == 0 && (charge.state == FG_CHARGE_DUE || charge.state == FG_CHARGE_TAKEN)) {
        *state = FG_TILL_ADMITTED;
        *reason = FG_WHY_MATCHED;
    } else if (code == -ENOENT && *state == FG_TILL_ADMITTED) {
        *state = FG_TILL_REFUSED;
        *reason = FG_WHY_STORE_FULL;
    }
    return code < 0 && code != -ENOENT ? fg_refuse_storage(r, code) : NULL;
}

fg_refusal fg_request_payment(struct fg_request *r)
{
    static const char *const states[] = {"unknown", "waiting", "admitted", "refused"};
    char id[FG_SUBJECT_ID] = "", firm[FG_WIRE_NAME] = "";
    const char *reason = NULL;
    fg_refusal refused = check_payments(r);
    if (!refused)
        refused = read_payment_id(r, id);
    if (!refused && !fg_request_text(r->header, "firm", firm, sizeof firm))
        refused = fg_refuse(r, "bad_request", "firm must be a firm's name");
    if (refused)
        return refused;
    if (r->control->firm)
        snprintf(firm, sizeof firm, "%s", r->control->firm);
    enum fg_till_state state = fg_tills_outcome(r->control->tills, firm, id, &reason);
    if (state != FG_TILL_WAITING)
        refused = compare_with_ledger(r, firm, id, &state, &reason);
    if (refused)
        return refused;
    fg_json_add_string(r->reply, "state", states[state]);
    if (reason)
        fg_json_add_string(r->reply, "reason", reason);
    return NULL;
}

fg_refusal fg_request_pin(struct fg_request *r)
{
    char lane[FG_WIRE_NAME] = "", pin[FG_TILL_PIN] = "";
    fg_refusal refused = check_payments(r);
    if (!refused)
        refused = read_lane(r, lane);
    if (refused)
        return refused;
    int code = fg_request_text(r->header, "pin", pin, sizeof pin)
                   ? fg_tills_pin(r->control->tills, lane, pin)
                   : -EINVAL;
    explicit_bzero(pin, sizeof pin);
    if (code == -EINVAL)
        return fg_refuse(r, "bad_request", "pin must be 4 to 12 digits");
    if (code < 0)
        return fg_refuse(r, "not_found", "no payment waits in this lane");
    r->control->again(r->control->context, lane);
    return NULL;
}

// ---- documents ---------------------------------------------------------------------------------

static fg_refusal read_authenticity(struct fg_request *r, bool *ret)
{
    const struct fg_policy *policy = r->control->policy;
    const char *document = fg_json_get_string(r->header, "document", "");
    *ret = strcmp(document, "authenticated") == 0;
    if (!*ret && strcmp(document, "unverified") != 0)
        return fg_refuse(r, "bad_request",
                         "document must be authenticated (somebody has checked the chip's "
                         "signature: facegate does not) or unverified");
    if (*ret ? policy->authenticated : policy->unverified)
        return NULL;
    return fg_refuse(r, FG_WHY_DOCUMENT_UNVERIFIED,
                     "the matcher's profile does not take such documents");
}

static fg_refusal bring(struct fg_request *r, const char *lane)
{
    const struct fg_control *c = r->control;
    struct fg_threshold threshold;
    if (fg_calibrate(c->card, c->policy, 1, &threshold, &r->err) < 0)
        return "failed";
    int code =
        fg_checks_bring(c->checks, lane, r->vectors[0].data, r->vectors[0].length, threshold.score);
    if (code == -EBUSY)
        return fg_refuse(r, "busy", "all checks are in use: ask again in a moment");
    if (code == -EMSGSIZE)
        return fg_refuse(r, "bad_request", "a document has 1 to 1048576 bytes");
    return code < 0 ? fg_refuse(r, "failed", "the document can't be checked") : NULL;
}

fg_refusal fg_request_check(struct fg_request *r)
{
    char lane[FG_WIRE_NAME] = "";
    struct fg_claim claim = {.kind = FG_CLAIM_DOCUMENT};
    fg_refusal refused = read_lane(r, lane);
    if (refused)
        return refused;
    if (r->control->policy->mode != FG_MODE_PORTRAIT || !r->control->checks)
        return fg_refuse(r, "not_here", "the matcher's profile has another mode than portrait");
    if (r->n_vectors != 1)
        return fg_refuse(r, "bad_request", "check takes the document as one further message part");
    refused = read_authenticity(r, &claim.authenticated);
    if (!refused)
        refused = bring(r, lane);
    if (refused)
        return refused;
    snprintf(claim.id, sizeof claim.id, "check-%016" PRIx64, fg_random_u64());
    fg_json_add_string(r->reply, "check", claim.id);
    r->control->claim(r->control->context, lane, &claim);
    return NULL;
}

// ---- waking ------------------------------------------------------------------------------------

fg_refusal fg_request_wake(struct fg_request *r)
{
    char lane[FG_WIRE_NAME] = "";
    fg_refusal refused = read_lane(r, lane);
    if (refused)
        return refused;
    if (!r->control->lanes)
        return fg_refuse(r, "not_here", "no lane is watched here");
    fg_lanes_wake(r->control->lanes, lane, r->now_ns);
    return NULL;
}
