// SPDX-License-Identifier: Apache-2.0
#include "matcher/claims.h"

#include <string.h>

#define HELD_NS UINT64_C(3000000000) // cameras say once a second what is still there

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

// FNV-1a.
uint64_t fg_token_digest(const struct fg_wire_token *token)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < token->length; i++)
        hash = (hash ^ token->bytes[i]) * UINT64_C(0x100000001b3);
    return hash ? hash : 1;
}

void fg_claims_spend(struct fg_claims *claims, const struct fg_lane_claim *claim, uint64_t now_ns)
{
    unsigned at = 0; // the lane's place, else the oldest
    if (!claim->digest)
        return;
    for (unsigned i = 0; i < FG_CLAIMS; i++) {
        if (strcmp(claims->spent[i].lane, claim->lane) == 0) {
            at = i;
            break;
        }
        if (claims->spent[i].seen_ns < claims->spent[at].seen_ns)
            at = i;
    }
    memcpy(claims->spent[at].lane, claim->lane, sizeof claim->lane);
    claims->spent[at].digest = claim->digest;
    claims->spent[at].seen_ns = now_ns;
}

bool fg_claims_spent(struct fg_claims *claims, const char *lane, uint64_t digest, uint64_t now_ns)
{
    for (unsigned i = 0; i < FG_CLAIMS; i++) {
        if (strcmp(claims->spent[i].lane, lane) != 0 || claims->spent[i].digest != digest ||
            now_ns - claims->spent[i].seen_ns >= HELD_NS)
            continue;
        claims->spent[i].seen_ns = now_ns;
        return true;
    }
    return false;
}
