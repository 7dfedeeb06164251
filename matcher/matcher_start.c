// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/wipe.h"
#include "matcher/matcher.h"

#ifndef FG_VERSION
#define FG_VERSION "unreleased"
#endif

#define CHECKS_READY 2 // processes that wait for documents

static int read_policy_and_card(struct fg_matcher *m, struct fg_error *err)
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

// A gate without its sentences still opens.
static int load_words(struct fg_matcher *m, struct fg_error *err)
{
    const char *languages[FG_POLICY_LANGUAGES];
    struct fg_error why = {""};
    for (unsigned i = 0; i < m->policy.n_languages; i++)
        languages[i] = m->policy.languages[i];
    int r =
        fg_words_load(m->settings.locale, languages, m->policy.n_languages, true, &m->words, &why);
    if (r > 0)
        fg_log(FG_LOG_WARNING, "%s", why.text);
    return r < 0 ? fg_fail(err, r, "%s: languages: %s", m->settings.profile, why.text) : 0;
}

static int enter(void *context, const struct fg_member *member)
{
    struct fg_matcher *m = context;
    return fg_roster_add(m->roster, member); // a gallery has each id once
}

static int watch(int epoll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_sockets(struct fg_matcher *m, struct fg_error *err)
{
    const struct fg_settings *s = &m->settings;
    const struct fg_decision_context about = {.profile = m->policy.name,
                                              .run = m->run,
                                              .boot = m->boot,
                                              .valid_ms = m->policy.valid_ms,
                                              .words = m->words};
    int r = fg_bus_create(&m->bus);
    if (r < 0)
        return fg_fail(err, r, "out of memory");
    r = fg_announce_open(&m->announcer, m->bus, s->decision, s->lane, &about, err);
    if (r == 0)
        r = fg_doors_bind(&m->doors, m->bus, s->control, &m->policy, err);
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
    struct fg_matcher *m = context;
    fg_roster_expect(m->roster, most);
    return open_sockets(m, err);
}

static int open_gallery(struct fg_matcher *m, struct fg_error *err)
{
    const struct fg_settings *s = &m->settings;
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

static void warn(const struct fg_matcher *m)
{
    struct fg_gallery_state state;
    struct fg_threshold threshold;
    struct fg_error err;
    uint64_t candidates = fg_roster_candidates(m->roster, NULL, fg_matcher_seconds());
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

static int open_signals(struct fg_matcher *m, struct fg_error *err)
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

static int open_ledger(struct fg_matcher *m, struct fg_error *err)
{
    char directory[sizeof m->settings.gallery + sizeof "/ledger"];
    snprintf(directory, sizeof directory, "%s/ledger", m->settings.gallery);
    const struct fg_ledger_options options = {.directory = directory,
                                              .map_bytes = (uint64_t)m->settings.ledger_mib << 20};
    return m->policy.keep_nothing ? 0 : fg_ledger_open(&options, &m->ledger, err);
}

static int open_passages(struct fg_matcher *m, struct fg_error *err)
{
    int r = open_ledger(m, err);
    if (r < 0)
        return r;
    m->lanes.tokens = m->policy.mode == FG_MODE_PASS || m->policy.mode == FG_MODE_VAULT;
    m->lanes.keep_nothing = m->policy.keep_nothing;
    m->lanes.sleep_after_s = m->policy.sleep_after_s;
    const struct fg_passages_options options = {.policy = &m->policy,
                                                .ledger = m->ledger,
                                                .tills = &m->tills,
                                                .who = fg_matcher_who,
                                                .context = m,
                                                .run = m->run};
    return fg_passages_create(&options, fg_matcher_now(), &m->passages, err);
}

// The matcher's own card, and the detector's beside it.
static int open_checks(struct fg_matcher *m, struct fg_error *err)
{
    char folder[sizeof m->settings.model], name[sizeof m->settings.model];
    snprintf(folder, sizeof folder, "%s", m->settings.model);
    snprintf(name, sizeof name, "%s", m->settings.model);
    char *embedder = basename(name), *dot = strrchr(embedder, '.');
    if (dot)
        *dot = '\0';
    const char *const arguments[] = {"--models", dirname(folder), "--embedder", embedder, NULL};
    const struct fg_checks_options options = {
        .portrait = {.program = m->settings.portrait,
                     .arguments = arguments,
                     .model = m->card.id,
                     .dimension = fg_card_template_dimension(&m->card)},
        .ready = CHECKS_READY,
        .context = m,
        .compared = fg_matcher_compared,
        .failed = fg_matcher_check_failed};
    if (m->policy.mode != FG_MODE_PORTRAIT)
        return 0;
    int r = fg_checks_create(&options, &m->checks, err);
    return r < 0 ? r : watch(m->event_fd, fg_checks_fd(m->checks));
}

static int open_reader(struct fg_matcher *m, struct fg_error *err)
{
    const struct fg_reader_options options = {.policy = &m->policy,
                                              .ledger = m->ledger,
                                              .gallery = m->gallery,
                                              .model = m->card.id,
                                              .dimension = fg_card_template_dimension(&m->card),
                                              .keys = m->settings.tokens};
    if (m->policy.mode != FG_MODE_PASS && m->policy.mode != FG_MODE_VAULT)
        return 0;
    return fg_reader_create(&options, &m->reader, err);
}

static void set_control(struct fg_matcher *m)
{
    m->control = (struct fg_control){.version = FG_VERSION,
                                     .gallery = m->gallery,
                                     .roster = m->roster,
                                     .decide = m->decide,
                                     .policy = &m->policy,
                                     .card = &m->card,
                                     .latency = &m->latency,
                                     .drain = m->drain,
                                     .ledger = m->ledger,
                                     .tills = &m->tills,
                                     .lanes = &m->lanes,
                                     .passages = m->passages,
                                     .checks = m->checks,
                                     .again = fg_matcher_again,
                                     .claim = fg_matcher_claim,
                                     .context = m,
                                     .started_ns = fg_monotonic_ns()};
}

static int open_decisions(struct fg_matcher *m, struct fg_error *err)
{
    const struct fg_decide_hooks hooks = fg_matcher_hooks(m);
    int r = open_passages(m, err);
    if (r < 0)
        return r;
    r = fg_decide_create(&m->policy, &m->card, m->roster, &hooks, &m->decide);
    r = r < 0 ? fg_fail(err, r, "out of memory") : open_checks(m, err);
    return r < 0 ? r : open_reader(m, err);
}

int fg_matcher_start(struct fg_matcher *m, struct fg_error *err)
{
    int r = open_signals(m, err);
    m->run = fg_random_u64();
    m->boot = fg_boot_number();
    if (r == 0)
        r = read_policy_and_card(m, err);
    fg_wipe_on_free(m->policy.keep_nothing);
    if (r == 0)
        r = load_words(m, err);
    if (r == 0)
        r = open_gallery(m, err);
    if (r == 0)
        r = open_decisions(m, err);
    if (r < 0)
        return r;
    set_control(m);
    if (fg_doors_open(&m->doors, &m->control) < 0)
        return fg_fail(err, -ENOMEM, "out of memory");
    warn(m);
    return 0;
}

void fg_matcher_finish(struct fg_matcher *m)
{
    fg_doors_close(&m->doors);
    fg_drain_stop(m->drain);
    fg_announce_close(&m->announcer);
    fg_bus_destroy(m->bus);
    fg_checks_destroy(m->checks);
    fg_reader_destroy(m->reader);
    fg_decide_destroy(m->decide);
    fg_passages_destroy(m->passages);
    fg_ledger_close(m->ledger);
    explicit_bzero(&m->tills, sizeof m->tills);
    fg_roster_destroy(m->roster);
    fg_gallery_close(m->gallery);
    fg_words_destroy(m->words);
    if (m->event_fd >= 0)
        close(m->event_fd);
    if (m->signal_fd >= 0)
        close(m->signal_fd);
    explicit_bzero(&m->room, sizeof m->room);
}
