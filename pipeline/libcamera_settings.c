// SPDX-License-Identifier: Apache-2.0
#include "pipeline/libcamera_settings.h"

#include <errno.h>
#include <stdio.h>

#include "pipeline/camera_wish.h"

// Values of AfMode in libcamera's control_ids.yaml.
enum { AF_MANUAL = 0, AF_CONTINUOUS = 2 };

static int add(struct fg_libcamera_settings *settings, struct fg_word name, double value,
               bool if_there, struct fg_error *err)
{
    struct fg_libcamera_setting *setting = &settings->all[settings->n];
    if (settings->n == FG_LIBCAMERA_SETTINGS)
        return fg_fail(err, -EINVAL, "more than %u controls of a camera", FG_LIBCAMERA_SETTINGS);
    if (name.length >= sizeof setting->name)
        return fg_fail(err, -EINVAL, "'%.*s' is too long for a control's name", (int)name.length,
                       name.text);
    snprintf(setting->name, sizeof setting->name, "%.*s", (int)name.length, name.text);
    setting->value = value;
    setting->if_there = if_there;
    settings->n++;
    return 0;
}

// libcamera has one automatic for exposure and gain; a gain beside it is held.
static int read_light(const struct fg_camera_wish *wish, struct fg_libcamera_settings *settings,
                      struct fg_error *err)
{
    const struct fg_word automatic = {"AeEnable", 8}, exposure = {"ExposureTime", 12};
    const struct fg_word gain = {"AnalogueGain", 12};
    const bool by_hand = wish->exposure.kind == FG_CONTROL_VALUE;
    const bool by_itself =
        wish->exposure.kind == FG_CONTROL_AUTO || wish->gain.kind == FG_CONTROL_AUTO;
    int code = 0;
    if (by_hand && by_itself)
        return fg_fail(err, -EINVAL,
                       "libcamera sets exposure and gain together: give gain a "
                       "number too, or exposure none");
    if (by_hand || by_itself)
        code = add(settings, automatic, by_itself, by_hand, err);
    if (code == 0 && by_hand)
        code = add(settings, exposure, wish->exposure.value, false, err);
    if (code == 0 && wish->gain.kind == FG_CONTROL_VALUE)
        code = add(settings, gain, wish->gain.value, false, err);
    return code;
}

static int read_focus(const struct fg_control *wish, struct fg_libcamera_settings *settings,
                      struct fg_error *err)
{
    const struct fg_word mode = {"AfMode", 6}, position = {"LensPosition", 12};
    if (wish->kind == FG_CONTROL_LEAVE)
        return 0;
    if (wish->kind == FG_CONTROL_AUTO)
        return add(settings, mode, AF_CONTINUOUS, false, err);
    int code = add(settings, mode, AF_MANUAL, true, err);
    return code ? code : add(settings, position, wish->value, false, err);
}

int fg_libcamera_settings_read(const struct fg_camera_wish *wish, struct fg_libcamera_settings *ret,
                               struct fg_error *err)
{
    struct fg_libcamera_settings settings = {0};
    struct fg_word word, name;
    double value;
    const char *at = wish->controls;
    int code = read_light(wish, &settings, err);
    if (code == 0)
        code = read_focus(&wish->focus, &settings, err);
    while (code == 0 && fg_camera_next_word(&at, &word)) {
        code = fg_camera_assignment(word, &name, &value, err);
        if (code == 0)
            code = add(&settings, name, value, false, err);
    }
    if (code == 0)
        *ret = settings;
    return code;
}
