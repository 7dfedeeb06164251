// SPDX-License-Identifier: Apache-2.0
// What a profile's keys say together: contradictions, and choices that are not safe.
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "matcher/policy_source.h"

#define MOST_FMR      1e-3
#define MOST_FPIR     .1
#define MOST_ATTEMPTS 10
#define MOST_TOKEN_S  120

static bool said(const struct fg_policy_source *s, const char *key)
{
    return fg_policy_said(s, &s->policy, key) != NULL;
}

#define FAULT(s, keys, ...) fg_policy_fault(s, &(s)->policy, keys, __VA_ARGS__)

// ---- the gate -----------------------------------------------------------------------------------

static void check_head(struct fg_policy_source *s)
{
    const struct fg_policy *p = &s->policy;
    if (!said(s, "name"))
        FAULT(s, "name", "name is not said; it is in every decision: write name = NAME");
    else if (!fg_wire_name_ok(p->name))
        FAULT(s, "name", "name = %s: must be 1 to 31 of [A-Za-z0-9._-]", p->name);
    if (!said(s, "mode"))
        FAULT(s, "mode",
              "mode is not said: write mode = identify (1:N), pass, vault or portrait (1:1)");
    if (!said(s, "liveness"))
        FAULT(s, "liveness",
              "liveness is not said: write liveness = required, or liveness = attended where a "
              "person watches the lane");
}

static void check_rates(struct fg_policy_source *s)
{
    const struct fg_policy *p = &s->policy;
    bool many = p->mode == FG_MODE_IDENTIFY;
    if (said(s, "fmr") == said(s, "fpir"))
        FAULT(s, said(s, "fpir") ? "fpir fmr" : "fmr fpir",
              "set either fmr or fpir, exactly one of them");
    else if (!many && p->fpir > 0)
        FAULT(s, "fpir mode",
              "fpir is for searches among many; in mode %s one comparison is made: write fmr",
              fg_mode_name(p->mode));
    if (many && p->fmr > MOST_FMR)
        FAULT(s, "fmr mode fpir",
              "fmr = %g lets one comparison in %.0f match a stranger, and a search makes many: "
              "write fmr = %g or lower, or fpir",
              p->fmr, 1 / p->fmr, MOST_FMR);
    if (p->fpir > MOST_FPIR)
        FAULT(s, "fpir mode fmr",
              "fpir = %g takes one stranger in %.0f for somebody: write fpir = %g or lower",
              p->fpir, 1 / p->fpir, MOST_FPIR);
    if (p->passages_per_day > 0 && p->impostors_per_day > p->passages_per_day)
        FAULT(s, "impostors_per_day passages_per_day",
              "impostors_per_day = %g are among the passages_per_day = %g: write no more",
              p->impostors_per_day, p->passages_per_day);
}

static void check_tries(struct fg_policy_source *s)
{
    const struct fg_policy *p = &s->policy;
    if (p->attempts > MOST_ATTEMPTS)
        FAULT(s, "attempts",
              "attempts = %u gives a stranger as many chances; write at most %d, then another "
              "proof is asked for",
              p->attempts, MOST_ATTEMPTS);
    if (p->token_s > MOST_TOKEN_S)
        FAULT(s, "token_s",
              "token_s = %u leaves a token to whoever comes next; write at most %d seconds",
              p->token_s, MOST_TOKEN_S);
    if (p->mode != FG_MODE_IDENTIFY && !p->single)
        FAULT(s, "single mode",
              "single = no: in mode %s a token or document belongs to the one face in the lane; "
              "leave the line out",
              fg_mode_name(p->mode));
}

// ---- what a mode can't have ---------------------------------------------------------------------

enum {
    IDENTIFY = 1 << FG_MODE_IDENTIFY,
    PASS = 1 << FG_MODE_PASS,
    VAULT = 1 << FG_MODE_VAULT,
    PORTRAIT = 1 << FG_MODE_PORTRAIT,
};

