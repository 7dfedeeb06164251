// SPDX-License-Identifier: Apache-2.0
#include "gate/service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exit.h"
#include "common/log.h"
#include "common/notify.h"
#include "gate/board.h"
#include "gate/heartbeat.h"
#include "gate/outputs.h"
#include "gate/reports.h"
#include "gate/tally.h"
#include "gate/verdict.h"

#define NS_PER_MS       UINT64_C(1000000)
#define NS_PER_S        UINT64_C(1000000000)
#define MATCHER_MARK    64                // messages
#define MESSAGES_A_TURN 64                // before inputs get their turn
#define TURN_NS         (100 * NS_PER_MS) // at most between two looks at what is to be reported
#define STATE_NS        NS_PER_S          // between two tellings of the state
#define TALLY_NS        (3600 * NS_PER_S)

enum { DECISIONS, HEARTBEATS }; // sockets

struct service {
    struct fg_gate_conf *conf;
    struct fg_board *board;
    struct fg_lane lane;
    struct fg_verdicts verdicts;
    struct fg_bus *bus;
    struct fg_socket *matcher[2]; // decisions and heartbeats; NULL: for an emergency alone
    struct fg_reports reports;
    struct fg_outputs outputs;
    struct fg_error trouble; // why it is for an emergency alone
    int signal_fd, event_fd; // event_fd: an epoll of the signals and the board
    struct fg_tally tally;
    enum fg_lane_state state;
    uint64_t state_ns, tally_ns, fed_ns, watchdog_ns;
    bool stopping, ready;
};

// ---- what is told ------------------------------------------------------------------------------

static void tell_outputs(struct service *s, const char *event, struct fg_decision_id decision,
                         uint64_t now_ns)
{
    const struct fg_telling telling = {.event = event,
                                       .state = fg_lane_state_name(fg_lane_state(&s->lane, now_ns)),
                                       .open = fg_lane_is_open(&s->lane),
                                       .decision = decision};
    fg_outputs_tell(&s->outputs, &telling);
}

// The lane's: everything that happens.
static void on_news(void *context, enum fg_lane_news news, struct fg_decision_id decision,
                    uint64_t t_ns)
{
    static const enum fg_wire_type types[FG_NEWS_KINDS] = {[FG_NEWS_PASSED] = FG_WIRE_PASSED,
                                                           [FG_NEWS_TIMEOUT] = FG_WIRE_TIMEOUT,
                                                           [FG_NEWS_FORCED] = FG_WIRE_FORCED,
                                                           [FG_NEWS_WAKE] = FG_WIRE_WAKE};
    struct service *s = context;
    fg_tally_news(&s->tally, &s->lane, news);
    if (types[news])
        fg_reports_tell(&s->reports, types[news], decision, t_ns);
    tell_outputs(s, fg_lane_news_name(news), decision, t_ns);
}

static void notify_state(const struct service *s)
{
    char text[640];
    const char *lines = fg_board_trouble(s->board);
    snprintf(text, sizeof text, "STATUS=%s%s%s%s%s", fg_lane_state_name(s->state),
             s->conf->salvaged ? "; for an emergency alone: " : "",
             s->conf->salvaged ? s->trouble.text : "", lines[0] ? "; " : "", lines);
    fg_notify(text);
}

// ---- start -------------------------------------------------------------------------------------

static int watch(int epoll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_signals(struct service *s)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL); // before any thread starts
    signal(SIGPIPE, SIG_IGN);
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    s->event_fd = s->signal_fd < 0 ? -1 : epoll_create1(EPOLL_CLOEXEC);
    return s->event_fd < 0 ? -errno : watch(s->event_fd, s->signal_fd);
}

static int open_sockets(struct service *s, struct fg_error *err)
{
    const struct fg_gate_conf *conf = s->conf;
    char topic[FG_WIRE_NAME];
    const char *const endpoints[] = {[DECISIONS] = conf->decision, [HEARTBEATS] = conf->lanes};
    int r = fg_bus_create(&s->bus);
    if (r < 0)
        return fg_fail(err, r, "out of memory");
    for (unsigned i = 0; i < 2 && r == 0; i++) {
        r = fg_socket_connect(s->bus, FG_SOCKET_SUB, endpoints[i], MATCHER_MARK, &s->matcher[i],
                              err);
        if (r == 0)
            r = fg_socket_subscribe(s->matcher[i], topic, fg_wire_topic(conf->lane, topic));
    }
    if (r == 0)
        r = fg_reports_open(&s->reports, s->bus, conf->probe, conf->lane, conf->id, err);
    if (r == 0 && conf->reports[0] && fg_reports_keep_in(&s->reports, conf->reports, err) < 0)
        fg_log(FG_LOG_ERROR, "%s", err->text); // no reason to keep a lane closed
    if (r == 0)
        r = fg_outputs_open(&s->outputs, conf, s->bus, err);
    return r;
}

