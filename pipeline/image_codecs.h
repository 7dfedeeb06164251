// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: what image.c and the sources share with the codec files.
#ifndef FG_IMAGE_CODECS_H
#define FG_IMAGE_CODECS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "pipeline/image.h"

#ifdef __cplusplus
extern "C" {
#endif

// Rows start at multiples of this from an equally aligned start, and as many bytes may be read
// past the last row: a vector load at any pixel stays inside.
#define FG_IMAGE_ALIGN 64u

// 0, or -EFBIG when a size is 0 or over the limits of image.h.
int fg_image_check_size(uint64_t width, uint64_t height, struct fg_error *err);

// Rows of one plane, before the memory is known.
struct fg_image_plane {
    uint32_t row_bytes, rows;
};

// Makes image->memory large enough for the planes and points image->frame's planes into it.
// The old pixels are gone. 0 or -ENOMEM.
int fg_image_reserve(struct fg_image *image, const struct fg_image_plane *planes, unsigned n_planes,
                     struct fg_error *err);

// Turns the planes upright for an EXIF orientation of 2 to 8 (1: nothing to do), through new
// memory. 0 or -ENOMEM.
int fg_image_turn(struct fg_image *image, unsigned orientation, struct fg_error *err);

// What the markers of one JPEG say, without decoding.
struct fg_jpeg_outline {
    size_t length;          // up to and with EOI; else where the walk had to stop
    bool complete;          // EOI was found
    bool sized;             // a frame header was found: width and height are set
    uint32_t width, height; // may be 0
    const uint8_t *exif;    // into the bytes: the first Exif segment's payload, or NULL
    size_t exif_length;
};

// Walks the markers from bytes[0], which must be SOI. Segments are skipped by their length, so a
// thumbnail inside EXIF ends nothing; a second SOI between segments ends the walk.
// False: no SOI here.
bool fg_jpeg_walk(const uint8_t *bytes, size_t length, struct fg_jpeg_outline *ret);

// A decoder kept from picture to picture.
struct fg_jpeg;
int fg_jpeg_create(struct fg_jpeg **ret, struct fg_error *err);
void fg_jpeg_destroy(struct fg_jpeg *jpeg); // accepts NULL
// Decodes as fg_image_decode does; upright: honour the EXIF orientation.
int fg_jpeg_decode(struct fg_jpeg *jpeg, struct fg_image *image, const uint8_t *bytes,
                   size_t length, bool upright, struct fg_error *err);

// What the first bytes say.
enum fg_image_kind { FG_IMAGE_UNKNOWN, FG_IMAGE_JPEG, FG_IMAGE_PNG, FG_IMAGE_JP2, FG_IMAGE_J2K };
enum fg_image_kind fg_image_kind(const uint8_t *bytes, size_t length);

// What the markers of one JPEG 2000 picture say, without decoding.
struct fg_jp2_outline {
    bool boxed;             // a JP2 file; else a bare codestream
    size_t length;          // up to and with the codestream's end: what the decoder may see
    uint32_t width, height; // within the limits of image.h
    uint32_t components;    // of the codestream: 1 or 3
};

// Walks all markers that the decoder will meet. 0; -EINVAL: cut off or broken; -EFBIG: over a limit
// of image.h; -ENOTSUP: what no portrait has and costs the decoder much memory or time (many tiles,
// layers, precincts), or what is not part 1 of JPEG 2000.
int fg_jp2_walk(const uint8_t *bytes, size_t length, struct fg_jp2_outline *ret,
                struct fg_error *err);
int fg_jp2_decode(struct fg_image *image, const uint8_t *bytes, size_t length,
                  struct fg_error *err);

int fg_png_decode(struct fg_image *image, const uint8_t *bytes, size_t length,
                  struct fg_error *err);

// The orientation, 1 to 8, that an Exif payload ("Exif\0\0" and a TIFF) asks for in its first
// directory; 1 when it asks for none.
unsigned fg_exif_orientation(const uint8_t *payload, size_t length);

#ifdef __cplusplus
}
#endif
#endif
