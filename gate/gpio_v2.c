// SPDX-License-Identifier: Apache-2.0
// The kernel's chips through libgpiod 2 (Debian 13); see gpio_v1.c.
#include <gpiod.h>

#ifndef GPIOD_LINE_BULK_MAX_LINES

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gate/gpio.h"
#include "gate/gpio_words.h"

#define CONSUMER "facegate-gate"
#define EDGES    16 // taken at once

struct fg_gpio_line {
    struct gpiod_line_request *request;
    struct gpiod_edge_event_buffer *edges; // NULL: without events
    unsigned offset;
};

// ---- chips by path, name, number or label ------------------------------------------------------

static bool has_label(struct gpiod_chip *chip, const char *label)
{
    struct gpiod_chip_info *info = gpiod_chip_get_info(chip);
    bool has = info && strcmp(gpiod_chip_info_get_label(info), label) == 0;
    if (info)
        gpiod_chip_info_free(info);
    return has;
}

static int is_chip(const struct dirent *entry)
{
    return strncmp(entry->d_name, "gpiochip", 8) == 0;
}

static struct gpiod_chip *open_named(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "/dev/%s", name);
    return gpiod_chip_open(path);
}

// The first with that label. errno says why there is none.
static struct gpiod_chip *open_labelled(const char *label)
{
    struct dirent **entries = NULL;
    struct gpiod_chip *found = NULL;
    int count = scandir("/dev", &entries, is_chip, alphasort), why = ENOENT;
    for (int i = 0; i < count; i++) {
        struct gpiod_chip *chip = found ? NULL : open_named(entries[i]->d_name);
        if (!found && !chip)
            why = errno;
        if (chip && has_label(chip, label))
            found = chip;
        else if (chip)
            gpiod_chip_close(chip);
        free(entries[i]);
    }
    free(entries);
    errno = why;
    return found;
}

static struct gpiod_chip *open_chip(const char *name)
{
    char numbered[24];
    unsigned number;
    if (name[0] == '/')
        return gpiod_chip_open(name);
    if (fg_gpio_number(name, &number)) {
        snprintf(numbered, sizeof numbered, "gpiochip%u", number);
        return open_named(numbered);
    }
    struct gpiod_chip *chip = strncmp(name, "gpiochip", 8) == 0 ? open_named(name) : NULL;
    return chip ? chip : open_labelled(name);
}

static bool is_usb(struct gpiod_chip *chip)
{
    struct gpiod_chip_info *info = gpiod_chip_get_info(chip);
    bool is = info && fg_gpio_is_usb(FG_GPIO_DEVICES, gpiod_chip_info_get_name(info));
    if (info)
        gpiod_chip_info_free(info);
    return is;
}

// ---- lines -------------------------------------------------------------------------------------

static void close_line(struct fg_gpio_line *line)
{
    if (!line)
        return;
    if (line->request)
        gpiod_line_request_release(line->request);
    if (line->edges)
        gpiod_edge_event_buffer_free(line->edges);
    free(line);
}

static unsigned lines_of(struct gpiod_chip *chip)
{
    struct gpiod_chip_info *info = gpiod_chip_get_info(chip);
    unsigned lines = info ? (unsigned)gpiod_chip_info_get_num_lines(info) : 0;
    if (info)
        gpiod_chip_info_free(info);
    return lines;
}

static int find_line(struct gpiod_chip *chip, const struct fg_gpio_wish *wish, unsigned *ret,
                     struct fg_error *err)
{
    unsigned lines = lines_of(chip);
    if (fg_gpio_number(wish->line, ret))
        return *ret < lines ? 0 : fg_gpio_no_line(wish, lines, err);
    int offset = gpiod_chip_get_line_offset_from_name(chip, wish->line);
    *ret = (unsigned)offset;
    return offset >= 0 ? 0 : fg_gpio_no_line(wish, lines, err);
}

