// SPDX-License-Identifier: Apache-2.0
// Profiles: what is read, every fault with its line, drop-ins, and the profiles that are shipped.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "matcher/policy.h"
#include "matcher/policy_hours.h"
#include "tests/scratch_file.h"

static const char *const shipped[] = {"egate-departure", "egate-boarding", "fare", "pay",
                                      "portrait-check",  "worksite",       "pass", "vault"};
#define SHIPPED (sizeof shipped / sizeof *shipped)

static void put_at(const char *where, const char *text)
{
    FILE *f = fopen(where, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void put(const char *text)
{
    put_at(path, text);
}

// ---- what is said -------------------------------------------------------------------------------

struct heard {
    unsigned count;
    char faults[32][480];
};

static void hear(void *context, const char *fault)
{
    struct heard *h = context;
    assert_true(h->count < 32);
    snprintf(h->faults[h->count++], sizeof h->faults[0], "%s", fault);
}

static int check_text(const char *text, struct heard *ret)
{
    put(text);
    memset(ret, 0, sizeof *ret);
    return fg_policy_check(path, hear, ret);
}

static void begins_at(const char *fault, unsigned line, const char *text)
{
    char start[80];
    snprintf(start, sizeof start, "%s:%u: ", path, line);
    if (strncmp(fault, start, strlen(start)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"\n%s", fault, start, text);
}

// The profile has this one fault, and its sentence is told by reading too.
static void at_fault(const char *text, unsigned line, const char *what)
{
    struct heard heard;
    struct fg_policy policy;
    struct fg_error err = {""};
    int count = check_text(text, &heard);
    if (count != 1)
        fail_msg("%d faults, the first \"%s\", the second \"%s\":\n%s", count, heard.faults[0],
                 heard.faults[1], text);
    begins_at(heard.faults[0], line, text);
    if (!strstr(heard.faults[0], what))
        fail_msg("\"%s\" has not \"%s\"", heard.faults[0], what);
    assert_null(strchr(heard.faults[0], '\n'));
    assert_int_equal(fg_policy_inspect(path, &policy, &err), -EINVAL);
    assert_string_equal(err.text, heard.faults[0]);
    assert_int_equal(fg_policy_read(path, &policy, &err), -EINVAL);
}

static void sound(const char *text, struct fg_policy *ret)
{
    struct heard heard;
    struct fg_error err = {""};
    if (check_text(text, &heard) != 0)
        fail_msg("\"%s\":\n%s", heard.faults[0], text);
    assert_int_equal(fg_policy_inspect(path, ret, &err), 0);
}

#define HEAD     "[profile]\nname = p\nliveness = attended\n"
#define IDENTIFY HEAD "mode = identify\nfmr = 1e-5\n" // the next line is the 6th
#define PASS     HEAD "mode = pass\nfmr = 1e-5\n"
#define PORTRAIT HEAD "mode = portrait\nfmr = 1e-5\ndocuments = authenticated\n"
#define KEPT     "recording = passages\nretention_days = 9\n"
#define FARE     IDENTIFY KEPT "fare = 100\ncurrency = EUR\n"                         // 10
#define PAY      IDENTIFY KEPT "payments = yes\ncurrency = JPY\npassage = on-admit\n" // 11
#define TILL     "[firm f]\n[lane l]\nfirm = f\n"

struct fault {
    const char *text;
    unsigned line;
    const char *what;
};

static void all_at_fault(const struct fault *faults, size_t count)
{
    for (size_t i = 0; i < count; i++)
        at_fault(faults[i].text, faults[i].line, faults[i].what);
}
#define ALL_AT_FAULT(faults) all_at_fault(faults, sizeof(faults) / sizeof *(faults))

// ---- reading ------------------------------------------------------------------------------------

static void test_defaults(void **state)
{
    (void)state;
    struct fg_policy p;
    sound(IDENTIFY, &p);
    assert_string_equal(p.name, "p");
    assert_int_equal(p.mode, FG_MODE_IDENTIFY);
    assert_int_equal(p.liveness, FG_LIVENESS_ATTENDED);
    assert_true(p.fmr == 1e-5 && p.fpir == 0);
    assert_int_equal(p.good_probes, 3);
    assert_int_equal(p.attempts, 3);
    assert_int_equal(p.n_languages, 1);
    assert_string_equal(p.languages[0], "en");
    assert_int_equal(p.passage, FG_PASSAGE_BEAM);
    assert_int_equal(p.passage_s, 15);
    assert_int_equal(p.pin_tries, 3);
    assert_int_equal(p.token_s, 20);
    assert_int_equal(p.recording, FG_RECORDING_NOTHING); // what is not said is not kept
    assert_false(p.single || p.consent || p.anti_passback || p.keep_nothing || p.ticket);
    assert_int_equal(p.n_lanes + p.n_zones + p.n_firms, 0);
    sound(PASS, &p);
    assert_int_equal(p.mode, FG_MODE_PASS);
    assert_true(p.single); // a token belongs to the one face in the lane
    sound(HEAD "mode = vault\nfmr = 1e-5\n", &p);
    assert_int_equal(p.mode, FG_MODE_VAULT);
    sound(PORTRAIT, &p);
    assert_true(p.authenticated && !p.unverified);
}

static void test_values(void **state)
{
    (void)state;
    struct fg_policy p;
    sound("[profile]\nname = all\nmode = identify\nliveness = attended\nfpir = .01\n"
          "min_quality = .25\nlanguages = ru, ja ko en\nsingle = yes\nsleep_after_s = 60\n"
          "passage_s = 9\nreuse_s = 8\ncooldown_s = 7\nexclusive_s = 6\nanti_passback = yes\n"
          "registration_days = 1826\nrefused_under = 7\nguardian_under = 14\nconsent = yes\n"
          "ticket = yes\nfare = 1000000000000000\ncurrency = KRW\nrecording = outcomes\n"
          "retention_days = 30\n"
          "[lane in]\ndirection = in\nzone = z\nfirm = f\ntags = a:1 b, c\n"
          "hours = mon-fri 06:00-22:00, sat 08:00-12:00\n"
          "[lane out]\ndirection = out\nzone = z\n[lane eye]\nwatch = yes\nzone = inner\n"
          "[zone z]\ntags = t\nhours = 22:00-06:00\nmost = 3\n[zone inner]\nwithin = z\n"
          "[firm f]\ncontrol = ipc:///run/f.sock\n",
          &p);
    assert_int_equal(p.n_languages, 4);
    assert_string_equal(p.languages[0], "ru");
    assert_string_equal(p.languages[3], "en");
    assert_true(p.single && p.anti_passback && p.consent && p.ticket);
    assert_true(p.min_quality == .25f && p.fpir == .01 && p.fare == 1000000000000000u);
    assert_int_equal(p.sleep_after_s + p.passage_s + p.reuse_s + p.cooldown_s + p.exclusive_s,
                     60 + 9 + 8 + 7 + 6);
    assert_int_equal(p.registration_days, 1826);
    assert_int_equal(p.refused_under, 7);
    assert_int_equal(p.guardian_under, 14);
    assert_string_equal(p.currency, "KRW");
    assert_int_equal(p.recording, FG_RECORDING_OUTCOMES);
    assert_int_equal(p.retention_days, 30);
    assert_int_equal(p.n_lanes, 3);
    const struct fg_lane_rules *lane = fg_policy_lane(&p, "in");
    assert_int_equal(lane->direction, FG_DIRECTION_IN);
    assert_string_equal(lane->zone, "z");
    assert_string_equal(lane->firm, "f");
    assert_int_equal(lane->n_tags, 3);
    assert_string_equal(lane->tags[0], "a:1");
    assert_string_equal(lane->tags[2], "c");
    assert_int_equal(lane->n_hours, 2);
    assert_int_equal(lane->hours[0].days, 0x1f);
    assert_int_equal(lane->hours[1].days, 0x20);
    assert_int_equal(lane->hours[1].until, 720);
    assert_true(fg_policy_lane(&p, "eye")->watch);
    const struct fg_zone_rules *zone = fg_policy_zone(&p, "z");
    assert_int_equal(zone->most, 3);
    assert_string_equal(zone->tags[0], "t");
    assert_int_equal(zone->hours[0].days, 0x7f);
    assert_int_equal(zone->hours[0].from, 22 * 60);
    assert_string_equal(fg_policy_zone(&p, "inner")->within, "z");
    assert_string_equal(p.firms[0].control, "ipc:///run/f.sock");
}

static void test_lookups(void **state)
{
    (void)state;
    struct fg_policy p;
    sound(IDENTIFY "[zone a]\n[zone b]\nwithin = a\n[zone c]\nwithin = b\n[zone d]\n", &p);
    assert_null(fg_policy_zone(&p, ""));
    assert_null(fg_policy_zone(&p, "e"));
    assert_true(fg_policy_encloses(&p, "a", "a"));
    assert_true(fg_policy_encloses(&p, "a", "c"));
    assert_false(fg_policy_encloses(&p, "c", "a"));
    assert_false(fg_policy_encloses(&p, "a", "d"));
    assert_false(fg_policy_encloses(&p, "a", ""));
    assert_true(fg_policy_encloses(&p, "", "d")); // the whole site
    assert_true(fg_policy_encloses(&p, "", ""));
    strcpy(p.zones[0].within, "c"); // no profile that was checked has a ring; the search still ends
    assert_false(fg_policy_encloses(&p, "d", "a"));
    const struct fg_lane_rules *bare = fg_policy_lane(&p, "gate-7");
    assert_string_equal(bare->name, "gate-7");
    assert_false(bare->watch || bare->zone[0] || bare->n_tags || bare->n_hours);
}

static void test_hours(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned days, from, until;
    } good[] = {
        {"00:00-24:00", 0x7f, 0, 1440},          {"mon 06:00-06:01", 1, 360, 361},
        {"sun\t 22:30-06:00 ", 0x40, 1350, 360}, {"mon-sun 08:00-09:00", 0x7f, 480, 540},
        {"sat-mon 08:00-09:00", 0x61, 480, 540}, // over the week's end
        {"tue-tue 08:00-00:00", 2, 480, 0},
    };
    static const char *const bad[] = {"",
                                      "mon",
                                      "mon 6:00-7:00",
                                      "mon 06:00",
                                      "mon06:00-07:00",
                                      "24:00-25:00",
                                      "06:00-06:00",
                                      "06:60-07:00",
                                      "06:00-24:01",
                                      "mo 06:00-07:00",
                                      "mon- 06:00-07:00",
                                      "mon-fr 06:00-07:00",
                                      "06:00-07:00,",
                                      "06:00-07:00 x",
                                      "Mon 06:00-07:00",
                                      "06:00 - 07:00",
                                      ",06:00-07:00",
                                      "24:00-06:00",
                                      "mond 06:00-07:00"};
    struct fg_hours hours[FG_POLICY_HOURS];
    struct fg_error err;
    unsigned count;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(fg_hours_read(good[i].text, hours, &count, &err), 0);
        assert_int_equal(count, 1);
        assert_int_equal(hours[0].days, good[i].days);
        assert_int_equal(hours[0].from, good[i].from);
        assert_int_equal(hours[0].until, good[i].until);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        count = 77;
        if (fg_hours_read(bad[i], hours, &count, &err) != -EINVAL)
            fail_msg("\"%s\" was read", bad[i]);
        assert_int_equal(count, 77);
        assert_non_null(strstr(err.text, "write mon-fri 06:00-22:00"));
    }
    assert_int_equal(
        fg_hours_read("mon 06:00-07:00,tue 06:00-07:00, wed 06:00-07:00,thu 06:00-07:00", hours,
                      &count, &err),
        0);
    assert_int_equal(count, 4);
    assert_int_equal(fg_hours_read("01:00-02:00,01:00-02:00,01:00-02:00,01:00-02:00,01:00-02:00",
                                   hours, &count, &err),
                     -EINVAL);
}

// ---- faults of one line -------------------------------------------------------------------------

static void test_wrong_values(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {IDENTIFY "threshold = .5\n", 6, "unknown key threshold"},
        {IDENTIFY "[gate x]\nopen = yes\n", 6, "unknown section [gate x]"},
        {IDENTIFY "[lane]\n", 6, "[lane] needs a name"},
        {IDENTIFY "[lane a b]\n", 6, "[lane a b]: a name must be"},
        {IDENTIFY "[lanes a]\n", 6, "unknown section [lanes a]"},
        {IDENTIFY "[lane x]\nwatc = yes\n", 7, "unknown key watc in [lane x]"},
        {IDENTIFY "what is this\n", 6, "neither [section]"},
        {IDENTIFY "fmr = 1e-6\n", 6, "fmr is given twice in [profile]; first in line 5"},
        {IDENTIFY "[lane x]\n[lane y]\n[lane x]\n", 8, "[lane x] is there twice"},
        {IDENTIFY "[zone x]\n[zone x]\n", 7, "[zone x] is there twice"},
        {"[profile]\nname = a b\nliveness = attended\nmode = identify\nfmr = 1e-5\n", 2,
         "1 to 31 of"},
        {"[profile]\nname = p\nliveness = off\nmode = identify\nfmr = 1e-5\n", 3,
         "one of attended, required"},
        {"[profile]\nname = p\nliveness = attended\nmode = 1:N\nfmr = 1e-5\n", 4,
         "one of identify, pass, vault, portrait"},
        {"[profile]\nname = p\nliveness = attended\nmode = identify\nfmr = many\n", 5,
         "not a number"},
        {IDENTIFY "attempts = 0\n", 6, "from 1 to"},
        {IDENTIFY "passage = door\n", 6, "beam, on-admit"},
        {IDENTIFY "languages = en, fr\n", 6, "fr is not there; there are en, ko, ja and ru"},
        {IDENTIFY "languages = en en\n", 6, "en is there twice"},
        {IDENTIFY "languages = ,\n", 6, "name one at least"},
        {IDENTIFY "recording = all\n", 6, "outcomes, passages, nothing"},
        {IDENTIFY "fare = -1\n", 6, "must be from 0"},
        {IDENTIFY "fare = 1.5\n", 6, "not a whole number"},
        {IDENTIFY "currency = EURO\n", 6, "longer than 3"},
        {IDENTIFY "documents = passport\n", 6, "write authenticated, unverified or both"},
        {IDENTIFY "[lane l]\ndirection = up\n", 7, "none, in, out"},
        {IDENTIFY "[lane l]\nhours = always\n", 7, "write mon-fri 06:00-22:00"},
        {IDENTIFY "[lane l]\ntags = a/b\n", 7, "a/b must be of"},
        {IDENTIFY "[lane l]\ntags = a b a\n", 7, "a is there twice"},
        {IDENTIFY "[lane l]\ntags = a b c d e\n", 7, "at most 4"},
        {IDENTIFY "[zone z]\ntags = abcdefghijklmnopqrstuvwxyz0123456789\n", 7, "longer than 31"},
        {IDENTIFY "[zone z]\nmost = -1\n", 7, "must be from 0"},
        {IDENTIFY "[firm abcdefghijklmnopqrstuvwxyz0]\n", 6, "at most 26 characters"},
    };
    ALL_AT_FAULT(faults);
}

