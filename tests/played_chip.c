// SPDX-License-Identifier: Apache-2.0
#include "tests/played_chip.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

struct fg_gpio_line {
    struct played_chip *chip;
    struct played_line *line;
    bool events;
};

static void drive(struct played_line *line, bool on)
{
    line->falls += line->level && !on;
    line->level = on;
}

static int open_line(void *context, const struct fg_gpio_wish *wish, struct fg_gpio_line **ret,
                     struct fg_error *err)
{
    struct played_chip *chip = context;
    struct played_line *line = &chip->lines[strtoul(wish->line, NULL, 10) % PLAYED_LINES];
    chip->tries++;
    if (chip->gone)
        return fg_fail(err, -ENOENT, "chip %s: there is none", wish->chip);
    if (line->taken)
        return fg_fail(err, -EBUSY, "chip %s: line %s is taken", wish->chip, wish->line);
    if (wish->events && chip->no_edges)
        return fg_fail(err, -EOPNOTSUPP, "chip %s: no events", wish->chip);
    struct fg_gpio_line *opened = malloc(sizeof *opened);
    if (!opened)
        return -ENOMEM;
    *opened = (struct fg_gpio_line){chip, line, wish->events};
    line->opened++;
    if (wish->output)
        drive(line, wish->on);
    *ret = opened;
    return 0;
}

static void close_line(struct fg_gpio_line *line)
{
    line->line->closed++;
    free(line);
}

static int trouble(const struct fg_gpio_line *line)
{
    return line->chip->gone ? -ENODEV : -line->line->refuses;
}

static int get(struct fg_gpio_line *line)
{
    int code = trouble(line), level = line->line->level;
    line->line->gets++; // after the look, so that who waits for it knows what was seen
    return code < 0 ? code : level;
}

static int set(struct fg_gpio_line *line, bool on)
{
    int code = trouble(line);
    if (code < 0)
        return code;
    line->line->sets++;
    drive(line->line, on);
    return 0;
}

static int get_fd(struct fg_gpio_line *line)
{
    return line->events ? line->line->fd : -1;
}

static int drain(struct fg_gpio_line *line)
{
    uint64_t count;
    if (read(line->line->fd, &count, sizeof count) < 0)
        return errno == EAGAIN ? 0 : -errno;
    return (int)count;
}

struct played_chip *played_chip_open(struct fg_gpio_system *ret_system)
{
    struct played_chip *chip =
        mmap(NULL, sizeof *chip, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (chip == MAP_FAILED)
        return NULL;
    for (unsigned i = 0; i < PLAYED_LINES; i++)
        chip->lines[i].fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *ret_system = (struct fg_gpio_system){.open = open_line,
                                          .close = close_line,
                                          .get = get,
                                          .set = set,
                                          .fd = get_fd,
                                          .drain = drain,
                                          .context = chip};
    return chip;
}

void played_chip_close(struct played_chip *chip)
{
    for (unsigned i = 0; i < PLAYED_LINES; i++)
        close(chip->lines[i].fd);
    munmap(chip, sizeof *chip);
}

void played_chip_edge(struct played_chip *chip, unsigned line)
{
    const uint64_t one = 1;
    ssize_t written = write(chip->lines[line].fd, &one, sizeof one);
    (void)written; // an eventfd takes a one
}

void played_chip_put(struct played_chip *chip, unsigned line, bool level)
{
    if (chip->lines[line].level == level)
        return;
    chip->lines[line].level = level;
    played_chip_edge(chip, line);
}
