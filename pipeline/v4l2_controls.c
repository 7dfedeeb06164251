// SPDX-License-Identifier: Apache-2.0
#include "pipeline/v4l2_controls.h"

#include <ctype.h>
#include <errno.h>
#include <linux/videodev2.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CONTROLS 512u // a driver that lists more is not believed
#define EXPOSURE_US  100  // a step of V4L2_CID_EXPOSURE_ABSOLUTE
#define NAME_SIZE    40u

struct control {
    uint32_t id, type, flags;
    int64_t minimum, maximum;
    char name[NAME_SIZE];
};

struct setter {
    const struct fg_v4l2_device *device;
    char *note;
    size_t note_size;
    struct fg_error *err;
};

void fg_v4l2_control_name(const char *from, size_t length, char *to, size_t size)
{
    bool gap = false;
    size_t used = 0;
    for (size_t i = 0; i < length && from[i]; i++) {
        const unsigned char letter = (unsigned char)from[i];
        if (!isalnum(letter)) {
            gap = used > 0;
            continue;
        }
        if (gap && used + 1 < size)
            to[used++] = '_';
        gap = false;
        if (used + 1 < size)
            to[used++] = (char)tolower(letter);
    }
    to[used] = 0;
}

// ---- finding ------------------------------------------------------------------------------------

// 0; -EINVAL when there is none. With V4L2_CTRL_FLAG_NEXT_CTRL in `id`: the next one.
static int query(const struct fg_v4l2_device *device, uint32_t id, struct control *ret)
{
    struct v4l2_query_ext_ctrl answer = {.id = id};
    int code = fg_v4l2_ask(device, VIDIOC_QUERY_EXT_CTRL, &answer);
    if (code)
        return code;
    *ret = (struct control){.id = answer.id,
                            .type = answer.type,
                            .flags = answer.flags,
                            .minimum = answer.minimum,
                            .maximum = answer.maximum};
    fg_v4l2_control_name(answer.name, sizeof answer.name, ret->name, sizeof ret->name);
    return 0;
}

static bool is_settable(const struct control *control)
{
    switch (control->type) {
    case V4L2_CTRL_TYPE_INTEGER:
    case V4L2_CTRL_TYPE_BOOLEAN:
    case V4L2_CTRL_TYPE_MENU:
    case V4L2_CTRL_TYPE_INTEGER_MENU:
    case V4L2_CTRL_TYPE_BITMASK:
    case V4L2_CTRL_TYPE_INTEGER64:
        return !(control->flags &
                 (V4L2_CTRL_FLAG_DISABLED | V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_HAS_PAYLOAD));
    default:
        return false;
    }
}

// The next control after *id that can be set; 0, -EINVAL at the end.
static int next_settable(const struct fg_v4l2_device *device, uint32_t *id, struct control *ret)
{
    for (unsigned i = 0; i < MAX_CONTROLS; i++) {
        int code = query(device, *id | V4L2_CTRL_FLAG_NEXT_CTRL, ret);
        if (code)
            return code;
        if (ret->id <= *id) // it would go round for ever
            return -EINVAL;
        *id = ret->id;
        if (is_settable(ret))
            return 0;
    }
    return -EINVAL;
}

static int fail_unknown(const struct setter *setter, const char *name, size_t length)
{
    char list[240] = "none";
    size_t used = 0;
    uint32_t id = 0;
    struct control control;
    for (unsigned i = 0; i < MAX_CONTROLS && used < sizeof list; i++) {
        if (next_settable(setter->device, &id, &control))
            break;
        used +=
            (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? " " : "", control.name);
    }
    return fg_fail(setter->err, -EINVAL,
                   "%s: this camera has no control '%.*s' that can be set; it has: %s",
                   setter->device->path, (int)length, name, list);
}

static int find(const struct setter *setter, const char *name, size_t length, struct control *ret)
{
    uint32_t id = 0;
    struct control control;
    for (unsigned i = 0; i < MAX_CONTROLS; i++) {
        int code = next_settable(setter->device, &id, &control);
        if (code == -ENODEV)
            return fg_v4l2_fail(setter->device, code, "listing its controls", setter->err);
        if (code)
            break;
        if (strlen(control.name) == length && memcmp(control.name, name, length) == 0) {
            *ret = control;
            return 0;
        }
    }
    return fail_unknown(setter, name, length);
}

