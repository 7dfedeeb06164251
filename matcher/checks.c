// SPDX-License-Identifier: Apache-2.0
#include "matcher/checks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "matcher/decision.h"

struct place {
    struct fg_portrait_check *check;
    char lane[FG_WIRE_NAME]; // empty: nobody's
    float face[FG_WIRE_DIMENSION];
    bool waits;        // the face, until the portrait was looked at
    uint64_t again_ns; // before it is started again
};

struct fg_checks {
    struct fg_checks_options options;
    uint32_t dimension;
    int fd;
    unsigned count;
    struct place places[FG_CHECKS];
};

// ---- processes ---------------------------------------------------------------------------------

static void set_going(struct place *place, uint64_t now_ns)
{
    struct fg_error err = {""};
    if (fg_portrait_check_state(place->check) != FG_PORTRAIT_OFF || now_ns < place->again_ns)
        return;
    place->again_ns = now_ns + FG_CHECKS_AGAIN_MS * UINT64_C(1000000);
    if (fg_portrait_check_start(place->check, &err) < 0)
        fg_log(FG_LOG_ERROR, "no document can be checked: %s", err.text);
}

static int add_place(struct fg_checks *checks, struct fg_error *err)
{
    struct place *place = &checks->places[checks->count];
    struct epoll_event event = {.events = EPOLLIN};
    int r = fg_portrait_check_create(&checks->options.portrait, &place->check, err);
    if (r < 0)
        return r;
    checks->count++;
    if (epoll_ctl(checks->fd, EPOLL_CTL_ADD, fg_portrait_check_fd(place->check), &event) < 0)
        return fg_fail(err, -errno, "epoll: %s", strerror(errno));
    set_going(place, fg_monotonic_ns());
    return 0;
}

int fg_checks_create(const struct fg_checks_options *options, struct fg_checks **ret,
                     struct fg_error *err)
{
    struct fg_checks *checks = calloc(1, sizeof *checks);
    if (!checks)
        return fg_fail(err, -ENOMEM, "out of memory");
    checks->options = *options;
    checks->dimension = options->portrait.dimension;
    checks->fd = epoll_create1(EPOLL_CLOEXEC);
    int r = checks->fd < 0 ? fg_fail(err, -errno, "epoll: %s", strerror(errno)) : 0;
    for (unsigned i = 0; i < options->ready && i < FG_CHECKS && r == 0; i++)
        r = add_place(checks, err);
    if (r < 0)
        fg_checks_destroy(checks);
    else
        *ret = checks;
    return r;
}

void fg_checks_destroy(struct fg_checks *checks)
{
    if (!checks)
        return;
    for (unsigned i = 0; i < checks->count; i++)
        fg_portrait_check_destroy(checks->places[i].check);
    if (checks->fd >= 0)
        close(checks->fd);
    explicit_bzero(checks, sizeof *checks);
    free(checks);
}

// ---- lanes -------------------------------------------------------------------------------------

static struct place *place_of(struct fg_checks *checks, const char *lane)
{
    for (unsigned i = 0; i < checks->count; i++)
        if (checks->places[i].lane[0] && strcmp(checks->places[i].lane, lane) == 0)
            return &checks->places[i];
    return NULL;
}

static void leave(struct place *place)
{
    memset(place->lane, 0, sizeof place->lane);
    explicit_bzero(place->face, sizeof place->face);
    place->waits = false;
    place->again_ns = 0;
}

void fg_checks_dismiss(struct fg_checks *checks, const char *lane)
{
    struct place *place = place_of(checks, lane);
    if (!place)
        return;
    leave(place);
    fg_portrait_check_end(place->check);
}

// One that is ready, or one that will be.
static struct place *free_place(struct fg_checks *checks)
{
    struct place *starting = NULL;
    for (unsigned i = 0; i < checks->count; i++) {
        struct place *place = &checks->places[i];
        enum fg_portrait_state state = fg_portrait_check_state(place->check);
        if (!place->lane[0] && state == FG_PORTRAIT_READY)
            return place;
        if (!place->lane[0] && state == FG_PORTRAIT_STARTING)
            starting = place;
    }
    return starting;
}

