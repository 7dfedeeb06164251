// SPDX-License-Identifier: Apache-2.0
// From probes to decisions. Pure logic: no socket, no clock (the time is an argument), no thread.
// What it must ask of the world, may this subject pass, what does this token say, is in its hooks.
//
// Tracks. A track is one person in front of one camera, named by (lane, source, session, track).
// Its good probes (quality at or above min_quality) are fused: the sum of the unit vectors, each
// weighted by its unified quality, scaled to length 1. After each good probe the fusion is searched
// among those who may pass here and now, at the score that the policy's error rate asks for.
//   - A match is asked for permission, and admitted or denied with the rule's reason: once a track,
//     then the track is decided. What the person can mend at once (a PIN) is a retry; the track is
//     held until fg_decide_again.
//   - No match after good_probes good probes, or decide_ms after the first of them, denies: once a
//     track. A decided track is not looked at again; otherwise a stranger who stays would have
//     more chances than the error rate promises. A track has at most good_probes searches a fusion.
//   - Until then a retry says what is missing, once for each change of reason.
//   - A track that ends (NOTICE track_lost, or silent for 10 s) undecided is denied if it had a
//     good probe: a gate or an operator hears of everybody who could be judged. One without a good
//     probe ends in silence and is counted (`unjudged`).
//   - A probe whose cosine with the fusion is under the card's same_track is another person under
//     the same number. What was fused is dropped, decided or not, and the newcomer starts with a
//     fusion of their own; vectors of two people are never summed. The fourth such change denies
//     (mixed_track) and the track is not looked at again: alternating faces buys no more chances.
//
// Claims (modes pass, vault, portrait). A token or a document says who somebody in the lane is; it
// waits token_s for its owner's face and is compared with the one face in the lane, nobody else.
// Each denial is an attempt of the claim, after the last of them it is gone. A claim that nobody
// came for is denied when it ends (token_no_owner).
//
// Where the policy keeps nothing, a vector is overwritten with the decision it led to, and those of
// the faces in a lane when its claim is over. What a decided track's face was is not known then:
// newcomers under its number are seen by the claim that they bring, if it is another one.
//
// Presence. A subject admitted in a lane is not admitted again there until absent for absent_ms:
// no live track of theirs, and none ended within it. A second admission meanwhile is suppressed
// and counted; two cameras on one lane open the gate once.
//
// Attempts. A denial in a lane is one attempt; the last that the policy allows, and any after it,
// says fallback. An admission, or a lane without any live track for absent_ms, starts anew.
//
// A gallery too large for the policy's fpir can't identify: each track gets one fallback,
// gallery_too_large.
#ifndef FG_DECIDE_H
#define FG_DECIDE_H

#include <stdint.h>

#include "common/card.h"
#include "common/error.h"
#include "common/wire.h"
#include "matcher/calibrate.h"
#include "matcher/claim.h"
#include "matcher/decision.h"
#include "matcher/policy.h"
#include "matcher/roster.h"
#include "matcher/rules.h"
#include "matcher/tracks.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_DECIDE_TRACKS  FG_TRACKS // at once; the one silent longest is dropped and counted
#define FG_DECIDE_IDLE_MS 10000     // a track silent for so long has ended
#define FG_DECIDE_FUSIONS 4         // people that one track number may stand for
#define FG_DECIDE_BATCH   16        // tracks searched at once
#define FG_DECIDE_FACE_MS 1000      // a face seen within it is in the lane now

struct fg_decide;

