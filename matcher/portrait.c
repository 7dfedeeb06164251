// SPDX-License-Identifier: Apache-2.0
#include "matcher/portrait.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

#define ARGUMENTS 32
#define OUT_SIZE                                                                                   \
    (FG_PORTRAIT_HEAD + FG_PORTRAIT_REQUEST_SIZE + FG_PORTRAIT_BYTES +                             \
     FG_PORTRAIT_WAITING * (FG_PORTRAIT_HEAD + 4 * FG_WIRE_DIMENSION))

struct fg_portrait_check {
    char *words[ARGUMENTS + 2]; // program and arguments, owned; NULL-ended
    uint64_t model;
    uint32_t dimension;
    uint64_t start_ns, look_ns, check_ns; // limits
    int epoll, timer;                     // for the check's life
    int socket, pidfd;                    // of the child; -1 without
    pid_t pid;                            // 0 without
    enum fg_portrait_state state;
    enum fg_portrait_why why;
    bool requested, writable_wanted;
    uint64_t look_by, end_by; // CLOCK_MONOTONIC; 0: no limit now
    uint8_t *out;             // OUT_SIZE; unsent from out_at to out_end, zeros elsewhere
    size_t out_at, out_end;
    uint8_t in[256];
    size_t in_end;
    uint64_t ids[FG_PORTRAIT_WAITING]; // a ring of the vectors without verdict
    unsigned first_id, n_ids;
};

static uint64_t limit_of(uint32_t ms, uint32_t standard)
{
    return (ms ? ms : standard) * UINT64_C(1000000);
}

static int copy_words(struct fg_portrait_check *c, const struct fg_portrait_options *options)
{
    c->words[0] = strdup(options->program);
    if (!c->words[0])
        return -ENOMEM;
    for (unsigned i = 0; options->arguments && options->arguments[i]; i++) {
        if (i == ARGUMENTS)
            return -EINVAL;
        c->words[i + 1] = strdup(options->arguments[i]);
        if (!c->words[i + 1])
            return -ENOMEM;
    }
    return 0;
}

static int watch(int epoll, int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events};
    return epoll_ctl(epoll, operation, fd, &event) < 0 ? -errno : 0;
}

