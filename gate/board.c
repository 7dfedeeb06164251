// SPDX-License-Identifier: Apache-2.0
#include "gate/board.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/log.h"
#include "gate/debounce.h"

#define NS_PER_MS     UINT64_C(1000000)
#define LOOK_NS       (100 * NS_PER_MS)  // at levels whose edges wake us: an edge may be lost
#define POLL_NS       (20 * NS_PER_MS)   // at levels without edges
#define CHECK_NS      (1000 * NS_PER_MS) // at outputs: is the chip still there
#define RETRY_NS      (250 * NS_PER_MS)  // doubled each time
#define RETRY_MOST_NS (4000 * NS_PER_MS)

struct pin {
    struct fg_gpio_line *line; // NULL: not there, or not wired
    bool on;                   // an output's level
    struct fg_debounce input;
};

struct fg_board {
    const struct fg_gate_conf *conf;
    const struct fg_gpio_system *system;
    struct pin pins[FG_PINS];
    int epoll_fd;
    bool no_edges; // an input's edges do not wake us
    uint64_t look_ns, check_ns, retry_ns, backoff_ns;
    uint64_t missing_ns; // 0: all are there
    struct fg_error trouble;
    int trouble_code; // what was told last
};

// The emergency comes first: what fails after it does not keep it from working, and what it says is
// known before the open line gets its first level.
static const enum fg_pin order[FG_PINS] = {FG_PIN_EMERGENCY, FG_PIN_OPEN, FG_PIN_BEAM,
                                           FG_PIN_BUTTON,    FG_PIN_RED,  FG_PIN_GREEN,
                                           FG_PIN_BUZZER};

int fg_board_create(const struct fg_gate_conf *conf, const struct fg_gpio_system *system,
                    struct fg_board **ret)
{
    struct fg_board *b = calloc(1, sizeof *b);
    if (!b)
        return -ENOMEM;
    *b = (struct fg_board){.conf = conf, .system = system, .backoff_ns = RETRY_NS};
    for (enum fg_pin i = FG_PIN_INPUTS; i < FG_PINS; i++)
        b->pins[i].input.ms = conf->pins[i].debounce_ms;
    b->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (b->epoll_fd < 0) {
        int code = -errno;
        free(b);
        return code;
    }
    *ret = b;
    return 0;
}

