// SPDX-License-Identifier: Apache-2.0
#include "common/base45.h"

#include <errno.h>
#include <string.h>

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

static char *write_digits(uint32_t value, unsigned digits, char *at)
{
    for (; digits > 0; digits--, value /= 45)
        *at++ = alphabet[value % 45];
    return at;
}

size_t fg_base45_encode(const void *bytes, size_t length, char *ret)
{
    const uint8_t *from = bytes;
    char *at = ret;
    for (; length >= 2; length -= 2, from += 2)
        at = write_digits((uint32_t)from[0] << 8 | from[1], 3, at);
    if (length > 0)
        at = write_digits(from[0], 2, at);
    *at = '\0';
    return (size_t)(at - ret);
}

// A number of some digits, the last one counting most; above every value when one is no digit.
static uint32_t read_digits(const char *text, unsigned digits)
{
    uint32_t value = 0;
    while (digits > 0) {
        char c = text[--digits];
        const char *found = c ? strchr(alphabet, c) : NULL;
        if (!found)
            return UINT32_MAX;
        value = value * 45 + (uint32_t)(found - alphabet);
    }
    return value;
}

static int decode(const char *text, size_t length, uint8_t *at)
{
    for (; length >= 3; length -= 3, text += 3, at += 2) {
        uint32_t value = read_digits(text, 3);
        if (value > UINT16_MAX)
            return -EINVAL;
        at[0] = (uint8_t)(value >> 8);
        at[1] = (uint8_t)value;
    }
    if (length == 2) {
        uint32_t value = read_digits(text, 2);
        if (value > UINT8_MAX)
            return -EINVAL;
        at[0] = (uint8_t)value;
    }
    return 0;
}

int fg_base45_decode(const char *text, size_t length, void *ret, size_t room, size_t *ret_length)
{
    const size_t bytes = length / 3 * 2 + length % 3 / 2;
    if (length % 3 == 1)
        return -EINVAL;
    if (bytes > room)
        return -EMSGSIZE;
    int r = decode(text, length, ret);
    if (r < 0)
        explicit_bzero(ret, bytes);
    else
        *ret_length = bytes;
    return r;
}