static const struct {
    const char *key;
    unsigned modes;
    const char *why;
} meanings[] = {
    {"registration_days", IDENTIFY, "only who is enrolled was registered on a day"},
    {"refused_under", IDENTIFY, "only who is enrolled has a date of birth"},
    {"guardian_under", IDENTIFY, "only who is enrolled has a date of birth"},
    {"consent", IDENTIFY, "only who is enrolled has a record of consent"},
    {"ticket", IDENTIFY, "only who is enrolled has tags, and flights are tags"},
    {"payments", IDENTIFY, "only who is enrolled is a firm's customer"},
    {"fare", IDENTIFY | PASS | VAULT, "a document is no account"},
    {"cooldown_s", IDENTIFY | PASS | VAULT, "nobody is known again by a document"},
    {"exclusive_s", IDENTIFY | PASS | VAULT, "nobody is known again by a document"},
    {"reuse_s", IDENTIFY | PASS | VAULT, "nobody is known again by a document"},
    {"anti_passback", IDENTIFY | PASS | VAULT, "nobody is known again by a document"},
    {"scope", PASS | VAULT, "no token is read"},
    {"one_time", PASS | VAULT, "no token is read"},
    {"token_s", PASS | VAULT | PORTRAIT, "neither a token nor a document is waited with"},
    {"documents", PORTRAIT, "no document is compared"},
};

static void check_meanings(struct fg_policy_source *s)
{
    const struct fg_policy *p = &s->policy;
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        const char *key = meanings[i].key;
        char keys[64];
        if (meanings[i].modes >> p->mode & 1 || !said(s, key) || !fg_policy_is_set(p, key))
            continue;
        snprintf(keys, sizeof keys, "%s mode", key);
        FAULT(s, keys, "%s means nothing in mode %s: %s; leave the line out", key,
              fg_mode_name(p->mode), meanings[i].why);
    }
    if (p->mode == FG_MODE_PORTRAIT && !p->authenticated && !p->unverified)
        FAULT(s, "documents mode",
              "mode = portrait takes no document yet: write documents = authenticated (its chip's "
              "signature was checked before), or documents = authenticated unverified");
}

// ---- passages -----------------------------------------------------------------------------------

static void check_passage(struct fg_policy_source *s)
{
    const struct fg_policy *p = &s->policy;
    bool on_admit = p->passage == FG_PASSAGE_ON_ADMIT;
    if (on_admit && p->reuse_s > 0)
        FAULT(s, "reuse_s passage",
              "reuse_s takes up admissions that nobody went through, and with passage = on-admit "
              "there are none: leave it out");
    if (on_admit && said(s, "passage_s"))
        FAULT(s, "passage_s passage",
              "passage_s waits for the gate, and passage = on-admit does not: leave it out");
    if (!on_admit && p->valid_ms > p->passage_s * 1000ull)
        FAULT(s, said(s, "passage_s") ? "passage_s valid_ms" : "valid_ms passage_s",
              "the gate may open for valid_ms = %u, when passage_s = %u has made the admission "
              "void: write passage_s = %u or more",
              p->valid_ms, p->passage_s, (p->valid_ms + 999) / 1000);
}

static bool other_side(const struct fg_policy *p, const struct fg_lane_rules *lane)
{
    for (unsigned i = 0; i < p->n_lanes; i++) {
        const struct fg_lane_rules *other = &p->lanes[i];
        if (lane->direction == FG_DIRECTION_IN && other->direction == FG_DIRECTION_OUT &&
            fg_policy_encloses(p, other->zone, lane->zone))
            return true;
        if (lane->direction == FG_DIRECTION_OUT && other->direction == FG_DIRECTION_IN &&
            fg_policy_encloses(p, lane->zone, other->zone))
            return true;
    }
    return false;
}

