// SPDX-License-Identifier: Apache-2.0
// Still pictures: JPEG (baseline and progressive, grey or colour, turned upright by EXIF), PNG and
// JPEG 2000 (part 1; JP2 file or bare codestream; grey, sRGB or sYCC, 1 to 16 bits).
#ifndef FG_IMAGE_H
#define FG_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/frame.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_IMAGE_MAX_SIDE   16384u      // pixels
#define FG_IMAGE_MAX_PIXELS 100000000u  // refused from the header, before any allocation
#define FG_IMAGE_MAX_BYTES  (64u << 20) // of the file
// Of a JPEG 2000 picture: its decoder takes up to 24 bytes a pixel beside the picture's own 3.
#define FG_IMAGE_MAX_JP2_PIXELS 16777216u

struct fg_image {
    struct fg_frame frame; // planes point into memory; JPEG gives YUV or GREY (RGB when it was
                           // stored as RGB), PNG gives RGB, transparency on white, JPEG 2000
                           // gives GREY, RGB or (sYCC) YUV
    uint8_t *memory;       // owned
    size_t capacity;       // of memory; reused by the next decode into the same image
    bool turned;           // EXIF asked for it: the planes were written a second time
};

// An image starts as {0}. Decodes into it, reusing its memory; frame is upright. Failure: negative
// errno, the image is still valid for another decode or for fg_image_finish. -EINVAL: none of the
// three, or broken (a cut-off JPEG or JPEG 2000 too); -EFBIG: over a limit above, or a side of 0;
// -ENOTSUP: CMYK (err says to convert to RGB), or a JPEG 2000 unlike any portrait.
int fg_image_decode(struct fg_image *image, const void *bytes, size_t length, struct fg_error *err);
// Reads the file, then the same; err names the file.
int fg_image_load(struct fg_image *image, const char *path, struct fg_error *err);
void fg_image_wipe(struct fg_image *image);   // its pixels; their memory stays for the next decode
void fg_image_finish(struct fg_image *image); // wipes the pixels

// Encoders, for pictures that a person looks at and for made footage. 8-bit RGB rows, stride
// bytes apart. Success: 0.
int fg_image_write_png(const char *path, const uint8_t *rgb, uint32_t width, uint32_t height,
                       uint32_t stride, struct fg_error *err);
// 8-bit grey rows, and the size on paper: so many pixels are a metre.
int fg_image_write_png_grey(const char *path, const uint8_t *grey, uint32_t width, uint32_t height,
                            uint32_t stride, uint32_t per_metre, struct fg_error *err);
// JPEG, 4:2:0, quality 1..100. *ret_bytes is malloc'd, owned by the caller.
int fg_image_encode_jpeg(const uint8_t *rgb, uint32_t width, uint32_t height, uint32_t stride,
                         int quality, uint8_t **ret_bytes, size_t *ret_length,
                         struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
