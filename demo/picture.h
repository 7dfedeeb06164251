// SPDX-License-Identifier: Apache-2.0
// An RGB picture in memory, for tools that draw or make pictures. Not on the way of camera frames.
#ifndef FG_PICTURE_H
#define FG_PICTURE_H

#include <stdint.h>

#include "common/error.h"
#include "pipeline/frame.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_picture {
    uint8_t *rgb; // owned; rows follow each other, 3 bytes a pixel
    uint32_t width, height;
};

// A picture starts as {0}. Black, of this size; -ENOMEM. Finish accepts {0}.
int fg_picture_init(struct fg_picture *picture, uint32_t width, uint32_t height);
void fg_picture_finish(struct fg_picture *picture);

// Makes *ret (must be {0}) from a frame of any format (BT.601, the frame's range). -ENOMEM.
int fg_picture_from_frame(const struct fg_frame *frame, struct fg_picture *ret);
// Loads a JPEG or PNG; failures as fg_image_load.
int fg_picture_load(const char *path, struct fg_picture *ret, struct fg_error *err);

// Half the size (odd last row and column dropped), each pixel the mean of four.
int fg_picture_half(const struct fg_picture *picture, struct fg_picture *ret);

// I420 planes of BT.601 0..255 ("C420jpeg"): width*height bytes, then twice a quarter of it.
// Width and height even.
void fg_picture_to_i420(const struct fg_picture *picture, uint8_t *planes);

#ifdef __cplusplus
}
#endif
#endif