static void check_anti_passback(struct fg_policy_source *s)
{
    const struct fg_policy *p = &s->policy;
    bool directed = false;
    if (!p->anti_passback)
        return;
    for (unsigned i = 0; i < p->n_lanes; i++) {
        const struct fg_lane_rules *lane = &p->lanes[i];
        bool in = lane->direction == FG_DIRECTION_IN;
        directed |= lane->direction != FG_DIRECTION_NONE;
        if (lane->direction != FG_DIRECTION_NONE && !other_side(p, lane))
            fg_policy_fault(
                s, lane, "direction zone",
                "lane %s leads %s, and with anti_passback nobody could use it %s: a lane "
                "that leads %s is missing",
                lane->name, in ? "in" : "out", in ? "a second time" : "at all", in ? "out" : "in");
    }
    if (!directed)
        FAULT(s, "anti_passback",
              "anti_passback needs lanes that lead in and out: write [lane NAME] with direction = "
              "in, and one with direction = out");
}

// ---- people -------------------------------------------------------------------------------------

static void check_ages(struct fg_policy_source *s)
{
    const struct fg_policy *p = &s->policy;
    if (p->guardian_under > 0 && p->refused_under > 0 && p->guardian_under <= p->refused_under)
        FAULT(s, "guardian_under refused_under",
              "guardian_under = %u asks nobody: all under refused_under = %u are refused; write a "
              "higher age",
              p->guardian_under, p->refused_under);
}

// ---- money --------------------------------------------------------------------------------------

static bool currency_ok(const char *currency)
{
    return strlen(currency) == 3 && isupper((unsigned char)currency[0]) &&
           isupper((unsigned char)currency[1]) && isupper((unsigned char)currency[2]);
}

static void check_currency(struct fg_policy_source *s)
{
    const struct fg_policy *p = &s->policy;
    bool money = p->fare > 0 || p->payments;
    const char *cause = p->fare > 0 ? "fare currency" : "payments currency";
    if (money && !p->currency[0])
        FAULT(s, cause, "%s needs a currency: write currency = EUR, for example",
              p->fare > 0 ? "fare" : "payments");
    else if (!money && p->currency[0])
        FAULT(s, "currency fare payments",
              "currency means nothing without fare or payments: leave "
              "it out");
    else if (p->currency[0] && !currency_ok(p->currency))
        FAULT(s, "currency", "currency = %s: write the three letters of ISO 4217, such as KRW",
              p->currency);
    if (p->fare > 0 && p->payments)
        FAULT(s, "fare payments",
              "a lane charges its fare or answers requests to pay, not both: leave fare out, or "
              "payments");
    if (money && p->recording == FG_RECORDING_NOTHING)
        FAULT(s, said(s, "recording") ? "recording" : cause,
              "money must be on record: write recording = passages, or outcomes");
}

static void check_limits(struct fg_policy_source *s)
{
    static const char *const of_payments[] = {"payment_most", "pin_above"};
    const struct fg_policy *p = &s->policy;
    for (int i = 0; i < 2; i++)
        if (!p->payments && fg_policy_is_set(p, of_payments[i])) {
            char keys[64];
            snprintf(keys, sizeof keys, "%s payments", of_payments[i]);
            FAULT(s, keys, "%s means nothing without payments = yes: leave it out", of_payments[i]);
        }
    if (p->payments && p->pin_above > 0 && p->payment_most > 0 && p->pin_above >= p->payment_most)
        FAULT(s, "pin_above payment_most",
              "no PIN is ever asked for: amounts above payment_most are refused; write a "
              "lower pin_above");
    if (said(s, "pin_tries") && p->pin_above == 0)
        FAULT(s, "pin_tries pin_above",
              "pin_tries means nothing without pin_above: leave it out, or write the amount above "
              "which a PIN is asked for");
}

static void check_payments(struct fg_policy_source *s)
{
    const struct fg_policy *p = &s->policy;
    if (!p->payments)
        return;
    if (p->passage != FG_PASSAGE_ON_ADMIT)
        FAULT(s, said(s, "passage") ? "passage payments" : "payments passage",
              "a payment is made when it is admitted, nobody walks through a till: write passage = "
              "on-admit");
    for (unsigned i = 0; i < p->n_lanes; i++) {
        const struct fg_lane_rules *lane = &p->lanes[i];
        if (!lane->firm[0] && !lane->watch)
            fg_policy_fault(s, lane, "firm watch",
                            "lane %s has no firm, and payments are a firm's "
                            "own: write firm = NAME",
                            lane->name);
    }
    if (p->n_lanes == 0)
        FAULT(s, "payments",
              "payments are a firm's own: write [firm NAME], and for each till [lane NAME] with "
              "firm = NAME");
}