static void close_sockets(struct service *s)
{
    fg_outputs_close(&s->outputs);
    fg_reports_close(&s->reports);
    for (unsigned i = 0; i < 2; i++) {
        fg_socket_close(s->matcher[i]);
        s->matcher[i] = NULL;
    }
    fg_bus_destroy(s->bus);
    s->bus = NULL;
}

// What can't be connected does not keep an emergency from opening.
static int connect_or_reduce(struct service *s, struct fg_error *err)
{
    int r = open_sockets(s, err);
    if (r == 0)
        return 0;
    close_sockets(s);
    s->trouble = *err;
    if (r == -EADDRINUSE || fg_gate_conf_reduce(s->conf) < 0)
        return r;
    fg_log(FG_LOG_ERROR, "%s; only the emergency input works", err->text);
    return 0;
}

static int start(struct service *s, const struct fg_gpio_system *gpio, struct fg_error *err)
{
    int r = open_signals(s);
    if (r < 0)
        return fg_fail(err, r, "signalfd: %s", strerror(-r));
    if (!s->conf->salvaged && (r = connect_or_reduce(s, err)) < 0)
        return r;
    r = fg_board_create(s->conf, gpio, &s->board);
    if (r == 0)
        r = watch(s->event_fd, fg_board_fd(s->board));
    if (r < 0)
        return fg_fail(err, r, "can't watch the lines: %s", strerror(-r));
    uint64_t now_ns = fg_monotonic_ns();
    fg_lane_init(&s->lane, &s->conf->rules, on_news, s, now_ns);
    s->tally_ns = now_ns + TALLY_NS;
    s->watchdog_ns = fg_notify_watchdog_ns();
    return 0;
}

static void finish(struct service *s)
{
    close_sockets(s);
    fg_board_destroy(s->board);
    if (s->event_fd >= 0)
        close(s->event_fd);
    if (s->signal_fd >= 0)
        close(s->signal_fd);
}

// ---- a turn ------------------------------------------------------------------------------------

static void read_signals(struct service *s)
{
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo != SIGCHLD)
            s->stopping = true;
}

static void take_decisions(struct service *s)
{
    struct fg_message message;
    struct fg_verdict verdict;
    for (unsigned i = 0; s->matcher[DECISIONS] && i < MESSAGES_A_TURN; i++) {
        int r = fg_socket_receive(s->matcher[DECISIONS], 0, &message);
        if (r < 0 && r != -EMSGSIZE)
            return;
        uint64_t now_ns = fg_monotonic_ns();
        enum fg_verdict_fate fate = fg_verdicts_take(&s->verdicts, &message, now_ns, &verdict);
        if (fate == FG_VERDICT_GOOD)
            fg_lane_decide(&s->lane, verdict.outcome, verdict.id, now_ns);
        else if (fate == FG_VERDICT_STALE && verdict.outcome == FG_LANE_ADMIT)
            fg_lane_refuse(&s->lane, verdict.id, now_ns);
    }
}

static void take_heartbeats(struct service *s)
{
    struct fg_message message;
    struct fg_decision_id acknowledged;
    for (unsigned i = 0; s->matcher[HEARTBEATS] && i < MESSAGES_A_TURN; i++) {
        int r = fg_socket_receive(s->matcher[HEARTBEATS], 0, &message);
        if (r < 0 && r != -EMSGSIZE)
            return;
        if (!fg_heartbeat_read(&message, s->conf->lane, &acknowledged)) {
            s->tally.bad_heartbeats++;
            continue;
        }
        fg_reports_acknowledge(&s->reports, acknowledged);
        fg_lane_heartbeat(&s->lane, fg_monotonic_ns());
    }
}

// The emergency first: nothing else may delay it.
static void read_inputs(struct service *s, uint64_t now_ns)
{
    fg_board_work(s->board, now_ns);
    fg_lane_emergency(&s->lane, fg_board_input(s->board, FG_PIN_EMERGENCY), now_ns);
    fg_lane_beam(&s->lane, fg_board_input(s->board, FG_PIN_BEAM), now_ns);
    fg_lane_button(&s->lane, fg_board_input(s->board, FG_PIN_BUTTON), now_ns);
    fg_lane_lines(&s->lane, fg_board_is_whole(s->board));
}

static void drive(struct service *s, uint64_t now_ns)
{
    struct fg_lamps lamps = fg_lane_lamps(&s->lane, now_ns);
    fg_board_set(s->board, FG_PIN_OPEN, fg_lane_open_line(&s->lane, now_ns), now_ns);
    fg_board_set(s->board, FG_PIN_RED, lamps.red, now_ns);
    fg_board_set(s->board, FG_PIN_GREEN, lamps.green, now_ns);
    fg_board_set(s->board, FG_PIN_BUZZER, lamps.buzzer, now_ns);
}

