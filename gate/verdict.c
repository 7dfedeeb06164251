// SPDX-License-Identifier: Apache-2.0
#include "gate/verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/wire.h"

#define NS_PER_MS   UINT64_C(1000000)
#define MOST_NUMBER 9007199254740992.0 // 2^53: above, it is a string of digits
#define MOST_VALID  3600000.0
#define RUN_DIGITS  16

// As fg_wire's senders write whole numbers: a JSON number, or digits.
static bool get_u64(const struct fg_json *json, const char *name, uint64_t *ret)
{
    double number = fg_json_get_number(json, name, -1);
    const char *digits = fg_json_get_string(json, name, NULL);
    char *end;
    if (digits) {
        errno = 0;
        *ret = strtoull(digits, &end, 10);
        return digits[0] >= '0' && digits[0] <= '9' && !*end && errno == 0;
    }
    if (!(number >= 0 && number <= MOST_NUMBER) || (double)(uint64_t)number != number)
        return false;
    *ret = (uint64_t)number;
    return true;
}

static bool get_run(const struct fg_json *json, uint64_t *ret)
{
    const char *digits = fg_json_get_string(json, "run", "");
    if (strlen(digits) != RUN_DIGITS || strspn(digits, "0123456789abcdef") != RUN_DIGITS)
        return false;
    *ret = strtoull(digits, NULL, 16);
    return *ret > 0;
}

static bool get_outcome(const struct fg_json *json, enum fg_lane_verdict *ret)
{
    static const char *const names[] = {"admit", "retry", "deny", "fallback"};
    const char *name = fg_json_get_string(json, "outcome", "");
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum fg_lane_verdict)i;
            return true;
        }
    }
    return false;
}

struct decision {
    struct fg_verdict verdict;
    uint64_t t_ns;
    double valid_ms;
};

static bool read_decision(const struct fg_json *json, struct decision *ret)
{
    struct fg_decision_id *id = &ret->verdict.id;
    ret->valid_ms = fg_json_get_number(json, "valid_ms", -1);
    return ret->valid_ms >= 0 && ret->valid_ms <= MOST_VALID && get_run(json, &id->run) &&
           get_u64(json, "seq", &id->sequence) && id->sequence > 0 &&
           get_outcome(json, &ret->verdict.outcome) && get_u64(json, "t_decision_ns", &ret->t_ns);
}

// The matcher's runs do not come again: a run that was followed by another is over.
static bool is_new(struct fg_verdicts *v, struct fg_decision_id id)
{
    if (id.run == v->runs[0]) {
        if (id.sequence <= v->sequence)
            return false;
        v->sequence = id.sequence;
        return true;
    }
    for (unsigned i = 1; i < FG_VERDICT_RUNS; i++)
        if (id.run == v->runs[i])
            return false;
    memmove(v->runs + 1, v->runs, sizeof v->runs - sizeof v->runs[0]);
    v->runs[0] = id.run;
    v->sequence = id.sequence;
    return true;
}

// Both programs are on this machine: one clock. What comes from the future is of another.
static bool is_fresh(const struct decision *d, uint64_t now_ns)
{
    return d->t_ns <= now_ns && (double)(now_ns - d->t_ns) <= d->valid_ms * (double)NS_PER_MS;
}

static enum fg_verdict_fate judge(struct fg_verdicts *v, const struct fg_message *message,
                                  const struct fg_json *json, uint64_t now_ns,
                                  struct fg_verdict *ret)
{
    struct decision decision;
    char topic[FG_WIRE_NAME];
    size_t length = fg_wire_topic(v->lane, topic);
    const char *lane = fg_json_get_string(json, "lane", NULL);
    if (!lane || message->parts[0].length == 0)
        return FG_VERDICT_BAD;
    if (strcmp(lane, v->lane) != 0 || message->parts[0].length != length ||
        memcmp(message->parts[0].data, topic, length) != 0)
        return FG_VERDICT_FOREIGN;
    if (!read_decision(json, &decision))
        return FG_VERDICT_BAD;
    if (!is_new(v, decision.verdict.id))
        return FG_VERDICT_REPLAYED;
    *ret = decision.verdict;
    return is_fresh(&decision, now_ns) ? FG_VERDICT_GOOD : FG_VERDICT_STALE;
}

enum fg_verdict_fate fg_verdicts_take(struct fg_verdicts *v, const struct fg_message *message,
                                      uint64_t now_ns, struct fg_verdict *ret)
{
    struct fg_json *json = NULL;
    enum fg_verdict_fate fate = FG_VERDICT_BAD;
    if (message->count == 2 &&
        fg_json_parse(message->parts[1].data, message->parts[1].length, &json, NULL) == 0)
        fate = judge(v, message, json, now_ns, ret);
    fg_json_destroy(json);
    v->counts[fate]++;
    return fate;
}