static void test_what_must_be_said(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {"; a comment\n[profile]\nliveness = attended\nmode = identify\nfmr = 1e-5\n", 2,
         "name is not said"},
        {"[profile]\nname = p\nliveness = attended\nfmr = 1e-5\n", 1, "mode is not said"},
        {"[profile]\nname = p\nmode = identify\nfmr = 1e-5\n", 1, "liveness is not said"},
        {"[profile]\nname = p\nmode = identify\nliveness = attended\n", 1,
         "either fmr or fpir, exactly one"},
        {HEAD "mode = portrait\nfmr = 1e-4\n", 1, "takes no document yet"},
        {IDENTIFY "recording = outcomes\n", 6, "retention_days is not said"},
        {IDENTIFY "recording = passages\n", 6, "retention_days is not said"},
    };
    ALL_AT_FAULT(faults);
    struct heard heard;
    assert_int_equal(check_text("", &heard), 4);
    begins_at(heard.faults[0], 1, "");
}

static void test_unsafe(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {HEAD "mode = identify\nfmr = 2e-3\n", 5, "write fmr = 0.001 or lower"},
        {HEAD "mode = identify\nfpir = .2\n", 5, "write fpir = 0.1 or lower"},
        {IDENTIFY "attempts = 11\n", 6, "write at most 10"},
        {PASS "token_s = 121\n", 6, "write at most 120 seconds"},
        {IDENTIFY "recording = outcomes\nretention_days = 0\n", 7, "keeps every outcome for ever"},
        {IDENTIFY "valid_ms = 20000\n", 6, "passage_s = 20 or more"},
        {IDENTIFY "valid_ms = 9001\npassage_s = 9\n", 7, "passage_s = 10 or more"},
    };
    struct fg_policy p;
    ALL_AT_FAULT(faults);
    sound(HEAD "mode = pass\nfmr = 2e-3\n", &p); // one comparison
    sound(HEAD "mode = identify\nfmr = 1e-3\nattempts = 10\n", &p);
    sound(PASS "token_s = 120\n", &p);
    sound(IDENTIFY "recording = passages\nretention_days = 0\n", &p); // it was said
    sound(IDENTIFY "valid_ms = 15000\n", &p);
}

