// SPDX-License-Identifier: Apache-2.0
// Objects of BER-TLV, as chips of documents and ASN.1 have them (ITU-T X.690, ISO/IEC 7816-4): one
// after the other, never deeper than the caller goes. Nothing is copied, nothing outside is read.
#ifndef FG_TLV_H
#define FG_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_tlv_span {
    const uint8_t *at;
    size_t left;
    bool
        der; // lengths and tags must be the shortest possible (X.690, 10.1); BER allows longer ones
};

struct fg_tlv {
    uint32_t tag; // its bytes as they stand: 0x75, 0x7f61; at most 3 bytes
    struct fg_tlv_span value;
};

// Takes the object that rest->at starts with and moves rest behind it. 1: *ret is set; 0: rest is
// empty. -EBADMSG, with the sentence in err: a tag or length that is cut off or longer than DER
// allows, an indefinite length, an object that reaches over the span's end.
int fg_tlv_next(struct fg_tlv_span *rest, struct fg_tlv *ret, struct fg_error *err);

// The first object of this tag in the span. 1, 0: there is none, or -EBADMSG for one before it.
int fg_tlv_find(struct fg_tlv_span span, uint32_t tag, struct fg_tlv *ret, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
