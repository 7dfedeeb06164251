// SPDX-License-Identifier: Apache-2.0
// An enrolled subject: an opaque id, what it may do, and its templates. Never a name.
#ifndef FG_SUBJECT_H
#define FG_SUBJECT_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "matcher/member.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_SUBJECT_ID      64 // bytes with the NUL; 1 to 63 of [A-Za-z0-9._:@-]
#define FG_SUBJECT_LISTS   16 // lanes, tags
#define FG_SUBJECT_WORD    32 // bytes of a lane or tag with its NUL; same characters
#define FG_SUBJECT_SOURCES 5
#define FG_TEMPLATE_MAX    1024
#define FG_SUBJECT_PIN     128       // bytes of a hashed PIN with its NUL
#define FG_NO_BIRTH        INT32_MIN // the date of birth is not known

// The canonical template: value i is scale * values[i], and scale makes the whole vector's length
// 1, so that a dot product with a unit probe is the cosine.
struct fg_template {
    float scale;
    int8_t values[FG_TEMPLATE_MAX];
};

struct fg_subject {
    char id[FG_SUBJECT_ID];
    uint64_t model;     // fg_card.id; templates of different models never compare
    uint32_t dimension; // 1..FG_TEMPLATE_MAX
    uint64_t enrolled_s, valid_from_s, valid_until_s; // seconds since 1970; 0: no bound
    unsigned n_lanes, n_tags;                         // no lane: every lane
    char lanes[FG_SUBJECT_LISTS][FG_SUBJECT_WORD];
    char tags[FG_SUBJECT_LISTS][FG_SUBJECT_WORD];
    char consent[FG_SUBJECT_ID];  // reference to the record of consent; may be empty
    char guardian[FG_SUBJECT_ID]; // reference to a guardian's consent; may be empty
    int32_t born;                 // days since 1970-01-01 (common/calendar.h), or FG_NO_BIRTH
    char pin[FG_SUBJECT_PIN];     // argon2id in libsodium's string form ("$argon2id$..."); or empty
    struct fg_template average;
    unsigned n_sources;
    struct fg_template sources[FG_SUBJECT_SOURCES];
};

int fg_subject_id_ok(const char *id);     // 1 or 0
int fg_subject_word_ok(const char *word); // 1 or 0
int fg_subject_born_ok(int32_t born);     // 1: a day of the years 1800 to 9999, or FG_NO_BIRTH
// 1: empty, or argon2id's text with a cost that the deciding thread can wait for.
int fg_subject_pin_ok(const char *pin);
#define FG_PIN_MEMORY_KIB 65536
#define FG_PIN_PASSES     4

// Quantises a vector (any length but zero; finite) to the canonical template.
// -EINVAL for NaN, infinity, a zero vector or a dimension out of range.
int fg_template_from_vector(const float *vector, uint32_t dimension, struct fg_template *ret);

// The canonical template of values that were stored or carried: all but the scale, which follows
// from them. -EINVAL: all are zero, or the dimension is out of range.
int fg_template_from_values(const int8_t *values, uint32_t dimension, struct fg_template *ret);

// The average template of 1..FG_SUBJECT_SOURCES unit vectors packed one after the other; also
// fills subject->sources, n_sources, dimension. Errors as above.
int fg_subject_set_vectors(struct fg_subject *subject, const float *vectors, unsigned count,
                           uint32_t dimension);

#define FG_SUBJECT_WORDS                                                                           \
    (2 * (FG_SUBJECT_LISTS * FG_SUBJECT_WORD + 1)) // most bytes of packed lists

// The subject as a search sees it: its average, and its lists packed into `words`. Borrows both.
void fg_subject_member(const struct fg_subject *subject, char words[FG_SUBJECT_WORDS],
                       struct fg_member *ret);

#define FG_SUBJECT_BYTES 8192 // most bytes of a packed subject

// To and from the bytes that are sealed (little-endian, versioned). pack returns the length.
// pack: -EINVAL for a bad id, word, reference, birth, PIN, count, window (from after until) or a
// template whose scale does not make its length 1. unpack: -EBADMSG for anything that pack would
// not have written, now or in version 1, which had neither birth nor PIN; *ret is undefined then.
int fg_subject_pack(const struct fg_subject *subject, uint8_t bytes[FG_SUBJECT_BYTES]);
int fg_subject_unpack(const uint8_t *bytes, size_t length, struct fg_subject *ret);

// The same checks, and only what a search needs: the values stay in `bytes`, id and lists go into
// `room`, which has `length` bytes too, and *ret borrows both.
int fg_subject_unpack_member(const uint8_t *bytes, size_t length, char *room, uint64_t *ret_model,
                             struct fg_member *ret);

#ifdef __cplusplus
}
#endif
#endif
