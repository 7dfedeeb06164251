// SPDX-License-Identifier: Apache-2.0
// One decision, and its JSON as facegate-wire(7) specifies it. No score and no vector is in it.
#ifndef FG_DECISION_H
#define FG_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"
#include "common/wire.h"
#include "matcher/ledger.h"
#include "matcher/reasons.h"
#include "matcher/subject.h"
#include "matcher/words.h"

#ifdef __cplusplus
extern "C" {
#endif

enum fg_outcome { FG_ADMIT, FG_RETRY, FG_DENY, FG_FALLBACK, FG_OUTCOMES };

struct fg_decision {
    uint64_t sequence; // from 1 in a matcher's run
    char lane[FG_WIRE_NAME], source[FG_WIRE_NAME];
    enum fg_outcome outcome;
    const char *reason;          // static: FG_WHY_..., or fg_reason_name()
    char subject[FG_SUBJECT_ID]; // empty unless admitted
    unsigned attempt;            // from 1 in a presence
    uint64_t session;
    uint32_t track;
    unsigned probes;       // good ones behind it
    uint64_t t_capture_ns; // of the last message behind it, the sender's CLOCK_MONOTONIC
    uint64_t t_decision_ns;
    uint64_t boot; // of the sender's clock
    bool waited;   // a time-out or the track's end settled it: its latency says nothing

    // What goes with the reason, and with the admission; zero and empty: nothing.
    uint64_t when_s;           // the reason's time
    char detail[FG_WIRE_NAME]; // the reason's word
    uint8_t charge[FG_CHARGE_ID];
    uint64_t amount;
    char currency[4];
    char payment[FG_SUBJECT_ID]; // the till's id of what it asked for
};

const char *fg_outcome_name(enum fg_outcome outcome);

struct fg_decision_context {
    const char *profile;
    uint64_t run;         // random bits of the matcher's start
    uint64_t boot;        // fg_boot_number()
    uint64_t realtime_ns; // when it is sent
    uint32_t valid_ms;
    const struct fg_words *words; // what people are told; NULL: nothing
};

// Milliseconds from capture to decision, or negative when the clocks don't compare or no probe
// settled it.
double fg_decision_latency_ms(const struct fg_decision *decision, uint64_t boot);

// Success: a tree owned by the caller.
struct fg_json *fg_decision_json(const struct fg_decision *decision,
                                 const struct fg_decision_context *context);

// An unsigned 64-bit value: a number up to 2^53, else a string of digits. A hex id is a string.
void fg_json_add_u64(struct fg_json *parent, const char *name, uint64_t value);
void fg_json_add_hex(struct fg_json *parent, const char *name, uint64_t value);

#ifdef __cplusplus
}
#endif
#endif
