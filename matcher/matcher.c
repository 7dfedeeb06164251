// SPDX-License-Identifier: Apache-2.0
// facegate-matcher: one thread decides (it owns gallery, index, the control and decision sockets),
// one drains probes. Documented in facegate-matcher(8).
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/card.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/log.h"
#include "common/notify.h"
#include "matcher/control.h"
#include "matcher/decide.h"
#include "matcher/desk.h"
#include "matcher/drain.h"
#include "matcher/gallery.h"
#include "matcher/latency.h"
#include "matcher/policy.h"
#include "matcher/roster.h"

#ifndef FG_VERSION
#define FG_VERSION "unreleased"
#endif

#define EXIT_USAGE      2
#define DECISION_MARK   256 // messages
#define CONTROL_MARK    64
#define MESSAGES_A_TURN 64              // before requests get their turn
#define REQUESTS_NS     (2 * NS_PER_MS) // requests are taken for so long, then their changes made
#define NS_PER_MS       UINT64_C(1000000)
#define NS_PER_S        UINT64_C(1000000000)
#define TEND_NS         NS_PER_MS // codes are made between searches, for so long at a time

// ---- settings ----------------------------------------------------------------------------------

struct settings {
    char gallery[512], profile[512], model[512], key[512];
    bool make_key;
    uint32_t gallery_mib;
    bool exact;
    double dismissal;
    char probe[256], decision[256], control[256];
};

#define TEXT(section, name)                                                                        \
    {                                                                                              \
        section, #name, FG_CONF_STRING, offsetof(struct settings, name),                           \
            .size = sizeof((struct settings *)NULL)->name                                          \
    }

static const struct fg_conf_key keys[] = {
    TEXT("matcher", gallery),
    TEXT("matcher", profile),
    TEXT("matcher", model),
    TEXT("matcher", key),
    {"matcher", "make_key", FG_CONF_BOOL, .offset = offsetof(struct settings, make_key)},
    {"matcher", "gallery_mib", FG_CONF_U32, .offset = offsetof(struct settings, gallery_mib),
     .low = 1, .high = 1 << 20},
    {"matcher", "exact", FG_CONF_BOOL, .offset = offsetof(struct settings, exact)},
    {"matcher", "dismissal", FG_CONF_DOUBLE, .offset = offsetof(struct settings, dismissal),
     .low = FG_INDEX_DISMISSAL_LOW, .high = FG_INDEX_DISMISSAL_HIGH},
    TEXT("sockets", probe),
    TEXT("sockets", decision),
    TEXT("sockets", control),
};
#define KEYS (sizeof keys / sizeof keys[0])

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},  {"gallery", required_argument, NULL, 'g'},
    {"profile", required_argument, NULL, 'p'}, {"model", required_argument, NULL, 'm'},
    {"key", required_argument, NULL, 'k'},     {"make-key", no_argument, NULL, 'K'},
    {"probe", required_argument, NULL, 'P'},   {"decision", required_argument, NULL, 'D'},
    {"control", required_argument, NULL, 'C'}, {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},       {NULL, 0, NULL, 0},
};

static const char usage_text[] =
    "usage: facegate-matcher [--config FILE] [--gallery DIR] [--profile FILE] [--model CARD]\n"
    "                        [--key FILE [--make-key]] [--probe ENDPOINT]\n"
    "                        [--decision ENDPOINT] [--control ENDPOINT]\n"
    "       facegate-matcher --help | --version\n"
    "\n"
    "Decides who may pass, from the probes of facegate-camera. Options override the\n"
    "configuration file; gallery, profile and model have no default. An endpoint is\n"
    "ipc://PATH. See facegate-matcher(8).\n";

static const struct fg_conf_key *key_named(const char *name)
{
    for (size_t i = 0; i < KEYS; i++)
        if (strcmp(keys[i].key, name) == 0)
            return &keys[i];
    return NULL;
}

static int apply_options(int argc, char **argv, struct settings *settings, struct fg_error *err)
{
    int option, at, r = 0;
    optind = 1;
    while (r == 0 && (option = getopt_long(argc, argv, "", options, &at)) != -1) {
        if (option == 'c')
            continue;
        if (option == 'K')
            settings->make_key = true;
        else
            r = fg_conf_set(key_named(options[at].name), optarg, settings, err);
    }
    return r;
}