static int open_memory(struct fg_portrait_check *c)
{
    void *out = mmap(NULL, OUT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (out == MAP_FAILED)
        return -ENOMEM;
    c->out = out;
    madvise(out, OUT_SIZE, MADV_DONTDUMP);
    (void)!mlock2(out, OUT_SIZE, MLOCK_ONFAULT);
    return 0;
}

int fg_portrait_check_create(const struct fg_portrait_options *options,
                             struct fg_portrait_check **ret, struct fg_error *err)
{
    struct fg_portrait_check *c = calloc(1, sizeof *c);
    if (!c)
        return fg_fail(err, -ENOMEM, "out of memory");
    c->socket = c->pidfd = -1;
    c->model = options->model;
    c->dimension = options->dimension;
    c->start_ns = limit_of(options->start_ms, 30000);
    c->look_ns = limit_of(options->look_ms, 5000);
    c->check_ns = limit_of(options->check_ms, 25000);
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int code =
        c->epoll < 0 || c->timer < 0 ? -errno : watch(c->epoll, EPOLL_CTL_ADD, c->timer, EPOLLIN);
    if (code == 0)
        code = open_memory(c);
    if (code == 0)
        code = copy_words(c, options);
    if (code == 0) {
        *ret = c;
        return 0;
    }
    fg_portrait_check_destroy(c);
    return fg_fail(err, code, "can't prepare checks of portraits: %s", strerror(-code));
}

static void wipe_out(struct fg_portrait_check *c)
{
    if (c->out)
        explicit_bzero(c->out + c->out_at, c->out_end - c->out_at);
    c->out_at = c->out_end = 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

// Waits for the end of a child, unlike all else.
static void bury(struct fg_portrait_check *c)
{
    if (c->pid)
        kill(c->pid, SIGKILL);
    while (c->pid && waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    c->pid = 0;
    c->state = FG_PORTRAIT_OFF;
    close_fd(&c->socket);
    close_fd(&c->pidfd);
    wipe_out(c);
}

void fg_portrait_check_destroy(struct fg_portrait_check *check)
{
    if (!check)
        return;
    bury(check);
    close_fd(&check->epoll);
    close_fd(&check->timer);
    if (check->out)
        munmap(check->out, OUT_SIZE);
    for (unsigned i = 0; check->words[i]; i++)
        free(check->words[i]);
    free(check);
}

// ---- the child's start and end -----------------------------------------------------------------

static void keep_time(struct fg_portrait_check *c)
{
    uint64_t by = c->end_by;
    if (c->look_by && (!by || c->look_by < by))
        by = c->look_by;
    const struct itimerspec when = {
        .it_value = {(time_t)(by / 1000000000u), (long)(by % 1000000000u)}};
    timerfd_settime(c->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static int spawn(struct fg_portrait_check *c, int end)
{
    static char *const empty[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    int code = posix_spawn_file_actions_adddup2(&actions, end, STDIN_FILENO);
    if (!code)
        code = posix_spawn_file_actions_adddup2(&actions, end, STDOUT_FILENO);
    if (!code)
        code = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (!code)
        code = posix_spawn(&c->pid, c->words[0], &actions, &attributes, c->words, empty);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (code)
        c->pid = 0;
    return -code;
}

static int start_child(struct fg_portrait_check *c)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    c->socket = ends[0];
    int code = spawn(c, ends[1]);
    close(ends[1]);
    if (code == 0) {
        c->pidfd = pidfd_open(c->pid, 0);
        code = c->pidfd < 0 ? -errno : watch(c->epoll, EPOLL_CTL_ADD, c->pidfd, EPOLLIN);
    }
    return code ? code : watch(c->epoll, EPOLL_CTL_ADD, c->socket, EPOLLIN);
}

int fg_portrait_check_start(struct fg_portrait_check *check, struct fg_error *err)
{
    struct fg_portrait_check *c = check;
    if (c->state != FG_PORTRAIT_OFF)
        return -EBUSY;
    c->requested = c->writable_wanted = false;
    c->in_end = c->first_id = c->n_ids = 0;
    int code = start_child(c);
    if (code < 0) {
        bury(c);
        return fg_fail(err, code, "%s: cannot start: %s; is facegate installed whole?", c->words[0],
                       strerror(-code));
    }
    c->state = FG_PORTRAIT_STARTING;
    c->look_by = fg_monotonic_ns() + c->start_ns;
    c->end_by = 0;
    keep_time(c);
    return 0;
}

// Kills; what comes after the first call is only the wait for the end.
static void give_up(struct fg_portrait_check *c, enum fg_portrait_why why)
{
    if (c->state == FG_PORTRAIT_OFF || c->state == FG_PORTRAIT_ENDING)
        return;
    c->state = FG_PORTRAIT_ENDING;
    c->why = why;
    c->look_by = c->end_by = 0;
    keep_time(c);
    kill(c->pid, SIGKILL);
    close_fd(&c->socket); // which takes it out of the epoll too
    wipe_out(c);
    explicit_bzero(c->in, sizeof c->in);
}

void fg_portrait_check_end(struct fg_portrait_check *check)
{
    give_up(check, FG_PORTRAIT_FINISHED);
}

static bool reap(struct fg_portrait_check *c, struct fg_portrait_event *ret)
{
    int status = 0;
    if (c->state != FG_PORTRAIT_ENDING || waitpid(c->pid, &status, WNOHANG) == 0)
        return false;
    close_fd(&c->pidfd);
    c->pid = 0;
    c->state = FG_PORTRAIT_OFF;
    *ret = (struct fg_portrait_event){
        .what = FG_PORTRAIT_HAS_ENDED,
        .why = c->why,
        .exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
    };
    return true;
}

// ---- out ---------------------------------------------------------------------------------------

int fg_portrait_check_request(struct fg_portrait_check *check, const void *document, size_t length,
                              float score)
{
    struct fg_portrait_check *c = check;
    const bool alive = c->state == FG_PORTRAIT_STARTING || c->state == FG_PORTRAIT_READY;
    if (!alive || c->requested)
        return -EAGAIN;
    if (length == 0 || length > FG_PORTRAIT_BYTES)
        return -EMSGSIZE;
    if (!isfinite(score))
        return -EINVAL;
    fg_portrait_head_write(c->out, FG_PORTRAIT_REQUEST,
                           FG_PORTRAIT_REQUEST_SIZE + (uint32_t)length);
    fg_portrait_request_write(c->out + FG_PORTRAIT_HEAD, score);
    memcpy(c->out + FG_PORTRAIT_HEAD + FG_PORTRAIT_REQUEST_SIZE, document, length);
    c->out_end = FG_PORTRAIT_HEAD + FG_PORTRAIT_REQUEST_SIZE + length;
    c->requested = true;
    c->end_by = fg_monotonic_ns() + c->check_ns;
    if (c->state == FG_PORTRAIT_READY) {
        c->state = FG_PORTRAIT_LOOKING;
        c->look_by = fg_monotonic_ns() + c->look_ns;
    }
    keep_time(c);
    return 0;
}

int fg_portrait_check_ask(struct fg_portrait_check *check, const float *vector, uint64_t id)
{
    struct fg_portrait_check *c = check;
    const uint32_t length = 4 * c->dimension;
    if (c->state != FG_PORTRAIT_ASKING || c->n_ids == FG_PORTRAIT_WAITING)
        return -EAGAIN;
    if (OUT_SIZE - c->out_end < FG_PORTRAIT_HEAD + length) { // the place before it was wiped
        memmove(c->out, c->out + c->out_at, c->out_end - c->out_at);
        const size_t kept = c->out_end - c->out_at;
        explicit_bzero(c->out + kept, c->out_end - kept);
        c->out_at = 0;
        c->out_end = kept;
    }
    fg_portrait_head_write(c->out + c->out_end, FG_PORTRAIT_VECTOR, length);
    fg_portrait_vector_write(c->out + c->out_end + FG_PORTRAIT_HEAD, vector, c->dimension);
    c->out_end += FG_PORTRAIT_HEAD + length;
    c->ids[(c->first_id + c->n_ids++) % FG_PORTRAIT_WAITING] = id;
    return 0;
}

// 0, or negative errno when the child does not listen any more.
static int send_out(struct fg_portrait_check *c)
{
    const bool may = c->state == FG_PORTRAIT_LOOKING || c->state == FG_PORTRAIT_ASKING;
    int code = 0;
    while (may && c->out_at < c->out_end) {
        ssize_t n = send(c->socket, c->out + c->out_at, c->out_end - c->out_at,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            code = errno == EAGAIN ? 0 : -errno;
            break;
        }
        explicit_bzero(c->out + c->out_at, (size_t)n);
        c->out_at += (size_t)n;
    }
    if (c->out_at == c->out_end)
        c->out_at = c->out_end = 0;
    const bool wanted = may && c->out_end > 0;
    if (wanted != c->writable_wanted)
        watch(c->epoll, EPOLL_CTL_MOD, c->socket, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
    c->writable_wanted = wanted;
    return code;
}

// ---- in ----------------------------------------------------------------------------------------

// 1: more may come; 0: the end.
static int receive_in(struct fg_portrait_check *c)
{
    while (c->in_end < sizeof c->in) {
        ssize_t n = recv(c->socket, c->in + c->in_end, sizeof c->in - c->in_end, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        if (n == 0)
            return 0;
        c->in_end += (size_t)n;
    }
    return 1;
}

static bool on_hello(struct fg_portrait_check *c, const uint8_t *body)
{
    struct fg_portrait_hello hello;
    if (c->state != FG_PORTRAIT_STARTING || fg_portrait_hello_read(body, &hello) < 0)
        return false;
    if (hello.model != c->model || hello.dimension != c->dimension) {
        give_up(c, FG_PORTRAIT_OTHER_MODEL);
        return true;
    }
    c->state = c->requested ? FG_PORTRAIT_LOOKING : FG_PORTRAIT_READY;
    c->look_by = c->requested ? fg_monotonic_ns() + c->look_ns : 0;
    keep_time(c);
    return true;
}

static bool on_looked(struct fg_portrait_check *c, const uint8_t *body,
                      struct fg_portrait_event *ret)
{
    if (c->state != FG_PORTRAIT_LOOKING || c->out_end > 0 ||
        fg_portrait_looked_read(body, &ret->looked) < 0)
        return false;
    c->state = FG_PORTRAIT_ASKING;
    c->look_by = 0;
    keep_time(c);
    if (ret->looked.reason != FG_PORTRAIT_GOOD)
        give_up(c, FG_PORTRAIT_FINISHED);
    return true;
}

static bool on_verdict(struct fg_portrait_check *c, const uint8_t *body,
                       struct fg_portrait_event *ret)
{
    if (c->state != FG_PORTRAIT_ASKING || c->n_ids == 0 ||
        fg_portrait_verdict_read(body, &ret->match) < 0)
        return false;
    ret->id = c->ids[c->first_id];
    c->first_id = (c->first_id + 1) % FG_PORTRAIT_WAITING;
    c->n_ids--;
    return true;
}

static bool understand(struct fg_portrait_check *c, enum fg_portrait_type type, const uint8_t *body,
                       struct fg_portrait_event *ret)
{
    switch (type) {
    case FG_PORTRAIT_HELLO:
        ret->what = FG_PORTRAIT_IS_WARM;
        return on_hello(c, body);
    case FG_PORTRAIT_LOOKED:
        ret->what = FG_PORTRAIT_HAS_LOOKED;
        return on_looked(c, body, ret);
    case FG_PORTRAIT_VERDICT:
        ret->what = FG_PORTRAIT_HAS_SAID;
        return on_verdict(c, body, ret);
    default:
        return false;
    }
}

// The next whole frame as an event. What makes no sense ends the child.
static bool take_frame(struct fg_portrait_check *c, struct fg_portrait_event *ret)
{
    enum fg_portrait_type type;
    uint32_t length;
    if (c->in_end < FG_PORTRAIT_HEAD)
        return false;
    *ret = (struct fg_portrait_event){.what = FG_PORTRAIT_IS_WARM};
    if (fg_portrait_head_read(c->in, &type, &length, NULL) < 0 ||
        FG_PORTRAIT_HEAD + length > sizeof c->in) {
        give_up(c, FG_PORTRAIT_GARBLED);
        return false;
    }
    const size_t whole = FG_PORTRAIT_HEAD + length;
    if (c->in_end < whole)
        return false;
    uint8_t body[sizeof c->in];
    memcpy(body, c->in + FG_PORTRAIT_HEAD, length);
    c->in_end -= whole;
    memmove(c->in, c->in + whole, c->in_end);
    if (!understand(c, type, body, ret)) {
        give_up(c, FG_PORTRAIT_GARBLED);
        return false;
    }
    // a good frame that ended the child is an event only when it says what the caller asked for
    return c->state != FG_PORTRAIT_ENDING || ret->what == FG_PORTRAIT_HAS_LOOKED;
}

static bool has_exited(const struct fg_portrait_check *c)
{
    siginfo_t info = {.si_pid = 0};
    return waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid;
}

static bool is_late(const struct fg_portrait_check *c)
{
    const uint64_t now = fg_monotonic_ns();
    return (c->look_by && now >= c->look_by) || (c->end_by && now >= c->end_by);
}

bool fg_portrait_check_work(struct fg_portrait_check *check, struct fg_portrait_event *ret)
{
    struct fg_portrait_check *c = check;
    if (c->state == FG_PORTRAIT_OFF)
        return false;
    if (c->state != FG_PORTRAIT_ENDING) {
        const bool exited = has_exited(c); // before the last of what it said is read
        const int sent = send_out(c), more = receive_in(c);
        if (take_frame(c, ret))
            return true;
        if (exited || sent < 0 || more == 0)
            give_up(c, FG_PORTRAIT_DIED);
        else if (is_late(c))
            give_up(c, FG_PORTRAIT_TIMED_OUT);
    }
    return reap(c, ret);
}

int fg_portrait_check_fd(const struct fg_portrait_check *check)
{
    return check->epoll;
}

enum fg_portrait_state fg_portrait_check_state(const struct fg_portrait_check *check)
{
    return check->state;
}

const char *fg_portrait_why_name(enum fg_portrait_why why)
{
    static const char *const names[] = {
        [FG_PORTRAIT_FINISHED] = "finished",       [FG_PORTRAIT_DIED] = "died",
        [FG_PORTRAIT_TIMED_OUT] = "timed_out",     [FG_PORTRAIT_GARBLED] = "garbled",
        [FG_PORTRAIT_OTHER_MODEL] = "other_model",
    };
    return (unsigned)why < sizeof names / sizeof *names ? names[why] : "unknown";
}
