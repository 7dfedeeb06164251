// SPDX-License-Identifier: Apache-2.0
// JPEG 2000 pictures for tests, made by OpenJPEG's encoder.
#ifndef FG_JP2_MAKER_H
#define FG_JP2_MAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum jp2_colours { JP2_RGB, JP2_GREY, JP2_YCC, JP2_CMYK };

struct jp2_form { // all zero: a lossless sRGB JP2 file of one tile
    bool bare;    // the codestream alone
    enum jp2_colours colours;
    unsigned shift_x, shift_y; // JP2_YCC: log2 of the chroma's subsampling
    unsigned bits;             // a sample; 0: 8
    bool is_signed;
    unsigned tile;     // side of the tiles; 0: one
    unsigned precinct; // side of the finest precincts; 0: one
    unsigned layers;   // 0: 1
    unsigned levels;   // resolutions; 0: 6
    unsigned block;    // side of a code block; 0: 64
    unsigned ratio;    // compression; 0: lossless
    unsigned offset;   // of the picture on its grid
};

// rgb: 8-bit RGB rows without gaps; other colours are made of it. *ret is malloc'd, the caller's.
// Aborts when the encoder refuses.
void jp2_make(const uint8_t *rgb, uint32_t width, uint32_t height, const struct jp2_form *form,
              uint8_t **ret, size_t *ret_length);

#ifdef __cplusplus
}
#endif
#endif