static void drop(struct fg_board *b, enum fg_pin pin)
{
    struct fg_gpio_line *line = b->pins[pin].line;
    if (!line)
        return;
    int fd = b->system->fd(line);
    if (fd >= 0)
        epoll_ctl(b->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    b->system->close(line);
    b->pins[pin].line = NULL;
}

void fg_board_destroy(struct fg_board *board)
{
    if (!board)
        return;
    for (enum fg_pin i = 0; i < FG_PINS; i++)
        drop(board, i);
    close(board->epoll_fd);
    free(board);
}

int fg_board_fd(const struct fg_board *board)
{
    return board->epoll_fd;
}

// ---- coming and going --------------------------------------------------------------------------

// Edge-triggered: a chip that cries wolf costs one wake-up, not all our time.
static int watch(struct fg_board *b, enum fg_pin pin)
{
    int fd = b->system->fd(b->pins[pin].line);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = pin};
    return fd < 0 || epoll_ctl(b->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -EOPNOTSUPP : 0;
}

static int open_pin(struct fg_board *b, enum fg_pin pin, struct fg_error *err)
{
    const struct fg_pin_conf *conf = &b->conf->pins[pin];
    struct fg_gpio_wish wish = {.chip = b->conf->chip,
                                .line = conf->line,
                                .output = pin < FG_PIN_INPUTS,
                                .on = b->pins[pin].on,
                                .events = pin >= FG_PIN_INPUTS,
                                .active_low = conf->active_low,
                                .bias = conf->bias};
    int code = b->system->open(b->system->context, &wish, &b->pins[pin].line, err);
    if (code == -EOPNOTSUPP && wish.events) {
        wish.events = false;
        code = b->system->open(b->system->context, &wish, &b->pins[pin].line, err);
    }
    if (code == 0 && !wish.output && (!wish.events || watch(b, pin) < 0)) {
        if (!b->no_edges)
            fg_log(FG_LOG_INFO,
                   "chip %s: no edges to wait for, its inputs are looked at every %d ms",
                   b->conf->chip, (int)(POLL_NS / NS_PER_MS));
        b->no_edges = true;
    }
    return code < 0 ? fg_fail_prefix(err, code, "%s", fg_pin_name(pin)) : 0;
}

static bool lacks(const struct fg_board *b, enum fg_pin pin)
{
    return b->conf->pins[pin].line[0] && !b->pins[pin].line;
}

// Who starts in an emergency, as after a crash in one, does not close the lane for a moment first.
static void heed_emergency(struct fg_board *b, uint64_t now_ns)
{
    struct pin *pin = &b->pins[FG_PIN_EMERGENCY];
    if (b->system->get(pin->line) <= 0)
        return;
    pin->input.level = pin->input.seen = true;
    pin->input.seen_ns = now_ns;
    b->pins[FG_PIN_OPEN].on = true;
}

// A failure is told once until all is well, and again when it is another: what a line says while
// its chip is pulled out, as that the protocol was hurt, is not yet why it is gone.
static void mourn(struct fg_board *b, int code, const struct fg_error *why, uint64_t now_ns)
{
    if (code == -ENODEV)
        code = -ENOENT; // gone, whichever call says so
    if (code != b->trouble_code)
        fg_log(FG_LOG_ERROR, "%s; trying again", why->text);
    b->trouble = *why;
    b->trouble_code = code;
    if (b->missing_ns > 0)
        return;
    b->missing_ns = now_ns;
    b->retry_ns = now_ns + RETRY_NS;
    b->backoff_ns = RETRY_NS;
}

static void rejoice(struct fg_board *b)
{
    if (b->missing_ns > 0)
        fg_log(FG_LOG_INFO, "all lines of chip %s are there", b->conf->chip);
    b->missing_ns = 0;
    b->trouble.text[0] = 0;
    b->trouble_code = 0;
    b->retry_ns = UINT64_MAX;
}

static void open_missing(struct fg_board *b, uint64_t now_ns)
{
    int code = 0; // the first failure's
    struct fg_error first = {""};
    for (unsigned i = 0; i < FG_PINS; i++) {
        struct fg_error err = {""};
        if (!lacks(b, order[i]))
            continue;
        int r = open_pin(b, order[i], &err);
        if (r == 0 && order[i] == FG_PIN_EMERGENCY)
            heed_emergency(b, now_ns);
        if (r < 0 && code == 0) {
            code = r;
            first = err;
        }
    }
    if (code == 0) {
        rejoice(b);
        return;
    }
    mourn(b, code, &first, now_ns);
    b->retry_ns = now_ns + b->backoff_ns;
    b->backoff_ns = b->backoff_ns * 2 < RETRY_MOST_NS ? b->backoff_ns * 2 : RETRY_MOST_NS;
}

// What an input said last holds until it can be read again: an emergency is not over because the
// chip went.
static void lose(struct fg_board *b, enum fg_pin pin, int code, uint64_t now_ns)
{
    struct fg_error err;
    drop(b, pin);
    fg_fail(&err, code, "%s: chip %s, line %s: %s", fg_pin_name(pin), b->conf->chip,
            b->conf->pins[pin].line, code == -ENODEV ? "unplugged" : strerror(-code));
    mourn(b, code, &err, now_ns);
}

// ---- looking -----------------------------------------------------------------------------------

// Bit i: pin i had edges.
static unsigned take_edges(struct fg_board *b, uint64_t now_ns)
{
    struct epoll_event events[FG_PINS];
    unsigned moved = 0;
    int count = epoll_wait(b->epoll_fd, events, FG_PINS, 0);
    for (int i = 0; i < count; i++) {
        enum fg_pin pin = (enum fg_pin)events[i].data.u32;
        int edges = b->pins[pin].line ? b->system->drain(b->pins[pin].line) : 0;
        if (edges < 0)
            lose(b, pin, edges, now_ns);
        else if (edges > 0)
            moved |= 1u << pin;
    }
    return moved;
}

static void look(struct fg_board *b, unsigned moved, uint64_t now_ns)
{
    for (enum fg_pin i = FG_PIN_INPUTS; i < FG_PINS; i++) {
        struct pin *pin = &b->pins[i];
        int level = pin->line ? b->system->get(pin->line) : 0;
        if (level < 0)
            lose(b, i, level, now_ns);
        else if (pin->line)
            fg_debounce_look(&pin->input, level > 0, moved >> i & 1, now_ns);
    }
}

// A chip without inputs tells only so that it was unplugged.
static void check_outputs(struct fg_board *b, uint64_t now_ns)
{
    for (enum fg_pin i = 0; i < FG_PIN_INPUTS; i++) {
        int level = b->pins[i].line ? b->system->get(b->pins[i].line) : 0;
        if (level < 0)
            lose(b, i, level, now_ns);
    }
}

static uint64_t settle_ns(const struct fg_board *b)
{
    uint64_t due = UINT64_MAX;
    for (enum fg_pin i = FG_PIN_INPUTS; i < FG_PINS; i++) {
        uint64_t one = b->pins[i].line ? fg_debounce_due_ns(&b->pins[i].input) : UINT64_MAX;
        due = one < due ? one : due;
    }
    return due;
}

void fg_board_work(struct fg_board *board, uint64_t now_ns)
{
    if (now_ns >= board->retry_ns)
        open_missing(board, now_ns);
    unsigned moved = take_edges(board, now_ns);
    if (moved || now_ns >= board->look_ns || now_ns >= settle_ns(board)) {
        look(board, moved, now_ns);
        board->look_ns = now_ns + (board->no_edges ? POLL_NS : LOOK_NS);
    }
    if (now_ns >= board->check_ns) {
        check_outputs(board, now_ns);
        board->check_ns = now_ns + CHECK_NS;
    }
}

uint64_t fg_board_due_ns(const struct fg_board *board)
{
    uint64_t due = settle_ns(board);
    due = board->look_ns < due ? board->look_ns : due;
    due = board->check_ns < due ? board->check_ns : due;
    return board->retry_ns < due ? board->retry_ns : due;
}

bool fg_board_is_whole(const struct fg_board *board)
{
    for (enum fg_pin i = 0; i < FG_PINS; i++)
        if (lacks(board, i))
            return false;
    return true;
}

uint64_t fg_board_missing_ns(const struct fg_board *board)
{
    return board->missing_ns;
}

const char *fg_board_trouble(const struct fg_board *board)
{
    return board->trouble.text;
}

bool fg_board_input(const struct fg_board *board, enum fg_pin pin)
{
    return board->pins[pin].input.level;
}

// ---- driving -----------------------------------------------------------------------------------

void fg_board_set(struct fg_board *board, enum fg_pin pin, bool on, uint64_t now_ns)
{
    struct pin *p = &board->pins[pin];
    bool same = p->on == on;
    p->on = on;
    int code = p->line && !same ? board->system->set(p->line, on) : 0;
    if (code < 0)
        lose(board, pin, code, now_ns);
}

void fg_board_stop(struct fg_board *board, enum fg_on_stop how, uint64_t now_ns)
{
    if (how != FG_ON_STOP_HOLD)
        fg_board_set(board, FG_PIN_OPEN, how == FG_ON_STOP_OPEN, now_ns);
    for (enum fg_pin i = FG_PIN_RED; i < FG_PIN_INPUTS; i++)
        fg_board_set(board, i, false, now_ns);
}
