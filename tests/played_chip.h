// SPDX-License-Identifier: Apache-2.0
// A GPIO chip that tests play, and that may lie: behind gate/gpio.h, in memory that a forked
// process shares. Lines are numbers; levels are logical.
#ifndef FG_PLAYED_CHIP_H
#define FG_PLAYED_CHIP_H

#include <stdatomic.h>
#include <stdbool.h>

#include "gate/gpio.h"

#define PLAYED_LINES 16

struct played_line {
    atomic_bool level;  // as the test sets it, or the program
    atomic_bool taken;  // by somebody else: -EBUSY
    atomic_int refuses; // get and set fail with this errno
    atomic_uint opened, closed, sets, gets;
    atomic_uint falls; // how often the program took it from on to off
    int fd;            // an eventfd: its edges
};

struct played_chip {
    atomic_bool gone;     // unplugged: everything fails
    atomic_bool no_edges; // no interrupts
    atomic_uint tries;    // to open a line
    struct played_line lines[PLAYED_LINES];
};

// Mapped anew, all off. Ends with played_chip_close.
struct played_chip *played_chip_open(struct fg_gpio_system *ret_system);
void played_chip_close(struct played_chip *chip);

// What happens outside: a level, with its edge; an edge without one.
void played_chip_put(struct played_chip *chip, unsigned line, bool level);
void played_chip_edge(struct played_chip *chip, unsigned line);

#endif
