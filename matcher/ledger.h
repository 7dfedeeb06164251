// SPDX-License-Identifier: Apache-2.0
// The ledger: what happened, and the state that follows from it, durable, in an LMDB environment of
// its own (GALLERY/ledger). No biometrics, no names: subjects are opaque ids. A state and the event
// that says so are written in one transaction. One thread owns a ledger.
#ifndef FG_LEDGER_H
#define FG_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "matcher/event.h"
#include "matcher/flight.h"
#include "matcher/payment.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_SERIAL 16 // bytes of a token's serial

struct fg_ledger;

struct fg_ledger_options {
    const char *directory; // made (0700) when absent
    uint64_t map_bytes;    // most; 0: 1 GiB
    bool careless;         // no flush: for tests of logic alone
};

// -EACCES, -ENOSPC, -EBUSY (another process), -EBADMSG, -EPROTONOSUPPORT, -EIO, each with a remedy.
int fg_ledger_open(const struct fg_ledger_options *options, struct fg_ledger **ret,
                   struct fg_error *err);
void fg_ledger_close(struct fg_ledger *ledger); // accepts NULL

// One transaction at a time; all calls below but fg_ledger_events and fg_ledger_state need one. A
// failed call leaves the transaction to be aborted. commit: durable when 0; -ENOSPC, -EIO: nothing
// of it is there. Without room for more (disk or map full) what adds is refused, by the call or at
// the commit, until something was removed; reading goes on. begin with `writing` false is a read.
int fg_ledger_begin(struct fg_ledger *ledger, bool writing, struct fg_error *err);
int fg_ledger_commit(struct fg_ledger *ledger, struct fg_error *err);
void fg_ledger_abort(struct fg_ledger *ledger);
bool fg_ledger_is_open(const struct fg_ledger *ledger); // a transaction is

// ---- events: append-only, by rising number ----
int fg_ledger_append(struct fg_ledger *ledger, struct fg_event *event, struct fg_error *err);

// ---- passages: admissions that are not settled, and what became of the last ones ----
enum fg_passage_state { FG_PASSAGE_PENDING, FG_PASSAGE_DONE, FG_PASSAGE_VOID };
struct fg_passage_record {
    uint64_t run, decision; // its key
    enum fg_passage_state state;
    char lane[FG_WIRE_NAME], subject[FG_SUBJECT_ID];
    uint64_t t_ns; // CLOCK_REALTIME of the admission
    uint64_t t_settled_ns;
    uint32_t crossings;                  // PASSED heard, repetitions of a report not counted
    uint64_t crossing_boot, crossing_ns; // the clock and time of the last PASSED: its event
    uint8_t charge[FG_CHARGE_ID];        // zero: none
};
// get: -ENOENT. put makes or replaces, and keeps the orders by subject and by lane.
int fg_ledger_passage_get(struct fg_ledger *l, uint64_t run, uint64_t decision,
                          struct fg_passage_record *ret, struct fg_error *err);
int fg_ledger_passage_put(struct fg_ledger *l, const struct fg_passage_record *passage,
                          struct fg_error *err);
// The subject's last passage record (by t_ns, which the caller never lets fall) in this lane, or in
// any lane (NULL), whose state is among `states` (bit FG_PASSAGE_DONE: 1 << FG_PASSAGE_DONE...).
// -ENOENT.
int fg_ledger_passage_last(struct fg_ledger *l, const char *subject, const char *lane,
                           unsigned states, struct fg_passage_record *ret, struct fg_error *err);
// The latest time of any passage that was ever put; 0: none was.
int fg_ledger_passages_time(struct fg_ledger *l, uint64_t *ret_ns, struct fg_error *err);
// Those pending, in no order; a non-zero return of `visit` ends the walk and is returned. Nothing
// may be changed meanwhile.
int fg_ledger_passages_pending(struct fg_ledger *l,
                               int (*visit)(void *context, const struct fg_passage_record *passage),
                               void *context, struct fg_error *err);

// ---- charges ----
enum fg_charge_state { FG_CHARGE_PENDING, FG_CHARGE_DUE, FG_CHARGE_VOID, FG_CHARGE_TAKEN };
struct fg_charge {
    uint8_t id[FG_CHARGE_ID];
    enum fg_charge_state state;
    char subject[FG_SUBJECT_ID], lane[FG_WIRE_NAME], firm[FG_WIRE_NAME];
    char payment[FG_SUBJECT_ID]; // the asker's id, or empty
    uint64_t amount;
    char currency[4];
    uint64_t t_ns, t_due_ns;
    uint64_t due; // place among those due, from 1, given when it becomes due; 0: never was
};
int fg_ledger_charge_get(struct fg_ledger *l, const uint8_t id[FG_CHARGE_ID], struct fg_charge *ret,
                         struct fg_error *err);
