// SPDX-License-Identifier: Apache-2.0
#include "tools/profile_words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct speaker {
    const struct fg_policy *policy;
    void (*say)(void *context, const char *about, const char *sentence);
    void *context;
    char about[FG_WIRE_NAME + 8];
};

static void __attribute__((format(printf, 2, 3))) say(struct speaker *s, const char *format, ...)
{
    char sentence[512];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    s->say(s->context, s->about, sentence);
}

static void about(struct speaker *s, const char *kind, const char *name)
{
    snprintf(s->about, sizeof s->about, "%s%s%s", kind, name[0] ? " " : "", name);
}

// ---- the gate -----------------------------------------------------------------------------------

static void say_mode(struct speaker *s)
{
    static const char *const sentences[] = {
        [FG_MODE_IDENTIFY] = "Each face is searched among all who may pass (1:N).",
        [FG_MODE_PASS] = "Each face is compared with the template in its owner's QR code (1:1); "
                         "nobody is enrolled.",
        [FG_MODE_VAULT] = "Each face is compared with the record that its owner's QR code unlocks "
                          "(1:1).",
        [FG_MODE_PORTRAIT] = "Each face is compared with the portrait of a document (1:1); nobody "
                             "is enrolled.",
    };
    say(s, "%s", sentences[s->policy->mode]);
}

static void say_rates(struct speaker *s)
{
    const struct fg_policy *p = s->policy;
    if (p->fmr > 0)
        say(s, "One comparison in %.0f may take a stranger for somebody.", 1 / p->fmr);
    else
        say(s, "One stranger in %.0f may be taken for somebody, however many are enrolled.",
            1 / p->fpir);
    say(s,
        "Up to %u good looks within %u ms; denial number %u in one presence asks for another "
        "proof.",
        p->good_probes, p->decide_ms, p->attempts);
    say(s, "%s",
        p->liveness == FG_LIVENESS_REQUIRED
            ? "A detector must find the face alive."
            : "A person watches the lane, against photographs and masks.");
    if (p->single)
        say(s, "With two faces in the lane nobody is admitted.");
    if (p->sleep_after_s > 0)
        say(s, "A lane without anybody sleeps after %u s.", p->sleep_after_s);
}

// ---- who ----------------------------------------------------------------------------------------

static void say_who(struct speaker *s)
{
    const struct fg_policy *p = s->policy;
    if (p->registration_days > 0)
        say(s, "A registration ends %u days after the enrolment.", p->registration_days);
    if (p->consent)
        say(s, "A record of consent is needed.");
    if (p->refused_under > 0)
        say(s, "Who is under %u is refused.", p->refused_under);
    if (p->guardian_under > 0)
        say(s, "Who is under %u needs a guardian's consent on record.", p->guardian_under);
    if (p->refused_under > 0 || p->guardian_under > 0)
        say(s, "Who has no date of birth on record is refused.");
    if (p->ticket)
        say(s, "A flight that boards in this lane now is needed (tag " FG_TAG_FLIGHT "NAME).");
}

static void say_tokens(struct speaker *s)
{
    const struct fg_policy *p = s->policy;
    if (p->mode == FG_MODE_IDENTIFY)
        return;
    say(s, "The face is waited for %u s.", p->token_s);
    if (p->mode == FG_MODE_PORTRAIT)
        say(s, "Taken are %s.",
            !p->unverified      ? "authenticated documents alone"
            : !p->authenticated ? "unverified documents alone"
                                : "authenticated and unverified documents");
    else if (p->scope[0])
        say(s, "Codes of the scope %s are good.", p->scope);
    if (p->one_time)
        say(s, "A code is good once; its serial is kept until it expires.");
}

// ---- passages and money -------------------------------------------------------------------------

static void say_passage(struct speaker *s)
{
    const struct fg_policy *p = s->policy;
    if (p->passage == FG_PASSAGE_ON_ADMIT)
        say(s, "An admission is the passage.");
    else
        say(s,
            "A passage is when the gate says that somebody went through; without that an admission "
            "is void after %u s.",
            p->passage_s);
    if (p->reuse_s > 0)
        say(s, "Who turns back and comes again within %u s takes the same admission up.",
            p->reuse_s);
    if (p->cooldown_s > 0)
        say(s, "Nobody passes the same lane again within %u s.", p->cooldown_s);
    if (p->exclusive_s > 0)
        say(s, "Nobody passes another lane within %u s, nor while admitted in one.",
            p->exclusive_s);
    if (p->anti_passback)
        say(s, "In only when outside, out only when inside.");
}