// Each may be NULL but emit: then everybody recognised is admitted, and no token is read.
struct fg_decide_hooks {
    void *context;
    // Publishes; the decision is borrowed for the call.
    void (*emit)(void *context, const struct fg_decision *decision);
    // May the subject pass, who was recognised here? `about` has lane, source, session, track, the
    // sequence that an admission will have, and takes its charge or payment. The claim is NULL
    // where there is none. What the answer makes durable waits for `commit`.
    void (*permit)(void *context, struct fg_decision *about, const char *subject,
                   const struct fg_claim *claim, uint64_t realtime_s, struct fg_verdict *ret);
    // Before the decisions of a batch that has admissions are published. A failure turns those into
    // denials (store_full): nothing of them is durable.
    int (*commit)(void *context);
    // Why the subject who is enrolled and not a candidate may not pass.
    void (*explain)(void *context, const char *lane, const char *subject, uint64_t realtime_s,
                    struct fg_verdict *ret);
    // What a token says: 0 with *ret, or a refusal in *ret_verdict (-EACCES), or not a token of
    // ours (-ENOMSG: in silence).
    int (*claim)(void *context, const char *lane, const struct fg_wire_token *token,
                 uint64_t realtime_s, struct fg_claim *ret, struct fg_verdict *ret_verdict);
    // Compares a face with the lane's document at the score; fg_decide_compared brings the answer.
    // False: there is none to ask.
    bool (*compare)(void *context, const char *lane, const float *face, uint32_t dimension,
                    float score);
    // The lane's claim is over, whatever came of it.
    void (*dismiss)(void *context, const char *lane);
};

struct fg_decide_counters {
    uint64_t probes, notices, tokens, ignored;
    uint64_t wrong_model, low_quality, after_decision;
    uint64_t outcomes[FG_OUTCOMES];
    uint64_t duplicates; // admissions suppressed by presence
    uint64_t swaps;      // fusions closed because the face changed
    uint64_t unjudged;   // tracks that ended without a good probe
    uint64_t dropped;    // tracks dropped from a full table
    uint64_t known;      // people recognised where nobody is let through
};

// Policy and card are copied; the roster is borrowed, and searched at each probe.
// Success: 0, *ret owned by the caller. -ENOMEM.
int fg_decide_create(const struct fg_policy *policy, const struct fg_card *card,
                     struct fg_roster *roster, const struct fg_decide_hooks *hooks,
                     struct fg_decide **ret);
void fg_decide_destroy(struct fg_decide *decide); // wipes; accepts NULL

// Takes one message that fg_wire_decode accepted, at CLOCK_MONOTONIC now_ns and CLOCK_REALTIME
// realtime_s. `now_ns` never falls from call to call. A good probe waits for fg_decide_settle, so
// that several people are searched in one pass over the gallery; whatever else happens to a track
// that waits, or FG_DECIDE_BATCH of them, settles first.
void fg_decide_take(struct fg_decide *decide, const struct fg_wire_message *message,
                    uint64_t now_ns, uint64_t realtime_s);
void fg_decide_settle(struct fg_decide *decide, uint64_t now_ns, uint64_t realtime_s);
// A tick, then both at once.
void fg_decide_message(struct fg_decide *decide, const struct fg_wire_message *message,
                       uint64_t now_ns, uint64_t realtime_s);

// What only time brings: denials due, tracks gone silent, claims over. Settles first.
void fg_decide_tick(struct fg_decide *decide, uint64_t now_ns, uint64_t realtime_s);
// When the next tick is worth it; UINT64_MAX when nothing is waiting.
uint64_t fg_decide_due_ns(const struct fg_decide *decide);

// Somebody brings a document; copied. One that the lane had is over.
void fg_decide_claim(struct fg_decide *decide, const char *lane, const struct fg_claim *claim,
                     uint64_t now_ns, uint64_t realtime_s);
// The answer to `compare`.
void fg_decide_compared(struct fg_decide *decide, const char *lane, bool match, uint64_t now_ns,
                        uint64_t realtime_s);
// The lane's claim can't be compared, for this reason (static): denied, and over.
void fg_decide_give_up(struct fg_decide *decide, const char *lane, const char *reason,
                       uint64_t now_ns, uint64_t realtime_s);
// What somebody held in this lane lacked is there: they are asked for permission again.
void fg_decide_again(struct fg_decide *decide, const char *lane, uint64_t now_ns,
                     uint64_t realtime_s);
bool fg_decide_has_claim(struct fg_decide *decide, const char *lane);
// Somebody is before a camera of the lane.
bool fg_decide_somebody(const struct fg_decide *decide, const char *lane);

const struct fg_decide_counters *fg_decide_counters(const struct fg_decide *decide); // borrowed

#ifdef __cplusplus
}
#endif
#endif
