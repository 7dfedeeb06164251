// SPDX-License-Identifier: Apache-2.0
// Boxes, captions and pasted pictures for annotated pictures. Everything is cut at the edges.
#ifndef FG_DRAW_H
#define FG_DRAW_H

#include "demo/picture.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_DRAW_RGB(r, g, b) ((uint32_t)(r) << 16 | (uint32_t)(g) << 8 | (uint32_t)(b))

// A filled rectangle.
void fg_draw_fill(struct fg_picture *picture, int x, int y, int width, int height, uint32_t rgb);
// A frame of `thick` pixels inside the rectangle.
void fg_draw_box(struct fg_picture *picture, int x, int y, int width, int height, int thick,
                 uint32_t rgb);
// Text whose top left corner is (x, y); one font pixel is `size` pixels. Returns its width.
int fg_draw_text(struct fg_picture *picture, int x, int y, int size, uint32_t rgb,
                 const char *text);
// Text on a filled label with a margin of `size`; (x, y) is the label's corner. Returns its width.
int fg_draw_label(struct fg_picture *picture, int x, int y, int size, uint32_t rgb, uint32_t back,
                  const char *text);
int fg_draw_label_height(int size);
int fg_draw_label_width(int size, const char *text);

// `from` at (x, y) in width x height pixels, by area mean (made smaller) or repeated pixels.
void fg_draw_picture(struct fg_picture *picture, int x, int y, int width, int height,
                     const struct fg_picture *from);

#ifdef __cplusplus
}
#endif
#endif