// ---- setting ------------------------------------------------------------------------------------

static int check(const struct setter *setter, const struct control *control, int64_t value)
{
    const char *path = setter->device->path;
    // A bit mask has no minimum, and its maximum is the bits that there are.
    const bool mask = control->type == V4L2_CTRL_TYPE_BITMASK;
    if (mask ? (value & ~(int64_t)(uint32_t)control->maximum) != 0
             : value < control->minimum || value > control->maximum)
        return fg_fail(setter->err, -EINVAL, "%s: %s is %lld to %lld on this camera, not %lld",
                       path, control->name, mask ? 0 : (long long)control->minimum,
                       (long long)control->maximum, (long long)value);
    if (control->flags & V4L2_CTRL_FLAG_INACTIVE)
        return fg_fail(setter->err, -EINVAL,
                       "%s: %s has no effect as the camera is set now: turn off its automatic "
                       "first, with a control before it",
                       path, control->name);
    return 0;
}

static struct v4l2_ext_controls request_of(const struct control *control,
                                           struct v4l2_ext_control *one)
{
    one->id = control->id;
    return (struct v4l2_ext_controls){
        .which = V4L2_CTRL_WHICH_CUR_VAL, .count = 1, .controls = one};
}

static void note_other(const struct setter *setter, const struct control *control, int64_t got,
                       int64_t wanted)
{
    const size_t used = strlen(setter->note);
    snprintf(setter->note + used, setter->note_size - used, ", %s %lld instead of %lld",
             control->name, (long long)got, (long long)wanted);
}

static int set(const struct setter *setter, const struct control *control, int64_t value)
{
    const bool wide = control->type == V4L2_CTRL_TYPE_INTEGER64;
    struct v4l2_ext_control one = {0};
    struct v4l2_ext_controls request = request_of(control, &one);
    int code = check(setter, control, value);
    if (code)
        return code;
    if (wide)
        one.value64 = value;
    else
        one.value = (int32_t)value;
    code = fg_v4l2_ask(setter->device, VIDIOC_S_EXT_CTRLS, &request);
    if (code && code != -EINVAL && code != -ERANGE && code != -EACCES)
        return fg_v4l2_fail(setter->device, code, "setting its controls", setter->err);
    if (code)
        return fg_fail(setter->err, -EINVAL, "%s: the camera refuses %s=%lld: %s",
                       setter->device->path, control->name, (long long)value, strerror(-code));
    one = (struct v4l2_ext_control){0};
    request = request_of(control, &one);
    if (control->flags & V4L2_CTRL_FLAG_WRITE_ONLY ||
        fg_v4l2_ask(setter->device, VIDIOC_G_EXT_CTRLS, &request))
        return 0; // it cannot be read back
    const int64_t got = wide ? one.value64 : one.value;
    if (got != (wide ? value : (int32_t)value))
        note_other(setter, control, got, value);
    return 0;
}

// ---- exposure, gain, focus ----------------------------------------------------------------------

static bool has(const struct setter *setter, uint32_t id, struct control *ret)
{
    return query(setter->device, id, ret) == 0 && is_settable(ret);
}

static int fail_without(const struct setter *setter, const char *what)
{
    return fg_fail(setter->err, -EINVAL,
                   "%s: this camera has no %s to set: take it out of the configuration",
                   setter->device->path, what);
}

static int set_switch(const struct setter *setter, uint32_t id, bool on, const char *what)
{
    struct control control;
    if (has(setter, id, &control))
        return set(setter, &control, on);
    return on ? fail_without(setter, what) : 0; // nothing automatic, nothing to turn off
}

// In units of the control, `unit` of which make one of the configuration's.
static int set_amount(const struct setter *setter, uint32_t id, double amount, const char *what)
{
    struct control control; // asked now: it may have become active
    if (!has(setter, id, &control))
        return fail_without(setter, what);
    if (!(fabs(amount) <= INT32_MAX))
        return fg_fail(setter->err, -EINVAL, "%s: %s cannot be %g", setter->device->path, what,
                       amount);
    return set(setter, &control, llround(amount));
}

static bool has_menu_item(const struct setter *setter, uint32_t id, uint32_t index)
{
    struct v4l2_querymenu item = {.id = id, .index = index};
    return fg_v4l2_ask(setter->device, VIDIOC_QUERYMENU, &item) == 0;
}

