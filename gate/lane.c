// SPDX-License-Identifier: Apache-2.0
#include "gate/lane.h"

#include <string.h>

#define NS_PER_MS UINT64_C(1000000)
#define QUIET_NS  (1000 * NS_PER_MS) // between two WAKEs

static const struct fg_decision_id none;

static void tell(struct fg_lane *l, enum fg_lane_news news, struct fg_decision_id decision,
                 uint64_t now_ns)
{
    l->tell(l->context, news, decision, now_ns);
}

static void show(struct fg_lane *l, enum fg_sign sign, uint64_t now_ns)
{
    l->sign = sign;
    l->sign_ns = now_ns;
}

void fg_lane_init(struct fg_lane *lane, const struct fg_lane_rules *rules, fg_lane_tell *hear,
                  void *context, uint64_t now_ns)
{
    *lane = (struct fg_lane){.rules = *rules,
                             .tell = hear,
                             .context = context,
                             .whole = true,
                             .heard_ns = now_ns,
                             .sign = FG_SIGN_CLOSED};
}

// ---- what holds it open ------------------------------------------------------------------------

static bool loss_opens(const struct fg_lane *l)
{
    return l->lost && (l->rules.on_loss == FG_ON_LOSS_OPEN ||
                       (l->rules.on_loss == FG_ON_LOSS_HOLD && l->held));
}

static bool is_forced_open(const struct fg_lane *l)
{
    return l->emergency || loss_opens(l);
}

// Besides openings, which have their pulse.
static bool is_held(const struct fg_lane *l)
{
    return is_forced_open(l) || l->linger_end_ns > 0;
}

bool fg_lane_is_open(const struct fg_lane *lane)
{
    return lane->n_openings > 0 || is_held(lane);
}

bool fg_lane_open_line(const struct fg_lane *lane, uint64_t now_ns)
{
    if (is_held(lane))
        return true;
    return lane->n_openings > 0 && (lane->rules.pulse_ms == 0 || now_ns < lane->pulse_end_ns);
}

// After emergency or loss began or ended: it is not closed on somebody in the beam.
static void follow_force(struct fg_lane *l, bool was_forced, uint64_t now_ns)
{
    if (is_forced_open(l))
        l->linger_end_ns = 0;
    else if (was_forced && l->broken)
        l->linger_end_ns = now_ns + l->rules.blocked_ms * NS_PER_MS;
}

// ---- openings ----------------------------------------------------------------------------------

static void open_for(struct fg_lane *l, struct fg_decision_id decision, uint64_t now_ns)
{
    l->openings[l->n_openings++] = decision;
    l->deadline_ns = now_ns + l->rules.passage_ms * NS_PER_MS;
    l->pulse_end_ns = now_ns + l->rules.pulse_ms * NS_PER_MS;
    l->sign = FG_SIGN_CLOSED; // what was said to somebody else is over
    tell(l, FG_NEWS_OPENED, decision, now_ns);
}

static bool may_open(const struct fg_lane *l)
{
    if (!l->whole)
        return false;
    return l->n_openings == 0 || (l->rules.extend && l->n_openings < FG_LANE_OPENINGS);
}

// The oldest opening is over. Without a beam nobody knows how.
static void end_one(struct fg_lane *l, enum fg_lane_news how, uint64_t now_ns)
{
    l->last = l->openings[0];
    l->ended_ns = now_ns;
    l->has_ended = true;
    l->n_openings--;
    memmove(l->openings, l->openings + 1, l->n_openings * sizeof *l->openings);
    if (l->rules.has_beam)
        tell(l, how, l->last, now_ns);
    if (l->n_openings == 0)
        tell(l, FG_NEWS_CLOSED, l->last, now_ns);
}

void fg_lane_refuse(struct fg_lane *lane, struct fg_decision_id decision, uint64_t now_ns)
{
    lane->ignored_admits++;
    if (lane->rules.has_beam)
        tell(lane, FG_NEWS_TIMEOUT, decision, now_ns);
}