static int complete(const struct settings *s, struct fg_error *err)
{
    const char *missing = !s->gallery[0]   ? "gallery"
                          : !s->profile[0] ? "profile"
                          : !s->model[0]   ? "model"
                                           : NULL;
    if (missing)
        return fg_fail(err, -EINVAL, "no %s: give --%s, or %s in [matcher] of the --config file",
                       missing, missing, missing);
    if (s->make_key && !s->key[0])
        return fg_fail(err, -EINVAL, "--make-key needs --key FILE to say where");
    return 0;
}

static int read_settings(int argc, char **argv, const char *config, struct settings *ret,
                         struct fg_error *err)
{
    struct settings s = {.probe = "ipc:///run/facegate/probe/probe.sock",
                         .decision = "ipc:///run/facegate/gate/decision.sock",
                         .control = "ipc:///run/facegate/admin/control.sock"};
    int r = config ? fg_conf_read_all(config, keys, KEYS, &s, err) : 0;
    if (r == 0)
        r = apply_options(argc, argv, &s, err);
    if (r == 0)
        r = complete(&s, err);
    if (r == 0)
        *ret = s;
    return r;
}

// ---- the matcher -------------------------------------------------------------------------------

struct matcher {
    struct settings settings;
    struct fg_policy policy;
    struct fg_card card;
    struct fg_gallery *gallery;
    struct fg_roster *roster;
    struct fg_decide *decide;
    struct fg_bus *bus;
    struct fg_drain *drain;
    struct fg_socket *decisions, *requests;
    struct fg_latency latency;
    struct fg_control control;
    struct fg_desk *desk;
    uint64_t run, boot;
    int signal_fd, event_fd; // event_fd: an epoll of the signal and the drain
    bool stopping, warned_model;
    struct fg_wire_message room;
};

static uint64_t realtime_s(void)
{
    return fg_realtime_ns() / NS_PER_S;
}

static void on_decision(void *context, const struct fg_decision *given)
{
    struct matcher *m = context;
    struct fg_decision decision = *given;
    decision.t_decision_ns = fg_monotonic_ns(); // after the search, not before
    double latency = fg_decision_latency_ms(&decision, m->boot);
    if (latency >= 0 && decision.outcome != FG_RETRY)
        fg_latency_add(&m->latency, latency);
    struct fg_decision_context about = {.profile = m->policy.name,
                                        .run = m->run,
                                        .boot = m->boot,
                                        .realtime_ns = fg_realtime_ns(),
                                        .valid_ms = m->policy.valid_ms};
    struct fg_json *json = fg_decision_json(&decision, &about);
    char *text = fg_json_print(json, false);
    char topic[FG_WIRE_NAME];
    struct fg_part parts[] = {{topic, fg_wire_topic(decision.lane, topic)}, {text, strlen(text)}};
    int r = fg_socket_send(m->decisions, parts, 2);
    if (r < 0)
        fg_log(FG_LOG_WARNING, "a decision was not sent: %s", strerror(-r));
    free(text);
    fg_json_destroy(json);
}

// ---- answers -----------------------------------------------------------------------------------

static void send_answer(void *context, const struct fg_part *peer, struct fg_json *answer)
{
    struct matcher *m = context;
    char *text = fg_json_print(answer, false);
    struct fg_part parts[] = {*peer, {text, strlen(text)}};
    int r = fg_socket_send(m->requests, parts, 2);
    if (r < 0)
        fg_log(FG_LOG_DEBUG, "a client left before its answer: %s", strerror(-r));
    free(text);
    fg_json_destroy(answer);
}

static struct fg_json *too_many_parts(void)
{
    char message[64];
    struct fg_json *reply = fg_json_object();
    snprintf(message, sizeof message, "a request has at most %d parts", FG_BUS_PARTS - 1);
    fg_json_add_number(reply, "v", 1);
    fg_json_add_bool(reply, "ok", false);
    fg_json_add_string(reply, "error", "bad_request");
    fg_json_add_string(reply, "message", message);
    return reply;
}

