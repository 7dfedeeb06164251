// SPDX-License-Identifier: Apache-2.0
#include "pipeline/code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zbar.h>

#include "common/clock.h"
#include "common/wipe.h"
#include "common/wire.h"
#include "pipeline/sampler.h"

#define LONGER_SIDE 1280.0 // pixels, of what is looked at
#define DENSITY     2      // lines from one that is scanned to the next
#define EVERY_NS    200000000u
#define SHARE       5 // a look comes so many times its own duration after the last began
#define AGAIN_NS    1000000000u
#define RECENT      8 // codes: more than people hold up in a second

struct fg_code_reader {
    zbar_image_scanner_t *scanner; // NULL: to be made anew
    struct fg_sampler *sampler;
    uint8_t *grey;
    size_t capacity;
    uint64_t t_look_ns, took_ns;
    bool half; // the next look
    struct {
        uint64_t digest, t_ns; // 0: none
    } recent[RECENT];
    uint64_t salt;
};

static zbar_image_scanner_t *make_scanner(void)
{
    zbar_image_scanner_t *s = zbar_image_scanner_create();
    if (!s)
        return NULL;
    zbar_image_scanner_set_config(s, ZBAR_NONE, ZBAR_CFG_ENABLE, 0);
    zbar_image_scanner_set_config(s, ZBAR_QRCODE, ZBAR_CFG_ENABLE, 1);
    zbar_image_scanner_set_config(s, ZBAR_QRCODE, ZBAR_CFG_BINARY, 1);
    zbar_image_scanner_set_config(s, ZBAR_NONE, ZBAR_CFG_X_DENSITY, DENSITY);
    zbar_image_scanner_set_config(s, ZBAR_NONE, ZBAR_CFG_Y_DENSITY, DENSITY);
    return s;
}

int fg_code_reader_create(struct fg_code_reader **ret)
{
    struct fg_code_reader *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->salt = fg_random_u64();
    r->scanner = make_scanner();
    if (!r->scanner || fg_sampler_create(&r->sampler) < 0) {
        fg_code_reader_destroy(r);
        return -ENOMEM;
    }
    *ret = r;
    return 0;
}

void fg_code_reader_destroy(struct fg_code_reader *reader)
{
    if (!reader)
        return;
    if (reader->scanner)
        zbar_image_scanner_destroy(reader->scanner);
    fg_sampler_destroy(reader->sampler);
    if (reader->grey)
        explicit_bzero(reader->grey, reader->capacity);
    free(reader->grey);
    free(reader);
}

bool fg_code_due(const struct fg_code_reader *reader, uint64_t now_ns)
{
    const uint64_t pause = SHARE * reader->took_ns;
    return reader->t_look_ns == 0 ||
           now_ns - reader->t_look_ns >= (pause > EVERY_NS ? pause : EVERY_NS);
}

// FNV-1a (Fowler, Noll, Vo) from a start that nobody knows: the bytes themselves are not kept.
static uint64_t digest_of(const struct fg_code_reader *r, const uint8_t *bytes, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ r->salt;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

// Whether these bytes were passed on within the last second; if not, they are now.
static bool is_repeated(struct fg_code_reader *r, const uint8_t *bytes, size_t length,
                        uint64_t now_ns)
{
    const uint64_t digest = digest_of(r, bytes, length);
    unsigned at = 0; // its own place, else the oldest
    for (unsigned i = 0; i < RECENT; i++) {
        if (r->recent[i].t_ns && r->recent[i].digest == digest) {
            at = i;
            break;
        }
        if (r->recent[i].t_ns < r->recent[at].t_ns)
            at = i;
    }
    if (r->recent[at].t_ns && r->recent[at].digest == digest &&
        now_ns - r->recent[at].t_ns < AGAIN_NS)
        return true;
    r->recent[at].digest = digest;
    r->recent[at].t_ns = now_ns;
    return false;
}

static int reserve(struct fg_code_reader *r, size_t bytes)
{
    if (bytes <= r->capacity)
        return 0;
    uint8_t *more = malloc(bytes);
    if (!more)
        return -ENOMEM;
    if (r->grey)
        explicit_bzero(r->grey, r->capacity);
    free(r->grey);
    r->grey = more;
    r->capacity = bytes;
    return 0;
}

static int scan(struct fg_code_reader *r, uint32_t width, uint32_t height, uint64_t now_ns,
                fg_code_found found, void *context)
{
    if (!r->scanner)
        r->scanner = make_scanner();
    zbar_image_t *image = r->scanner ? zbar_image_create() : NULL;
    if (!image)
        return -ENOMEM;
    zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
    zbar_image_set_size(image, width, height);
    zbar_image_set_data(image, r->grey, (unsigned long)width * height, NULL); // stays ours
    int n = zbar_scan_image(r->scanner, image);
    for (const zbar_symbol_t *s = n > 0 ? zbar_image_first_symbol(image) : NULL; s;
         s = zbar_symbol_next(s)) {
        const uint8_t *bytes = (const uint8_t *)zbar_symbol_get_data(s);
        const size_t length = zbar_symbol_get_data_length(s);
        if (zbar_symbol_get_type(s) == ZBAR_QRCODE && length >= 1 && length <= FG_WIRE_TOKEN &&
            !is_repeated(r, bytes, length, now_ns))
            found(context, bytes, length);
    }
    zbar_image_destroy(image);
    return n < 0 ? -ENOMEM : 0;
}

// Faces were in what was looked at, and the scanner holds what it read until its next look.
static void wipe(struct fg_code_reader *r)
{
    explicit_bzero(r->grey, r->capacity);
    fg_sampler_wipe(r->sampler);
    zbar_image_scanner_destroy(r->scanner); // freed, and so overwritten
    r->scanner = NULL;
    fg_wipe_stack();
}

int fg_code_look(struct fg_code_reader *reader, const struct fg_frame *frame, uint64_t now_ns,
                 fg_code_found found, void *context)
{
    struct fg_code_reader *r = reader;
    const uint64_t start = fg_monotonic_ns();
    const uint32_t longer = frame->width > frame->height ? frame->width : frame->height;
    const double side = r->half ? LONGER_SIDE / 2 : LONGER_SIDE;
    const double share = longer > side ? side / longer : 1;
    const uint32_t width = (uint32_t)(frame->width * share + 0.5);
    const uint32_t height = (uint32_t)(frame->height * share + 0.5);
    int code = width && height ? reserve(r, (size_t)width * height) : -EINVAL;
    if (code == 0)
        code = fg_sample_grey(r->sampler, frame, 0, 0, frame->width, frame->height, width, height,
                              r->grey);
    if (code == 0)
        code = scan(r, width, height, now_ns, found, context);
    if (fg_wipes() && r->grey && r->scanner)
        wipe(r);
    r->half = !r->half;
    r->t_look_ns = now_ns;
    r->took_ns = fg_monotonic_ns() - start;
    return code;
}
