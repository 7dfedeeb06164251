// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: a V4L2 camera's controls, set as the configuration says.
#ifndef FG_V4L2_CONTROLS_H
#define FG_V4L2_CONTROLS_H

#include <stddef.h>

#include "common/error.h"
#include "pipeline/source.h"
#include "pipeline/v4l2_device.h"

#ifdef __cplusplus
extern "C" {
#endif

// Sets exposure, gain, focus and wish->controls, in this order, and reads each back. -EINVAL: the
// camera has no such control, or not that value; the text says what it has. What the driver
// rounded goes into `note` (", gain 40 instead of 42"), which is empty otherwise.
int fg_v4l2_controls_set(const struct fg_v4l2_device *device, const struct fg_camera_wish *wish,
                         char *note, size_t note_size, struct fg_error *err);

// The name that v4l2-ctl gives a control: "White Balance, Automatic" is
// white_balance_automatic. `length` bytes of `from`, which may lack its end.
void fg_v4l2_control_name(const char *from, size_t length, char *to, size_t size);

#ifdef __cplusplus
}
#endif
#endif
