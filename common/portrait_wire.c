// SPDX-License-Identifier: Apache-2.0
#include "common/portrait_wire.h"

#include <endian.h>
#include <errno.h>
#include <math.h>
#include <string.h>

static const uint8_t magic[4] = {'f', 'g', 'P', 'O'};

static void put_u32(uint8_t *bytes, uint32_t value)
{
    value = htole32(value);
    memcpy(bytes, &value, sizeof value);
}

static uint32_t get_u32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return le32toh(value);
}

static void put_float(uint8_t *bytes, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_u32(bytes, bits);
}

static float get_float(const uint8_t *bytes)
{
    const uint32_t bits = get_u32(bytes);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// magic, u16 version, u16 type, u32 length of the body
void fg_portrait_head_write(uint8_t *bytes, enum fg_portrait_type type, uint32_t length)
{
    memcpy(bytes, magic, sizeof magic);
    put_u32(bytes + 4, FG_PORTRAIT_VERSION | (uint32_t)type << 16);
    put_u32(bytes + 8, length);
}

static bool length_fits(uint32_t type, uint32_t length)
{
    switch (type) {
    case FG_PORTRAIT_HELLO:
        return length == FG_PORTRAIT_HELLO_SIZE;
    case FG_PORTRAIT_REQUEST:
        return length > FG_PORTRAIT_REQUEST_SIZE &&
               length <= FG_PORTRAIT_REQUEST_SIZE + FG_PORTRAIT_BYTES;
    case FG_PORTRAIT_LOOKED:
        return length == FG_PORTRAIT_LOOKED_SIZE;
    case FG_PORTRAIT_VECTOR:
        return length >= 4 && length % 4 == 0 && length <= 4 * FG_WIRE_DIMENSION;
    case FG_PORTRAIT_VERDICT:
        return length == FG_PORTRAIT_VERDICT_SIZE;
    default:
        return false;
    }
}

int fg_portrait_head_read(const uint8_t *bytes, enum fg_portrait_type *ret_type,
                          uint32_t *ret_length, struct fg_error *err)
{
    const uint32_t word = get_u32(bytes + 4), type = word >> 16, length = get_u32(bytes + 8);
    if (memcmp(bytes, magic, sizeof magic) != 0)
        return fg_fail(err, -EBADMSG, "what came is no frame between matcher and portrait check");
    if ((word & 0xffff) != FG_PORTRAIT_VERSION)
        return fg_fail(err, -EPROTONOSUPPORT,
                       "matcher and portrait check speak versions %d and %u; install both of one "
                       "release",
                       FG_PORTRAIT_VERSION, word & 0xffff);
    if (!length_fits(type, length))
        return fg_fail(err, -EBADMSG, "a frame of type %u can not have %u bytes", type, length);
    *ret_type = (enum fg_portrait_type)type;
    *ret_length = length;
    return 0;
}

void fg_portrait_hello_write(uint8_t *bytes, const struct fg_portrait_hello *hello)
{
    const uint64_t model = htole64(hello->model);
    memcpy(bytes, &model, sizeof model);
    put_u32(bytes + 8, hello->dimension);
    put_u32(bytes + 12, 0);
}

int fg_portrait_hello_read(const uint8_t *bytes, struct fg_portrait_hello *ret)
{
    uint64_t model;
    memcpy(&model, bytes, sizeof model);
    const uint32_t dimension = get_u32(bytes + 8);
    if (dimension < 1 || dimension > FG_WIRE_DIMENSION)
        return -EBADMSG;
    *ret = (struct fg_portrait_hello){le64toh(model), dimension};
    return 0;
}

void fg_portrait_request_write(uint8_t *bytes, float score)
{
    put_float(bytes, score);
    put_u32(bytes + 4, 0);
}

int fg_portrait_request_read(const uint8_t *bytes, float *ret_score)
{
    const float score = get_float(bytes);
    if (!isfinite(score))
        return -EBADMSG;
    *ret_score = score;
    return 0;
}

void fg_portrait_looked_write(uint8_t *bytes, const struct fg_portrait_looked *looked)
{
    put_u32(bytes, (uint32_t)looked->reason);
    put_float(bytes + 4, looked->eye_distance);
    put_u32(bytes + 8, looked->pictures);
    put_u32(bytes + 12, 0);
}

int fg_portrait_looked_read(const uint8_t *bytes, struct fg_portrait_looked *ret)
{
    const uint32_t reason = get_u32(bytes);
    const float eye_distance = get_float(bytes + 4);
    if (reason >= FG_PORTRAIT_REASONS || !isfinite(eye_distance))
        return -EBADMSG;
    *ret = (struct fg_portrait_looked){(enum fg_portrait_reason)reason, eye_distance,
                                       get_u32(bytes + 8)};
    return 0;
}

void fg_portrait_verdict_write(uint8_t *bytes, bool match)
{
    put_u32(bytes, match);
    put_u32(bytes + 4, 0);
}

int fg_portrait_verdict_read(const uint8_t *bytes, bool *ret_match)
{
    const uint32_t match = get_u32(bytes);
    if (match > 1)
        return -EBADMSG;
    *ret_match = match == 1;
    return 0;
}

void fg_portrait_vector_write(uint8_t *bytes, const float *vector, uint32_t dimension)
{
    for (uint32_t i = 0; i < dimension; i++)
        put_float(bytes + (size_t)4 * i, vector[i]);
}

void fg_portrait_vector_read(const uint8_t *bytes, uint32_t dimension, float *ret)
{
    for (uint32_t i = 0; i < dimension; i++)
        ret[i] = get_float(bytes + (size_t)4 * i);
}

const char *fg_portrait_reason_name(enum fg_portrait_reason reason)
{
    static const char *const names[] = {
        [FG_PORTRAIT_GOOD] = "good",
        [FG_PORTRAIT_UNREADABLE] = "unreadable",
        [FG_PORTRAIT_TOO_LARGE] = "too_large",
        [FG_PORTRAIT_NO_FACE] = "no_face",
        [FG_PORTRAIT_SEVERAL_FACES] = "several_faces",
        [FG_PORTRAIT_TOO_SMALL] = "too_small",
        [FG_PORTRAIT_TOO_DARK] = "too_dark",
        [FG_PORTRAIT_TOO_BRIGHT] = "too_bright",
        [FG_PORTRAIT_BLURRED] = "blurred",
        [FG_PORTRAIT_POSE] = "pose",
        [FG_PORTRAIT_CUT_OFF] = "cut_off",
        [FG_PORTRAIT_OCCLUDED] = "occluded",
    };
    return (unsigned)reason < FG_PORTRAIT_REASONS ? names[reason] : "unknown";
}
