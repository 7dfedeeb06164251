// SPDX-License-Identifier: Apache-2.0
// The claims that wait for their owner's face: one a lane. No rules, no clock.
#ifndef FG_CLAIMS_H
#define FG_CLAIMS_H

#include "matcher/claim.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_CLAIMS 32 // lanes with one at once; the oldest makes room

struct fg_lane_claim {
    struct fg_claim claim; // kind FG_CLAIM_NONE: a free place
    char lane[FG_WIRE_NAME], source[FG_WIRE_NAME];
    uint64_t session, boot, t_capture_ns; // of who brought it
    uint64_t since_ns;
    uint64_t digest; // of the token's bytes; 0: not by a token
    unsigned attempts;
    bool compared; // with somebody's face
};

struct fg_claims { // starts zeroed
    struct fg_lane_claim at[FG_CLAIMS];
    struct {
        char lane[FG_WIRE_NAME];
        uint64_t digest, seen_ns; // of the token that let somebody through last
    } spent[FG_CLAIMS];
};

const struct fg_lane_claim *fg_claims_look(const struct fg_claims *claims, const char *lane);
struct fg_lane_claim *fg_claims_find(struct fg_claims *claims, const char *lane); // or NULL
// The lane's place, emptied.
struct fg_lane_claim *fg_claims_place(struct fg_claims *claims, const char *lane);
void fg_claim_end(struct fg_lane_claim *claim); // wipes

// A token that let its owner through stays spent while it is held up: seen in that lane again and
// again, never three seconds apart.
uint64_t fg_token_digest(const struct fg_wire_token *token); // not 0
void fg_claims_spend(struct fg_claims *claims, const struct fg_lane_claim *claim, uint64_t now_ns);
bool fg_claims_spent(struct fg_claims *claims, const char *lane, uint64_t digest, uint64_t now_ns);

#ifdef __cplusplus
}
#endif
#endif
