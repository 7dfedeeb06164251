// SPDX-License-Identifier: Apache-2.0
#include "matcher/roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "matcher/groups.h"
#include "matcher/ids.h"
#include "matcher/timeline.h"

#define ROSTER_LANES 16 // lanes whose count is kept
#define ASK          8  // questions of one pass
#define SETS         (FG_QUESTION_TAGS + 2)

struct entry { // by index slot; without an id: free
    char *id;
    char *words; // lanes, then tags, each list packed as in fg_member; NULL: none of either
    uint64_t from_s, until_s;
    struct fg_id_link link;
    uint32_t due_at; // place in the timeline
};

struct tally {
    char lane[32];
    uint64_t generation, count;
};

struct fg_roster {
    struct fg_index *index;
    uint32_t dimension;
    uint64_t most;
    struct fg_pages entries; // struct entry [slots]
    struct fg_ids ids;
    struct fg_timeline timeline; // when the windows of whom open or end next
    uint32_t windows;            // how many have one, and so room in the timeline
    uint64_t clock_s;            // `open` is right for this time
    struct fg_slots open;        // valid now
    struct fg_slots everywhere;  // in no list of lanes: in every lane
    struct fg_groups lanes;      // who may use it, `everywhere` among them
    struct fg_groups tags;
    uint64_t generation; // counts changes of who is open
    struct tally tallies[ROSTER_LANES];
    unsigned next_tally;
};

static struct entry *entry_of(const struct fg_roster *roster, uint32_t slot)
{
    return (struct entry *)(void *)roster->entries.base + slot;
}

// ---- life --------------------------------------------------------------------------------------

static const char *id_of(const void *roster, uint32_t slot)
{
    return entry_of(roster, slot)->id;
}

static struct fg_id_link *link_of(const void *roster, uint32_t slot)
{
    return &entry_of(roster, slot)->link;
}

static uint32_t *due_of(void *roster, uint32_t slot)
{
    return &entry_of(roster, slot)->due_at;
}

int fg_roster_create(const struct fg_index_options *index, struct fg_roster **ret)
{
    struct fg_roster *roster = calloc(1, sizeof *roster);
    if (!roster)
        return -ENOMEM;
    roster->dimension = index->dimension;
    roster->generation = 1;
    roster->ids = (struct fg_ids){.id = id_of, .link = link_of, .context = roster};
    roster->timeline = (struct fg_timeline){.place = due_of, .context = roster};
    int r = fg_index_create(index, &roster->index);
    if (r == 0)
        r = fg_pages_reserve(&roster->entries, fg_index_most(roster->index) * sizeof(struct entry));
    if (r == 0)
        r = fg_ids_init(&roster->ids, fg_index_most(roster->index));
    if (r < 0) {
        fg_roster_destroy(roster);
        return r;
    }
    *ret = roster;
    return 0;
}

static uint32_t slots_of(const struct fg_roster *roster) // that entries are there for
{
    return (uint32_t)(roster->entries.bytes / sizeof(struct entry));
}

void fg_roster_destroy(struct fg_roster *roster)
{
    if (!roster)
        return;
    for (uint32_t slot = 0; slot < slots_of(roster); slot++) {
        free(entry_of(roster, slot)->id);
        free(entry_of(roster, slot)->words);
    }
    fg_index_destroy(roster->index);
    fg_pages_free(&roster->entries);
    fg_ids_finish(&roster->ids);
    fg_timeline_clear(&roster->timeline);
    fg_slots_clear(&roster->open);
    fg_slots_clear(&roster->everywhere);
    fg_groups_clear(&roster->lanes);
    fg_groups_clear(&roster->tags);
    free(roster);
}

// ---- words -------------------------------------------------------------------------------------

static size_t packed_length(const char *words)
{
    const char *at = words;
    while (at && *at)
        at += strlen(at) + 1;
    return at ? (size_t)(at - words) + 1 : 1;
}

// Lanes and tags in one piece of memory; *ret NULL when there are none of either.
static int pack(const struct fg_member *member, char **ret)
{
    size_t lanes = packed_length(member->lanes), tags = packed_length(member->tags);
    *ret = NULL;
    if (lanes + tags == 2)
        return 0;
    char *words = calloc(1, lanes + tags);
    if (!words)
        return -ENOMEM;
    if (lanes > 1)
        memcpy(words, member->lanes, lanes);
    if (tags > 1)
        memcpy(words + lanes, member->tags, tags);
    *ret = words;
    return 0;
}

