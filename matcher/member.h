// SPDX-License-Identifier: Apache-2.0
// What a search needs to know of an enrolled subject. Everything is borrowed.
#ifndef FG_MEMBER_H
#define FG_MEMBER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fg_member {
    const char *id;
    uint64_t valid_from_s, valid_until_s; // 0: no bound
    // Words one after the other, each with its NUL, then an empty one. NULL: none (no lane: every).
    const char *lanes, *tags;
    uint32_t dimension;
    float scale; // of the average template, see fg_template
    const int8_t *values;
};

#ifdef __cplusplus
}
#endif
#endif
