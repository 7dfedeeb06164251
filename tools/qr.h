// SPDX-License-Identifier: Apache-2.0
// QR codes (ISO/IEC 18004) as pictures to print or show: PNG with its size on paper, and SVG.
//
// The text stands in the alphanumeric mode, 5.5 bits a character, which Base45 is made for. Error
// correction is M, which mends 15 % of the code words: glare, a crease, a thumb. With it a token of
// 200 bytes has 57 modules a side, 1.05 mm each at 6 cm, so that a lens of 45 degrees at 720p has
// three pixels a module at half a metre. Q would take 65 to 69 modules; L saves 4 and mends 7 %.
#ifndef FG_QR_H
#define FG_QR_H

#include <stdbool.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_QR_CM_LEAST 1
#define FG_QR_CM_MOST  30

bool fg_qr_name_ok(const char *path); // ends in .png or .svg

// Draws the text, `cm` wide and high without the quiet zone of 4 modules around it, as a PNG or an
// SVG by the name's end. *ret_modules is how many a side has. -EINVAL: other characters than Base45
// has, or no such name; -ERANGE: too long for a QR code; what opening or writing the file returned.
int fg_qr_draw(const char *text, double cm, const char *path, unsigned *ret_modules,
               struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