int fg_ledger_charge_put(struct fg_ledger *l, struct fg_charge *charge,
                         struct fg_error *err); // gives `due`
// Due and not taken, by rising `due`, after `after`, of this firm (NULL: any). At most `most`.
int fg_ledger_charges_due(struct fg_ledger *l, const char *firm, uint64_t after,
                          struct fg_charge *ret, unsigned most, unsigned *ret_count,
                          struct fg_error *err);

// ---- inside ----
struct fg_inside {
    char subject[FG_SUBJECT_ID];
    char zone[FG_WIRE_NAME];
    uint64_t since_ns;
};
int fg_ledger_inside_get(struct fg_ledger *l, const char *subject, struct fg_inside *ret,
                         struct fg_error *err); // -ENOENT
int fg_ledger_inside_put(struct fg_ledger *l, const struct fg_inside *inside, struct fg_error *err);
int fg_ledger_inside_delete(struct fg_ledger *l, const char *subject,
                            struct fg_error *err); // -ENOENT
// The first subject after `after` ("" at first) in byte order; -ENOENT at the end.
int fg_ledger_inside_next(struct fg_ledger *l, const char *after, struct fg_inside *ret,
                          struct fg_error *err);
// People in a zone; NULL: everywhere. In constant time.
uint64_t fg_ledger_inside_count(struct fg_ledger *l, const char *zone);
// The first zone after `after` (NULL at first) that somebody is in; -ENOENT at the end. Its name is
// empty for who is inside no zone.
int fg_ledger_zone_next(struct fg_ledger *l, const char *after, char ret[FG_WIRE_NAME],
                        uint64_t *ret_count, struct fg_error *err);

// ---- words with a time: used and revoked serials, blocked subjects ----
enum fg_mark {
    FG_MARK_USED,    // a serial
    FG_MARK_REVOKED, // a serial
    FG_MARK_BLOCKED  // a subject's id
};
int fg_ledger_mark_get(struct fg_ledger *l, enum fg_mark mark, const void *key, size_t length,
                       uint64_t *ret_until_s, struct fg_error *err); // -ENOENT
int fg_ledger_mark_put(struct fg_ledger *l, enum fg_mark mark, const void *key, size_t length,
                       uint64_t until_s, struct fg_error *err); // 0: for ever
int fg_ledger_mark_delete(struct fg_ledger *l, enum fg_mark mark, const void *key, size_t length,
                          struct fg_error *err); // -ENOENT

// The first key after `after` (length 0 at first); -ENOENT at the end.
int fg_ledger_mark_next(struct fg_ledger *l, enum fg_mark mark, const void *after, size_t length,
                        void *ret_key, size_t size, size_t *ret_length, uint64_t *ret_until_s,
                        struct fg_error *err);

// ---- flights ----
int fg_ledger_flight_get(struct fg_ledger *l, const char *name, struct fg_flight *ret,
                         struct fg_error *err);
int fg_ledger_flight_put(struct fg_ledger *l, const struct fg_flight *flight, struct fg_error *err);
int fg_ledger_flight_delete(struct fg_ledger *l, const char *name, struct fg_error *err);
int fg_ledger_flight_next(struct fg_ledger *l, const char *after, struct fg_flight *ret,
                          struct fg_error *err); // "" at first

// ---- upkeep ----
// Removes events older than events_before_ns, settled passages and void or taken charges older than
// state_before_ns, marks whose time is over at now_s. A call looks at no more than `most` records
// of each table, so that nobody waits long, and the next goes on behind them. Returns how many it
// removed. Works without room, in a transaction that adds less than it removes.
int fg_ledger_expire(struct fg_ledger *l, uint64_t events_before_ns, uint64_t state_before_ns,
                     uint64_t now_s, unsigned most, struct fg_error *err);
// Events after `after`, at most `most`, in order; from a read of its own when no transaction is
// open.
int fg_ledger_events(struct fg_ledger *l, uint64_t after, struct fg_event *ret, unsigned most,
                     unsigned *ret_count, struct fg_error *err);
// The place behind which events of t_ns and later are, for fg_ledger_events; by halving.
int fg_ledger_events_since(struct fg_ledger *l, uint64_t t_ns, uint64_t *ret_after,
                           struct fg_error *err);
struct fg_ledger_state {
    uint64_t events, first_event, last_event, passages, charges_due, inside, bytes;
};
void fg_ledger_state(struct fg_ledger *l, struct fg_ledger_state *ret);

#ifdef __cplusplus
}
#endif
#endif
