// SPDX-License-Identifier: Apache-2.0
// Where the tests find Arm NN's backends, on this machine or under an emulator.
#ifndef FG_TEST_ARM_NN_H
#define FG_TEST_ARM_NN_H

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

// Arm NN's own folder, or one where it would not look by itself.
static inline const char *own_backends(void)
{
    const char *path = getenv("FACEGATE_BACKENDS");
    return path && path[0] ? path : NULL;
}

// The backend whose results the tests check: the reference, or on Arm its real one.
static inline const char *tested_backend(void)
{
    const char *name = getenv("FACEGATE_TEST_BACKEND");
    return name && name[0] ? name : "CpuRef";
}

// Path of a backend's library; false: not installed.
static inline int find_backend(const char *file, char *ret, size_t size)
{
    char pattern[512];
    glob_t found;
    const char *own = own_backends();
    if (own)
        snprintf(pattern, sizeof pattern, "%s/%s", own, file);
    else
        snprintf(pattern, sizeof pattern, "/usr/lib/*/armnn*/%s", file);
    if (glob(pattern, 0, NULL, &found) != 0)
        return 0;
    snprintf(ret, size, "%s", found.gl_pathv[0]);
    globfree(&found);
    return 1;
}

// Copies a file by hand: under an emulator a link or a child would see the host's folders.
static inline int copy_file(const char *from, const char *to)
{
    char bytes[65536];
    size_t n;
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    int good = in && out;
    while (good && (n = fread(bytes, 1, sizeof bytes, in)) > 0)
        good = fwrite(bytes, 1, n, out) == n;
    if (in)
        fclose(in);
    return out ? fclose(out) == 0 && good : 0;
}

#endif
