// SPDX-License-Identifier: Apache-2.0
// The clips that `footage` makes from photographs. All are seeded: the same photographs give the
// same bytes.
#ifndef FG_TAKES_H
#define FG_TAKES_H

#include <stddef.h>

#include "demo/reel.h"
#include "demo/truth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_TAKES_WIDTH  1280
#define FG_TAKES_HEIGHT 720

struct fg_take {
    const struct fg_demo_photo *photos; // borrowed; paths[i] is the file of photos[i]
    const char *const *paths;
    size_t count;
    bool (*enrolled)(const char *person);
    uint64_t seed;
};

// The walk over all photographs, an empty lane between them, and two enrolment pictures of each
// enrolled person. Does nothing when the folder holds it already (*ret_made false).
// Failure: negative errno; a photograph of another size than the table says is -EINVAL.
int fg_take_walk(const struct fg_take *take, const char *folder, bool *ret_made,
                 struct fg_error *err);

// Three seconds of two people side by side who change places from one frame to the next, at the
// same two positions and sizes; enrolment pictures of the enrolled one. For the test that no
// template is ever fused from two people.
int fg_take_swap(const struct fg_take *take, const char *left, const char *right,
                 const char *folder, bool *ret_made, struct fg_error *err);

// A lane by a script: its words, one part each, are PERSON[+PERSON][@CODE.png]:SECONDS, or
// -:SECONDS while nobody is there. One person stands in the middle, two side by side; the code's
// picture is held up beside the face. With two enrolment pictures of everybody in it. Made anew
// whatever is there.
int fg_take_lane(const struct fg_take *take, const char *const *script, const char *folder,
                 struct fg_error *err);

// A Y4M file (C420jpeg, full range) of gentle motion over photos[index] with all of its faces in
// view; its end joins its beginning.
int fg_take_loop(const struct fg_take *take, size_t index, unsigned frames, const char *path,
                 struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