static const char *lanes_of(const struct entry *entry)
{
    return entry->words && *entry->words ? entry->words : NULL;
}

static const char *tags_of(const struct entry *entry)
{
    const char *tags = entry->words ? entry->words + packed_length(entry->words) : NULL;
    return tags && *tags ? tags : NULL;
}

static bool in_lane(const struct entry *entry, const char *lane)
{
    if (!lanes_of(entry) || !lane)
        return true;
    for (const char *at = entry->words; *at; at += strlen(at) + 1)
        if (strcmp(at, lane) == 0)
            return true;
    return false;
}

// ---- validity ----------------------------------------------------------------------------------

static bool valid_at(const struct entry *entry, uint64_t realtime_s)
{
    return realtime_s >= entry->from_s && (entry->until_s == 0 || realtime_s < entry->until_s);
}

static bool has_window(const struct entry *entry)
{
    return entry->from_s || entry->until_s;
}

static uint64_t next_change(const struct entry *entry, uint64_t realtime_s)
{
    if (realtime_s < entry->from_s)
        return entry->from_s;
    return entry->until_s && realtime_s < entry->until_s ? entry->until_s : UINT64_MAX;
}

// Room in the timeline and in `open` was made when the slot joined. Should a set that changed since
// lack memory all the same, who becomes valid stays closed: the safe side.
static void refresh(struct fg_roster *roster, uint32_t slot)
{
    const struct entry *entry = entry_of(roster, slot);
    if (valid_at(entry, roster->clock_s))
        (void)fg_slots_add(&roster->open, slot);
    else
        fg_slots_remove(&roster->open, slot);
    fg_timeline_set(&roster->timeline, slot, next_change(entry, roster->clock_s));
}

static void advance(struct fg_roster *roster, uint64_t realtime_s)
{
    const struct fg_timeline *due = &roster->timeline;
    bool back = realtime_s < roster->clock_s;
    if (realtime_s == roster->clock_s)
        return;
    roster->clock_s = realtime_s;
    if (back) { // rare: every window is looked at again
        for (uint32_t slot = 0; slot < slots_of(roster); slot++)
            if (entry_of(roster, slot)->id)
                refresh(roster, slot);
        roster->generation++;
    }
    while (due->count > 0 && due->heap[0].time_s <= realtime_s) {
        refresh(roster, due->heap[0].slot);
        roster->generation++;
    }
}

static enum fg_access access_of(const struct entry *entry, const char *lane, uint64_t realtime_s)
{
    if (!in_lane(entry, lane))
        return FG_ACCESS_WRONG_LANE;
    return valid_at(entry, realtime_s) ? FG_ACCESS_OPEN : FG_ACCESS_NOT_VALID_NOW;
}

// ---- changes -----------------------------------------------------------------------------------

static int join_lanes(struct fg_roster *roster, uint32_t slot)
{
    const char *lanes = lanes_of(entry_of(roster, slot));
    if (lanes)
        return fg_groups_add(&roster->lanes, lanes, slot, &roster->everywhere);
    int r = fg_slots_add(&roster->everywhere, slot);
    if (r == 0)
        r = fg_groups_add_everywhere(&roster->lanes, slot);
    if (r < 0)
        fg_slots_remove(&roster->everywhere, slot);
    return r;
}

static void leave_lanes(struct fg_roster *roster, uint32_t slot)
{
    const char *lanes = lanes_of(entry_of(roster, slot));
    if (lanes) {
        fg_groups_remove(&roster->lanes, lanes, slot);
        return;
    }
    fg_slots_remove(&roster->everywhere, slot);
    fg_groups_remove_everywhere(&roster->lanes, slot);
}

static int join(struct fg_roster *roster, uint32_t slot)
{
    const char *tags = tags_of(entry_of(roster, slot));
    int r = 0;
    if (has_window(entry_of(roster, slot)))
        r = fg_timeline_reserve(&roster->timeline, roster->windows + 1);
    if (r == 0)
        r = fg_slots_add(&roster->open, slot); // for now: `refresh` says whether it is
    if (r == 0)
        r = join_lanes(roster, slot);
    if (r < 0) {
        fg_slots_remove(&roster->open, slot);
        return r;
    }
    r = tags ? fg_groups_add(&roster->tags, tags, slot, NULL) : 0;
    if (r < 0) {
        fg_slots_remove(&roster->open, slot);
        leave_lanes(roster, slot);
        return r;
    }
    roster->windows += has_window(entry_of(roster, slot));
    return 0;
}

