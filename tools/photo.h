// SPDX-License-Identifier: Apache-2.0
// One photograph of one person, turned into a vector.
#ifndef FG_PHOTO_H
#define FG_PHOTO_H

#include <stdbool.h>

#include "common/error.h"
#include "pipeline/image.h"
#include "pipeline/vision.h"

struct fg_photo_rule {
    bool central;   // take the face nearest the centre; else several faces are refused
    bool accept;    // never refuse for quality
    bool mirrored;  // mean with the mirrored face
    float smallest; // pixels of the smallest face to look for; 0: 60
};

struct fg_photographer; // holds the picture's memory between calls; one thread at a time

// vision is borrowed for the photographer's life.
int fg_photographer_create(struct fg_vision *vision, struct fg_photographer **ret);
void fg_photographer_destroy(struct fg_photographer *photographer); // wipes; accepts NULL

// 0: *ret holds the vector. -ENODATA: the photograph is refused, and err says why in a sentence
// (no face, several faces, too small, too dark, ...; ret->reason holds the code). Other negative
// errno: the file can't be read or the engine failed.
int fg_photo_shot(struct fg_photographer *photographer, const char *path,
                  const struct fg_photo_rule *rule, struct fg_shot *ret, struct fg_error *err);

#endif
