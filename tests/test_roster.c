// SPDX-License-Identifier: Apache-2.0
// The roster and what it is made of, against plain models of them.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "matcher/groups.h"
#include "matcher/ids.h"
#include "matcher/roster.h"
#include "matcher/slots.h"
#include "matcher/subject.h"
#include "matcher/timeline.h"
#include "tests/dice.h"

#define DIMENSION 32
#define PEOPLE    300
#define LANES     4
#define NOW_S     UINT64_C(1000000)

// ---- slots --------------------------------------------------------------------------------------

#define SLOTS 20000

static void compare_slots(const struct fg_slots *slots, const bool *there)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < SLOTS; i++) {
        assert_int_equal(fg_slots_has(slots, i), there[i]);
        assert_int_equal(fg_slots_word(slots, i / 64) >> i % 64 & 1, there[i]);
        count += there[i];
    }
    assert_int_equal(slots->count, count);
    assert_false(fg_slots_has(slots, UINT32_MAX - 64));
}

static void test_slots(void **state)
{
    (void)state;
    struct fg_slots slots = {0}, copy = {0};
    bool there[SLOTS] = {false};
    for (unsigned round = 0; round < 4; round++) { // rounds 2 and 3 are bitmaps
        for (unsigned i = 0; i < 3000; i++) {
            uint32_t slot = random_below(SLOTS);
            bool add = random_below(4) != 0;
            if (add)
                assert_int_equal(fg_slots_add(&slots, slot), 0);
            else
                fg_slots_remove(&slots, slot);
            there[slot] = add;
        }
        compare_slots(&slots, there);
        assert_int_equal(slots.words != NULL, slots.count > FG_SLOTS_FEW || round > 2);
        assert_int_equal(fg_slots_copy(&copy, &slots), 0);
        compare_slots(&copy, there);
        fg_slots_clear(&copy);
    }
    fg_slots_clear(&slots);
    assert_int_equal(slots.count, 0);
    assert_int_equal(fg_slots_copy(&copy, &slots), 0);
    assert_int_equal(copy.count, 0);
}

static void test_common_slots(void **state)
{
    (void)state;
    struct fg_slots even = {0}, third = {0}, few = {0};
    for (uint32_t i = 0; i < 30000; i++) {
        if (i % 2 == 0)
            assert_int_equal(fg_slots_add(&even, i), 0);
        if (i % 3 == 0)
            assert_int_equal(fg_slots_add(&third, i), 0);
        if (i % 1000 == 3)
            assert_int_equal(fg_slots_add(&few, i), 0);
    }
    assert_true(even.words && third.words && few.list);
    const struct fg_slots *sets[] = {&even, &third, &few};
    assert_int_equal(fg_slots_common(sets, 1), 15000);
    assert_int_equal(fg_slots_common(sets, 2), 5000);
    assert_int_equal(fg_slots_common(sets, 3), 0);
    assert_int_equal(fg_slots_common(sets + 1, 2), 10);
    assert_null(fg_slots_fewest(sets, 2));
    assert_ptr_equal(fg_slots_fewest(sets, 3), &few);
    fg_slots_clear(&even);
    fg_slots_clear(&third);
    fg_slots_clear(&few);
}

// ---- timeline -----------------------------------------------------------------------------------

#define WAITING 500

static uint32_t places[WAITING];

static uint32_t *place_of(void *context, uint32_t slot)
{
    (void)context;
    return &places[slot];
}