static void leave(struct fg_roster *roster, uint32_t slot)
{
    const char *tags = tags_of(entry_of(roster, slot));
    if (tags)
        fg_groups_remove(&roster->tags, tags, slot);
    leave_lanes(roster, slot);
    fg_slots_remove(&roster->open, slot);
    fg_timeline_set(&roster->timeline, slot, UINT64_MAX);
    roster->windows -= has_window(entry_of(roster, slot));
}

static void empty_entry(struct fg_roster *roster, uint32_t slot)
{
    struct entry *entry = entry_of(roster, slot);
    free(entry->id);
    free(entry->words);
    memset(entry, 0, sizeof *entry);
}

static int fill_entry(struct fg_roster *roster, uint32_t slot, const struct fg_member *member)
{
    int r = fg_pages_grow(&roster->entries, ((size_t)slot + 1) * sizeof(struct entry));
    if (r < 0)
        return r;
    struct entry *entry = entry_of(roster, slot);
    *entry = (struct entry){.id = strdup(member->id),
                            .from_s = member->valid_from_s,
                            .until_s = member->valid_until_s,
                            .due_at = FG_NOT_WAITING};
    r = entry->id ? pack(member, &entry->words) : -ENOMEM;
    if (r == 0)
        r = join(roster, slot);
    if (r < 0)
        empty_entry(roster, slot);
    return r;
}

static void take_out(struct fg_roster *roster, uint32_t slot)
{
    fg_ids_remove(&roster->ids, slot);
    leave(roster, slot);
    fg_index_remove(roster->index, slot);
    empty_entry(roster, slot);
    roster->generation++;
}

// A replaced subject (`old`) gets another slot: until the new one stands, nothing of it is touched.
static int put(struct fg_roster *roster, const struct fg_member *member, uint32_t old)
{
    uint32_t slot;
    if (member->dimension != roster->dimension)
        return -EINVAL;
    int r = fg_ids_reserve(&roster->ids);
    if (r == 0)
        r = fg_index_insert(roster->index, member->scale, member->values, &slot);
    if (r < 0)
        return r;
    r = fill_entry(roster, slot, member);
    if (r < 0) {
        fg_index_remove(roster->index, slot);
        return r;
    }
    if (old != FG_NO_ID)
        take_out(roster, old);
    fg_ids_add(&roster->ids, slot);
    refresh(roster, slot);
    roster->generation++;
    return 0;
}

int fg_roster_put(struct fg_roster *roster, const struct fg_member *member)
{
    return put(roster, member, fg_ids_find(&roster->ids, member->id));
}

int fg_roster_add(struct fg_roster *roster, const struct fg_member *member)
{
    return put(roster, member, FG_NO_ID);
}

bool fg_roster_remove(struct fg_roster *roster, const char *id)
{
    uint32_t slot = fg_ids_find(&roster->ids, id);
    if (slot == FG_NO_ID)
        return false;
    take_out(roster, slot);
    return true;
}

void fg_roster_expect(struct fg_roster *roster, uint64_t count)
{
    fg_ids_expect(&roster->ids, count);
}

bool fg_roster_tend(struct fg_roster *roster, uint64_t budget_ns)
{
    return fg_index_tend(roster->index, budget_ns);
}

// ---- accounts ----------------------------------------------------------------------------------

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

const struct fg_index *fg_roster_index(const struct fg_roster *roster)
{
    return roster->index;
}

uint32_t fg_roster_slot(const struct fg_roster *roster, const char *id)
{
    return fg_ids_find(&roster->ids, id);
}

// ---- who may pass ------------------------------------------------------------------------------

static const struct fg_slots *lane_slots(const struct fg_roster *roster, const char *lane)
{
    const struct fg_group *group = fg_groups_find(&roster->lanes, lane);
    return group ? &group->slots : &roster->everywhere;
}

// The sets that bound a search: none when everybody is in them.
static unsigned sets_of(const struct fg_roster *roster, const char *lane,
                        const struct fg_slots *sets[2])
{
    uint64_t count = fg_index_count(roster->index);
    unsigned n = 0;
    if (roster->open.count < count)
        sets[n++] = &roster->open;
    if (lane && lane_slots(roster, lane)->count < count)
        sets[n++] = lane_slots(roster, lane);
    return n;
}