// ---- start -------------------------------------------------------------------------------------

static bool of_configuration(int code)
{
    static const int codes[] = {ENOENT, EACCES,       EINVAL,     ENOTDIR,         ENODATA,
                                ERANGE, ENAMETOOLONG, EOPNOTSUPP, EPERM,           EROFS,
                                ENOKEY, EKEYREJECTED, EISDIR,     EPROTONOSUPPORT, ELOOP};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (code == -codes[i])
            return true;
    return false;
}

static int failed(int code, const struct fg_error *err)
{
    fg_log(FG_LOG_ERROR, "%s", err->text[0] ? err->text : strerror(-code));
    if (code == -EBUSY || code == -EADDRINUSE)
        return EX_TEMPFAIL;
    return of_configuration(code) ? EX_CONFIG : EXIT_FAILURE;
}

static int read_policy_and_card(struct matcher *m, struct fg_error *err)
{
    struct fg_threshold threshold;
    int r = fg_policy_read(m->settings.profile, &m->policy, err);
    if (r == 0)
        r = fg_card_read(m->settings.model, &m->card, err);
    if (r < 0)
        return r;
    if (m->card.kind != FG_CARD_EMBEDDER)
        return fg_fail(err, -EINVAL, "%s: kind must be embedder: only its vectors are compared",
                       m->settings.model);
    r = fg_calibrate(&m->card, &m->policy, 1, &threshold, err);
    return r < 0 ? fg_fail_prefix(err, r, "%s", m->settings.profile) : 0;
}

static int enter(void *context, const struct fg_member *member)
{
    struct matcher *m = context;
    return fg_roster_add(m->roster, member); // a gallery has each id once
}

static int watch(int epoll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_sockets(struct matcher *m, struct fg_error *err)
{
    const struct settings *s = &m->settings;
    int r = fg_bus_create(&m->bus);
    if (r < 0)
        return fg_fail(err, r, "out of memory");
    r = fg_socket_bind(m->bus, FG_SOCKET_PUB, s->decision, DECISION_MARK, &m->decisions, err);
    if (r == 0)
        r = fg_socket_bind(m->bus, FG_SOCKET_ROUTER, s->control, CONTROL_MARK, &m->requests, err);
    if (r == 0)
        r = fg_drain_start(m->bus, s->probe, &m->drain, err);
    if (r < 0)
        return r;
    r = watch(m->event_fd, fg_drain_fd(m->drain));
    return r < 0 ? fg_fail(err, r, "epoll: %s", strerror(-r)) : 0;
}

// The gallery's lock is ours: a second bind would take a socket over. Peers join while it loads.
static int begin(void *context, uint64_t most, struct fg_error *err)
{
    struct matcher *m = context;
    fg_roster_expect(m->roster, most);
    return open_sockets(m, err);
}

static int open_gallery(struct matcher *m, struct fg_error *err)
{
    const struct settings *s = &m->settings;
    struct fg_gallery_options gallery = {.directory = s->gallery,
                                         .master_key_file = s->key[0] ? s->key : NULL,
                                         .make_key = s->make_key,
                                         .model = m->card.id,
                                         .dimension = fg_card_template_dimension(&m->card),
                                         .map_bytes = (uint64_t)s->gallery_mib << 20,
                                         .visit = enter,
                                         .begin = begin,
                                         .context = m};
    struct fg_index_options index = {.dimension = gallery.dimension,
                                     .deterministic = s->exact,
                                     .dismissal = s->dismissal,
                                     .later = true};
    int r = fg_roster_create(&index, &m->roster);
    if (r == 0)
        r = fg_gallery_open(&gallery, &m->gallery, err);
    return r < 0 && !err->text[0] ? fg_fail(err, r, "can't load the gallery: %s", strerror(-r)) : r;
}

static void warn(const struct matcher *m)
{
    struct fg_gallery_state state;
    struct fg_threshold threshold;
    struct fg_error err;
    uint64_t candidates = fg_roster_candidates(m->roster, NULL, realtime_s());
    fg_gallery_state(m->gallery, &state);
    if (fg_gallery_key_from_file(m->gallery))
        fg_log(FG_LOG_WARNING, "the master key is a plain file: prefer a systemd credential");
    if (!fg_roster_locked(m->roster))
        fg_log(FG_LOG_WARNING, "templates may be swapped to disk: raise LimitMEMLOCK");
    if (state.corrupt > 0)
        fg_log(FG_LOG_WARNING, "%" PRIu64 " records do not open and are not searched",
               state.corrupt);
    if (state.foreign > 0)
        fg_log(FG_LOG_WARNING, "%" PRIu64 " subjects are of another model: enrol them again",
               state.foreign);
    if (fg_calibrate(&m->card, &m->policy, candidates, &threshold, &err) < 0)
        fg_log(FG_LOG_WARNING, "nobody is identified: %s", err.text);
}

static int open_signals(struct matcher *m, struct fg_error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL); // before any thread starts
    signal(SIGPIPE, SIG_IGN);
    m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    m->event_fd = m->signal_fd < 0 ? -1 : epoll_create1(EPOLL_CLOEXEC);
    int r = m->event_fd < 0 ? -errno : watch(m->event_fd, m->signal_fd);
    return r < 0 ? fg_fail(err, r, "signalfd: %s", strerror(-r)) : 0;
}

