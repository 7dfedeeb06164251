// SPDX-License-Identifier: Apache-2.0
// The kernel's chips through libgpiod 1 (Debian 12). Its header says which of the two files counts:
// only version 1 has bulks.
#include <gpiod.h>

#ifdef GPIOD_LINE_BULK_MAX_LINES

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "gate/gpio.h"
#include "gate/gpio_words.h"

#define CONSUMER "facegate-gate"
#define EDGES    16 // taken at once

struct fg_gpio_line {
    struct gpiod_chip *chip; // its own handle
    struct gpiod_line *line;
    int fd;
};

static void close_line(struct fg_gpio_line *line)
{
    if (!line)
        return;
    if (line->chip)
        gpiod_chip_close(line->chip); // releases the line too
    free(line);
}

static int request_flags(const struct fg_gpio_wish *wish)
{
    static const int biases[] = {0, GPIOD_LINE_REQUEST_FLAG_BIAS_DISABLE,
                                 GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_UP,
                                 GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_DOWN};
    return biases[wish->bias] | (wish->active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0);
}

static struct gpiod_line *find_line(struct gpiod_chip *chip, const char *name)
{
    unsigned number;
    return fg_gpio_number(name, &number) ? gpiod_chip_get_line(chip, number)
                                         : gpiod_chip_find_line(chip, name);
}

static int request(struct fg_gpio_line *line, const struct fg_gpio_wish *wish)
{
    struct gpiod_line_request_config config = {
        .consumer = CONSUMER,
        .request_type = wish->output   ? GPIOD_LINE_REQUEST_DIRECTION_OUTPUT
                        : wish->events ? GPIOD_LINE_REQUEST_EVENT_BOTH_EDGES
                                       : GPIOD_LINE_REQUEST_DIRECTION_INPUT,
        .flags = request_flags(wish)};
    if (gpiod_line_request(line->line, &config, wish->on) < 0)
        return -errno;
    line->fd = wish->events ? gpiod_line_event_get_fd(line->line) : -1;
    return 0;
}

static int open_line(void *context, const struct fg_gpio_wish *wish, struct fg_gpio_line **ret,
                     struct fg_error *err)
{
    (void)context;
    struct fg_gpio_line *line = calloc(1, sizeof *line);
    if (!line)
        return fg_fail(err, -ENOMEM, "out of memory");
    int code = 0;
    line->chip = gpiod_chip_open_lookup(wish->chip);
    if (!line->chip) {
        code = fg_gpio_chip_error(wish, -errno, err);
    } else if (!(line->line = find_line(line->chip, wish->line))) {
        code = fg_gpio_no_line(wish, gpiod_chip_num_lines(line->chip), err);
    } else if (wish->events && fg_gpio_is_usb(FG_GPIO_DEVICES, gpiod_chip_name(line->chip))) {
        code = fg_gpio_no_events(wish, err);
    } else if ((code = request(line, wish)) < 0) {
        gpiod_line_update(line->line);
        code = fg_gpio_line_error(wish, code, gpiod_line_consumer(line->line), err);
    }
    if (code < 0)
        close_line(line);
    else
        *ret = line;
    return code;
}

static int get(struct fg_gpio_line *line)
{
    int level = gpiod_line_get_value(line->line);
    return level < 0 ? -errno : level;
}

static int set(struct fg_gpio_line *line, bool on)
{
    return gpiod_line_set_value(line->line, on) < 0 ? -errno : 0;
}

static int get_fd(struct fg_gpio_line *line)
{
    return line->fd;
}

static int drain(struct fg_gpio_line *line)
{
    struct gpiod_line_event edges[EDGES];
    struct pollfd one = {.fd = line->fd, .events = POLLIN};
    if (line->fd < 0 || poll(&one, 1, 0) <= 0)
        return 0;
    if (!(one.revents & POLLIN))
        return -ENODEV;
    int count = gpiod_line_event_read_fd_multiple(line->fd, edges, EDGES);
    return count < 0 ? -errno : count;
}

const struct fg_gpio_system fg_gpio_kernel = {
    .open = open_line, .close = close_line, .get = get, .set = set, .fd = get_fd, .drain = drain};

#endif