int fg_checks_bring(struct fg_checks *checks, const char *lane, const void *document, size_t length,
                    float score)
{
    fg_checks_dismiss(checks, lane);
    struct place *place = free_place(checks);
    if (!place)
        return -EBUSY;
    int r = fg_portrait_check_request(place->check, document, length, score);
    if (r == 0)
        memcpy(place->lane, lane, strlen(lane) + 1);
    return r;
}

static bool ask(struct place *place)
{
    int r = fg_portrait_check_ask(place->check, place->face, 0);
    explicit_bzero(place->face, sizeof place->face);
    place->waits = false;
    return r == 0;
}

bool fg_checks_compare(struct fg_checks *checks, const char *lane, const float *face,
                       uint32_t dimension)
{
    struct place *place = place_of(checks, lane);
    if (!place || dimension != checks->dimension)
        return false;
    memcpy(place->face, face, dimension * sizeof *face);
    place->waits = true;
    return fg_portrait_check_state(place->check) != FG_PORTRAIT_ASKING || ask(place);
}

// ---- what they say -----------------------------------------------------------------------------

static const char *why_refused(enum fg_portrait_reason reason)
{
    switch (reason) {
    case FG_PORTRAIT_UNREADABLE:
    case FG_PORTRAIT_TOO_LARGE:
        return FG_WHY_DOCUMENT_REFUSED;
    case FG_PORTRAIT_NO_FACE:
        return FG_WHY_PORTRAIT_NO_FACE;
    case FG_PORTRAIT_SEVERAL_FACES:
        return FG_WHY_PORTRAIT_MANY_FACES;
    default:
        return FG_WHY_PORTRAIT_POOR;
    }
}

static void fail(struct fg_checks *checks, struct place *place, const char *reason)
{
    char lane[FG_WIRE_NAME];
    memcpy(lane, place->lane, sizeof lane);
    leave(place);
    if (lane[0])
        checks->options.failed(checks->options.context, lane, reason);
}

static void on_event(struct fg_checks *checks, struct place *place,
                     const struct fg_portrait_event *event)
{
    char lane[FG_WIRE_NAME];
    switch (event->what) {
    case FG_PORTRAIT_IS_WARM:
        return;
    case FG_PORTRAIT_HAS_LOOKED:
        if (event->looked.reason != FG_PORTRAIT_GOOD)
            fail(checks, place, why_refused(event->looked.reason));
        else if (place->waits)
            ask(place);
        return;
    case FG_PORTRAIT_HAS_SAID:
        memcpy(lane, place->lane, sizeof lane);
        if (lane[0])
            checks->options.compared(checks->options.context, lane, event->match);
        return;
    case FG_PORTRAIT_HAS_ENDED:
        if (event->why != FG_PORTRAIT_FINISHED)
            fg_log(FG_LOG_WARNING, "a check of a document: %s (exit code %d)",
                   fg_portrait_why_name(event->why), event->exit_code);
        if (place->lane[0])
            fail(checks, place, FG_WHY_MATCHER_BUSY);
    }
}

void fg_checks_work(struct fg_checks *checks, uint64_t now_ns)
{
    struct fg_portrait_event event;
    for (unsigned i = 0; i < checks->count; i++) {
        struct place *place = &checks->places[i];
        while (fg_portrait_check_work(place->check, &event))
            on_event(checks, place, &event);
        set_going(place, now_ns);
    }
}

int fg_checks_fd(const struct fg_checks *checks)
{
    return checks->fd;
}

unsigned fg_checks_ready(const struct fg_checks *checks)
{
    unsigned ready = 0;
    for (unsigned i = 0; i < checks->count; i++)
        ready += fg_portrait_check_state(checks->places[i].check) == FG_PORTRAIT_READY;
    return ready;
}