static void set_up(struct gpiod_line_settings *settings, const struct fg_gpio_wish *wish)
{
    static const enum gpiod_line_bias biases[] = {GPIOD_LINE_BIAS_AS_IS, GPIOD_LINE_BIAS_DISABLED,
                                                  GPIOD_LINE_BIAS_PULL_UP,
                                                  GPIOD_LINE_BIAS_PULL_DOWN};
    gpiod_line_settings_set_direction(settings, wish->output ? GPIOD_LINE_DIRECTION_OUTPUT
                                                             : GPIOD_LINE_DIRECTION_INPUT);
    gpiod_line_settings_set_active_low(settings, wish->active_low);
    gpiod_line_settings_set_output_value(settings, wish->on ? GPIOD_LINE_VALUE_ACTIVE
                                                            : GPIOD_LINE_VALUE_INACTIVE);
    gpiod_line_settings_set_bias(settings, biases[wish->bias]);
    if (wish->events)
        gpiod_line_settings_set_edge_detection(settings, GPIOD_LINE_EDGE_BOTH);
}

static int request(struct gpiod_chip *chip, const struct fg_gpio_wish *wish,
                   struct fg_gpio_line *line)
{
    struct gpiod_line_settings *settings = gpiod_line_settings_new();
    struct gpiod_line_config *lines = gpiod_line_config_new();
    struct gpiod_request_config *who = gpiod_request_config_new();
    int code = -ENOMEM;
    if (settings && lines && who) {
        set_up(settings, wish);
        gpiod_request_config_set_consumer(who, CONSUMER);
        if (gpiod_line_config_add_line_settings(lines, &line->offset, 1, settings) == 0)
            line->request = gpiod_chip_request_lines(chip, who, lines);
        code = line->request ? 0 : -errno;
    }
    gpiod_request_config_free(who);
    gpiod_line_config_free(lines);
    gpiod_line_settings_free(settings);
    if (code == 0 && wish->events && !(line->edges = gpiod_edge_event_buffer_new(EDGES)))
        code = -ENOMEM;
    return code;
}

static int request_or_say(struct gpiod_chip *chip, const struct fg_gpio_wish *wish,
                          struct fg_gpio_line *line, struct fg_error *err)
{
    int code = request(chip, wish, line);
    if (code == 0)
        return 0;
    struct gpiod_line_info *info = gpiod_chip_get_line_info(chip, line->offset);
    code = fg_gpio_line_error(wish, code, info ? gpiod_line_info_get_consumer(info) : NULL, err);
    if (info)
        gpiod_line_info_free(info);
    return code;
}

static int open_line(void *context, const struct fg_gpio_wish *wish, struct fg_gpio_line **ret,
                     struct fg_error *err)
{
    (void)context;
    struct fg_gpio_line *line = calloc(1, sizeof *line);
    if (!line)
        return fg_fail(err, -ENOMEM, "out of memory");
    struct gpiod_chip *chip = open_chip(wish->chip);
    int code =
        chip ? find_line(chip, wish, &line->offset, err) : fg_gpio_chip_error(wish, -errno, err);
    if (code == 0 && wish->events && is_usb(chip))
        code = fg_gpio_no_events(wish, err);
    if (code == 0)
        code = request_or_say(chip, wish, line, err);
    if (chip)
        gpiod_chip_close(chip); // a request lives without it
    if (code < 0)
        close_line(line);
    else
        *ret = line;
    return code;
}

static int get(struct fg_gpio_line *line)
{
    int level = gpiod_line_request_get_value(line->request, line->offset);
    return level < 0 ? -errno : level;
}

static int set(struct fg_gpio_line *line, bool on)
{
    enum gpiod_line_value value = on ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE;
    return gpiod_line_request_set_value(line->request, line->offset, value) < 0 ? -errno : 0;
}

static int get_fd(struct fg_gpio_line *line)
{
    return line->edges ? gpiod_line_request_get_fd(line->request) : -1;
}

static int drain(struct fg_gpio_line *line)
{
    if (!line->edges)
        return 0;
    int waiting = gpiod_line_request_wait_edge_events(line->request, 0);
    if (waiting <= 0)
        return waiting < 0 ? -errno : 0;
    int count = gpiod_line_request_read_edge_events(line->request, line->edges, EDGES);
    return count < 0 ? -errno : count;
}

const struct fg_gpio_system fg_gpio_kernel = {
    .open = open_line, .close = close_line, .get = get, .set = set, .fd = get_fd, .drain = drain};

#endif
