// SPDX-License-Identifier: Apache-2.0
// The wire between cameras, matcher and gates: fixed-width, little-endian, versioned. The bytes
// are specified in facegate-wire(7) and pinned by tests/golden/.
//
// A message on a socket is two parts: the topic (the lane's name and one NUL byte, so that a
// subscription to lane "1" does not match lane "10") and the body that these functions make and
// read. Receivers compare the lane inside the body too.
#ifndef FG_WIRE_H
#define FG_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_WIRE_VERSION   3
#define FG_WIRE_NAME      32   // bytes of a lane or source name with its NUL; [A-Za-z0-9._-]
#define FG_WIRE_DIMENSION 1024 // most floats of a vector
#define FG_WIRE_TOKEN     1024 // most bytes of a token
#define FG_WIRE_MAX       8192 // most bytes of a body
#define FG_WIRE_BLANK_MAX (FG_WIRE_MAX - 124)

enum fg_wire_type {
    FG_WIRE_PROBE = 1,      // camera -> matcher: a vector and its quality
    FG_WIRE_NOTICE = 2,     // camera -> matcher: a quality reason without a vector, or a lost track
    FG_WIRE_TOKEN_READ = 3, // camera -> matcher: the bytes of a QR code, uninterpreted
    FG_WIRE_BEAT = 4,       // camera -> matcher: once a second
    FG_WIRE_BLANK = 5,      // camera -> matcher: zeros, over what a probe left in buffers
    FG_WIRE_LANE = 16,      // matcher -> camera and gate: once a second and when it changes
    FG_WIRE_ALIVE = 32,     // gate -> matcher: once a second
    FG_WIRE_WAKE = 33,      // gate -> matcher: somebody is there
    FG_WIRE_PASSED = 34,    // gate -> matcher: went through after decision `decision`
    FG_WIRE_TIMEOUT = 35,   // gate -> matcher: nobody went through after `decision`
    FG_WIRE_FORCED = 36,    // gate -> matcher: went through without a decision
};

// Why a face gave no vector (NOTICE), worst first for the person to mend.
enum fg_reason {
    FG_REASON_NONE = 0,
    FG_REASON_TRACK_LOST = 1, // the track ended; nothing to mend
    FG_REASON_TOO_SMALL = 2,
    FG_REASON_TOO_DARK = 3,
    FG_REASON_TOO_BRIGHT = 4,
    FG_REASON_BLURRED = 5,
    FG_REASON_POSE = 6,     // not looking at the camera
    FG_REASON_CUT_OFF = 7,  // partly outside the picture
    FG_REASON_OCCLUDED = 8, // covered, or the aligned crop is no face
    FG_REASON_NO_FACE = 9,
};

// Quality measures of one face, named after ISO/IEC 29794-5. All finite.
struct fg_quality {
    float unified;          // 0..1, weight in fusion
    float eye_distance;     // pixels between the eyes in the frame
    float yaw, pitch, roll; // degrees, estimated from five points; pitch 0 when not estimated
    float sharpness;        // see pipeline/quality.h
    float luminance;        // mean of the face, 0..255
    float contrast;         // standard deviation of luminance
    float face_score;       // of the landmark network, 0..1
    float norm;             // of the embedding before L2
};

struct fg_wire_head {
    enum fg_wire_type type;
    char lane[FG_WIRE_NAME], source[FG_WIRE_NAME]; // source: camera or gate id
    uint64_t session;                              // random bits of the sender's process start
    uint64_t sequence;     // counts this sender's messages from 1; gaps are losses
    uint64_t t_capture_ns; // CLOCK_MONOTONIC of the frame (or of the event)
    uint64_t t_publish_ns; // CLOCK_MONOTONIC of sending
    uint64_t boot;         // fg_boot_number(): the clocks compare only when equal
};

