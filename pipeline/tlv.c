// SPDX-License-Identifier: Apache-2.0
#include "pipeline/tlv.h"

#include <errno.h>

static int take_byte(struct fg_tlv_span *rest, uint8_t *ret, struct fg_error *err)
{
    if (rest->left == 0)
        return fg_fail(err, -EBADMSG, "an object is cut off in its tag or length");
    *ret = *rest->at++;
    rest->left--;
    return 0;
}

static int take_tag(struct fg_tlv_span *rest, uint32_t *ret, struct fg_error *err)
{
    uint8_t byte = 0;
    int code = take_byte(rest, &byte, err);
    uint32_t tag = byte;
    if (code < 0 || (byte & 0x1f) != 0x1f) {
        *ret = tag;
        return code;
    }
    for (int i = 0; i < 2; i++) {
        code = take_byte(rest, &byte, err);
        if (code < 0)
            return code;
        if (rest->der && i == 0 && (byte == 0x80 || byte < 31))
            return fg_fail(err, -EBADMSG, "a tag is longer than DER allows");
        tag = tag << 8 | byte;
        if (!(byte & 0x80)) {
            *ret = tag;
            return 0;
        }
    }
    return fg_fail(err, -EBADMSG, "a tag is longer than three bytes");
}

static int take_length(struct fg_tlv_span *rest, size_t *ret, struct fg_error *err)
{
    uint8_t byte = 0;
    int code = take_byte(rest, &byte, err);
    if (code < 0)
        return code;
    *ret = byte;
    if (byte < 0x80)
        return 0;
    if (byte == 0x80)
        return fg_fail(err, -EBADMSG, "an object has no definite length");
    const unsigned count = byte & 0x7f;
    if (count > 4)
        return fg_fail(err, -EBADMSG, "a length has %u bytes; four are the most", count);
    uint64_t length = 0;
    for (unsigned i = 0; i < count; i++) {
        code = take_byte(rest, &byte, err);
        if (code < 0)
            return code;
        length = length << 8 | byte;
    }
    if (rest->der && (length < 0x80 || length >> (8 * (count - 1)) == 0))
        return fg_fail(err, -EBADMSG, "a length is longer than DER allows");
    *ret = length;
    return 0;
}

int fg_tlv_next(struct fg_tlv_span *rest, struct fg_tlv *ret, struct fg_error *err)
{
    uint32_t tag = 0;
    size_t length = 0;
    if (rest->left == 0)
        return 0;
    int code = take_tag(rest, &tag, err);
    if (code == 0)
        code = take_length(rest, &length, err);
    if (code < 0)
        return code;
    if (length > rest->left)
        return fg_fail(err, -EBADMSG, "object %X says it has %zu bytes, and %zu are left", tag,
                       length, rest->left);
    *ret = (struct fg_tlv){tag, {rest->at, length, rest->der}};
    rest->at += length;
    rest->left -= length;
    return 1;
}

int fg_tlv_find(struct fg_tlv_span span, uint32_t tag, struct fg_tlv *ret, struct fg_error *err)
{
    struct fg_tlv object;
    int code;
    while ((code = fg_tlv_next(&span, &object, err)) == 1) {
        if (object.tag == tag) {
            *ret = object;
            return 1;
        }
    }
    return code;
}
