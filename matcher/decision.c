// SPDX-License-Identifier: Apache-2.0
#include "matcher/decision.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *fg_outcome_name(enum fg_outcome outcome)
{
    static const char *const names[] = {"admit", "retry", "deny", "fallback"};
    return names[outcome];
}

double fg_decision_latency_ms(const struct fg_decision *decision, uint64_t boot)
{
    if (decision->waited || boot == 0 || decision->boot != boot ||
        decision->t_capture_ns > decision->t_decision_ns)
        return -1;
    return (double)(decision->t_decision_ns - decision->t_capture_ns) / 1e6;
}

void fg_json_add_u64(struct fg_json *parent, const char *name, uint64_t value)
{
    char digits[24];
    if (value <= UINT64_C(1) << 53) {
        fg_json_add_number(parent, name, (double)value);
        return;
    }
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    fg_json_add_string(parent, name, digits);
}

void fg_json_add_hex(struct fg_json *parent, const char *name, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%016" PRIx64, value);
    fg_json_add_string(parent, name, digits);
}

static void add_wall_time(struct fg_json *json, uint64_t realtime_ns)
{
    char text[48];
    struct tm tm;
    time_t seconds = (time_t)(realtime_ns / 1000000000u);
    gmtime_r(&seconds, &tm);
    size_t used = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + used, sizeof text - used, ".%03uZ", (unsigned)(realtime_ns / 1000000u % 1000u));
    fg_json_add_string(json, "t", text);
}

// What the admission costs; due once they have gone through.
static void add_charge(const struct fg_decision *d, struct fg_json *json)
{
    static const uint8_t none[FG_CHARGE_ID];
    char hex[2 * FG_CHARGE_ID + 1];
    if (memcmp(d->charge, none, sizeof none) == 0)
        return;
    struct fg_json *charge = fg_json_object();
    for (unsigned i = 0; i < FG_CHARGE_ID; i++)
        snprintf(hex + 2 * i, 3, "%02x", d->charge[i]);
    fg_json_add_string(charge, "id", hex);
    fg_json_add_u64(charge, "amount", d->amount);
    fg_json_add_string(charge, "currency", d->currency);
    if (d->payment[0])
        fg_json_add_string(charge, "payment", d->payment);
    fg_json_add(json, "charge", charge);
}

// The reason in words, in each language; a person whom the gate can't help is sent to the staff.
static void add_say(const struct fg_decision *d, const struct fg_decision_context *context,
                    struct fg_json *json)
{
    const struct fg_saying saying = {.reason = d->reason,
                                     .when_s = d->when_s,
                                     .detail = d->detail,
                                     .now_s = context->realtime_ns / 1000000000u,
                                     .to_staff = d->outcome == FG_FALLBACK};
    if (!context->words || !fg_why_find(d->reason))
        return;
    struct fg_json *say = fg_json_object();
    for (unsigned i = 0; i < fg_words_count(context->words); i++) {
        char text[FG_WORDS_TEXT];
        fg_words_say(context->words, i, &saying, text);
        fg_json_add_string(say, fg_words_language(context->words, i), text);
    }
    fg_json_add(json, "say", say);
}

struct fg_json *fg_decision_json(const struct fg_decision *d,
                                 const struct fg_decision_context *context)
{
    struct fg_json *json = fg_json_object();
    fg_json_add_number(json, "v", 1);
    fg_json_add_hex(json, "run", context->run);
    fg_json_add_u64(json, "seq", d->sequence);
    fg_json_add_string(json, "lane", d->lane);
    fg_json_add_string(json, "profile", context->profile);
    fg_json_add_string(json, "outcome", fg_outcome_name(d->outcome));
    fg_json_add_string(json, "reason", d->reason);
    if (d->detail[0])
        fg_json_add_string(json, "detail", d->detail);
    if (d->when_s)
        fg_json_add_u64(json, "when", d->when_s);
    add_say(d, context, json);
    if (d->outcome == FG_ADMIT)
        fg_json_add_string(json, "subject", d->subject);
    if (d->outcome == FG_ADMIT)
        add_charge(d, json);
    fg_json_add_number(json, "attempt", d->attempt);
    fg_json_add_string(json, "liveness", "attended"); // the one policy that this version has
    fg_json_add_string(json, "source", d->source);
    fg_json_add_hex(json, "session", d->session);
    fg_json_add_number(json, "track", d->track);
    fg_json_add_number(json, "probes", d->probes);
    fg_json_add_u64(json, "t_capture_ns", d->t_capture_ns);
    fg_json_add_u64(json, "t_decision_ns", d->t_decision_ns);
    double latency = fg_decision_latency_ms(d, context->boot);
    if (latency >= 0)
        fg_json_add_number(json, "latency_ms", latency);
    add_wall_time(json, context->realtime_ns);
    fg_json_add_number(json, "valid_ms", context->valid_ms);
    return json;
}
