// SPDX-License-Identifier: Apache-2.0
// Where the portrait is in what an identity document gives: a plain picture, or the data group 2
// of a chip (ICAO Doc 9303 part 10, EF.DG2) with a facial record of ISO/IEC 19794-5:2005 or of
// ISO/IEC 39794-5:2019 (ICAO's profile of it). Nothing is decoded here, nothing is copied.
//
// The bytes are a stranger's: every length is checked against what is there, the way in is of
// fixed depth, and the time is linear in the length.
#ifndef FG_DOCUMENT_H
#define FG_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum fg_document_kind {
    FG_DOCUMENT_PICTURE,   // JPEG, PNG, JPEG 2000
    FG_DOCUMENT_ISO_19794, // DG2 with "FAC\0", version "010\0"
    FG_DOCUMENT_ISO_39794, // DG2 with a FaceImageDataBlock in DER
};

struct fg_document {
    enum fg_document_kind kind;
    const uint8_t *picture; // into the bytes; starts as JPEG, PNG or JPEG 2000 does
    size_t length;
    uint32_t pictures; // how many face images there are; `picture` is the first
};

// 0: *ret is set, borrowing the bytes. -EBADMSG: something else, or broken, or there is no face
// image in it; -ENOTSUP: a record of another version; both with the sentence in err.
int fg_document_read(const void *bytes, size_t length, struct fg_document *ret,
                     struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