static int start(struct matcher *m, struct fg_error *err)
{
    int r = open_signals(m, err);
    if (r == 0)
        r = read_policy_and_card(m, err);
    if (r == 0)
        r = open_gallery(m, err);
    if (r < 0)
        return r;
    r = fg_decide_create(&m->policy, &m->card, m->roster, on_decision, m, &m->decide);
    if (r < 0)
        return fg_fail(err, r, "out of memory");
    m->run = fg_random_u64();
    m->boot = fg_boot_number();
    m->control = (struct fg_control){.version = FG_VERSION,
                                     .gallery = m->gallery,
                                     .roster = m->roster,
                                     .decide = m->decide,
                                     .policy = &m->policy,
                                     .card = &m->card,
                                     .latency = &m->latency,
                                     .drain = m->drain,
                                     .started_ns = fg_monotonic_ns()};
    r = fg_desk_create(&m->control, send_answer, m, &m->desk);
    return r < 0 ? fg_fail(err, r, "out of memory") : 0;
}

static void finish(struct matcher *m)
{
    fg_desk_destroy(m->desk);
    fg_drain_stop(m->drain);
    fg_socket_close(m->requests);
    fg_socket_close(m->decisions);
    fg_bus_destroy(m->bus);
    fg_decide_destroy(m->decide);
    fg_roster_destroy(m->roster);
    fg_gallery_close(m->gallery);
    if (m->event_fd >= 0)
        close(m->event_fd);
    if (m->signal_fd >= 0)
        close(m->signal_fd);
    explicit_bzero(&m->room, sizeof m->room);
}

// ---- loop --------------------------------------------------------------------------------------

// All that wait, so that one flush of the disk serves many; up to a bound, so that cameras get
// their turn.
static void answer_requests(struct matcher *m)
{
    struct fg_message request;
    const uint64_t end = fg_monotonic_ns() + REQUESTS_NS;
    bool more = true;
    while (more && !fg_desk_full(m->desk) && fg_monotonic_ns() < end) {
        int r = fg_socket_receive(m->requests, 0, &request);
        more = r != -EAGAIN;
        if (r == -EMSGSIZE) {
            fg_desk_commit(m->desk); // its client may have asked before
            send_answer(m, &request.parts[0], too_many_parts());
        } else if (r == 0) {
            fg_desk_take(m->desk, request.parts, request.count, fg_monotonic_ns(), realtime_s());
        }
    }
    fg_desk_commit(m->desk);
    if (!more)
        fg_gallery_restock(m->gallery);
}

// True: there may be more.
static bool take_messages(struct matcher *m)
{
    for (unsigned i = 0; i < MESSAGES_A_TURN; i++) {
        if (!fg_drain_take(m->drain, &m->room)) {
            explicit_bzero(&m->room, sizeof m->room); // no vector stays while waiting
            return false;
        }
        fg_decide_take(m->decide, &m->room, fg_monotonic_ns(), realtime_s());
    }
    return true;
}

