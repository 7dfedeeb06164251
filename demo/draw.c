// SPDX-License-Identifier: Apache-2.0
#include "demo/draw.h"

#include <string.h>

#include "demo/font.h"

static void put(struct fg_picture *picture, int64_t x, int64_t y, uint32_t rgb)
{
    if (x < 0 || y < 0 || x >= picture->width || y >= picture->height)
        return;
    uint8_t *p = picture->rgb + ((size_t)y * picture->width + (size_t)x) * 3;
    p[0] = (uint8_t)(rgb >> 16);
    p[1] = (uint8_t)(rgb >> 8);
    p[2] = (uint8_t)rgb;
}

void fg_draw_fill(struct fg_picture *picture, int x, int y, int width, int height, uint32_t rgb)
{
    for (int v = 0; v < height; v++) {
        for (int u = 0; u < width; u++)
            put(picture, (int64_t)x + u, (int64_t)y + v, rgb);
    }
}

void fg_draw_box(struct fg_picture *picture, int x, int y, int width, int height, int thick,
                 uint32_t rgb)
{
    fg_draw_fill(picture, x, y, width, thick, rgb);
    fg_draw_fill(picture, x, y + height - thick, width, thick, rgb);
    fg_draw_fill(picture, x, y, thick, height, rgb);
    fg_draw_fill(picture, x + width - thick, y, thick, height, rgb);
}

static int text_width(const char *text, int size)
{
    const int letters = (int)strlen(text);
    return letters > 0 ? (letters * (FG_FONT_WIDTH + 1) - 1) * size : 0;
}

int fg_draw_text(struct fg_picture *picture, int x, int y, int size, uint32_t rgb, const char *text)
{
    for (const char *c = text; *c; c++, x += (FG_FONT_WIDTH + 1) * size) {
        const uint8_t *rows = fg_font_glyph(*c);
        for (int v = 0; v < FG_FONT_HEIGHT; v++) {
            for (int u = 0; u < FG_FONT_WIDTH; u++) {
                if (rows[v] >> (FG_FONT_WIDTH - 1 - u) & 1)
                    fg_draw_fill(picture, x + u * size, y + v * size, size, size, rgb);
            }
        }
    }
    return text_width(text, size);
}

int fg_draw_label_width(int size, const char *text)
{
    return text_width(text, size) + 4 * size;
}

int fg_draw_label_height(int size)
{
    return (FG_FONT_HEIGHT + 4) * size;
}

int fg_draw_label(struct fg_picture *picture, int x, int y, int size, uint32_t rgb, uint32_t back,
                  const char *text)
{
    const int width = fg_draw_label_width(size, text);
    fg_draw_fill(picture, x, y, width, fg_draw_label_height(size), back);
    fg_draw_text(picture, x + 2 * size, y + 2 * size, size, rgb, text);
    return width;
}

static uint32_t mean_of(const struct fg_picture *from, uint32_t x0, uint32_t y0, uint32_t x1,
                        uint32_t y1)
{
    uint64_t sum[3] = {0}, n = 0;
    for (uint32_t y = y0; y < y1; y++) {
        const uint8_t *p = from->rgb + ((size_t)y * from->width + x0) * 3;
        for (uint32_t x = x0; x < x1; x++, p += 3, n++) {
            for (int c = 0; c < 3; c++)
                sum[c] += p[c];
        }
    }
    return n == 0 ? 0 : FG_DRAW_RGB(sum[0] / n, sum[1] / n, sum[2] / n);
}

void fg_draw_picture(struct fg_picture *picture, int x, int y, int width, int height,
                     const struct fg_picture *from)
{
    for (int v = 0; v < height; v++) {
        uint32_t y0 = (uint32_t)((uint64_t)v * from->height / (unsigned)height);
        uint32_t y1 = (uint32_t)((uint64_t)(v + 1) * from->height / (unsigned)height);
        for (int u = 0; u < width; u++) {
            uint32_t x0 = (uint32_t)((uint64_t)u * from->width / (unsigned)width);
            uint32_t x1 = (uint32_t)((uint64_t)(u + 1) * from->width / (unsigned)width);
            put(picture, (int64_t)x + u, (int64_t)y + v,
                mean_of(from, x0, y0, x1 > x0 ? x1 : x0 + 1, y1 > y0 ? y1 : y0 + 1));
        }
    }
}