// ---- contradictions -----------------------------------------------------------------------------

static void test_contradictions(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {IDENTIFY "fpir = .01\n", 6, "either fmr or fpir"},
        {HEAD "mode = pass\nfpir = .01\n", 5, "one comparison is made: write fmr"},
        {IDENTIFY "passages_per_day = 5\nimpostors_per_day = 6\n", 7, "write no more"},
        {PASS "single = no\n", 6, "belongs to the one face"},
        {IDENTIFY "passage = on-admit\nreuse_s = 5\n", 7, "reuse_s takes up"},
        {IDENTIFY "passage = on-admit\npassage_s = 5\n", 7, "passage_s waits"},
        {IDENTIFY "refused_under = 14\nguardian_under = 7\n", 7, "asks nobody"},
        {IDENTIFY "refused_under = 7\nguardian_under = 7\n", 7, "write a higher age"},
        {IDENTIFY "retention_days = 5\n", 6, "while nothing is recorded"},
    };
    struct fg_policy p;
    ALL_AT_FAULT(faults);
    sound(FARE "passage = on-admit\n", &p);
    sound(IDENTIFY "guardian_under = 14\n", &p);
}

// What a mode has no use for.
static void test_meaningless(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *modes; // modes in which it means nothing, by their first letters
    } cases[] = {
        {"registration_days", "365", "PVO"},
        {"refused_under", "7", "PVO"},
        {"guardian_under", "14", "PVO"},
        {"consent", "yes", "PVO"},
        {"ticket", "yes", "PVO"},
        {"cooldown_s", "5", "O"},
        {"exclusive_s", "5", "O"},
        {"reuse_s", "5", "O"},
        {"scope", "gate-a", "IO"},
        {"one_time", "yes", "IO"},
        {"token_s", "30", "I"},
        {"documents", "unverified", "IPV"},
    };
    static const struct {
        char letter;
        const char *head;
        unsigned line;
    } modes[] = {{'I', IDENTIFY, 6},
                 {'P', PASS, 6},
                 {'V', HEAD "mode = vault\nfmr = 1e-5\n", 6},
                 {'O', PORTRAIT, 7}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t m = 0; m < 4; m++) {
            char text[256], what[64];
            struct fg_policy p;
            bool doubled = modes[m].letter == 'O' && strcmp(cases[i].key, "documents") == 0;
            snprintf(text, sizeof text, "%s%s = %s\n", modes[m].head, cases[i].key, cases[i].value);
            snprintf(what, sizeof what, "%s means nothing in mode", cases[i].key);
            if (strchr(cases[i].modes, modes[m].letter))
                at_fault(text, modes[m].line, what);
            else if (!doubled)
                sound(text, &p);
        }
    struct fg_policy p;
    sound(PORTRAIT "ticket = no\none_time = no\nconsent = no\nregistration_days = 0\n", &p);
    static const struct fault faults[] = {
        {HEAD "mode = portrait\nfmr = 1e-5\ndocuments = unverified\n" KEPT
              "fare = 1\ncurrency = EUR\n",
         9, "fare means nothing in mode portrait"},
        {PASS "anti_passback = no\npayments = yes\npassage = on-admit\ncurrency = EUR\n" KEPT
              "[firm f]\n[lane l]\nwatch = no\n",
         7, "payments means nothing"},
    };
    at_fault(faults[0].text, faults[0].line, faults[0].what);
    struct heard heard;
    assert_int_equal(check_text(faults[1].text, &heard), 2); // and lane l has no firm
    begins_at(heard.faults[0], faults[1].line, faults[1].text);
    assert_non_null(strstr(heard.faults[0], faults[1].what));
}

