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
    unsigned attempts;
    bool compared; // with somebody's face
};

struct fg_claims { // starts zeroed
    struct fg_lane_claim at[FG_CLAIMS];
};

const struct fg_lane_claim *fg_claims_look(const struct fg_claims *claims, const char *lane);
struct fg_lane_claim *fg_claims_find(struct fg_claims *claims, const char *lane); // or NULL
// The lane's place, emptied.
struct fg_lane_claim *fg_claims_place(struct fg_claims *claims, const char *lane);
void fg_claim_end(struct fg_lane_claim *claim); // wipes

#ifdef __cplusplus
}
#endif
#endif
