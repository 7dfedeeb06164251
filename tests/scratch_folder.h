// SPDX-License-Identifier: Apache-2.0
// A folder of its own for a group of tests, which must leave it empty.
#ifndef FG_SCRATCH_FOLDER_H
#define FG_SCRATCH_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/facegate-test-XXXXXX";

static inline int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static inline int tear_down(void **state)
{
    (void)state;
    return rmdir(folder); // fails when a test left a file
}

static inline const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

#endif