// ---- lanes and zones ----------------------------------------------------------------------------

static bool has_firm(const struct fg_policy *p, const char *name)
{
    for (unsigned i = 0; i < p->n_firms; i++)
        if (strcmp(p->firms[i].name, name) == 0)
            return true;
    return false;
}

static void check_watch(struct fg_policy_source *s, const struct fg_lane_rules *lane)
{
    if (!lane->watch)
        return;
    if (lane->direction != FG_DIRECTION_NONE)
        fg_policy_fault(s, lane, "watch direction",
                        "lane %s only watches, nobody goes in or out: leave direction out",
                        lane->name);
    if (s->policy.mode != FG_MODE_IDENTIFY)
        fg_policy_fault(s, lane, "watch",
                        "lane %s watches for unknown faces, and in mode %s all are unknown: write "
                        "mode = identify, or leave watch out",
                        lane->name, fg_mode_name(s->policy.mode));
}

static void check_lane(struct fg_policy_source *s, const struct fg_lane_rules *lane)
{
    const struct fg_policy *p = &s->policy;
    if (lane->zone[0] && !fg_policy_zone(p, lane->zone))
        fg_policy_fault(s, lane, "zone", "zone = %s is not there: write [zone %s], or another name",
                        lane->zone, lane->zone);
    else if (lane->zone[0] && lane->direction == FG_DIRECTION_NONE && !lane->watch)
        fg_policy_fault(
            s, lane, "zone direction watch",
            "lane %s leads neither into zone %s nor out of it: write direction = in, or "
            "out",
            lane->name, lane->zone);
    if (lane->firm[0] && !has_firm(p, lane->firm))
        fg_policy_fault(s, lane, "firm", "firm = %s is not there: write [firm %s], or another name",
                        lane->firm, lane->firm);
    if (p->mode != FG_MODE_IDENTIFY && (lane->n_tags > 0 || lane->firm[0]))
        fg_policy_fault(s, lane, lane->n_tags > 0 ? "tags" : "firm",
                        "in mode %s nobody has tags, and nobody could pass lane %s: leave tags and "
                        "firm out",
                        fg_mode_name(p->mode), lane->name);
    check_watch(s, lane);
}

static bool has_lane(const struct fg_policy *p, const char *zone, enum fg_direction direction)
{
    for (unsigned i = 0; i < p->n_lanes; i++)
        if (p->lanes[i].direction == direction && strcmp(p->lanes[i].zone, zone) == 0)
            return true;
    return false;
}

// Whether the way outwards from a zone ends.
static bool lies_in_a_ring(const struct fg_policy *p, const struct fg_zone_rules *zone)
{
    for (unsigned i = 0; zone && i <= p->n_zones; i++)
        zone = zone->within[0] ? fg_policy_zone(p, zone->within) : NULL;
    return zone != NULL;
}

static void check_zone(struct fg_policy_source *s, const struct fg_zone_rules *zone)
{
    const struct fg_policy *p = &s->policy;
    if (zone->within[0] && !fg_policy_zone(p, zone->within))
        fg_policy_fault(s, zone, "within",
                        "within = %s is not there: write [zone %s], or another "
                        "name",
                        zone->within, zone->within);
    else if (lies_in_a_ring(p, zone))
        fg_policy_fault(s, zone, "within", "zone %s lies within itself: leave one within out",
                        zone->name);
    if (zone->most > 0 &&
        !(has_lane(p, zone->name, FG_DIRECTION_IN) && has_lane(p, zone->name, FG_DIRECTION_OUT)))
        fg_policy_fault(
            s, zone, "most",
            "most counts who goes in and out: write lanes with zone = %s and direction = "
            "in, and out",
            zone->name);
    if (p->mode != FG_MODE_IDENTIFY && zone->n_tags > 0)
        fg_policy_fault(
            s, zone, "tags",
            "in mode %s nobody has tags, and nobody could enter zone %s: leave tags out",
            fg_mode_name(p->mode), zone->name);
}

