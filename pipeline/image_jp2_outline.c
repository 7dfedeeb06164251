// SPDX-License-Identifier: Apache-2.0
// The markers of a JPEG 2000 codestream (ISO/IEC 15444-1 annex A) and the boxes around it (annex
// I), walked before the decoder is let near them: it allocates by what they say.
#include <errno.h>
#include <string.h>

#include "pipeline/image_codecs.h"

#define MAX_TILES     1024u
#define MAX_LAYERS    64u
#define MAX_LEVELS    10u
#define MAX_PRECINCTS (1u << 17) // of all tiles and components; the decoder needs 1 KB for each
#define MIN_BLOCK     8u         // log2 of a code block's samples

enum { SOC = 0xff4f, SIZ = 0xff51, COD = 0xff52, COC = 0xff53, SOT = 0xff90, SOD = 0xff93 };
enum { EOC = 0xffd9, MARK = 2 };

// What is left of the codestream, and what was learnt of it.
struct walk {
    const uint8_t *at;
    size_t left;
    struct fg_jp2_outline *outline;
    uint32_t tile_width, tile_height, tiles, tiles_seen;
    bool seen[MAX_TILES]; // the decoder leaves tiles that are not there black
};

static uint32_t u16_at(const uint8_t *b)
{
    return (uint32_t)b[0] << 8 | b[1];
}

static uint32_t u32_at(const uint8_t *b)
{
    return u16_at(b) << 16 | u16_at(b + 2);
}

static int cut_off(struct fg_error *err)
{
    return fg_fail(err, -EINVAL, "truncated or broken JPEG 2000: it ends too early");
}

static void skip(struct walk *w, size_t count)
{
    w->at += count;
    w->left -= count;
}

// ---- what the markers say ----------------------------------------------------------------------

static uint32_t count_up(uint32_t length, uint32_t step)
{
    return length / step + (length % step != 0);
}

static int check_components(const uint8_t *list, uint32_t count, struct fg_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t bits = (list[3 * i] & 0x7fu) + 1, dx = list[3 * i + 1], dy = list[3 * i + 2];
        if (bits > 16)
            return fg_fail(err, -ENOTSUP, "JPEG 2000 of %u bits a sample; 16 are the most", bits);
        if (dx < 1 || dy < 1 || dx > 2 || dy > 2 || (i == 0 && (dx > 1 || dy > 1)))
            return fg_fail(err, -ENOTSUP,
                           "JPEG 2000 with samples %u by %u pixels apart; 1 and, for "
                           "colour, 2 are known",
                           dx, dy);
    }
    return 0;
}

// A.5.1: Rsiz, then of the grid: end, start, tile size, tile start; components.
static int read_size(struct walk *w, const uint8_t *b, size_t size, struct fg_error *err)
{
    if (size < 36)
        return cut_off(err);
    uint32_t grid[8];
    for (unsigned i = 0; i < 8; i++)
        grid[i] = u32_at(b + 2 + 4 * i);
    const uint32_t *end = grid, *start = grid + 2, *tile = grid + 4, *tiles_from = grid + 6;
    const uint32_t components = u16_at(b + 34);
    for (unsigned i = 0; i < 2; i++)
        if (end[i] > INT32_MAX || start[i] >= end[i] || tile[i] < 1 || tiles_from[i] > start[i])
            return fg_fail(err, -EINVAL, "truncated or broken JPEG 2000: an impossible size");
    w->outline->width = end[0] - start[0];
    w->outline->height = end[1] - start[1];
    int code = fg_image_check_size(w->outline->width, w->outline->height, err);
    if (code)
        return code;
    if ((uint64_t)w->outline->width * w->outline->height > FG_IMAGE_MAX_JP2_PIXELS)
        return fg_fail(err, -EFBIG,
                       "JPEG 2000 of %ux%u: %u megapixels are the most; scale it first",
                       w->outline->width, w->outline->height, FG_IMAGE_MAX_JP2_PIXELS / 1000000u);
    if (components != 1 && components != 3)
        return fg_fail(err, -ENOTSUP,
                       "JPEG 2000 of %u channels: convert it to RGB or grey, without "
                       "transparency",
                       components);
    if (size < 36 + (size_t)3 * components)
        return cut_off(err);
    const uint64_t tiles = (uint64_t)count_up(end[0] - tiles_from[0], tile[0]) *
                           count_up(end[1] - tiles_from[1], tile[1]);
    if (tiles > MAX_TILES)
        return fg_fail(err, -ENOTSUP, "JPEG 2000 of more than %u tiles", MAX_TILES);
    w->outline->components = components;
    w->tiles = (uint32_t)tiles;
    w->tile_width = tile[0] < w->outline->width ? tile[0] : w->outline->width;
    w->tile_height = tile[1] < w->outline->height ? tile[1] : w->outline->height;
    return check_components(b + 36, components, err);
}