static void test_money(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {IDENTIFY KEPT "fare = 100\n", 8, "fare needs a currency"},
        {IDENTIFY KEPT "payments = yes\npassage = on-admit\n" TILL, 8, "payments needs a currency"},
        {IDENTIFY "currency = EUR\n", 6, "currency means nothing"},
        {IDENTIFY KEPT "fare = 100\ncurrency = eur\n", 9, "three letters"},
        {IDENTIFY KEPT "fare = 100\ncurrency = EU\n", 9, "three letters"},
        {PAY "fare = 100\n" TILL, 11, "not both"},
        {IDENTIFY "fare = 100\ncurrency = EUR\n", 6, "money must be on record"},
        {IDENTIFY "fare = 100\ncurrency = EUR\nrecording = nothing\n", 8,
         "write recording = passages"},
        {IDENTIFY KEPT "payments = yes\ncurrency = JPY\n" TILL, 8, "write passage = on-admit"},
        {IDENTIFY KEPT "payments = yes\ncurrency = JPY\npassage = beam\n" TILL, 10,
         "write passage = on-admit"},
        {PAY, 8, "write [firm NAME]"},
        {PAY "[lane l]\n", 11, "lane l has no firm"},
        {PAY "[lane l]\nfirm = f\n", 12, "firm = f is not there: write [firm f]"},
        {FARE "payment_most = 5\n", 10, "payment_most means nothing without payments"},
        {FARE "pin_above = 5\n", 10, "pin_above means nothing without payments"},
        {PAY "pin_tries = 5\n" TILL, 11, "pin_tries means nothing"},
        {PAY "payment_most = 5\npin_above = 5\n" TILL, 12, "no PIN is ever asked for"},
        {IDENTIFY "[firm a]\ncontrol = /run/a.sock\n", 7, "write ipc:// and an absolute path"},
        {IDENTIFY "[firm a]\ncontrol = ipc:///a\n[firm b]\ncontrol = ipc:///a\n", 9,
         "firms a and b share a socket"},
    };
    struct fg_policy p;
    ALL_AT_FAULT(faults);
    sound(FARE "reuse_s = 60\n", &p);
    sound(PAY "payment_most = 500\npin_above = 50\npin_tries = 5\n" TILL, &p);
    sound(PAY TILL "[lane eye]\nwatch = yes\n", &p);
}