static void check_firm(struct fg_policy_source *s, const struct fg_firm *firm)
{
    const struct fg_policy *p = &s->policy;
    static const char start[] = "ipc:///";
    if (!firm->control[0])
        return;
    if (strncmp(firm->control, start, sizeof start - 1) != 0)
        fg_policy_fault(s, firm, "control",
                        "control = %s: write ipc:// and an absolute path, such as "
                        "ipc:///run/facegate/firms/%s/control.sock",
                        firm->control, firm->name);
    for (const struct fg_firm *other = p->firms; other < firm; other++)
        if (strcmp(other->control, firm->control) == 0)
            fg_policy_fault(s, firm, "control",
                            "firms %s and %s share a socket, and would see each other's customers: "
                            "give each its own",
                            other->name, firm->name);
}

// ---- what is kept -------------------------------------------------------------------------------

static void check_recording(struct fg_policy_source *s)
{
    const struct fg_policy *p = &s->policy;
    if (p->recording == FG_RECORDING_NOTHING) {
        if (p->retention_days > 0)
            FAULT(s, "retention_days recording",
                  "retention_days means nothing while nothing is recorded: leave it out, or write "
                  "recording = passages or outcomes");
    } else if (!said(s, "retention_days")) {
        FAULT(s, "recording retention_days",
              "retention_days is not said: write for how many days events are kept");
    } else if (p->retention_days == 0 && p->recording == FG_RECORDING_OUTCOMES) {
        FAULT(s, "retention_days recording",
              "retention_days = 0 keeps every outcome for ever: write a number of days, or "
              "recording = passages");
    }
}

static void check_keep_nothing(struct fg_policy_source *s)
{
    static const char *const kept[] = {"fare",        "payments", "cooldown_s",
                                       "exclusive_s", "reuse_s",  "anti_passback"};
    const struct fg_policy *p = &s->policy;
    if (!p->keep_nothing)
        return;
    if (p->mode == FG_MODE_IDENTIFY || p->mode == FG_MODE_VAULT)
        FAULT(
            s, "keep_nothing mode",
            "in mode %s the gallery keeps templates: leave keep_nothing out, or write mode = pass "
            "or portrait",
            fg_mode_name(p->mode));
    if (p->recording != FG_RECORDING_NOTHING)
        FAULT(s, "keep_nothing recording",
              "events outlive the answer: leave keep_nothing out, or write recording = nothing");
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (fg_policy_is_set(p, kept[i])) {
            char keys[64];
            snprintf(keys, sizeof keys, "keep_nothing %s", kept[i]);
            FAULT(s, keys, "%s must remember who passed: leave it out, or keep_nothing", kept[i]);
        }
    if (p->one_time)
        FAULT(s, "keep_nothing one_time",
              "one_time must remember the codes that were used: leave it out, or keep_nothing");
    for (unsigned i = 0; i < p->n_zones; i++)
        if (p->zones[i].most > 0)
            FAULT(s, "keep_nothing",
                  "zone %s counts who is inside: leave its most out, or keep_nothing",
                  p->zones[i].name);
}

// ---- all of it ----------------------------------------------------------------------------------

void fg_policy_source_check(struct fg_policy_source *source)
{
    const struct fg_policy *p = &source->policy;
    check_head(source);
    check_rates(source);
    check_tries(source);
    check_meanings(source);
    check_passage(source);
    check_ages(source);
    check_currency(source);
    check_limits(source);
    check_payments(source);
    check_recording(source);
    check_keep_nothing(source);
    for (unsigned i = 0; i < p->n_lanes; i++)
        check_lane(source, &p->lanes[i]);
    check_anti_passback(source);
    for (unsigned i = 0; i < p->n_zones; i++)
        check_zone(source, &p->zones[i]);
    for (unsigned i = 0; i < p->n_firms; i++)
        check_firm(source, &p->firms[i]);
}
