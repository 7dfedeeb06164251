// SPDX-License-Identifier: Apache-2.0
// From somebody recognised to somebody who went through. An admission is a passage once the gate
// reports PASSED (or at once, where the profile says so); charges, who is inside, and what later
// rules ask follow passages, never admissions.
//
//   admitted -> PASSED: done, its charge is due
//            -> TIMEOUT, or no word for passage_s: void, its charge void
//   void or not settled, and the same subject admitted in the lane again within reuse_s: both have
//   one charge, so that who hesitates pays once.
//   done, and PASSED of another crossing, or FORCED that names it: a tailgate.
//   void, and PASSED after all (a gate that was cut off): done.
//
// Every step and its event are one transaction of the ledger. Where rules or money hang on it
// (fg_policy's fare, payments, anti_passback, cooldown_s, exclusive_s, one_time) an admission is
// durable before it is published, and refused when it can't be (store_full); elsewhere decisions go
// on, and events are written within FG_PASSAGES_LAZY_MS, lost ones counted.
//
// The ledger's clock never falls: while CLOCK_REALTIME is behind what was written, it goes on by
// CLOCK_MONOTONIC. One thread; no call waits but for the disk.
#ifndef FG_PASSAGES_H
#define FG_PASSAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire.h"
#include "matcher/claim.h"
#include "matcher/decision.h"
#include "matcher/gallery.h"
#include "matcher/ledger.h"
#include "matcher/policy.h"
#include "matcher/rules.h"
#include "matcher/tills.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_PASSAGES_LAZY_MS 100

struct fg_passages;

struct fg_now {
    uint64_t monotonic_ns, realtime_ns;
};

// Who somebody is, for the rules. 0, -ENOENT (deleted meanwhile) or another error of the gallery.
typedef int (*fg_passages_who)(void *context, const char *subject, struct fg_subject *ret);

struct fg_passages_options { // all borrowed
    const struct fg_policy *policy;
    struct fg_ledger *ledger; // NULL: nothing is kept, and nothing known
    struct fg_tills *tills;   // NULL: no payments
    fg_passages_who who;
    void *context;
    uint64_t run;
};

struct fg_passages_counters {
    uint64_t passed, timeouts, unsettled, tailgates, forced, strays; // strays: of no admission
    uint64_t lost; // events that could not be written
};

// Takes up what a former run left unsettled. 0 or an error of the ledger; -ENOMEM.
int fg_passages_create(const struct fg_passages_options *options, struct fg_now now,
                       struct fg_passages **ret, struct fg_error *err);
void fg_passages_destroy(struct fg_passages *passages); // writes what waits; accepts NULL

// For fg_decide_hooks.
void fg_passages_permit(struct fg_passages *passages, struct fg_decision *about,
                        const char *subject, const struct fg_claim *claim, struct fg_now now,
                        struct fg_verdict *ret);
int fg_passages_commit(struct fg_passages *passages, struct fg_now now);
void fg_passages_explain(struct fg_passages *passages, const char *lane, const char *subject,
                         struct fg_now now, struct fg_verdict *ret);

// A decision that was published, for the events; admissions are there already.
void fg_passages_note(struct fg_passages *passages, const struct fg_decision *decision,
                      struct fg_now now);

// A report of a gate: PASSED, TIMEOUT, FORCED. 0: durable, and may be acknowledged; or an error of
// the ledger, and the gate will say it again.
int fg_passages_hear(struct fg_passages *passages, const struct fg_wire_message *report,
                     struct fg_now now);

// Voids what no gate spoke of, writes events that wait, removes what is too old.
void fg_passages_tick(struct fg_passages *passages, struct fg_now now);
uint64_t fg_passages_due_ns(const struct fg_passages *passages);
// Writes what waits now; before anybody else uses the ledger.
void fg_passages_flush(struct fg_passages *passages, struct fg_now now);

// The ledger's clock, for who else writes events.
uint64_t fg_passages_time(struct fg_passages *passages, struct fg_now now);

const struct fg_passages_counters *fg_passages_counters(const struct fg_passages *passages);

// The id of a payment's charge: of the firm and the asker's id alone, so that it is charged once.
void fg_payment_charge(const struct fg_payment *payment, uint8_t ret[FG_CHARGE_ID]);

#ifdef __cplusplus
}
#endif
#endif
