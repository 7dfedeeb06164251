// SPDX-License-Identifier: Apache-2.0
// The matcher's parts, and what the files that make them work share: matcher.c is the program,
// matcher_start.c makes and ends the parts, matcher_turn.c is the loop, matcher_hooks.c what
// decisions ask of the other parts, doors.c the sockets of requests. One thread has all of it but
// the drain.
#ifndef FG_MATCHER_H
#define FG_MATCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bus.h"
#include "common/card.h"
#include "matcher/announce.h"
#include "matcher/checks.h"
#include "matcher/decide.h"
#include "matcher/doors.h"
#include "matcher/drain.h"
#include "matcher/gallery.h"
#include "matcher/lanes.h"
#include "matcher/latency.h"
#include "matcher/ledger.h"
#include "matcher/passages.h"
#include "matcher/policy.h"
#include "matcher/reader.h"
#include "matcher/roster.h"
#include "matcher/settings.h"
#include "matcher/tills.h"
#include "matcher/words.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_matcher { // starts zeroed, but for the two descriptors: -1
    struct fg_settings settings;
    struct fg_policy policy;
    struct fg_card card;
    struct fg_gallery *gallery;
    struct fg_roster *roster;
    struct fg_decide *decide;
    struct fg_bus *bus;
    struct fg_drain *drain;
    struct fg_announcer announcer;
    struct fg_doors doors;
    struct fg_ledger *ledger;
    struct fg_passages *passages;
    struct fg_tills tills;
    struct fg_lanes lanes;
    struct fg_checks *checks; // mode portrait
    struct fg_reader *reader; // modes pass and vault
    struct fg_words *words;
    struct fg_latency latency;
    struct fg_control control; // the operator's; a firm's differs in `firm`
    uint64_t run, boot;
    uint64_t vault_due_ns;   // CLOCK_MONOTONIC of the next removal of vault records
    int signal_fd, event_fd; // event_fd: an epoll of signals, drain and checks
    bool stopping, warned_model, warned_vault;
    struct fg_wire_message room;
};

struct fg_now fg_matcher_now(void);
uint64_t fg_matcher_seconds(void); // CLOCK_REALTIME

// Reads profile and card, opens gallery, ledger and sockets. `finish` undoes what was done so far.
int fg_matcher_start(struct fg_matcher *matcher, struct fg_error *err);
void fg_matcher_finish(struct fg_matcher *matcher);

// Until a signal ends it. 0, or why it can't go on.
int fg_matcher_loop(struct fg_matcher *matcher, struct fg_error *err);

// What decisions ask of the rest, with the matcher as context.
struct fg_decide_hooks fg_matcher_hooks(struct fg_matcher *matcher);
// fg_passages_who.
int fg_matcher_who(void *context, const char *subject, struct fg_subject *ret);
// What requests do to decisions.
void fg_matcher_again(void *context, const char *lane);
void fg_matcher_claim(void *context, const char *lane, const struct fg_claim *claim);
// What checks of documents say.
void fg_matcher_compared(void *context, const char *lane, bool match);
void fg_matcher_check_failed(void *context, const char *lane, const char *reason);

#ifdef __cplusplus
}
#endif
#endif
