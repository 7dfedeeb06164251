// SPDX-License-Identifier: Apache-2.0
// Administration requests, as facegate-control(7) specifies them: one JSON header and packed
// vectors in, one JSON header out. No socket here; the decider thread owns everything it touches.
#ifndef FG_CONTROL_H
#define FG_CONTROL_H

#include <stdint.h>

#include "common/bus.h"
#include "common/card.h"
#include "common/json.h"
#include "matcher/checks.h"
#include "matcher/decide.h"
#include "matcher/drain.h"
#include "matcher/gallery.h"
#include "matcher/lanes.h"
#include "matcher/latency.h"
#include "matcher/ledger.h"
#include "matcher/passages.h"
#include "matcher/policy.h"
#include "matcher/roster.h"
#include "matcher/tills.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_CONTROL_SUBJECTS 32    // most of one enrol_many,
#define FG_CONTROL_PACKED   2048  // with its vectors packed into one part
#define FG_CONTROL_PAGE     200   // most of one list
#define FG_CONTROL_EVENTS   1000  // most of one answer to `events`,
#define FG_CONTROL_LOOKS    20000 // of so many that it looks at
#define FG_CONTROL_PASSED   5000  // most passages of one answer to `hours`

struct fg_control { // all borrowed
    const char *version;
    struct fg_gallery *gallery;
    struct fg_roster *roster;
    const struct fg_decide *decide;
    const struct fg_policy *policy;
    const struct fg_card *card;
    const struct fg_latency *latency;
    struct fg_drain *drain; // NULL: no cameras in the status
    uint64_t started_ns;    // CLOCK_MONOTONIC

    // A tenant's door: requests see and change its own alone. NULL: the operator's.
    const char *firm;
    // NULL: requests about lanes, passages and payments are refused.
    struct fg_ledger *ledger;
    struct fg_passages *passages;
    struct fg_tills *tills;
    struct fg_lanes *lanes;
    struct fg_checks *checks;
    void (*again)(void *context, const char *lane); // what somebody in the lane lacked is there
    void (*claim)(void *context, const char *lane, const struct fg_claim *claim); // copied
    void *context;
};

// One request: parts[0] is the header, the others vectors, all borrowed until the request is run
// or, for a change, until it is read. Never refused here: what can't be done is an answer that says
// so. NULL: out of memory.
struct fg_request;
struct fg_request *fg_request_read(const struct fg_control *control, const struct fg_part *parts,
                                   unsigned count, uint64_t now_ns, uint64_t realtime_s);

// One that reads is run, and one that changes the gallery settled after its change was made; one
// that is refused already needs neither.
bool fg_request_only_reads(const struct fg_request *request);
void fg_request_run(struct fg_request *request);
struct fg_change *fg_request_change(struct fg_request *request); // NULL: makes none
void fg_request_settle(struct fg_request *request);

// Frees the request; the answer is the caller's.
struct fg_json *fg_request_end(struct fg_request *request);

#ifdef __cplusplus
}
#endif
#endif
