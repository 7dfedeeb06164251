// SPDX-License-Identifier: Apache-2.0
#include "matcher/catalogue.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 0x950412deu
#define HEAD  20 // magic, revision, count, place of the originals, place of the translations

struct fg_catalogue {
    uint8_t *bytes; // `length` of them, and a NUL
    size_t length;
    uint32_t count, originals, translations; // tables of (length, offset)
};

// ---- reading -----------------------------------------------------------------------------------

static uint32_t u32_at(const struct fg_catalogue *c, size_t offset)
{
    const uint8_t *b = c->bytes + offset;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

// How many bytes the UTF-8 sequence at `text` has (RFC 3629); 0: it is none. The end is a NUL,
// which continues nothing.
static unsigned sequence(const uint8_t *text)
{
    unsigned more = text[0] < 0x80                       ? 0
                    : text[0] >= 0xc2 && text[0] <= 0xdf ? 1
                    : (text[0] & 0xf0) == 0xe0           ? 2
                    : text[0] >= 0xf0 && text[0] <= 0xf4 ? 3
                                                         : 4;
    if (more == 4)
        return 0;
    for (unsigned i = 1; i <= more; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool beyond = (text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf4 && text[1] > 0x8f);
    return overlong || beyond ? 0 : more + 1;
}

static bool is_utf8(const uint8_t *text)
{
    while (*text) {
        unsigned bytes = sequence(text);
        if (bytes == 0)
            return false;
        text += bytes;
    }
    return true;
}

static bool string_ok(const struct fg_catalogue *c, size_t row)
{
    const uint32_t length = u32_at(c, row), offset = u32_at(c, row + 4);
    return offset < c->length && length < c->length - offset && c->bytes[offset + length] == 0 &&
           is_utf8(c->bytes + offset);
}

static bool check(struct fg_catalogue *c)
{
    if (c->length < HEAD || u32_at(c, 0) != MAGIC || u32_at(c, 4) >> 16 > 1)
        return false;
    c->count = u32_at(c, 8);
    c->originals = u32_at(c, 12);
    c->translations = u32_at(c, 16);
    const size_t table = (size_t)c->count * 8;
    if (c->count > c->length / 8 || c->originals > c->length || c->translations > c->length ||
        table > c->length - c->originals || table > c->length - c->translations)
        return false;
    for (size_t at = 0; at < table; at += 8)
        if (!string_ok(c, c->originals + at) || !string_ok(c, c->translations + at))
            return false;
    return true;
}

static int read_all(FILE *file, struct fg_catalogue *c)
{
    c->bytes = malloc(FG_CATALOGUE_BYTES + 1);
    if (!c->bytes)
        return -ENOMEM;
    c->length = fread(c->bytes, 1, FG_CATALOGUE_BYTES + 1, file);
    if (ferror(file))
        return errno ? -errno : -EIO;
    if (c->length > FG_CATALOGUE_BYTES)
        return -EFBIG;
    c->bytes[c->length] = 0;
    return 0;
}

int fg_catalogue_read(const char *path, struct fg_catalogue **ret, struct fg_error *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    struct fg_catalogue *c = calloc(1, sizeof *c);
    int code = c ? read_all(file, c) : -ENOMEM;
    fclose(file);
    if (code < 0)
        fg_fail(err, code, "%s: %s", path, strerror(-code));
    else if (!check(c))
        code =
            fg_fail(err, -EBADMSG, "%s: damaged, or no catalogue that msgfmt made for UTF-8", path);
    if (code < 0) {
        fg_catalogue_destroy(c);
        return code;
    }
    *ret = c;
    return 0;
}

void fg_catalogue_destroy(struct fg_catalogue *catalogue)
{
    if (!catalogue)
        return;
    free(catalogue->bytes);
    free(catalogue);
}

// ---- looking up --------------------------------------------------------------------------------

static const char *text_at(const struct fg_catalogue *c, size_t row)
{
    return (const char *)c->bytes + u32_at(c, row + 4);
}

const char *fg_catalogue_find(const struct fg_catalogue *catalogue, const char *sentence)
{
    for (size_t at = 0; at < (size_t)catalogue->count * 8; at += 8)
        if (strcmp(text_at(catalogue, catalogue->originals + at), sentence) == 0) {
            const char *found = text_at(catalogue, catalogue->translations + at);
            return *found ? found : NULL;
        }
    return NULL;
}
