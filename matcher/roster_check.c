// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "matcher/ids.h"
#include "matcher/index_score.h"
#include "matcher/roster.h"

#define NEARLY 0.01f // a search among all asks for so much less, that no short code may rule out
#define EQUALS 16    // others with the same template, of whom a search need not find the last

// What the reference gives to the member's own values: one value that differs changes it.
static bool own_score(const struct fg_member *member, const float *probe, float *ret)
{
    struct fg_score_probe laid;
    _Alignas(64) int8_t row[FG_TEMPLATE_MAX] = {0};
    uint32_t stride = (member->dimension + FG_SCORE_LANES - 1) / FG_SCORE_LANES * FG_SCORE_LANES;
    if (!fg_score_probe_init(&laid, probe, member->dimension, stride))
        return false;
    memcpy(row, member->values, member->dimension);
    *ret = fg_score(&laid, row, member->scale, stride);
    explicit_bzero(&laid, sizeof laid);
    explicit_bzero(row, sizeof row);
    return true;
}

static int check_row(const struct fg_index *index, const float *probe, uint32_t slot, float score)
{
    struct fg_slots alone = {0};
    const struct fg_slots *within[] = {&alone};
    struct fg_candidate best = {0};
    struct fg_index_query query = {
        .probe = probe, .threshold = -1, .within = within, .n_within = 1, .best = &best, .k = 1};
    int r = fg_slots_add(&alone, slot);
    if (r == 0)
        r = fg_index_search(index, &query, 1, NULL);
    fg_slots_clear(&alone);
    if (r < 0)
        return r;
    return query.found == 1 && best.slot == slot && best.score == score ? 0 : -EBADMSG;
}

static int check_search(const struct fg_index *index, const float *probe, uint32_t slot,
                        float score)
{
    struct fg_candidate best[EQUALS] = {0};
    struct fg_index_query query = {
        .probe = probe, .threshold = score - NEARLY, .best = best, .k = EQUALS};
    int r = fg_index_search(index, &query, 1, NULL);
    for (unsigned i = 0; r == 0 && i < query.found; i++)
        if (best[i].slot == slot)
            return 0;
    return r < 0 ? r : query.found == EQUALS && best[EQUALS - 1].score >= score ? 0 : -ESRCH;
}

int fg_roster_check(const struct fg_roster *roster, const struct fg_member *member, bool whole)
{
    const struct fg_index *index = fg_roster_index(roster);
    uint32_t slot = fg_roster_slot(roster, member->id);
    float probe[FG_TEMPLATE_MAX], score;
    if (slot == FG_NO_ID)
        return -ENOENT;
    for (uint32_t i = 0; i < member->dimension; i++)
        probe[i] = member->scale * member->values[i];
    int r = own_score(member, probe, &score) ? check_row(index, probe, slot, score) : -EBADMSG;
    if (r == 0 && whole)
        r = check_search(index, probe, slot, score);
    explicit_bzero(probe, sizeof probe);
    return r;
}