// A.6.1, table A.20: levels, code block, its style, transform, and with `precincts` their sizes
// from the coarsest resolution to the finest.
static int check_style(const struct walk *w, const uint8_t *b, size_t size, bool precincts,
                       struct fg_error *err)
{
    if (size < 5 || (precincts && size < 6 + (size_t)b[0]))
        return cut_off(err);
    const uint32_t levels = b[0], block = (uint32_t)b[1] + b[2] + 4;
    if (levels > MAX_LEVELS || b[1] > 8 || b[2] > 8 || block < MIN_BLOCK || block > 12)
        return fg_fail(err, -ENOTSUP,
                       "JPEG 2000 of %u levels and code blocks of 2^%u samples: %u "
                       "levels are the most, blocks have 2^%u to 2^12",
                       levels, block, MAX_LEVELS, MIN_BLOCK);
    uint64_t sum = 0;
    for (uint32_t r = 0; precincts && r <= levels; r++) {
        const uint32_t down = levels - r, px = b[5 + r] & 15u, py = b[5 + r] >> 4;
        const uint64_t across = (w->tile_width >> down >> px) + 2;
        sum += across * ((w->tile_height >> down >> py) + 2);
    }
    if (sum * w->tiles * w->outline->components > MAX_PRECINCTS)
        return fg_fail(err, -ENOTSUP, "JPEG 2000 of more than %u precincts", MAX_PRECINCTS);
    return 0;
}

static int check_segment(struct walk *w, uint32_t marker, const uint8_t *b, size_t size,
                         struct fg_error *err)
{
    if (marker == COD) {
        if (size < 5)
            return cut_off(err);
        if (u16_at(b + 2) > MAX_LAYERS)
            return fg_fail(err, -ENOTSUP, "JPEG 2000 of %u layers; %u are the most", u16_at(b + 2),
                           MAX_LAYERS);
        return check_style(w, b + 5, size - 5, b[0] & 1, err);
    }
    if (marker == COC) // at most 3 components: their numbers take one byte
        return size < 2 ? cut_off(err) : check_style(w, b + 2, size - 2, b[1] & 1, err);
    return 0;
}

// COD COC TLM PLM PLT QCD QCC RGN POC CRG COM. Not among them: headers packed elsewhere (PPM,
// PPT), high throughput (CAP), part 2.
static bool is_known(uint32_t marker)
{
    static const uint8_t known[] = {0x52, 0x53, 0x55, 0x57, 0x58, 0x5c,
                                    0x5d, 0x5e, 0x5f, 0x63, 0x64};
    return marker >> 8 == 0xff && memchr(known, (int)(marker & 0xff), sizeof known);
}

// ---- the walk ----------------------------------------------------------------------------------

