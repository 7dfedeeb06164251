// SPDX-License-Identifier: Apache-2.0
// Data groups 2 of documents (EF.DG2) around a picture, for tests.
#ifndef FG_DG2_MAKER_H
#define FG_DG2_MAKER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dg2_bytes {
    uint8_t *at; // malloc'd
    size_t length;
};

// tag, shortest length, value
struct dg2_bytes dg2_object(uint32_t tag, struct dg2_bytes value);
// Both values after one another; frees both.
struct dg2_bytes dg2_join(struct dg2_bytes a, struct dg2_bytes b);
struct dg2_bytes dg2_copy(const void *bytes, size_t length);
// dg2_object, freeing the value.
struct dg2_bytes dg2_wrap(uint32_t tag, struct dg2_bytes value);

// A facial record of ISO/IEC 19794-5:2005 with `faces` times the picture, each after `points`
// feature points; `type` 0: JPEG, 1: JPEG 2000.
struct dg2_bytes dg2_record(struct dg2_bytes picture, unsigned type, unsigned points,
                            unsigned faces);
// EF.DG2 with `templates` times the record.
struct dg2_bytes dg2_19794(struct dg2_bytes record, unsigned templates);
// EF.DG2 with a FaceImageDataBlock of ISO/IEC 39794-5, its optional parts too.
struct dg2_bytes dg2_39794(struct dg2_bytes picture);

#ifdef __cplusplus
}
#endif
#endif