static void test_lanes_and_zones(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {IDENTIFY "[lane l]\ndirection = in\nzone = z\n", 8, "zone = z is not there"},
        {IDENTIFY "[lane l]\nzone = z\n[zone z]\n", 7, "neither into zone z nor out of it"},
        {IDENTIFY "[lane l]\nwatch = yes\ndirection = in\n", 7, "only watches"},
        {PASS "[lane l]\nwatch = yes\n", 7, "all are unknown"},
        {PASS "[lane l]\ntags = a\n", 7, "nobody has tags, and nobody could pass lane l"},
        {PASS "[firm f]\n[lane l]\nfirm = f\n", 8, "nobody has tags"},
        {PASS "[zone z]\ntags = a\n", 7, "nobody could enter zone z"},
        {IDENTIFY "[zone z]\nwithin = y\n", 7, "within = y is not there"},
        {IDENTIFY "[zone z]\nwithin = z\n", 7, "zone z lies within itself"},
        {IDENTIFY "[zone z]\nmost = 5\n", 7, "most counts who goes in and out"},
        {IDENTIFY "[lane l]\ndirection = in\nzone = z\n[zone z]\nmost = 5\n", 10, "most counts"},
        {IDENTIFY "anti_passback = yes\n", 6, "anti_passback needs lanes"},
        {IDENTIFY "anti_passback = yes\n[lane l]\n", 6, "anti_passback needs lanes"},
        {IDENTIFY "anti_passback = yes\n[lane l]\ndirection = in\n", 8, "a second time"},
        {IDENTIFY "anti_passback = yes\n[lane l]\ndirection = out\n", 8, "at all"},
        {IDENTIFY "anti_passback = yes\n[lane a]\ndirection = in\nzone = z\n"
                  "[lane b]\ndirection = in\nzone = y\n[lane c]\ndirection = out\nzone = y\n"
                  "[zone z]\n[zone y]\n",
         8, "lane a leads in"},
    };
    struct fg_policy p;
    struct heard heard;
    ALL_AT_FAULT(faults);
    assert_int_equal(check_text(IDENTIFY "[zone a]\nwithin = b\n[zone b]\nwithin = a\n", &heard),
                     2);
    // an outer lane that leads out is the way back from the inner zone
    sound(IDENTIFY "anti_passback = yes\n[lane a]\ndirection = in\nzone = z\n"
                   "[lane c]\ndirection = out\nzone = y\n[zone z]\nwithin = y\n[zone y]\n",
          &p);
    sound(IDENTIFY "[lane l]\nwatch = yes\nzone = z\n[zone z]\n", &p);
}

