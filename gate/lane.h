// SPDX-License-Identifier: Apache-2.0
// One lane: when it is open, who passed, what its lamps show. Pure: no socket, no chip, and time
// (CLOCK_MONOTONIC) is an argument that never goes back. facegate-gate(8) has the rules in words.
//
// An opening is an admit or, where that opens, a press of the button; it ends by exactly one of
// PASSED and TIMEOUT. Emergency and a lost matcher hold the lane open beside it and change nothing
// of that. A crossing is the beam broken and freed, and belongs to the state in which it began.
#ifndef FG_LANE_H
#define FG_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "gate/lamps.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_LANE_OPENINGS 8 // at once, where an admit extends

struct fg_decision_id { // of a matcher's decision; both 0: none
    uint64_t run, sequence;
};

enum fg_on_loss { FG_ON_LOSS_CLOSED, FG_ON_LOSS_OPEN, FG_ON_LOSS_HOLD };

struct fg_lane_rules {
    uint32_t passage_ms; // how long an opening waits for its person
    uint32_t pulse_ms;   // the open line is on so long; 0: as long as the lane is open
    uint32_t after_ms;   // a crossing so soon after an opening is put down to its decision
    uint32_t blocked_ms; // a lane does not close on a broken beam, for so long at most
    uint32_t loss_ms;    // not heard for so long, the matcher is lost; 0: never
    bool has_beam;       // without one nothing is known of passages, and nothing said
    bool extend;         // an admit to an open lane opens it for one more
    bool button_opens;   // else it wakes
    enum fg_on_loss on_loss;
};

enum fg_lane_state {
    FG_LANE_CLOSED,
    FG_LANE_OPENING, // the pulse
    FG_LANE_OPEN,
    FG_LANE_LOST, // the matcher is; open or closed as on_loss says
    FG_LANE_OUT,  // lines are missing: admits are refused
    FG_LANE_EMERGENCY,
    FG_LANE_STATES,
};

enum fg_lane_news {
    FG_NEWS_OPENED, // by an opening; no decision: the button
    FG_NEWS_CLOSED, // the last opening has ended
    FG_NEWS_PASSED,
    FG_NEWS_TIMEOUT, // nobody went through; also of an admit that could not open
    FG_NEWS_FORCED,  // a crossing without an opening; `decision`: right after the opening of that
    FG_NEWS_WAKE,    // somebody is there: once a second at most
    FG_NEWS_RETRY,
    FG_NEWS_DENY,
    FG_NEWS_FALLBACK,
    FG_NEWS_EMERGENCY,
    FG_NEWS_EMERGENCY_OVER,
    FG_NEWS_LOST,
    FG_NEWS_BACK,
    FG_NEWS_BLOCKED, // the beam stayed broken: closed all the same
    FG_NEWS_KINDS,
};

enum fg_lane_verdict { FG_LANE_ADMIT, FG_LANE_RETRY, FG_LANE_DENY, FG_LANE_FALLBACK };

// Called for everything that happens, in its order.
typedef void fg_lane_tell(void *context, enum fg_lane_news news, struct fg_decision_id decision,
                          uint64_t t_ns);

struct fg_lane { // to be read through the functions below
    struct fg_lane_rules rules;
    fg_lane_tell *tell;
    void *context;
    struct fg_decision_id openings[FG_LANE_OPENINGS]; // who has not passed, the oldest first
    unsigned n_openings;
    uint64_t deadline_ns, pulse_end_ns; // of the openings
    struct fg_decision_id last;         // of the last opening that ended
    uint64_t ended_ns;                  // and when
    bool has_ended;
    bool broken, within;         // the beam; its crossing began in an opening
    struct fg_decision_id after; // else the decision that it came after, or none
    bool button, emergency;      // inputs
    bool whole;                  // all lines are there
    bool lost, held;             // the matcher; held: the lane was open when it was lost
    uint64_t heard_ns;           // the matcher, last; or the beginning
    uint64_t quiet_end_ns;       // until when nobody is woken again
    uint64_t linger_end_ns;      // held open for who stands in the beam until then; 0: not
    enum fg_sign sign;           // the last passing one
    uint64_t sign_ns;            // since when
    uint64_t ignored_admits;     // that did not open
};

// Closed, lines there, the matcher not heard yet. `hear` must not change the lane.
void fg_lane_init(struct fg_lane *lane, const struct fg_lane_rules *rules, fg_lane_tell *hear,
                  void *context, uint64_t now_ns);

void fg_lane_decide(struct fg_lane *lane, enum fg_lane_verdict verdict,
                    struct fg_decision_id decision, uint64_t now_ns);
// An admit that came too late to open: its TIMEOUT is told.
void fg_lane_refuse(struct fg_lane *lane, struct fg_decision_id decision, uint64_t now_ns);
// A sign of life of the matcher.
void fg_lane_heartbeat(struct fg_lane *lane, uint64_t now_ns);

// Inputs, after debouncing: levels, each time or only when they change.
void fg_lane_beam(struct fg_lane *lane, bool broken, uint64_t now_ns);
void fg_lane_button(struct fg_lane *lane, bool pressed, uint64_t now_ns);
void fg_lane_emergency(struct fg_lane *lane, bool active, uint64_t now_ns);
void fg_lane_lines(struct fg_lane *lane, bool whole);

// Lets time pass; call it after the inputs and no later than fg_lane_due_ns.
void fg_lane_tick(struct fg_lane *lane, uint64_t now_ns);
uint64_t fg_lane_due_ns(const struct fg_lane *lane, uint64_t now_ns); // UINT64_MAX: never

enum fg_lane_state fg_lane_state(const struct fg_lane *lane, uint64_t now_ns);
bool fg_lane_is_open(const struct fg_lane *lane); // people may pass, whatever the pulse
bool fg_lane_open_line(const struct fg_lane *lane, uint64_t now_ns);
struct fg_lamps fg_lane_lamps(const struct fg_lane *lane, uint64_t now_ns);

const char *fg_lane_state_name(enum fg_lane_state state); // "closed", ...
const char *fg_lane_news_name(enum fg_lane_news news);    // "opened", ...

#ifdef __cplusplus
}
#endif
#endif
