// SPDX-License-Identifier: Apache-2.0
#include "matcher/claims.h"

#include <string.h>

const struct fg_lane_claim *fg_claims_look(const struct fg_claims *claims, const char *lane)
{
    for (unsigned i = 0; i < FG_CLAIMS; i++) {
        const struct fg_lane_claim *c = &claims->at[i];
        if (c->claim.kind != FG_CLAIM_NONE && strcmp(c->lane, lane) == 0)
            return c;
    }
    return NULL;
}

struct fg_lane_claim *fg_claims_find(struct fg_claims *claims, const char *lane)
{
    const struct fg_lane_claim *found = fg_claims_look(claims, lane);
    return found ? &claims->at[found - claims->at] : NULL;
}

static struct fg_lane_claim *oldest(struct fg_claims *claims)
{
    struct fg_lane_claim *found = &claims->at[0];
    for (unsigned i = 0; i < FG_CLAIMS; i++) {
        struct fg_lane_claim *c = &claims->at[i];
        if (c->claim.kind == FG_CLAIM_NONE)
            return c;
        if (c->since_ns < found->since_ns)
            found = c;
    }
    return found;
}

struct fg_lane_claim *fg_claims_place(struct fg_claims *claims, const char *lane)
{
    struct fg_lane_claim *place = fg_claims_find(claims, lane);
    if (!place)
        place = oldest(claims);
    fg_claim_end(place);
    memcpy(place->lane, lane, strlen(lane));
    return place;
}

void fg_claim_end(struct fg_lane_claim *claim)
{
    explicit_bzero(claim, sizeof *claim);
}
