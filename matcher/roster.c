// SPDX-License-Identifier: Apache-2.0
#include "matcher/roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "matcher/index.h"

#define NO_SLOT      UINT32_MAX
#define ROSTER_LANES 16 // lanes whose count is kept

struct entry { // by index slot; an empty id marks a free one
    char id[FG_SUBJECT_ID];
    uint64_t from_s, until_s;
    char *lanes;   // names one after the other, each with its NUL, then an empty one; NULL: all
    uint32_t next; // slot in the same bucket
};

struct tally {
    char lane[FG_WIRE_NAME];
    uint64_t generation, from_s, until_s, count; // right from from_s until just before until_s
};

struct fg_roster {
    struct fg_index *index;
    uint32_t dimension;
    struct entry *entries;
    uint32_t n_entries; // allocated
    uint32_t *buckets, n_buckets;
    uint64_t generation; // counts changes
    struct tally tallies[ROSTER_LANES];
    unsigned next_tally;
};

// ---- ids ---------------------------------------------------------------------------------------

static uint32_t bucket_of(const struct fg_roster *roster, const char *id)
{
    uint64_t hash = 0xcbf29ce484222325u; // FNV-1a
    for (; *id; id++)
        hash = (hash ^ (uint8_t)*id) * 0x100000001b3u;
    return (uint32_t)(hash ^ (hash >> 32)) & (roster->n_buckets - 1);
}

static uint32_t find(const struct fg_roster *roster, const char *id)
{
    uint32_t slot = roster->n_buckets ? roster->buckets[bucket_of(roster, id)] : NO_SLOT;
    while (slot != NO_SLOT && strcmp(roster->entries[slot].id, id) != 0)
        slot = roster->entries[slot].next;
    return slot;
}

static void link_slot(struct fg_roster *roster, uint32_t slot)
{
    uint32_t *head = &roster->buckets[bucket_of(roster, roster->entries[slot].id)];
    roster->entries[slot].next = *head;
    *head = slot;
}

static void unlink_slot(struct fg_roster *roster, uint32_t slot)
{
    uint32_t *at = &roster->buckets[bucket_of(roster, roster->entries[slot].id)];
    while (*at != slot)
        at = &roster->entries[*at].next;
    *at = roster->entries[slot].next;
}

static int grow_buckets(struct fg_roster *roster)
{
    uint32_t count = roster->n_buckets ? roster->n_buckets * 2 : 64;
    uint32_t *buckets = malloc(count * sizeof *buckets);
    if (!buckets)
        return -ENOMEM;
    memset(buckets, 0xff, count * sizeof *buckets); // NO_SLOT
    free(roster->buckets);
    roster->buckets = buckets;
    roster->n_buckets = count;
    for (uint32_t slot = 0; slot < roster->n_entries; slot++)
        if (roster->entries[slot].id[0])
            link_slot(roster, slot);
    return 0;
}

static int grow_entries(struct fg_roster *roster, uint32_t slot)
{
    uint32_t count = roster->n_entries ? roster->n_entries : 64;
    while (count <= slot)
        count *= 2;
    if (count == roster->n_entries)
        return 0;
    struct entry *entries = realloc(roster->entries, count * sizeof *entries);
    if (!entries)
        return -ENOMEM;
    memset(entries + roster->n_entries, 0, (count - roster->n_entries) * sizeof *entries);
    roster->entries = entries;
    roster->n_entries = count;
    return 0;
}

// ---- life --------------------------------------------------------------------------------------

int fg_roster_create(uint32_t dimension, struct fg_roster **ret)
{
    struct fg_roster *roster = calloc(1, sizeof *roster);
    if (!roster)
        return -ENOMEM;
    roster->dimension = dimension;
    roster->generation = 1;
    int r = fg_index_create(dimension, &roster->index);
    if (r == 0)
        r = grow_buckets(roster);
    if (r < 0) {
        fg_roster_destroy(roster);
        return r;
    }
    *ret = roster;
    return 0;
}