static void test_timeline(void **state)
{
    (void)state;
    struct fg_timeline timeline = {.place = place_of};
    uint64_t due[WAITING];
    for (unsigned i = 0; i < WAITING; i++) {
        places[i] = FG_NOT_WAITING;
        due[i] = UINT64_MAX;
    }
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t slot = random_below(i < WAITING ? i + 1 : WAITING);
        due[slot] = random_below(3) ? random_below(1000) : UINT64_MAX;
        assert_int_equal(fg_timeline_reserve(&timeline, 1 + i % WAITING), 0);
        fg_timeline_set(&timeline, slot, due[slot]);
        if (i % 100)
            continue;
        uint64_t first = UINT64_MAX;
        unsigned waiting = 0;
        for (uint32_t k = 0; k < WAITING; k++) {
            first = due[k] < first ? due[k] : first;
            waiting += due[k] != UINT64_MAX;
            assert_int_equal(places[k] != FG_NOT_WAITING, due[k] != UINT64_MAX);
            if (places[k] != FG_NOT_WAITING)
                assert_int_equal(timeline.heap[places[k]].slot, k);
        }
        assert_int_equal(timeline.count, waiting);
        assert_true(waiting == 0 || timeline.heap[0].time_s == first);
    }
    uint64_t last = 0;
    while (timeline.count > 0) {
        assert_true(timeline.heap[0].time_s >= last);
        last = timeline.heap[0].time_s;
        fg_timeline_set(&timeline, timeline.heap[0].slot, UINT64_MAX);
    }
    fg_timeline_clear(&timeline);
}

// ---- groups -------------------------------------------------------------------------------------

static void test_groups(void **state)
{
    (void)state;
    struct fg_groups groups = {0};
    struct fg_slots everyone = {0};
    assert_int_equal(fg_slots_add(&everyone, 9), 0);
    assert_int_equal(fg_groups_add(&groups, "b\0a\0b\0", 1, &everyone), 0); // b twice
    assert_int_equal(groups.count, 2);
    const struct fg_group *a = fg_groups_find(&groups, "a");
    assert_int_equal(a->listed, 1);
    assert_true(fg_slots_has(&a->slots, 1) && fg_slots_has(&a->slots, 9));
    assert_int_equal(fg_groups_add_everywhere(&groups, 5), 0);
    assert_true(fg_slots_has(&fg_groups_find(&groups, "b")->slots, 5));
    assert_int_equal(fg_groups_add(&groups, "a\0", 2, &everyone), 0);
    fg_groups_remove(&groups, "b\0a\0b\0", 1);
    assert_null(fg_groups_find(&groups, "b")); // nobody is listed there now
    a = fg_groups_find(&groups, "a");
    assert_false(fg_slots_has(&a->slots, 1));
    assert_true(fg_slots_has(&a->slots, 2));
    fg_groups_remove_everywhere(&groups, 5);
    assert_false(fg_slots_has(&a->slots, 5));
    assert_null(fg_groups_find(&groups, ""));
    fg_groups_clear(&groups);
    fg_slots_clear(&everyone);
}

// ---- ids ----------------------------------------------------------------------------------------

#define NAMES 5000

static struct {
    char id[8];
    struct fg_id_link link;
} names[NAMES];

static const char *name_of(const void *context, uint32_t slot)
{
    (void)context;
    return names[slot].id;
}

static struct fg_id_link *link_of(const void *context, uint32_t slot)
{
    (void)context;
    return &names[slot].link;
}

static void fill_and_empty(uint64_t expected)
{
    struct fg_ids ids = {.id = name_of, .link = link_of};
    assert_int_equal(fg_ids_init(&ids, NAMES), 0);
    fg_ids_expect(&ids, expected);
    for (uint32_t i = 0; i < NAMES; i++) {
        snprintf(names[i].id, sizeof names[i].id, "%u", i);
        assert_int_equal(fg_ids_reserve(&ids), 0);
        fg_ids_add(&ids, i);
        assert_int_equal(fg_ids_find(&ids, names[i / 2].id), i / 2);
    }
    fg_ids_expect(&ids, 10 * NAMES); // too late, and harmless
    for (uint32_t i = 0; i < NAMES; i += 3)
        fg_ids_remove(&ids, i);
    for (uint32_t i = 0; i < NAMES; i++)
        assert_int_equal(fg_ids_find(&ids, names[i].id), i % 3 ? i : FG_NO_ID);
    assert_int_equal(fg_ids_find(&ids, "nobody"), FG_NO_ID);
    fg_ids_finish(&ids);
}