static void test_keep_nothing(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {IDENTIFY "keep_nothing = yes\n", 6, "the gallery keeps templates"},
        {HEAD "mode = vault\nfmr = 1e-5\nkeep_nothing = yes\n", 6, "the gallery keeps templates"},
        {PORTRAIT "keep_nothing = yes\n" KEPT, 7, "events outlive the answer"},
        {PASS "keep_nothing = yes\ncooldown_s = 5\n", 6, "cooldown_s must remember who passed"},
        {PASS "keep_nothing = yes\nexclusive_s = 5\n", 6, "exclusive_s must remember"},
        {PASS "keep_nothing = yes\nreuse_s = 5\n", 6, "reuse_s must remember"},
        {PASS "keep_nothing = yes\nanti_passback = yes\n[lane a]\ndirection = in\n"
              "[lane b]\ndirection = out\n",
         6, "anti_passback must remember"},
        {PASS "keep_nothing = yes\none_time = yes\n", 6, "one_time must remember the codes"},
        {PASS "keep_nothing = yes\n[lane a]\ndirection = in\nzone = z\n[lane b]\ndirection = out\n"
              "zone = z\n[zone z]\nmost = 4\n",
         6, "zone z counts who is inside"},
    };
    struct fg_policy p;
    ALL_AT_FAULT(faults);
    sound(PORTRAIT "keep_nothing = yes\nrecording = nothing\n", &p);
    assert_true(p.keep_nothing);
}