// Cameras have different ones of the automatic modes; most USB cameras only aperture priority.
static int set_automatic_exposure(const struct setter *setter)
{
    static const uint32_t modes[] = {V4L2_EXPOSURE_AUTO, V4L2_EXPOSURE_APERTURE_PRIORITY};
    struct control control;
    if (has(setter, V4L2_CID_EXPOSURE_AUTO, &control))
        for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
            if (has_menu_item(setter, V4L2_CID_EXPOSURE_AUTO, modes[i]))
                return set(setter, &control, modes[i]);
    return fail_without(setter, "automatic exposure");
}

static int set_exposure(const struct setter *setter, const struct fg_control *wish)
{
    struct control control;
    if (wish->kind == FG_CONTROL_LEAVE)
        return 0;
    if (wish->kind == FG_CONTROL_AUTO)
        return set_automatic_exposure(setter);
    if (has(setter, V4L2_CID_EXPOSURE_AUTO, &control)) {
        int code = set(setter, &control, V4L2_EXPOSURE_MANUAL);
        if (code)
            return code;
    }
    if (!has(setter, V4L2_CID_EXPOSURE_ABSOLUTE, &control))
        return fail_without(setter, "exposure in microseconds");
    const double steps = wish->value / EXPOSURE_US;
    if (!(steps >= (double)control.minimum - .5 && steps <= (double)control.maximum + .5))
        return fg_fail(setter->err, -EINVAL,
                       "%s: exposure is %.0f to %.0f microseconds on this camera, not %g",
                       setter->device->path, (double)control.minimum * EXPOSURE_US,
                       (double)control.maximum * EXPOSURE_US, wish->value);
    return set_amount(setter, V4L2_CID_EXPOSURE_ABSOLUTE, steps, "exposure in microseconds");
}

static int set_gain(const struct setter *setter, const struct fg_control *wish)
{
    struct control control;
    if (wish->kind == FG_CONTROL_LEAVE)
        return 0;
    const bool automatic = wish->kind == FG_CONTROL_AUTO;
    int code = set_switch(setter, V4L2_CID_AUTOGAIN, automatic, "automatic gain");
    if (code || automatic)
        return code;
    const bool plain = has(setter, V4L2_CID_GAIN, &control);
    return set_amount(setter, plain ? V4L2_CID_GAIN : V4L2_CID_ANALOGUE_GAIN, wish->value, "gain");
}

static int set_focus(const struct setter *setter, const struct fg_control *wish)
{
    if (wish->kind == FG_CONTROL_LEAVE)
        return 0;
    const bool automatic = wish->kind == FG_CONTROL_AUTO;
    int code = set_switch(setter, V4L2_CID_FOCUS_AUTO, automatic, "automatic focus");
    if (code || automatic)
        return code;
    return set_amount(setter, V4L2_CID_FOCUS_ABSOLUTE, wish->value, "focus");
}

// ---- the others ---------------------------------------------------------------------------------

static int set_named(const struct setter *setter, const char *word, size_t length)
{
    const char *equals = memchr(word, '=', length);
    char number[32] = "", *end = number;
    struct control control;
    int64_t value = 0;
    if (equals && word + length - equals - 1 < (ptrdiff_t)sizeof number) {
        snprintf(number, sizeof number, "%.*s", (int)(word + length - equals - 1), equals + 1);
        errno = 0;
        value = strtoll(number, &end, 0);
    }
    if (end == number || *end || errno)
        return fg_fail(setter->err, -EINVAL, "'%.*s' is no control: write NAME=NUMBER", (int)length,
                       word);
    int code = find(setter, word, (size_t)(equals - word), &control);
    return code ? code : set(setter, &control, value);
}

int fg_v4l2_controls_set(const struct fg_v4l2_device *device, const struct fg_camera_wish *wish,
                         char *note, size_t note_size, struct fg_error *err)
{
    const struct setter setter = {device, note, note_size, err};
    note[0] = 0;
    int code = set_exposure(&setter, &wish->exposure);
    if (code == 0)
        code = set_gain(&setter, &wish->gain);
    if (code == 0)
        code = set_focus(&setter, &wish->focus);
    const char *at = wish->controls ? wish->controls : "";
    while (code == 0) {
        at += strspn(at, " ,\t");
        const size_t length = strcspn(at, " ,\t");
        if (length == 0)
            break;
        code = set_named(&setter, at, length);
        at += length;
    }
    return code;
}