void fg_roster_destroy(struct fg_roster *roster)
{
    if (!roster)
        return;
    fg_index_destroy(roster->index);
    for (uint32_t slot = 0; slot < roster->n_entries; slot++)
        free(roster->entries[slot].lanes);
    free(roster->entries);
    free(roster->buckets);
    free(roster);
}

// ---- changes -----------------------------------------------------------------------------------

static int pack_lanes(const struct fg_subject *subject, char **ret)
{
    if (subject->n_lanes == 0) {
        *ret = NULL;
        return 0;
    }
    size_t bytes = 1;
    for (unsigned i = 0; i < subject->n_lanes; i++)
        bytes += strlen(subject->lanes[i]) + 1;
    char *at = calloc(1, bytes);
    if (!at)
        return -ENOMEM;
    *ret = at;
    for (unsigned i = 0; i < subject->n_lanes; i++)
        at = stpcpy(at, subject->lanes[i]) + 1;
    return 0;
}

// Everything that can fail has been done: the entry only takes its values.
static void fill(struct fg_roster *roster, uint32_t slot, const struct fg_subject *subject,
                 char *lanes)
{
    struct entry *entry = &roster->entries[slot];
    free(entry->lanes);
    memcpy(entry->id, subject->id, sizeof entry->id);
    entry->from_s = subject->valid_from_s;
    entry->until_s = subject->valid_until_s;
    entry->lanes = lanes;
    roster->generation++;
}

static int insert(struct fg_roster *roster, const struct fg_subject *subject, uint32_t *ret_slot)
{
    if (fg_index_count(roster->index) >= roster->n_buckets && grow_buckets(roster) < 0)
        return -ENOMEM;
    int r = fg_index_insert(roster->index, &subject->average, ret_slot);
    if (r < 0)
        return r;
    r = grow_entries(roster, *ret_slot);
    if (r < 0)
        fg_index_remove(roster->index, *ret_slot);
    return r;
}

int fg_roster_put(struct fg_roster *roster, const struct fg_subject *subject)
{
    char *lanes = NULL;
    if (subject->dimension != roster->dimension)
        return -EINVAL;
    int r = pack_lanes(subject, &lanes);
    if (r < 0)
        return r;
    uint32_t slot = find(roster, subject->id);
    if (slot != NO_SLOT) {
        fg_index_replace(roster->index, slot, &subject->average);
        fill(roster, slot, subject, lanes);
        return 0;
    }
    r = insert(roster, subject, &slot);
    if (r < 0) {
        free(lanes);
        return r;
    }
    fill(roster, slot, subject, lanes);
    link_slot(roster, slot);
    return 0;
}

bool fg_roster_remove(struct fg_roster *roster, const char *id)
{
    uint32_t slot = find(roster, id);
    if (slot == NO_SLOT)
        return false;
    unlink_slot(roster, slot);
    fg_index_remove(roster->index, slot);
    free(roster->entries[slot].lanes);
    memset(&roster->entries[slot], 0, sizeof roster->entries[slot]);
    roster->generation++;
    return true;
}

uint64_t fg_roster_count(const struct fg_roster *roster)
{
    return fg_index_count(roster->index);
}

uint64_t fg_roster_bytes(const struct fg_roster *roster)
{
    return fg_index_bytes(roster->index);
}

bool fg_roster_locked(const struct fg_roster *roster)
{
    return fg_index_locked(roster->index);
}

// ---- who may pass ------------------------------------------------------------------------------

static bool valid_at(const struct entry *entry, uint64_t realtime_s)
{
    return realtime_s >= entry->from_s && (entry->until_s == 0 || realtime_s < entry->until_s);
}

static bool in_lane(const struct entry *entry, const char *lane)
{
    if (!entry->lanes || !lane)
        return true;
    for (const char *at = entry->lanes; *at; at += strlen(at) + 1)
        if (strcmp(at, lane) == 0)
            return true;
    return false;
}