// ---- several faults, several files --------------------------------------------------------------

// All are told, in one run; a wrong value brings no follow-up faults with it.
static void test_all_faults(void **state)
{
    (void)state;
    static const struct {
        unsigned line;
        const char *what;
    } wanted[] = {{2, "1 to 31 of"},         {3, "one of attended"},
                  {5, "unknown key thresh"}, {6, "neither [section]"},
                  {8, "none, in, out"},      {9, "zone = nowhere"},
                  {10, "unknown section"},   {13, "[lane a] is there twice"}};
    static const char text[] = "[profile]\nname = a b\nliveness = maybe\nmode = sometimes\n"
                               "thresh = 1\nnonsense\n[lane a]\ndirection = sideways\n"
                               "zone = nowhere\n[gates]\nx = 1\ny = 2\n[lane a]\nwatch = yes\n"
                               "[profile]\nfmr = 1e-5\nticket = yes\ntoken_s = 30\n";
    struct heard heard;
    int count = check_text(text, &heard);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        char start[80];
        bool met = false;
        snprintf(start, sizeof start, "%s:%u: ", path, wanted[i].line);
        for (unsigned k = 0; k < heard.count; k++)
            met |= strncmp(heard.faults[k], start, strlen(start)) == 0 &&
                   strstr(heard.faults[k], wanted[i].what);
        if (!met)
            fail_msg("no %s%s", start, wanted[i].what);
    }
    assert_int_equal(count, 9); // and line 4: mode
    assert_int_equal(heard.count, 9);
}

static void test_too_many(void **state)
{
    (void)state;
    static char text[8192];
    size_t used = (size_t)snprintf(text, sizeof text, "%s", IDENTIFY);
    for (unsigned i = 0; i < FG_POLICY_LANES; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "[lane l%u]\n", i);
    struct fg_policy p;
    sound(text, &p);
    assert_int_equal(p.n_lanes, FG_POLICY_LANES);
    snprintf(text + used, sizeof text - used, "[lane more]\nwatch = yes\n");
    at_fault(text, 6 + FG_POLICY_LANES, "at most 32");
}

static char *drop_in(const char *name)
{
    static char at[128];
    snprintf(at, sizeof at, "%s.d/%s", path, name);
    return at;
}

