// SPDX-License-Identifier: Apache-2.0
#include "gate/gpio_words.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool fg_gpio_number(const char *name, unsigned *ret)
{
    char *end;
    if (name[0] < '0' || name[0] > '9')
        return false;
    unsigned long number = strtoul(name, &end, 10);
    if (*end || number > 65535)
        return false;
    *ret = (unsigned)number;
    return true;
}

bool fg_gpio_is_usb(const char *devices, const char *chip)
{
    char link[PATH_MAX], device[PATH_MAX];
    int length = snprintf(link, sizeof link, "%s/%s", devices, chip);
    return length < (int)sizeof link && realpath(link, device) && strstr(device, "/usb");
}

int fg_gpio_chip_error(const struct fg_gpio_wish *wish, int code, struct fg_error *err)
{
    if (code == -EACCES || code == -EPERM)
        return fg_fail(err, -EACCES,
                       "chip %s: not allowed: its node must belong to the group facegate-gpio",
                       wish->chip);
    if (code == -ENOENT || code == -ENODEV || code == -ENXIO)
        return fg_fail(err, -ENOENT, "chip %s: there is none: plug it in, or see gpiodetect(1)",
                       wish->chip);
    return fg_fail(err, code, "chip %s: %s", wish->chip, strerror(-code));
}

int fg_gpio_no_line(const struct fg_gpio_wish *wish, unsigned lines, struct fg_error *err)
{
    unsigned number;
    if (fg_gpio_number(wish->line, &number))
        return fg_fail(err, -ENOENT, "chip %s: no line %s: it has %u, counted from 0", wish->chip,
                       wish->line, lines);
    return fg_fail(err, -ENOENT, "chip %s: no line is called %s; see gpioinfo(1)", wish->chip,
                   wish->line);
}

int fg_gpio_no_events(const struct fg_gpio_wish *wish, struct fg_error *err)
{
    return fg_fail(err, -EOPNOTSUPP, "chip %s: behind USB there are no interrupts", wish->chip);
}

int fg_gpio_line_error(const struct fg_gpio_wish *wish, int code, const char *consumer,
                       struct fg_error *err)
{
    if (code == -EBUSY)
        return fg_fail(err, code, "chip %s: line %s is taken by %s: stop that, or use another line",
                       wish->chip, wish->line, consumer ? consumer : "somebody else");
    // Kernels tell a missing interrupt in several ways, none of which an input without events has.
    if (wish->events && code != -EACCES && code != -EPERM)
        return fg_fail(err, -EOPNOTSUPP, "chip %s: line %s gives no events: %s", wish->chip,
                       wish->line, strerror(-code));
    return fg_fail(err, code, "chip %s: line %s: %s", wish->chip, wish->line, strerror(-code));
}