// An amount in the smallest unit: the number of its decimals depends on the currency.
static void say_money(struct speaker *s)
{
    const struct fg_policy *p = s->policy;
    if (p->fare > 0)
        say(s, "Each passage is charged %" PRIu64 " of the smallest unit of %s.", p->fare,
            p->currency);
    if (p->payments)
        say(s, "An admission answers a request to pay, in the smallest unit of %s.", p->currency);
    if (p->payment_most > 0)
        say(s, "At most %" PRIu64 ".", p->payment_most);
    if (p->pin_above > 0)
        say(s, "Above %" PRIu64 " a PIN is asked for, %u times; who has none on record is refused.",
            p->pin_above, p->pin_tries);
}

static void say_kept(struct speaker *s)
{
    static const char *const sentences[] = {
        [FG_RECORDING_OUTCOMES] = "Every outcome but retries is recorded",
        [FG_RECORDING_PASSAGES] = "Admissions and passages are recorded",
        [FG_RECORDING_NOTHING] = "No event is recorded.",
    };
    const struct fg_policy *p = s->policy;
    if (p->recording == FG_RECORDING_NOTHING)
        say(s, "%s", sentences[p->recording]);
    else if (p->retention_days > 0)
        say(s, "%s, for %u days.", sentences[p->recording], p->retention_days);
    else
        say(s, "%s, for ever.", sentences[p->recording]);
    if (p->keep_nothing)
        say(s, "No vector and no picture outlives the answer.");
}

// ---- lanes, zones, firms ------------------------------------------------------------------------

static void join(char *text, size_t size, const char *word, const char *glue)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used ? glue : "", word);
}

static void say_tags(struct speaker *s, const char tags[][FG_WIRE_NAME], unsigned count, bool all)
{
    char text[FG_POLICY_WORDS * (FG_WIRE_NAME + 8)] = "";
    for (unsigned i = 0; i < count; i++)
        join(text, sizeof text, tags[i], all ? " and " : " or ");
    if (count > 0)
        say(s, "The tag %s is needed.", text);
}

static void say_hours(struct speaker *s, const struct fg_hours *hours, unsigned count)
{
    static const char days[7][4] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    for (unsigned i = 0; i < count; i++) {
        char text[64] = "";
        for (unsigned day = 0; day < 7; day++)
            if (hours[i].days >> day & 1)
                join(text, sizeof text, days[day], " ");
        say(s, "Open %s %02u:%02u to %02u:%02u%s.", hours[i].days == 0x7f ? "daily" : text,
            hours[i].from / 60u, hours[i].from % 60u, hours[i].until / 60u, hours[i].until % 60u,
            hours[i].until <= hours[i].from ? " of the next day" : "");
    }
}

static void say_lane(struct speaker *s, const struct fg_lane_rules *lane)
{
    const char *zone = lane->zone[0] ? lane->zone : "the site";
    about(s, "lane", lane->name);
    if (lane->watch)
        say(s, "Watches %s and lets nobody through; an unknown face is an alarm.", zone);
    else if (lane->direction == FG_DIRECTION_IN)
        say(s, "Leads into %s.", zone);
    else if (lane->direction == FG_DIRECTION_OUT)
        say(s, "Leads out of %s.", zone);
    if (lane->firm[0])
        say(s, "Serves the customers of %s alone (tag " FG_TAG_FIRM "%s).", lane->firm, lane->firm);
    say_tags(s, lane->tags, lane->n_tags, true);
    say_hours(s, lane->hours, lane->n_hours);
}

static void say_zone(struct speaker *s, const struct fg_zone_rules *zone)
{
    about(s, "zone", zone->name);
    if (zone->within[0])
        say(s, "Lies within %s.", zone->within);
    if (zone->most > 0)
        say(s, "At most %u people at once.", zone->most);
    say_tags(s, zone->tags, zone->n_tags, false);
    say_hours(s, zone->hours, zone->n_hours);
}

// ---- all of it ----------------------------------------------------------------------------------

static const struct {
    const char *about;
    void (*say)(struct speaker *s);
} topics[] = {{"recognition", say_mode}, {"recognition", say_rates}, {"who", say_who},
              {"tokens", say_tokens},    {"passage", say_passage},   {"money", say_money},
              {"kept", say_kept}};

void fg_profile_words(const struct fg_policy *policy,
                      void (*say_to)(void *context, const char *about, const char *sentence),
                      void *context)
{
    struct speaker s = {.policy = policy, .say = say_to, .context = context};
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        about(&s, topics[i].about, "");
        topics[i].say(&s);
    }
    for (unsigned i = 0; i < policy->n_lanes; i++)
        say_lane(&s, &policy->lanes[i]);
    for (unsigned i = 0; i < policy->n_zones; i++)
        say_zone(&s, &policy->zones[i]);
    for (unsigned i = 0; i < policy->n_firms; i++) {
        about(&s, "firm", policy->firms[i].name);
        if (policy->firms[i].control[0])
            say(&s, "Its own socket is %s.", policy->firms[i].control);
    }
}