static void report(struct service *s, uint64_t now_ns)
{
    enum fg_lane_state state = fg_lane_state(&s->lane, now_ns);
    bool changed = state != s->state || !s->state_ns;
    s->state = state;
    if (changed)
        notify_state(s);
    if (changed || now_ns >= s->state_ns) {
        tell_outputs(s, "state", (struct fg_decision_id){0, 0}, now_ns);
        s->state_ns = now_ns + STATE_NS;
    }
    fg_reports_work(&s->reports, now_ns);
    fg_outputs_work(&s->outputs, now_ns);
    if (now_ns >= s->tally_ns) {
        fg_tally_log(&s->tally, &s->lane, &s->verdicts, &s->reports);
        s->tally_ns = now_ns + TALLY_NS;
    }
}

static void notify_systemd(struct service *s, uint64_t now_ns)
{
    if (!s->ready && (fg_board_is_whole(s->board) || s->lane.emergency)) { // it stays, then
        s->ready = true;
        fg_log(FG_LOG_INFO, "ready: lane %s", s->conf->lane);
        fg_notify("READY=1");
        notify_state(s);
    }
    if (s->watchdog_ns > 0 && now_ns - s->fed_ns >= s->watchdog_ns) {
        s->fed_ns = now_ns;
        fg_notify("WATCHDOG=1");
    }
}

static int wait_ms(const struct service *s)
{
    uint64_t now_ns = fg_monotonic_ns(), due = now_ns + TURN_NS;
    const uint64_t others[] = {fg_board_due_ns(s->board), fg_lane_due_ns(&s->lane, now_ns),
                               fg_outputs_due_ns(&s->outputs)};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        due = others[i] < due ? others[i] : due;
    return due <= now_ns ? 0 : (int)((due - now_ns + NS_PER_MS - 1) / NS_PER_MS);
}

// A lane that is held open is not let go because a lamp is missing.
static bool gives_up(const struct service *s, uint64_t now_ns)
{
    uint64_t since_ns = fg_board_missing_ns(s->board);
    return since_ns > 0 && now_ns - since_ns >= s->conf->give_up_ms * NS_PER_MS &&
           !fg_lane_is_open(&s->lane);
}

static int loop(struct service *s, struct fg_error *err)
{
    for (;;) {
        int ready = fg_bus_poll(s->matcher, s->matcher[DECISIONS] ? 2 : 0, s->event_fd, wait_ms(s));
        if (ready < 0 && ready != -EINTR)
            return fg_fail(err, ready, "waiting for messages failed: %s", strerror(-ready));
        read_signals(s);
        if (s->stopping)
            return 0;
        read_inputs(s, fg_monotonic_ns());
        take_decisions(s);
        take_heartbeats(s);
        uint64_t now_ns = fg_monotonic_ns();
        fg_lane_tick(&s->lane, now_ns);
        drive(s, now_ns);
        report(s, now_ns);
        notify_systemd(s, now_ns);
        if (gives_up(s, now_ns))
            return fg_fail(err, -EAGAIN, "%s; giving up for now", fg_board_trouble(s->board));
    }
}

// An emergency outlives the program, as far as the chip keeps its levels.
static void stop(struct service *s)
{
    enum fg_on_stop how = (enum fg_on_stop)s->conf->on_stop;
    uint64_t now_ns = fg_monotonic_ns();
    if (s->lane.emergency)
        how = FG_ON_STOP_OPEN;
    bool open = how == FG_ON_STOP_OPEN || (how == FG_ON_STOP_HOLD && fg_lane_is_open(&s->lane));
    const struct fg_telling last = {.event = "stopped", .state = "stopped", .open = open};
    fg_notify("STOPPING=1");
    fg_board_stop(s->board, how, now_ns);
    fg_outputs_tell(&s->outputs, &last);
    fg_reports_work(&s->reports, now_ns);
    fg_tally_log(&s->tally, &s->lane, &s->verdicts, &s->reports);
}

static int failed(int code, const struct fg_error *err)
{
    fg_log(FG_LOG_ERROR, "%s", err->text[0] ? err->text : strerror(-code));
    if (code == -EAGAIN || code == -EADDRINUSE || code == -ENOMEM)
        return FG_EXIT_TEMPORARY;
    return FG_EXIT_CONFIG;
}

int fg_service_run(struct fg_gate_conf *conf, const char *trouble,
                   const struct fg_gpio_system *gpio)
{
    struct service service = {
        .conf = conf, .signal_fd = -1, .event_fd = -1, .verdicts = {.lane = conf->lane}};
    struct fg_error err = {""};
    snprintf(service.trouble.text, sizeof service.trouble.text, "%s", trouble ? trouble : "");
    int r = start(&service, gpio, &err);
    if (r == 0) {
        r = loop(&service, &err);
        stop(&service);
    }
    int code = r < 0 ? failed(r, &err) : FG_EXIT_OK;
    finish(&service);
    return code;
}