struct fg_wire_probe {
    uint64_t model;         // fg_card.id
    uint64_t frame;         // the frame's sequence
    uint32_t track;         // counts from 1 in a session
    float box[4];           // x, y, width, height in pixels
    uint32_t width, height; // of the frame
    struct fg_quality quality;
    int has_liveness;                // 0: no detector, liveness is ignored
    float liveness;                  // 0..1
    uint32_t faces;                  // seen in this frame, this one among them; 0: not counted
    uint32_t dimension;              // 1..FG_WIRE_DIMENSION
    float vector[FG_WIRE_DIMENSION]; // L2 = 1 within 1e-3, in the model's own basis
};

struct fg_wire_notice {
    uint64_t frame;
    uint32_t track; // 0: of no track
    enum fg_reason reason;
    float box[4];
};

struct fg_wire_token {
    uint32_t track; // 0: not known
    uint32_t length;
    uint8_t bytes[FG_WIRE_TOKEN];
};

enum fg_wire_memory {          // where the frames' pixels lie
    FG_WIRE_MEMORY_OWN = 0,    // the camera program's own: files, or decoded
    FG_WIRE_MEMORY_DMABUF = 1, // the driver's buffers, exported
    FG_WIRE_MEMORY_MAPPED = 2, // the driver's buffers; it does not export
    FG_WIRE_MEMORY_COPIED = 3, // copied once out of uncached buffers
};

struct fg_wire_beat {
    uint32_t state; // 0 starting, 1 running, 2 no camera, 3 stopping, 4 asleep
    char engine[FG_WIRE_NAME];
    uint64_t frames, displaced, broken, detections, probes, notices, bytes_copied, bytes_raw;
    uint32_t tracks;    // alive now
    uint32_t fps_milli; // of the last second
    uint32_t rss_kib;
    uint32_t fourcc, width, height; // of the last frame; 0 before the first
    uint32_t memory;                // enum fg_wire_memory
    uint64_t lost;                  // frames that the driver's sequence shows and nobody saw
    uint64_t recoveries;            // times that frames came again after the camera had failed
};

struct fg_wire_blank {
    uint32_t length; // of the zeros, 1..FG_WIRE_BLANK_MAX
};

struct fg_wire_lane {
    uint32_t awake;        // 0 or 1
    uint32_t want_token;   // 0 or 1
    uint32_t keep_nothing; // 0 or 1: whoever has biometric data here wipes it at once
    // The gate's last PASSED or TIMEOUT that is settled and durable; 0 and 0 before the first.
    uint64_t ack_run, ack_decision;
};

struct fg_wire_gate { // ALIVE, WAKE, PASSED, TIMEOUT, FORCED
    // The decision's run and seq; 0 and 0 where there is none.
    uint64_t run, decision;
};

struct fg_wire_message {
    struct fg_wire_head head;
    union {
        struct fg_wire_probe probe;
        struct fg_wire_notice notice;
        struct fg_wire_token token;
        struct fg_wire_beat beat;
        struct fg_wire_blank blank;
        struct fg_wire_lane lane;
        struct fg_wire_gate gate;
    };
};

// Writes the body; bytes must hold FG_WIRE_MAX. Returns its length, or -EINVAL for a message that
// fg_wire_decode would refuse (names, dimension, non-finite numbers).
int fg_wire_encode(const struct fg_wire_message *message, uint8_t *bytes, struct fg_error *err);

// Reads a body. 0; or -EBADMSG (magic, length, a name, a number), -EPROTONOSUPPORT (version),
// -ENOMSG (a type that this version does not know: to be counted and ignored). *ret is
// undefined on failure. Never reads outside bytes[0..length).
int fg_wire_decode(const uint8_t *bytes, size_t length, struct fg_wire_message *ret,
                   struct fg_error *err);

// 1 when the name fits a lane or source: 1 to 31 of [A-Za-z0-9._-], else 0.
int fg_wire_name_ok(const char *name);

// The topic of a lane: its name and the NUL; returns the length with the NUL.
size_t fg_wire_topic(const char *lane, char ret[FG_WIRE_NAME]);

// "too_small", ...; never NULL.
const char *fg_reason_name(enum fg_reason reason);

#ifdef __cplusplus
}
#endif
#endif