static void test_drop_ins(void **state)
{
    (void)state;
    struct fg_policy p;
    struct fg_error err = {""};
    struct heard heard = {0};
    put(HEAD "mode = identify\nfmr = 1e-5\nlanguages = en ko\n[lane a]\ntags = x y\n");
    assert_int_equal(mkdir(drop_in(""), 0700), 0);
    put_at(drop_in("10.conf"), "[profile]\nlanguages = ja\n[lane b]\nwatch = yes\n");
    put_at(drop_in("20.conf"), "[lane a]\ntags = z\ndirection = in\n");
    assert_int_equal(fg_policy_read(path, &p, &err), 0);
    assert_int_equal(p.n_languages, 1); // what a later file says again holds, whole
    assert_string_equal(p.languages[0], "ja");
    assert_int_equal(p.n_lanes, 2);
    assert_int_equal(fg_policy_lane(&p, "a")->n_tags, 1);
    assert_string_equal(fg_policy_lane(&p, "a")->tags[0], "z");
    assert_int_equal(fg_policy_lane(&p, "a")->direction, FG_DIRECTION_IN);
    put_at(drop_in("30.conf"), "\n[lane a]\nwatch = yes\n[profile]\nfpir = .01\n");
    assert_int_equal(fg_policy_check(path, hear, &heard), 2); // faults name the file that is last
    assert_non_null(strstr(heard.faults[0], "30.conf:5: set either"));
    assert_non_null(strstr(heard.faults[1], "30.conf:3: lane a only watches"));
    for (int i = 10; i <= 30; i += 10) {
        char name[24];
        snprintf(name, sizeof name, "%d.conf", i);
        unlink(drop_in(name));
    }
    assert_int_equal(rmdir(drop_in("")), 0);
}

static void test_unreadable(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct fg_error err = {""};
    struct fg_policy p, before;
    memset(&p, 0x5a, sizeof p);
    before = p;
    assert_int_equal(fg_policy_read("/nowhere/p.ini", &p, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nowhere/p.ini"));
    assert_int_equal(fg_policy_check("/nowhere/p.ini", hear, &heard), -ENOENT);
    assert_int_equal(heard.count, 1);
    put(IDENTIFY "x = 1\n");
    assert_int_equal(fg_policy_read(path, &p, &err), -EINVAL);
    assert_memory_equal(&p, &before, sizeof p);
}

// ---- liveness, and what is shipped --------------------------------------------------------------

static void test_liveness_required(void **state)
{
    (void)state;
    struct fg_policy p;
    struct fg_error err = {""};
    sound("[profile]\nname = p\nmode = identify\nfmr = 1e-5\nliveness = required\n", &p);
    assert_int_equal(p.liveness, FG_LIVENESS_REQUIRED);
    assert_int_equal(fg_policy_read(path, &p, &err), -EOPNOTSUPP);
    assert_non_null(strstr(err.text, ":5: liveness = required needs a liveness detector"));
    assert_non_null(strstr(err.text, "write liveness = attended"));
}

static void copy_file(const char *from, const char *to)
{
    char text[8192];
    FILE *f = fopen(from, "r");
    assert_non_null(f);
    size_t length = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    assert_in_range(length, 1, sizeof text - 2);
    text[length] = '\0';
    put_at(to, text);
}

// Sound as they are; and started with the one file that is there to be copied.
static void test_shipped(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHIPPED; i++) {
        char from[64];
        struct heard heard = {0};
        struct fg_policy p;
        struct fg_error err = {""};
        snprintf(from, sizeof from, "profiles/%s.ini", shipped[i]);
        if (fg_policy_check(from, hear, &heard) != 0)
            fail_msg("%s", heard.faults[0]);
        assert_int_equal(fg_policy_inspect(from, &p, &err), 0);
        assert_string_equal(p.name, shipped[i]);
        assert_int_equal(p.liveness, FG_LIVENESS_REQUIRED);
        copy_file(from, path);
        assert_int_equal(fg_policy_read(path, &p, &err), -EOPNOTSUPP);
        assert_int_equal(mkdir(drop_in(""), 0700), 0);
        copy_file("profiles/attended.conf", drop_in("attended.conf"));
        assert_int_equal(fg_policy_read(path, &p, &err), 0);
        assert_int_equal(p.liveness, FG_LIVENESS_ATTENDED);
        unlink(drop_in("attended.conf"));
        assert_int_equal(rmdir(drop_in("")), 0);
    }
}

static void test_installed(void **state)
{
    (void)state;
    struct fg_policy p;
    struct fg_error err = {""};
    assert_int_equal(fg_policy_read("conf/profile.ini", &p, &err), 0);
    assert_int_equal(fg_policy_read("profiles/demo.ini", &p, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_lookups),
        cmocka_unit_test(test_hours),
        cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_what_must_be_said),
        cmocka_unit_test(test_unsafe),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_meaningless),
        cmocka_unit_test(test_money),
        cmocka_unit_test(test_lanes_and_zones),
        cmocka_unit_test(test_keep_nothing),
        cmocka_unit_test(test_all_faults),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_drop_ins),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_liveness_required),
        cmocka_unit_test(test_shipped),
        cmocka_unit_test(test_installed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
