// SPDX-License-Identifier: Apache-2.0
// For tests that look with the real networks: opened once for the group, where they are installed.
#ifndef FG_SEEING_H
#define FG_SEEING_H

#include "tests/canvas.h"

static struct fg_vision *vision; // NULL: no models

static inline int set_up(void **state)
{
    (void)state;
    vision = models_absent() ? NULL : vision_open();
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    fg_vision_close(vision);
    return 0;
}

#endif