// The segments from here to the marker `last`, which stays.
static int walk_header(struct walk *w, uint32_t last, struct fg_error *err)
{
    for (;;) {
        if (w->left < MARK + 2)
            return cut_off(err);
        const uint32_t marker = u16_at(w->at), size = u16_at(w->at + MARK);
        if (marker == last)
            return 0;
        if (!is_known(marker))
            return fg_fail(err, -ENOTSUP,
                           "JPEG 2000 with the marker %04X, which portraits have no "
                           "use for; save it anew as plain JPEG 2000 or as JPEG",
                           marker);
        if (size < 2 || size > w->left - MARK)
            return cut_off(err);
        int code = check_segment(w, marker, w->at + MARK + 2, size - 2, err);
        if (code)
            return code;
        skip(w, MARK + size);
    }
}

// A.4.2: Isot, Psot (bytes from SOT to the tile-part's end; 0: to EOC), TPsot, TNsot.
static int walk_tile_part(struct walk *w, bool *last, struct fg_error *err)
{
    if (w->left < 12 || u16_at(w->at + MARK) != 10)
        return cut_off(err);
    const uint32_t length = u32_at(w->at + 6);
    const uint32_t tile = u16_at(w->at + 4);
    if (tile >= w->tiles)
        return fg_fail(err, -EINVAL, "truncated or broken JPEG 2000: tile %u of %u", tile,
                       w->tiles);
    w->tiles_seen += !w->seen[tile];
    w->seen[tile] = true;
    if (length == 0) {
        if (w->left < 14 + MARK || u16_at(w->at + w->left - MARK) != EOC)
            return cut_off(err);
        *last = true;
    } else if (length < 14 || length > w->left) {
        return cut_off(err);
    }
    const uint8_t *end = w->at + (length ? length : w->left);
    const size_t behind = length ? w->left - length : 0;
    w->left -= behind;
    skip(w, 12);
    int code = walk_header(w, SOD, err);
    w->at = end;
    w->left = behind;
    return code;
}

static int walk_codestream(struct walk *w, struct fg_error *err)
{
    if (w->left < 6 || u16_at(w->at) != SOC || u16_at(w->at + 2) != SIZ)
        return cut_off(err);
    const uint32_t size = u16_at(w->at + 4);
    if (size < 2 || size > w->left - 4)
        return cut_off(err);
    int code = read_size(w, w->at + 6, size - 2, err);
    if (code)
        return code;
    skip(w, 4 + size);
    code = walk_header(w, SOT, err);
    bool last = false;
    while (code == 0 && !last && w->left >= MARK && u16_at(w->at) == SOT)
        code = walk_tile_part(w, &last, err);
    if (code)
        return code;
    if (!last && (w->left < MARK || u16_at(w->at) != EOC))
        return cut_off(err);
    skip(w, last ? 0 : MARK);
    return w->tiles_seen == w->tiles ? 0 : cut_off(err);
}

// I.4: length with its own 4 bytes (0: to the end, 1: a 64-bit one follows), type.
static int find_codestream(struct walk *w, struct fg_error *err)
{
    while (w->left >= 8) {
        uint64_t length = u32_at(w->at);
        const uint32_t type = u32_at(w->at + 4);
        size_t head = 8;
        if (length == 1 && w->left >= 16) {
            head = 16;
            length = (uint64_t)u32_at(w->at + 8) << 32 | u32_at(w->at + 12);
        } else if (length == 0) {
            length = w->left;
        }
        if (length < head || length > w->left)
            return cut_off(err);
        if (type == 0x6a703263) { // jp2c
            w->left = length;
            skip(w, head);
            return 0;
        }
        skip(w, length);
    }
    return fg_fail(err, -EINVAL, "truncated or broken JPEG 2000: there is no picture in it");
}

int fg_jp2_walk(const uint8_t *bytes, size_t length, struct fg_jp2_outline *ret,
                struct fg_error *err)
{
    struct fg_jp2_outline outline = {.boxed = fg_image_kind(bytes, length) == FG_IMAGE_JP2};
    struct walk w = {.at = bytes, .left = length, .outline = &outline};
    int code = outline.boxed ? find_codestream(&w, err) : 0;
    if (code == 0)
        code = walk_codestream(&w, err);
    if (code)
        return code;
    outline.length = (size_t)(w.at - bytes);
    *ret = outline;
    return 0;
}
