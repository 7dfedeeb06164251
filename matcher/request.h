// SPDX-License-Identifier: Apache-2.0
// A request to the matcher while it is answered, for control.c and request_change.c.
#ifndef FG_REQUEST_H
#define FG_REQUEST_H

#include "matcher/control.h"

#ifdef __cplusplus
extern "C" {
#endif

// A refusal: a stable code of facegate-control(7), and the sentence in request->err. NULL: none.
typedef const char *fg_refusal;

struct fg_operation;

struct fg_request {
    const struct fg_control *control;
    const struct fg_operation *operation; // NULL: there is none of that name
    struct fg_json *header, *reply;       // both owned
    const struct fg_part *vectors;        // borrowed while the request is read
    unsigned n_vectors;
    uint64_t now_ns, realtime_s;
    fg_refusal refused;
    struct fg_error err;

    struct fg_change change;     // of an operation that makes one, when it is not refused
    struct fg_subject *subjects; // malloc'd
    unsigned count;
    char id[FG_SUBJECT_ID]; // to delete
};

#define FG_SECONDS_MOST UINT64_C(253402300799) // the end of the year 9999

#define FG_BAD_ID "subject must be 1 to 63 of [A-Za-z0-9._:@-]"

fg_refusal fg_refuse(struct fg_request *request, fg_refusal code, const char *text);
// What the gallery said, with its sentence in request->err or one for the code.
fg_refusal fg_refuse_storage(struct fg_request *request, int code);

// Members of an object. False: there, but not as it should be. Absent leaves *ret as it is, but for
// the id, which must be there.
bool fg_request_text(const struct fg_json *object, const char *name, char *ret, size_t size);
// In a firm's door the id is the firm's name, a colon, and the one that was given.
bool fg_request_id(const struct fg_request *request, const struct fg_json *object,
                   char ret[FG_SUBJECT_ID]);
// The id as the asker knows it.
const char *fg_request_own_id(const struct fg_request *request, const char *id);
// Whether the id is one of the asker's.
bool fg_request_owns(const struct fg_request *request, const char *id);

// The header's model and dimension against the matcher's card.
fg_refusal fg_request_check_model(struct fg_request *request);

// Little-endian floats of length 1 with no alignment. False: they are not.
bool fg_request_vector(const void *bytes, size_t length, uint32_t dimension, float *ret);

// request_change.c: they read subjects or an id and set request->change.
fg_refusal fg_request_enrol(struct fg_request *request);
fg_refusal fg_request_enrol_many(struct fg_request *request);
fg_refusal fg_request_delete(struct fg_request *request);
// request_lane.c: payments, PINs, documents, waking.
fg_refusal fg_request_pay(struct fg_request *request);
fg_refusal fg_request_pay_cancel(struct fg_request *request);
fg_refusal fg_request_payment(struct fg_request *request);
fg_refusal fg_request_pin(struct fg_request *request);
fg_refusal fg_request_check(struct fg_request *request);
fg_refusal fg_request_wake(struct fg_request *request);

// request_pin.c: the PIN of a subject.
fg_refusal fg_request_pin_set(struct fg_request *request);
// request_vault.c: vault records.
fg_refusal fg_request_vault_put(struct fg_request *request);
fg_refusal fg_request_vault_delete(struct fg_request *request);
// request_ledger.c: what the ledger holds. request_ledger_change.c: changes of it, each made, with
// its event, in a transaction of its own before it is answered.
fg_refusal fg_request_events(struct fg_request *request);
fg_refusal fg_request_charges(struct fg_request *request);
fg_refusal fg_request_headcount(struct fg_request *request);
fg_refusal fg_request_inside(struct fg_request *request);
fg_refusal fg_request_hours(struct fg_request *request);
fg_refusal fg_request_blocked(struct fg_request *request);
fg_refusal fg_request_flights(struct fg_request *request);
fg_refusal fg_request_charges_taken(struct fg_request *request);
fg_refusal fg_request_block(struct fg_request *request);
fg_refusal fg_request_unblock(struct fg_request *request);
fg_refusal fg_request_revoke(struct fg_request *request);
fg_refusal fg_request_flight_put(struct fg_request *request);
fg_refusal fg_request_flight_delete(struct fg_request *request);
// "not_here" without a ledger.
fg_refusal fg_request_check_ledger(struct fg_request *request);
// A member that is a whole number from `low` to `high`; absent leaves *ret as it is. False: there,
// but not so.
bool fg_request_whole(const struct fg_json *object, const char *name, uint64_t low, uint64_t high,
                      uint64_t *ret);

// After the change: what the search needs to know of it, and the rest of the reply.
void fg_request_settle(struct fg_request *request);

#ifdef __cplusplus
}
#endif
#endif