static void say(struct fg_lane *l, enum fg_lane_verdict verdict, struct fg_decision_id decision,
                uint64_t now_ns)
{
    static const struct {
        enum fg_sign sign;
        enum fg_lane_news news;
    } said[] = {[FG_LANE_RETRY] = {FG_SIGN_RETRY, FG_NEWS_RETRY},
                [FG_LANE_DENY] = {FG_SIGN_DENY, FG_NEWS_DENY},
                [FG_LANE_FALLBACK] = {FG_SIGN_FALLBACK, FG_NEWS_FALLBACK}};
    show(l, said[verdict].sign, now_ns);
    tell(l, said[verdict].news, decision, now_ns);
}

void fg_lane_decide(struct fg_lane *lane, enum fg_lane_verdict verdict,
                    struct fg_decision_id decision, uint64_t now_ns)
{
    if (verdict != FG_LANE_ADMIT)
        say(lane, verdict, decision, now_ns);
    else if (may_open(lane))
        open_for(lane, decision, now_ns);
    else
        fg_lane_refuse(lane, decision, now_ns);
}

static void wake(struct fg_lane *l, uint64_t now_ns)
{
    if (now_ns < l->quiet_end_ns)
        return;
    l->quiet_end_ns = now_ns + QUIET_NS;
    tell(l, FG_NEWS_WAKE, none, now_ns);
}

void fg_lane_button(struct fg_lane *lane, bool pressed, uint64_t now_ns)
{
    bool was = lane->button;
    lane->button = pressed;
    if (!pressed || was)
        return;
    if (!lane->rules.button_opens)
        wake(lane, now_ns);
    else if (may_open(lane))
        open_for(lane, none, now_ns);
}

// ---- crossings ---------------------------------------------------------------------------------

static void on_broken(struct fg_lane *l, uint64_t now_ns)
{
    bool soon = l->has_ended && now_ns - l->ended_ns <= l->rules.after_ms * NS_PER_MS;
    l->within = l->n_openings > 0;
    l->after = soon ? l->last : none;
    if (!fg_lane_is_open(l))
        wake(l, now_ns);
}

static void on_freed(struct fg_lane *l, uint64_t now_ns)
{
    if (l->within && l->n_openings > 0) {
        end_one(l, FG_NEWS_PASSED, now_ns);
        return;
    }
    // One that outstayed its opening came after it.
    struct fg_decision_id after = l->within ? l->last : l->after;
    if (!is_held(l))
        show(l, FG_SIGN_ALARM, now_ns);
    tell(l, FG_NEWS_FORCED, after, now_ns);
}

void fg_lane_beam(struct fg_lane *lane, bool broken, uint64_t now_ns)
{
    if (broken == lane->broken)
        return;
    lane->broken = broken;
    if (broken)
        on_broken(lane, now_ns);
    else
        on_freed(lane, now_ns);
    if (!broken)
        lane->linger_end_ns = 0;
}

// ---- what holds it -----------------------------------------------------------------------------

void fg_lane_emergency(struct fg_lane *lane, bool active, uint64_t now_ns)
{
    bool was_forced = is_forced_open(lane);
    if (active == lane->emergency)
        return;
    lane->emergency = active;
    follow_force(lane, was_forced, now_ns);
    tell(lane, active ? FG_NEWS_EMERGENCY : FG_NEWS_EMERGENCY_OVER, none, now_ns);
}

void fg_lane_heartbeat(struct fg_lane *lane, uint64_t now_ns)
{
    bool was_forced = is_forced_open(lane);
    lane->heard_ns = now_ns;
    if (!lane->lost)
        return;
    lane->lost = false;
    follow_force(lane, was_forced, now_ns);
    tell(lane, FG_NEWS_BACK, none, now_ns);
}

void fg_lane_lines(struct fg_lane *lane, bool whole)
{
    lane->whole = whole;
}

// ---- time --------------------------------------------------------------------------------------

// Somebody in the beam at the end of the openings is waited for.
static uint64_t openings_end_ns(const struct fg_lane *l)
{
    bool wait = l->broken && l->within;
    return l->deadline_ns + (wait ? l->rules.blocked_ms * NS_PER_MS : 0);
}