static void test_ids(void **state)
{
    (void)state;
    fill_and_empty(0);
    fill_and_empty(NAMES / 2);
    fill_and_empty(UINT64_MAX); // more than there is room for
}

// ---- the roster ---------------------------------------------------------------------------------

static const char *const lane_names[LANES] = {"north", "south", "staff", "nowhere"};
static const char *const tag_names[3] = {"KE123", "JL12", "crew"};

struct person {
    bool there;
    char id[16];
    uint64_t from_s, until_s;
    unsigned lanes, tags; // bits
    float vector[DIMENSION];
    struct fg_template tmpl;
};

static struct person people[PEOPLE];

static const char *pack(unsigned bits, const char *const *list, unsigned n, char *ret)
{
    char *at = ret;
    for (unsigned i = 0; i < n; i++)
        if (bits >> i & 1)
            at = stpcpy(at, list[i]) + 1;
    *at = '\0';
    return bits ? ret : NULL;
}

static int put(struct fg_roster *roster, const struct person *p, uint32_t dimension)
{
    char lanes[64], tags[64];
    struct fg_member member = {.id = p->id,
                               .valid_from_s = p->from_s,
                               .valid_until_s = p->until_s,
                               .lanes = pack(p->lanes, lane_names, LANES, lanes),
                               .tags = pack(p->tags, tag_names, 3, tags),
                               .dimension = dimension,
                               .scale = p->tmpl.scale,
                               .values = p->tmpl.values};
    // as a start adds, where it may
    return fg_roster_slot(roster, p->id) == FG_NO_ID && random_below(2)
               ? fg_roster_add(roster, &member)
               : fg_roster_put(roster, &member);
}

static void draw(struct person *p, unsigned number)
{
    snprintf(p->id, sizeof p->id, "p%03u", number);
    random_unit(p->vector, DIMENSION);
    assert_int_equal(fg_template_from_vector(p->vector, DIMENSION, &p->tmpl), 0);
    p->from_s = random_below(2) ? NOW_S + random_below(100) : 0;
    p->until_s = random_below(2) ? NOW_S + 50 + random_below(100) : 0;
    p->until_s = p->until_s && p->until_s <= p->from_s ? p->from_s + 1 : p->until_s;
    p->lanes = random_below(2) ? random_below(8) : 0; // never "nowhere"
    p->tags = random_below(2) ? random_below(8) : 0;
    p->there = true;
}

static bool is_open(const struct person *p, int lane, uint64_t now)
{
    return p->there && now >= p->from_s && (!p->until_s || now < p->until_s) &&
           (lane < 0 || !p->lanes || p->lanes >> lane & 1);
}

static void ask_and_compare(struct fg_roster *roster, uint64_t now)
{
    struct fg_question questions[12];
    const char *tags[12][2];
    const struct person *asked[12];
    int lanes[12];
    for (unsigned i = 0; i < 12; i++) {
        asked[i] = &people[random_below(PEOPLE)];
        lanes[i] = (int)random_below(LANES + 1) - 1;
        tags[i][0] = tag_names[random_below(3)];
        tags[i][1] = "crew";
        questions[i] = (struct fg_question){.probe = asked[i]->vector,
                                            .score = 0.99f,
                                            .lane = lanes[i] < 0 ? NULL : lane_names[lanes[i]],
                                            .tags = tags[i],
                                            .n_tags = random_below(3)};
    }
    assert_int_equal(fg_roster_ask(roster, questions, 12, now), 0);
    for (unsigned i = 0; i < 12; i++) {
        bool expected = is_open(asked[i], lanes[i], now);
        for (unsigned k = 0; k < questions[i].n_tags; k++)
            for (unsigned t = 0; t < 3; t++)
                if (strcmp(tags[i][k], tag_names[t]) == 0)
                    expected = expected && asked[i]->tags >> t & 1;
        assert_int_equal(questions[i].id != NULL, expected);
        if (expected)
            assert_string_equal(questions[i].id, asked[i]->id);
        enum fg_access access =
            fg_roster_refusal(roster, asked[i]->vector, 0.99f, questions[i].lane, now, NULL);
        if (asked[i]->there)
            assert_int_equal(access == FG_ACCESS_OPEN, is_open(asked[i], lanes[i], now));
    }
}