static struct tally *tally_of(struct fg_roster *roster, const char *name)
{
    for (unsigned i = 0; i < ROSTER_LANES; i++)
        if (roster->tallies[i].generation && strcmp(roster->tallies[i].lane, name) == 0)
            return &roster->tallies[i];
    struct tally *tally = &roster->tallies[roster->next_tally++ % ROSTER_LANES];
    memset(tally, 0, sizeof *tally);
    memcpy(tally->lane, name, strnlen(name, sizeof tally->lane - 1));
    return tally;
}

uint64_t fg_roster_candidates(struct fg_roster *roster, const char *lane, uint64_t realtime_s)
{
    const struct fg_slots *sets[2];
    advance(roster, realtime_s);
    unsigned n = sets_of(roster, lane, sets);
    if (n == 0)
        return fg_index_count(roster->index);
    if (n == 1)
        return sets[0]->count;
    struct tally *tally = tally_of(roster, lane);
    if (tally->generation != roster->generation) {
        tally->count = fg_slots_common(sets, n);
        tally->generation = roster->generation;
    }
    return tally->count;
}

// ---- search ------------------------------------------------------------------------------------

// False: nobody has one of the tags.
static bool add_tags(const struct fg_roster *roster, const struct fg_question *question,
                     const struct fg_slots **sets, unsigned *n)
{
    for (unsigned i = 0; i < question->n_tags; i++) {
        const struct fg_group *group = fg_groups_find(&roster->tags, question->tags[i]);
        if (!group)
            return false;
        sets[(*n)++] = &group->slots;
    }
    return true;
}

static int ask_some(const struct fg_roster *roster, struct fg_question *questions, unsigned count)
{
    const struct fg_slots *sets[ASK][SETS];
    struct fg_index_query queries[ASK];
    struct fg_candidate best[ASK] = {{0}};
    for (unsigned i = 0; i < count; i++) {
        unsigned n = sets_of(roster, questions[i].lane, sets[i]);
        bool some = add_tags(roster, &questions[i], sets[i], &n);
        queries[i] = (struct fg_index_query){.probe = questions[i].probe,
                                             .threshold = questions[i].score,
                                             .within = sets[i],
                                             .n_within = n,
                                             .best = &best[i],
                                             .k = some};
    }
    int r = fg_index_search(roster->index, queries, count, NULL);
    for (unsigned i = 0; r == 0 && i < count; i++)
        questions[i].id = queries[i].found ? entry_of(roster, best[i].slot)->id : NULL;
    return r;
}

int fg_roster_ask(struct fg_roster *roster, struct fg_question *questions, unsigned count,
                  uint64_t realtime_s)
{
    int r = 0;
    advance(roster, realtime_s);
    for (unsigned i = 0; i < count; i++) {
        questions[i].id = NULL;
        if (questions[i].n_tags > FG_QUESTION_TAGS)
            return -EINVAL;
    }
    for (unsigned i = 0; i < count && r == 0; i += ASK)
        r = ask_some(roster, questions + i, count - i < ASK ? count - i : ASK);
    return r;
}

const char *fg_roster_search(struct fg_roster *roster, const float *probe, float score,
                             const char *lane, uint64_t realtime_s)
{
    struct fg_question question = {.probe = probe, .score = score, .lane = lane};
    return fg_roster_ask(roster, &question, 1, realtime_s) == 0 ? question.id : NULL;
}

enum fg_access fg_roster_refusal(const struct fg_roster *roster, const float *probe, float score,
                                 const char *lane, uint64_t realtime_s, const char **ret_id)
{
    struct fg_candidate best = {0};
    struct fg_index_query query = {.probe = probe, .threshold = score, .best = &best, .k = 1};
    int r = fg_index_search(roster->index, &query, 1, NULL);
    const struct entry *entry = r == 0 && query.found ? entry_of(roster, best.slot) : NULL;
    if (ret_id)
        *ret_id = entry ? entry->id : NULL;
    return entry ? access_of(entry, lane, realtime_s) : FG_ACCESS_OPEN;
}

unsigned fg_roster_page(const struct fg_roster *roster, const char *after, const char **ret,
                        unsigned limit)
{
    unsigned n = 0;
    for (uint32_t slot = 0; limit > 0 && slot < slots_of(roster); slot++) {
        const char *id = entry_of(roster, slot)->id;
        if (!id || strcmp(id, after) <= 0 || (n == limit && strcmp(id, ret[n - 1]) >= 0))
            continue;
        unsigned at = n < limit ? n++ : n - 1;
        for (; at > 0 && strcmp(ret[at - 1], id) > 0; at--)
            ret[at] = ret[at - 1];
        ret[at] = id;
    }
    return n;
}
