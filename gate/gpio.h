// SPDX-License-Identifier: Apache-2.0
// Lines of a GPIO chip, one at a time, behind a table of calls: the kernel's through libgpiod 1
// (gpio_v1.c) or 2 (gpio_v2.c), whichever is installed, or in tests a chip that lies.
// Levels are logical: on means active, whatever the line's polarity. One thread.
#ifndef FG_GPIO_H
#define FG_GPIO_H

#include <stdbool.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum fg_gpio_bias { FG_BIAS_AS_IS, FG_BIAS_NONE, FG_BIAS_PULL_UP, FG_BIAS_PULL_DOWN };

struct fg_gpio_wish {       // one line, as it is wanted
    const char *chip;       // /dev/gpiochip0, gpiochip0, 0, or its label
    const char *line;       // its number on the chip, or its name
    bool output, on;        // on: an output's first level
    bool events;            // an input's edges make `fd` readable
    bool active_low;        // on is 0 volts
    enum fg_gpio_bias bias; // of an input
};

struct fg_gpio_line;

struct fg_gpio_system {
    // Failure, with the remedy in err: -ENOENT (no such chip or line), -EBUSY (somebody else has
    // the line), -EACCES, -EOPNOTSUPP (`events` on a chip without interrupts), or the driver's own.
    // Success: *ret is the caller's.
    int (*open)(void *context, const struct fg_gpio_wish *wish, struct fg_gpio_line **ret,
                struct fg_error *err);
    void (*close)(struct fg_gpio_line *line); // the level may stay, or float: the driver's choice
    int (*get)(struct fg_gpio_line *line); // 0, 1, or negative errno: -ENODEV when it is unplugged
    int (*set)(struct fg_gpio_line *line, bool on);
    int (*fd)(struct fg_gpio_line *line); // -1: without events
    int (*drain)(
        struct fg_gpio_line *line); // takes what made fd readable: how many edges, or errno
    void *context;                  // for open
};

extern const struct fg_gpio_system fg_gpio_kernel;

#ifdef __cplusplus
}
#endif
#endif