static void compare_roster(struct fg_roster *roster, uint64_t now)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < PEOPLE; i++) {
        count += people[i].there;
        assert_int_equal(fg_roster_slot(roster, people[i].id[0] ? people[i].id : "?") != FG_NO_ID,
                         people[i].there);
    }
    assert_int_equal(fg_roster_count(roster), count);
    for (int lane = -1; lane < LANES; lane++) {
        uint64_t candidates = 0;
        for (unsigned i = 0; i < PEOPLE; i++)
            candidates += is_open(&people[i], lane, now);
        const char *name = lane < 0 ? NULL : lane_names[lane];
        assert_int_equal(fg_roster_candidates(roster, name, now), candidates);
    }
    ask_and_compare(roster, now);
}

// Enrolments, replacements, deletions and a clock that goes on, and sometimes back.
static void test_roster(void **state)
{
    (void)state;
    struct fg_roster *roster;
    uint64_t now = NOW_S;
    const struct fg_index_options options = {.dimension = DIMENSION, .seed = 3, .later = true};
    assert_int_equal(fg_roster_create(&options, &roster), 0);
    for (unsigned i = 0; i < PEOPLE; i++) // not enrolled yet
        random_unit(people[i].vector, DIMENSION);
    for (unsigned i = 0; i < 8000; i++) {
        unsigned number = random_below(PEOPLE);
        struct person *p = &people[number];
        if (p->there && random_below(3) == 0) {
            assert_true(fg_roster_remove(roster, p->id));
            p->there = false;
        } else {
            draw(p, number);
            assert_int_equal(put(roster, p, DIMENSION), 0);
        }
        if (i % 40 == 0)
            now = random_below(10) ? now + random_below(5) : NOW_S + random_below(150);
        if (i % 20 == 0)
            compare_roster(roster, now);
        if (i % 500 == 0)
            fg_roster_tend(roster, 1);
    }
    struct fg_question wrong = {.probe = people[0].vector, .n_tags = FG_QUESTION_TAGS + 1};
    assert_int_equal(fg_roster_ask(roster, &wrong, 1, now), -EINVAL);
    fg_roster_destroy(roster);
    fg_roster_destroy(NULL);
}

static void test_roster_refuses(void **state)
{
    (void)state;
    struct fg_roster *roster;
    const struct fg_index_options options = {.dimension = DIMENSION, .seed = 3, .most = 4};
    assert_int_equal(fg_roster_create(&options, &roster), 0);
    memset(people, 0, sizeof people);
    for (unsigned i = 0; i < 6; i++) {
        draw(&people[i], i);
        people[i].from_s = people[i].until_s = 0;
        people[i].lanes = 1;
        assert_int_equal(put(roster, &people[i], DIMENSION), i < 4 ? 0 : -ENOMEM);
    }
    assert_int_equal(put(roster, &people[0], DIMENSION + 1), -EINVAL);
    people[0].tmpl.scale *= 2;
    assert_int_equal(put(roster, &people[0], DIMENSION), -EINVAL);
    assert_int_equal(fg_roster_count(roster), 4);
    assert_int_equal(fg_roster_candidates(roster, "north", NOW_S), 4);
    assert_int_equal(fg_roster_candidates(roster, "south", NOW_S), 0);
    assert_non_null(fg_roster_search(roster, people[0].vector, .9f, "north", NOW_S));
    assert_false(fg_roster_remove(roster, people[5].id));
    fg_roster_destroy(roster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_common_slots),
        cmocka_unit_test(test_timeline),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_roster),
        cmocka_unit_test(test_roster_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
