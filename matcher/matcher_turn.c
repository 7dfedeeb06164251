// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/wipe.h"
#include "matcher/matcher.h"

#define NS_PER_MS       UINT64_C(1000000)
#define MESSAGES_A_TURN 64              // before requests get their turn
#define REQUESTS_NS     (2 * NS_PER_MS) // requests are taken for so long, then their changes made
#define VAULT_NS        (10000 * NS_PER_MS)
#define TEND_NS         NS_PER_MS // codes are made between searches, for so long at a time

static void answer_requests(struct fg_matcher *m)
{
    if (fg_doors_answer(&m->doors, REQUESTS_NS))
        fg_gallery_restock(m->gallery);
}

static void on_report(struct fg_matcher *m, const struct fg_wire_message *report)
{
    enum fg_wire_type type = report->head.type;
    if (type != FG_WIRE_PASSED && type != FG_WIRE_TIMEOUT && type != FG_WIRE_FORCED)
        return;
    if (fg_passages_hear(m->passages, report, fg_matcher_now()) == 0 && type != FG_WIRE_FORCED)
        fg_lanes_settled(&m->lanes, report->head.lane, &report->gate, fg_monotonic_ns());
}

// True: there may be more.
static bool take_messages(struct fg_matcher *m)
{
    for (unsigned i = 0; i < MESSAGES_A_TURN; i++) {
        if (!fg_drain_take(m->drain, &m->room)) {
            explicit_bzero(&m->room, sizeof m->room); // no vector stays while waiting
            return false;
        }
        fg_lanes_hear(&m->lanes, &m->room, fg_monotonic_ns());
        if (m->room.head.type >= FG_WIRE_ALIVE)
            on_report(m, &m->room);
        else
            fg_decide_take(m->decide, &m->room, fg_monotonic_ns(), fg_matcher_seconds());
    }
    return true;
}

static bool claimed(void *context, const char *lane)
{
    struct fg_matcher *m = context;
    return fg_decide_has_claim(m->decide, lane);
}

static bool occupied(void *context, const char *lane)
{
    struct fg_matcher *m = context;
    return fg_decide_somebody(m->decide, lane) || fg_decide_has_claim(m->decide, lane) ||
           fg_tills_find(&m->tills, lane);
}

static void tell_lanes(struct fg_matcher *m)
{
    struct fg_wire_lane state;
    const char *lane;
    while ((lane = fg_lanes_next(&m->lanes, claimed, occupied, m, fg_monotonic_ns(), &state)))
        fg_announce_lane(&m->announcer, lane, &state);
}

static void warn_wrong_model(struct fg_matcher *m)
{
    if (m->warned_model || fg_decide_counters(m->decide)->wrong_model == 0)
        return;
    m->warned_model = true;
    fg_log(FG_LOG_WARNING,
           "a camera sends vectors of another model, they are ignored: give cameras and matcher "
           "the same model card (facegate status counts them)");
}

// Vault records whose validity is over, few a turn; the rest at once in the next turns.
static void expire_vault(struct fg_matcher *m)
{
    uint64_t now = fg_monotonic_ns();
    if (now < m->vault_due_ns)
        return;
    int r = fg_gallery_vault_expire(m->gallery, fg_matcher_seconds());
    m->vault_due_ns = r > 0 ? now : now + VAULT_NS;
    if (r < 0 && !m->warned_vault)
        fg_log(FG_LOG_WARNING, "vault records that are over can't be removed: %s", strerror(-r));
    m->warned_vault = r < 0;
}

static void read_events(struct fg_matcher *m)
{
    struct signalfd_siginfo info;
    uint64_t count;
    if (read(m->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        m->stopping = true;
    // Emptied before the messages are taken: what comes later wakes again.
    ssize_t n = read(fg_drain_fd(m->drain), &count, sizeof count);
    (void)n;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int timeout_ms(const struct fg_matcher *m, uint64_t watchdog_ns)
{
    uint64_t now = fg_monotonic_ns();
    uint64_t due = earlier(earlier(fg_decide_due_ns(m->decide), fg_lanes_due_ns(&m->lanes)),
                           earlier(fg_passages_due_ns(m->passages), m->vault_due_ns));
    if (watchdog_ns && now + watchdog_ns < due)
        due = now + watchdog_ns;
    if (due == UINT64_MAX)
        return -1;
    return due <= now ? 0 : (int)((due - now) / NS_PER_MS) + 1;
}

int fg_matcher_loop(struct fg_matcher *m, struct fg_error *err)
{
    uint64_t watchdog_ns = fg_notify_watchdog_ns(), fed_ns = 0;
    bool more = false;
    while (!m->stopping) {
        int wait = more ? 0 : timeout_ms(m, watchdog_ns);
        int ready = fg_bus_poll(m->doors.sockets, m->doors.count, m->event_fd, wait);
        if (ready < 0 && ready != -EINTR)
            return fg_fail(err, ready, "waiting for messages failed: %s", strerror(-ready));
        read_events(m);
        more = take_messages(m);
        fg_decide_tick(m->decide, fg_monotonic_ns(), fg_matcher_seconds());
        fg_passages_tick(m->passages, fg_matcher_now());
        if (m->checks)
            fg_checks_work(m->checks, fg_monotonic_ns());
        expire_vault(m);
        fg_tills_tick(&m->tills, fg_monotonic_ns(), FG_WHY_NO_MATCH);
        answer_requests(m);
        tell_lanes(m);
        more |= fg_roster_tend(m->roster, TEND_NS);
        warn_wrong_model(m);
        if (m->policy.keep_nothing)
            fg_wipe_stack();
        if (watchdog_ns && fg_monotonic_ns() - fed_ns >= watchdog_ns) {
            fed_ns = fg_monotonic_ns();
            fg_notify("WATCHDOG=1");
        }
    }
    return 0;
}
