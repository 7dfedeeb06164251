// SPDX-License-Identifier: Apache-2.0
// What the matcher and facegate-portrait say to each other over a stream: frames of a head and a
// body, fixed-width, little-endian, versioned. The bytes are specified in facegate-portrait(8).
//
//   facegate-portrait: HELLO        as soon as its networks are ready
//   matcher:           REQUEST      once: the document's bytes and the score that matches
//   facegate-portrait: LOOKED       once; whatever but GOOD is the end
//   matcher:           VECTOR ...   of the live face
//   facegate-portrait: VERDICT ...  one for each, in their order; never a score
#ifndef FG_PORTRAIT_WIRE_H
#define FG_PORTRAIT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_PORTRAIT_VERSION 1
#define FG_PORTRAIT_HEAD    12u        // bytes of a frame's head
#define FG_PORTRAIT_BYTES   (1u << 20) // most bytes of a document: of a message part, too (bus.c)

enum fg_portrait_type {
    FG_PORTRAIT_HELLO = 1,
    FG_PORTRAIT_REQUEST = 2,
    FG_PORTRAIT_LOOKED = 3,
    FG_PORTRAIT_VECTOR = 4,
    FG_PORTRAIT_VERDICT = 5,
};

// Bytes of a body; a REQUEST's before the document.
enum {
    FG_PORTRAIT_HELLO_SIZE = 16,
    FG_PORTRAIT_REQUEST_SIZE = 8,
    FG_PORTRAIT_LOOKED_SIZE = 16,
    FG_PORTRAIT_VERDICT_SIZE = 8,
};

enum fg_portrait_reason {
    FG_PORTRAIT_GOOD = 0,
    FG_PORTRAIT_UNREADABLE = 1, // no document or picture that is known, or broken
    FG_PORTRAIT_TOO_LARGE = 2,  // more pixels than are decoded
    FG_PORTRAIT_NO_FACE = 3,
    FG_PORTRAIT_SEVERAL_FACES = 4,
    FG_PORTRAIT_TOO_SMALL = 5,
    FG_PORTRAIT_TOO_DARK = 6,
    FG_PORTRAIT_TOO_BRIGHT = 7,
    FG_PORTRAIT_BLURRED = 8,
    FG_PORTRAIT_POSE = 9,
    FG_PORTRAIT_CUT_OFF = 10,
    FG_PORTRAIT_OCCLUDED = 11,
    FG_PORTRAIT_REASONS,
};

struct fg_portrait_hello {
    uint64_t model;     // fg_card.id of the embedder
    uint32_t dimension; // of its templates
};

struct fg_portrait_looked {
    enum fg_portrait_reason reason;
    float eye_distance; // pixels; 0 when no face was measured
    uint32_t pictures;  // face images in the document; the first was taken
};

// Writes FG_PORTRAIT_HEAD bytes.
void fg_portrait_head_write(uint8_t *bytes, enum fg_portrait_type type, uint32_t length);
// Reads as many. 0; -EBADMSG: no frame of ours; -EPROTONOSUPPORT: of another version.
int fg_portrait_head_read(const uint8_t *bytes, enum fg_portrait_type *ret_type,
                          uint32_t *ret_length, struct fg_error *err);

// Bodies of the sizes above. Reading: 0 or -EBADMSG.
void fg_portrait_hello_write(uint8_t *bytes, const struct fg_portrait_hello *hello);
int fg_portrait_hello_read(const uint8_t *bytes, struct fg_portrait_hello *ret);
void fg_portrait_request_write(uint8_t *bytes, float score);
int fg_portrait_request_read(const uint8_t *bytes, float *ret_score);
void fg_portrait_looked_write(uint8_t *bytes, const struct fg_portrait_looked *looked);
int fg_portrait_looked_read(const uint8_t *bytes, struct fg_portrait_looked *ret);
void fg_portrait_verdict_write(uint8_t *bytes, bool match);
int fg_portrait_verdict_read(const uint8_t *bytes, bool *ret_match);
// `dimension` floats, four bytes each.
void fg_portrait_vector_write(uint8_t *bytes, const float *vector, uint32_t dimension);
void fg_portrait_vector_read(const uint8_t *bytes, uint32_t dimension, float *ret);

// "good", "no_face", ...; never NULL.
const char *fg_portrait_reason_name(enum fg_portrait_reason reason);

#ifdef __cplusplus
}
#endif
#endif