static enum fg_access access_of(const struct entry *entry, const char *lane, uint64_t realtime_s)
{
    if (!in_lane(entry, lane))
        return FG_ACCESS_WRONG_LANE;
    return valid_at(entry, realtime_s) ? FG_ACCESS_OPEN : FG_ACCESS_NOT_VALID_NOW;
}

// Narrows the time in which the tally is right to this entry's next change.
static void bound(struct tally *tally, uint64_t edge_s, uint64_t realtime_s)
{
    if (edge_s > realtime_s && edge_s < tally->until_s)
        tally->until_s = edge_s;
}

static void count(const struct fg_roster *roster, struct tally *tally, const char *lane,
                  uint64_t realtime_s)
{
    tally->generation = roster->generation;
    tally->from_s = realtime_s; // a clock that steps back counts anew
    tally->until_s = UINT64_MAX;
    tally->count = 0;
    for (uint32_t slot = 0; slot < roster->n_entries; slot++) {
        const struct entry *entry = &roster->entries[slot];
        if (!entry->id[0] || !in_lane(entry, lane))
            continue;
        tally->count += valid_at(entry, realtime_s);
        bound(tally, entry->from_s, realtime_s);
        bound(tally, entry->until_s, realtime_s);
    }
}

static struct tally *tally_of(struct fg_roster *roster, const char *name)
{
    for (unsigned i = 0; i < ROSTER_LANES; i++)
        if (roster->tallies[i].generation && strcmp(roster->tallies[i].lane, name) == 0)
            return &roster->tallies[i];
    struct tally *tally = &roster->tallies[roster->next_tally++ % ROSTER_LANES];
    memset(tally, 0, sizeof *tally);
    memcpy(tally->lane, name, strnlen(name, FG_WIRE_NAME - 1));
    return tally;
}

uint64_t fg_roster_candidates(struct fg_roster *roster, const char *lane, uint64_t realtime_s)
{
    struct tally *tally = tally_of(roster, lane ? lane : "");
    if (tally->generation != roster->generation || realtime_s < tally->from_s ||
        realtime_s >= tally->until_s)
        count(roster, tally, lane, realtime_s);
    return tally->count;
}

// ---- search ------------------------------------------------------------------------------------

struct question {
    const struct fg_roster *roster;
    const char *lane;
    uint64_t realtime_s;
};

static bool open_slot(void *context, uint32_t slot)
{
    const struct question *q = context;
    return access_of(&q->roster->entries[slot], q->lane, q->realtime_s) == FG_ACCESS_OPEN;
}

const char *fg_roster_search(const struct fg_roster *roster, const float *probe, float score,
                             const char *lane, uint64_t realtime_s)
{
    struct question question = {roster, lane, realtime_s};
    struct fg_candidate best;
    int found = fg_index_search(roster->index, probe, score, open_slot, &question, &best, 1, NULL);
    return found > 0 ? roster->entries[best.slot].id : NULL;
}

enum fg_access fg_roster_refusal(const struct fg_roster *roster, const float *probe, float score,
                                 const char *lane, uint64_t realtime_s)
{
    struct fg_candidate best;
    int found = fg_index_search(roster->index, probe, score, NULL, NULL, &best, 1, NULL);
    return found > 0 ? access_of(&roster->entries[best.slot], lane, realtime_s) : FG_ACCESS_OPEN;
}

unsigned fg_roster_page(const struct fg_roster *roster, const char *after, const char **ret,
                        unsigned limit)
{
    unsigned n = 0;
    for (uint32_t slot = 0; limit > 0 && slot < roster->n_entries; slot++) {
        const char *id = roster->entries[slot].id;
        if (!id[0] || strcmp(id, after) <= 0 || (n == limit && strcmp(id, ret[n - 1]) >= 0))
            continue;
        unsigned at = n < limit ? n++ : n - 1;
        for (; at > 0 && strcmp(ret[at - 1], id) > 0; at--)
            ret[at] = ret[at - 1];
        ret[at] = id;
    }
    return n;
}
