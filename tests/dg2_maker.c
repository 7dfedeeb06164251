// SPDX-License-Identifier: Apache-2.0
#include "tests/dg2_maker.h"

#include <stdlib.h>
#include <string.h>

struct dg2_bytes dg2_copy(const void *bytes, size_t length)
{
    struct dg2_bytes copy = {malloc(length + 1), length};
    if (!copy.at)
        abort();
    memcpy(copy.at, bytes, length);
    return copy;
}

struct dg2_bytes dg2_join(struct dg2_bytes a, struct dg2_bytes b)
{
    struct dg2_bytes both = {malloc(a.length + b.length + 1), a.length + b.length};
    if (!both.at)
        abort();
    memcpy(both.at, a.at, a.length);
    memcpy(both.at + a.length, b.at, b.length);
    free(a.at);
    free(b.at);
    return both;
}

static size_t put(uint8_t *to, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    return bytes;
}

static unsigned bytes_of(uint32_t value)
{
    return value > 0xffffff ? 4 : value > 0xffff ? 3 : value > 0xff ? 2 : 1;
}

struct dg2_bytes dg2_object(uint32_t tag, struct dg2_bytes value)
{
    uint8_t head[9];
    size_t n = put(head, tag, bytes_of(tag));
    const unsigned wide = bytes_of((uint32_t)value.length);
    if (value.length > 0x7f)
        n += put(head + n, 0x80 | wide, 1);
    n += put(head + n, (uint32_t)value.length, wide);
    return dg2_join(dg2_copy(head, n), dg2_copy(value.at, value.length));
}

struct dg2_bytes dg2_wrap(uint32_t tag, struct dg2_bytes value)
{
    struct dg2_bytes object = dg2_object(tag, value);
    free(value.at);
    return object;
}

static struct dg2_bytes face(struct dg2_bytes picture, unsigned type, unsigned points)
{
    uint8_t head[20] = {0}, image[12] = {1, (uint8_t)type};
    const size_t length = sizeof head + 8 * (size_t)points + sizeof image + picture.length;
    put(head, (uint32_t)length, 4);
    put(head + 4, points, 2);
    uint8_t *marks = calloc(points + 1, 8);
    for (unsigned i = 0; i < 8 * points; i++)
        marks[i] = 0xff; // so that a picture looked for there is not found
    struct dg2_bytes all =
        dg2_join(dg2_copy(head, sizeof head), dg2_copy(marks, 8 * (size_t)points));
    free(marks);
    all = dg2_join(all, dg2_copy(image, sizeof image));
    return dg2_join(all, dg2_copy(picture.at, picture.length));
}

struct dg2_bytes dg2_record(struct dg2_bytes picture, unsigned type, unsigned points,
                            unsigned faces)
{
    uint8_t head[14] = "FAC\0"
                       "010";
    struct dg2_bytes all = dg2_copy(head, sizeof head);
    for (unsigned i = 0; i < faces; i++)
        all = dg2_join(all, face(picture, type, points));
    put(all.at + 8, (uint32_t)all.length, 4);
    put(all.at + 12, faces, 2);
    return all;
}

// A biometric header template with a type and a format owner, as ICAO has them.
static struct dg2_bytes header(void)
{
    static const uint8_t type[] = {0x81, 1, 2, 0x87, 2, 1, 1, 0x88, 2, 0, 8};
    return dg2_wrap(0xa1, dg2_copy(type, sizeof type));
}

static struct dg2_bytes file_of(struct dg2_bytes data, unsigned templates)
{
    const uint8_t count = (uint8_t)templates;
    struct dg2_bytes group = dg2_wrap(0x02, dg2_copy(&count, 1));
    struct dg2_bytes template = dg2_wrap(0x7f60, dg2_join(header(), data));
    for (unsigned i = 0; i < templates; i++)
        group = dg2_join(group, dg2_copy(template.at, template.length));
    free(template.at);
    return dg2_wrap(0x75, dg2_wrap(0x7f61, group));
}

struct dg2_bytes dg2_19794(struct dg2_bytes record, unsigned templates)
{
    return file_of(dg2_object(0x5f2e, record), templates);
}

struct dg2_bytes dg2_39794(struct dg2_bytes picture)
{
    static const uint8_t version[] = {0xa0, 7, 0x80, 1, 3, 0x81, 2, 0x07, 0xe3};
    static const uint8_t number[] = {0x80, 1, 0};
    // imageInformation2DBlock: format JPEG 2000, lossy; captureDevice2DBlock
    static const uint8_t information[] = {0xa1, 5, 0xa0, 3, 0x80, 1, 3, 0xa2, 0};
    // captureDateTimeBlock, qualityBlocks
    static const uint8_t behind[] = {0xa2, 4, 0x80, 2, 0x07, 0xea, 0xa3, 0};
    struct dg2_bytes block = dg2_object(0x80, picture);
    block = dg2_join(block, dg2_copy(information, sizeof information));
    block = dg2_wrap(0xa1, dg2_wrap(0xa0, dg2_wrap(0xa0, block)));
    block = dg2_join(dg2_copy(number, sizeof number), block);
    block = dg2_join(block, dg2_copy(behind, sizeof behind));
    block = dg2_wrap(0xa1, dg2_wrap(0x30, block));
    block = dg2_join(dg2_copy(version, sizeof version), block);
    return file_of(dg2_wrap(0x7f2e, dg2_wrap(0xa1, dg2_wrap(0x65, block))), 1);
}
