// SPDX-License-Identifier: Apache-2.0
// A 5x7 pixel font for captions: A-Z, 0-9 and a little punctuation; small letters are drawn as
// capitals, what is not there as a box.
#ifndef FG_FONT_H
#define FG_FONT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FG_FONT_WIDTH  5
#define FG_FONT_HEIGHT 7

// Seven rows from the top; bit 4 is the leftmost pixel. Never NULL.
const uint8_t *fg_font_glyph(char letter);

#ifdef __cplusplus
}
#endif
#endif