static uint64_t loss_ns(const struct fg_lane *l)
{
    bool never = l->lost || l->rules.loss_ms == 0;
    return never ? UINT64_MAX : l->heard_ns + l->rules.loss_ms * NS_PER_MS;
}

void fg_lane_tick(struct fg_lane *lane, uint64_t now_ns)
{
    if (lane->n_openings > 0 && now_ns >= openings_end_ns(lane)) {
        if (lane->broken && lane->within && !is_forced_open(lane))
            tell(lane, FG_NEWS_BLOCKED, lane->openings[0], now_ns);
        while (lane->n_openings > 0)
            end_one(lane, FG_NEWS_TIMEOUT, now_ns);
        if (lane->broken && lane->within) { // theirs is nobody else's, whoever is admitted now
            lane->within = false;
            lane->after = lane->last;
        }
    }
    if (lane->linger_end_ns > 0 && now_ns >= lane->linger_end_ns) {
        lane->linger_end_ns = 0;
        tell(lane, FG_NEWS_BLOCKED, none, now_ns);
    }
    if (now_ns >= loss_ns(lane)) {
        lane->held = fg_lane_is_open(lane);
        lane->lost = true;
        follow_force(lane, lane->emergency, now_ns);
        tell(lane, FG_NEWS_LOST, none, now_ns);
    }
}

static enum fg_sign sign_of(const struct fg_lane *l, uint64_t now_ns, uint64_t *ret_shown_ns)
{
    *ret_shown_ns = now_ns; // lasting signs keep one beat, whenever they began
    if (l->emergency)
        return FG_SIGN_EMERGENCY;
    if (fg_lane_is_open(l))
        return FG_SIGN_OPEN;
    if (now_ns - l->sign_ns >= fg_sign_length_ns(l->sign))
        return FG_SIGN_CLOSED;
    *ret_shown_ns = now_ns - l->sign_ns;
    return l->sign;
}

struct fg_lamps fg_lane_lamps(const struct fg_lane *lane, uint64_t now_ns)
{
    uint64_t shown_ns;
    enum fg_sign sign = sign_of(lane, now_ns, &shown_ns);
    return fg_sign_lamps(sign, shown_ns);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t fg_lane_due_ns(const struct fg_lane *lane, uint64_t now_ns)
{
    uint64_t due = loss_ns(lane), shown_ns;
    if (lane->n_openings > 0)
        due = sooner(due, openings_end_ns(lane));
    if (lane->n_openings > 0 && lane->rules.pulse_ms > 0 && now_ns < lane->pulse_end_ns)
        due = sooner(due, lane->pulse_end_ns);
    if (lane->linger_end_ns > 0)
        due = sooner(due, lane->linger_end_ns);
    enum fg_sign sign = sign_of(lane, now_ns, &shown_ns);
    uint64_t next = fg_sign_next_ns(sign, shown_ns);
    return next == UINT64_MAX ? due : sooner(due, now_ns + (next - shown_ns));
}

enum fg_lane_state fg_lane_state(const struct fg_lane *lane, uint64_t now_ns)
{
    if (lane->emergency)
        return FG_LANE_EMERGENCY;
    if (!lane->whole)
        return FG_LANE_OUT;
    if (lane->n_openings > 0 && now_ns < lane->pulse_end_ns)
        return FG_LANE_OPENING;
    if (lane->n_openings > 0 || lane->linger_end_ns > 0)
        return FG_LANE_OPEN;
    return lane->lost ? FG_LANE_LOST : FG_LANE_CLOSED;
}

const char *fg_lane_state_name(enum fg_lane_state state)
{
    static const char *const names[FG_LANE_STATES] = {"closed", "opening", "open",
                                                      "lost",   "out",     "emergency"};
    return names[state];
}

const char *fg_lane_news_name(enum fg_lane_news news)
{
    static const char *const names[FG_NEWS_KINDS] = {
        "opened", "closed",   "passed",    "timeout",        "forced", "wake", "retry",
        "deny",   "fallback", "emergency", "emergency_over", "lost",   "back", "blocked"};
    return names[news];
}