static void warn_wrong_model(struct matcher *m)
{
    if (m->warned_model || fg_decide_counters(m->decide)->wrong_model == 0)
        return;
    m->warned_model = true;
    fg_log(FG_LOG_WARNING,
           "a camera sends vectors of another model, they are ignored: give cameras and matcher "
           "the same model card (facegate status counts them)");
}

static void read_events(struct matcher *m)
{
    struct signalfd_siginfo info;
    uint64_t count;
    if (read(m->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        m->stopping = true;
    // Emptied before the messages are taken: what comes later wakes again.
    ssize_t n = read(fg_drain_fd(m->drain), &count, sizeof count);
    (void)n;
}

static int timeout_ms(const struct matcher *m, uint64_t watchdog_ns)
{
    uint64_t now = fg_monotonic_ns(), due = fg_decide_due_ns(m->decide);
    if (watchdog_ns && now + watchdog_ns < due)
        due = now + watchdog_ns;
    if (due == UINT64_MAX)
        return -1;
    return due <= now ? 0 : (int)((due - now) / NS_PER_MS) + 1;
}

static int loop(struct matcher *m, struct fg_error *err)
{
    uint64_t watchdog_ns = fg_notify_watchdog_ns(), fed_ns = 0;
    bool more = false;
    while (!m->stopping) {
        int wait = more ? 0 : timeout_ms(m, watchdog_ns);
        int ready = fg_bus_poll(&m->requests, 1, m->event_fd, wait);
        if (ready < 0 && ready != -EINTR)
            return fg_fail(err, ready, "waiting for messages failed: %s", strerror(-ready));
        read_events(m);
        more = take_messages(m);
        fg_decide_tick(m->decide, fg_monotonic_ns(), realtime_s());
        answer_requests(m);
        more |= fg_roster_tend(m->roster, TEND_NS);
        warn_wrong_model(m);
        if (watchdog_ns && fg_monotonic_ns() - fed_ns >= watchdog_ns) {
            fed_ns = fg_monotonic_ns();
            fg_notify("WATCHDOG=1");
        }
    }
    return 0;
}

static int run(struct matcher *m)
{
    struct fg_error err = {""};
    int r = start(m, &err);
    if (r == 0) {
        warn(m);
        fg_log(FG_LOG_INFO, "ready: profile %s, model %s, %" PRIu64 " templates", m->policy.name,
               m->card.name, fg_roster_count(m->roster));
        fg_notify("READY=1");
        r = loop(m, &err);
        fg_notify("STOPPING=1");
    }
    int code = r < 0 ? failed(r, &err) : EXIT_SUCCESS;
    finish(m);
    return code;
}

// A first look at the options: what ends the program, and which file holds the settings.
static int look(int argc, char **argv, const char **ret_config)
{
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage_text, stdout);
            return EXIT_SUCCESS;
        }
        if (option == 'V') {
            puts("facegate-matcher " FG_VERSION);
            return EXIT_SUCCESS;
        }
        if (option == '?')
            return EXIT_USAGE; // getopt has said why
        if (option == 'c')
            *ret_config = optarg;
    }
    if (optind < argc) {
        fprintf(stderr, "facegate-matcher: unexpected argument %s; see --help\n", argv[optind]);
        return EXIT_USAGE;
    }
    return -1;
}

int main(int argc, char **argv)
{
    static struct matcher matcher = {.signal_fd = -1, .event_fd = -1};
    const char *config = NULL;
    struct fg_error err = {""};
    fg_log_init("facegate-matcher", FG_LOG_INFO);
    int code = look(argc, argv, &config);
    if (code >= 0)
        return code;
#ifndef __SANITIZE_ADDRESS__            // whose leak check is a tracer
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); // no core file, no tracer of our own user
#endif
    umask(0077);
    int r = read_settings(argc, argv, config, &matcher.settings, &err);
    return r < 0 ? failed(r, &err) : run(&matcher);
}
