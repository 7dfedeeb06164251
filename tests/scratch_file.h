// SPDX-License-Identifier: Apache-2.0
// A file of its own for a group of tests, written anew by each.
#ifndef FG_SCRATCH_FILE_H
#define FG_SCRATCH_FILE_H

#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/facegate-test-XXXXXX";

static inline int set_up(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static inline int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

#endif
