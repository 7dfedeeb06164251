// SPDX-License-Identifier: Apache-2.0
#include "common/wire.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define WIRE_HEADER   16 // magic, version, type, length, reserved
#define LENGTH_OFFSET 8

static const uint8_t magic[4] = {'F', 'G', 'W', '1'};

// One walk over the fields serves both directions, so that writing and reading can't disagree.
// Writing never stores to the message.
struct cursor {
    uint8_t *out;      // set when writing
    const uint8_t *in; // set when reading
    size_t at, end;
    bool failed; // something did not fit; every later step does nothing
};

static bool step(struct cursor *c, size_t bytes)
{
    if (c->failed || c->end - c->at < bytes) {
        c->failed = true;
        return false;
    }
    c->at += bytes;
    return true;
}

static void do_bytes(struct cursor *c, void *value, size_t bytes)
{
    if (!step(c, bytes))
        return;
    if (c->out)
        memcpy(c->out + c->at - bytes, value, bytes);
    else
        memcpy(value, c->in + c->at - bytes, bytes);
}

static uint64_t do_unsigned(struct cursor *c, uint64_t value, unsigned bytes)
{
    if (!step(c, bytes))
        return 0;
    if (c->out) {
        for (unsigned i = 0; i < bytes; i++)
            c->out[c->at - bytes + i] = (uint8_t)(value >> (8 * i));
    } else if (c->in) {
        value = 0;
        for (unsigned i = 0; i < bytes; i++)
            value |= (uint64_t)c->in[c->at - bytes + i] << (8 * i);
    }
    return value;
}

static void do_u16(struct cursor *c, uint16_t *value)
{
    uint64_t read = do_unsigned(c, *value, 2);
    if (!c->out)
        *value = (uint16_t)read;
}

static void do_u32(struct cursor *c, uint32_t *value)
{
    uint64_t read = do_unsigned(c, *value, 4);
    if (!c->out)
        *value = (uint32_t)read;
}

static void do_u64(struct cursor *c, uint64_t *value)
{
    uint64_t read = do_unsigned(c, *value, 8);
    if (!c->out)
        *value = read;
}

static void do_floats(struct cursor *c, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], 4);
        do_u32(c, &bits);
        if (!c->out)
            memcpy(&values[i], &bits, 4);
    }
}

// A name is padded with NULs; strncpy semantics are what the wire wants, for writing only.
static void do_name(struct cursor *c, char name[FG_WIRE_NAME])
{
    if (!c->out) {
        do_bytes(c, name, FG_WIRE_NAME);
        return;
    }
    char padded[FG_WIRE_NAME] = {0};
    memcpy(padded, name, strnlen(name, FG_WIRE_NAME));
    do_bytes(c, padded, FG_WIRE_NAME);
}

static void do_head(struct cursor *c, struct fg_wire_head *head)
{
    do_name(c, head->lane);
    do_name(c, head->source);
    do_u64(c, &head->session);
    do_u64(c, &head->sequence);
    do_u64(c, &head->t_capture_ns);
    do_u64(c, &head->t_publish_ns);
    do_u64(c, &head->boot);
}

static void do_quality(struct cursor *c, struct fg_quality *quality)
{
    float *const fields[] = {&quality->unified,   &quality->eye_distance, &quality->yaw,
                             &quality->pitch,     &quality->roll,         &quality->sharpness,
                             &quality->luminance, &quality->contrast,     &quality->face_score,
                             &quality->norm};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        do_floats(c, fields[i], 1);
}

static void do_probe(struct cursor *c, struct fg_wire_probe *probe)
{
    uint32_t has_liveness = (uint32_t)probe->has_liveness;
    float liveness = c->out && !probe->has_liveness ? 0.0f : probe->liveness;
    do_u64(c, &probe->model);
    do_u64(c, &probe->frame);
    do_u32(c, &probe->track);
    do_u32(c, &probe->width);
    do_u32(c, &probe->height);
    do_floats(c, probe->box, 4);
    do_quality(c, &probe->quality);
    do_u32(c, &has_liveness);
    do_floats(c, &liveness, 1);
    do_u32(c, &probe->faces);
    do_u32(c, &probe->dimension);
    if (!c->out) {
        probe->has_liveness = has_liveness == 1;
        probe->liveness = liveness;
        if (has_liveness > 1 || (has_liveness == 0 && (liveness != 0.0f || signbit(liveness))))
            c->failed = true;
    }
    if (probe->dimension < 1 || probe->dimension > FG_WIRE_DIMENSION)
        c->failed = true;
    else
        do_floats(c, probe->vector, probe->dimension);
}

static void do_notice(struct cursor *c, struct fg_wire_notice *notice)
{
    uint32_t reason = (uint32_t)notice->reason;
    do_u64(c, &notice->frame);
    do_u32(c, &notice->track);
    do_u32(c, &reason);
    do_floats(c, notice->box, 4);
    if (reason > FG_REASON_NO_FACE)
        c->failed = true;
    else if (!c->out)
        notice->reason = (enum fg_reason)reason;
}

static void do_token(struct cursor *c, struct fg_wire_token *token)
{
    do_u32(c, &token->track);
    do_u32(c, &token->length);
    if (token->length < 1 || token->length > FG_WIRE_TOKEN)
        c->failed = true;
    else
        do_bytes(c, token->bytes, token->length);
}

static void do_beat(struct cursor *c, struct fg_wire_beat *beat)
{
    uint64_t *const counters[] = {&beat->frames,       &beat->displaced, &beat->broken,
                                  &beat->detections,   &beat->probes,    &beat->notices,
                                  &beat->bytes_copied, &beat->bytes_raw, &beat->lost,
                                  &beat->recoveries};
    do_u32(c, &beat->state);
    do_name(c, beat->engine);
    do_u32(c, &beat->tracks);
    do_u32(c, &beat->fps_milli);
    do_u32(c, &beat->rss_kib);
    do_u32(c, &beat->fourcc);
    do_u32(c, &beat->width);
    do_u32(c, &beat->height);
    do_u32(c, &beat->memory);
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        do_u64(c, counters[i]);
}

// Zeros alone: a blank has one encoding, too.
static void do_blank(struct cursor *c, struct fg_wire_blank *blank)
{
    do_u32(c, &blank->length);
    if (blank->length < 1 || blank->length > FG_WIRE_BLANK_MAX)
        c->failed = true;
    for (uint32_t i = 0; i < blank->length && !c->failed; i++) {
        uint8_t zero = 0;
        do_bytes(c, &zero, 1);
        c->failed |= zero != 0;
    }
}

static void do_lane(struct cursor *c, struct fg_wire_lane *lane)
{
    uint32_t reserved = 0;
    do_u32(c, &lane->awake);
    do_u32(c, &lane->want_token);
    do_u32(c, &lane->keep_nothing);
    do_u32(c, &reserved);
    do_u64(c, &lane->ack_run);
    do_u64(c, &lane->ack_decision);
    c->failed |= reserved != 0;
}

static void do_payload(struct cursor *c, struct fg_wire_message *message)
{
    switch (message->head.type) {
    case FG_WIRE_PROBE:
        do_probe(c, &message->probe);
        return;
    case FG_WIRE_NOTICE:
        do_notice(c, &message->notice);
        return;
    case FG_WIRE_TOKEN_READ:
        do_token(c, &message->token);
        return;
    case FG_WIRE_BEAT:
        do_beat(c, &message->beat);
        return;
    case FG_WIRE_BLANK:
        do_blank(c, &message->blank);
        return;
    case FG_WIRE_LANE:
        do_lane(c, &message->lane);
        return;
    case FG_WIRE_ALIVE:
    case FG_WIRE_WAKE:
    case FG_WIRE_PASSED:
    case FG_WIRE_TIMEOUT:
    case FG_WIRE_FORCED:
        do_u64(c, &message->gate.run);
        do_u64(c, &message->gate.decision);
        return;
    }
    c->failed = true;
}

// ---- values ------------------------------------------------------------------------------------

static bool known_type(unsigned type)
{
    return (type >= FG_WIRE_PROBE && type <= FG_WIRE_BLANK) || type == FG_WIRE_LANE ||
           (type >= FG_WIRE_ALIVE && type <= FG_WIRE_FORCED);
}

static bool name_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

int fg_wire_name_ok(const char *name)
{
    size_t length = strnlen(name, FG_WIRE_NAME);
    if (length < 1 || length >= FG_WIRE_NAME)
        return 0;
    for (size_t i = 0; i < length; i++)
        if (!name_character(name[i]))
            return 0;
    return 1;
}

static bool all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

static bool share(float value)
{
    return value >= 0.0f && value <= 1.0f; // false for NaN
}

static const char *vector_fault(const float *vector, uint32_t dimension)
{
    if (!all_finite(vector, dimension))
        return "the vector holds a number that is not finite";
    double sum = 0;
    for (uint32_t i = 0; i < dimension; i++)
        sum += (double)vector[i] * (double)vector[i];
    return fabs(sqrt(sum) - 1.0) <= 1e-3 ? NULL : "the vector's length is not 1";
}

static const char *quality_fault(const struct fg_quality *q)
{
    const float rest[] = {q->eye_distance, q->yaw,      q->pitch,      q->roll, q->sharpness,
                          q->luminance,    q->contrast, q->face_score, q->norm};
    if (!share(q->unified))
        return "the unified quality is not within 0 and 1";
    return all_finite(rest, sizeof rest / sizeof rest[0]) ? NULL
                                                          : "a quality measure is not finite";
}

static const char *probe_fault(const struct fg_wire_probe *probe)
{
    if (probe->dimension < 1 || probe->dimension > FG_WIRE_DIMENSION)
        return "the dimension is not within 1 and 1024";
    if (probe->track == 0)
        return "a probe's track counts from 1";
    if (!all_finite(probe->box, 4))
        return "the box is not finite";
    if (probe->has_liveness != 0 && probe->has_liveness != 1)
        return "has_liveness is not 0 or 1";
    if (probe->has_liveness && !share(probe->liveness))
        return "the liveness is not within 0 and 1";
    const char *fault = quality_fault(&probe->quality);
    return fault ? fault : vector_fault(probe->vector, probe->dimension);
}

static const char *notice_fault(const struct fg_wire_notice *notice)
{
    if ((unsigned)notice->reason > FG_REASON_NO_FACE)
        return "the reason is not known";
    return all_finite(notice->box, 4) ? NULL : "the box is not finite";
}

// All of a name's bytes after its NUL are 0: one message has one encoding.
static const char *names_fault(const struct fg_wire_head *head)
{
    if (!fg_wire_name_ok(head->lane))
        return "the lane's name is not 1 to 31 of [A-Za-z0-9._-]";
    if (!fg_wire_name_ok(head->source))
        return "the source's name is not 1 to 31 of [A-Za-z0-9._-]";
    return NULL;
}

static const char *payload_fault(const struct fg_wire_message *message)
{
    switch (message->head.type) {
    case FG_WIRE_PROBE:
        return probe_fault(&message->probe);
    case FG_WIRE_NOTICE:
        return notice_fault(&message->notice);
    case FG_WIRE_TOKEN_READ:
        if (message->token.length >= 1 && message->token.length <= FG_WIRE_TOKEN)
            return NULL;
        return "the token's length is not within 1 and 1024";
    case FG_WIRE_BEAT:
        if (message->beat.state > 4)
            return "the state is not within 0 and 4";
        if (message->beat.memory > FG_WIRE_MEMORY_COPIED)
            return "the kind of memory is not within 0 and 3";
        return fg_wire_name_ok(message->beat.engine) ? NULL : "the engine's name is bad";
    case FG_WIRE_BLANK:
        if (message->blank.length >= 1 && message->blank.length <= FG_WIRE_BLANK_MAX)
            return NULL;
        return "the blank's length is out of range";
    case FG_WIRE_LANE:
        if (message->lane.awake <= 1 && message->lane.want_token <= 1 &&
            message->lane.keep_nothing <= 1)
            return NULL;
        return "a lane's flag is not 0 or 1";
    default:
        return NULL;
    }
}

// ---- messages ----------------------------------------------------------------------------------

int fg_wire_encode(const struct fg_wire_message *message, uint8_t *bytes, struct fg_error *err)
{
    if (!known_type((unsigned)message->head.type))
        return fg_fail(err, -EINVAL, "message type %u is not known", (unsigned)message->head.type);
    const char *fault = names_fault(&message->head);
    if (!fault)
        fault = payload_fault(message);
    if (fault)
        return fg_fail(err, -EINVAL, "not a message for the wire: %s", fault);

    struct cursor c = {.out = bytes, .end = FG_WIRE_MAX};
    uint16_t version = FG_WIRE_VERSION, type = (uint16_t)message->head.type;
    uint32_t length = 0, reserved = 0;
    do_bytes(&c, (void *)(uintptr_t)magic, sizeof magic);
    do_u16(&c, &version);
    do_u16(&c, &type);
    do_u32(&c, &length);
    do_u32(&c, &reserved);
    struct fg_wire_message *walked = (struct fg_wire_message *)(uintptr_t)message;
    do_head(&c, &walked->head);
    do_payload(&c, walked);
    if (c.failed)
        return fg_fail(err, -EINVAL, "the message does not fit %d bytes", FG_WIRE_MAX);

    length = (uint32_t)c.at;
    struct cursor patch = {.out = bytes, .at = LENGTH_OFFSET, .end = WIRE_HEADER};
    do_u32(&patch, &length);
    return (int)c.at;
}

static int read_header(struct cursor *c, unsigned *ret_type, struct fg_error *err)
{
    uint8_t start[4] = {0};
    uint16_t version = 0, type = 0;
    uint32_t length = 0, reserved = 0;
    do_bytes(c, start, sizeof start);
    do_u16(c, &version);
    do_u16(c, &type);
    do_u32(c, &length);
    do_u32(c, &reserved);
    if (c->failed || memcmp(start, magic, sizeof magic) != 0)
        return fg_fail(err, -EBADMSG, "not a facegate message: the magic is missing");
    if (version != FG_WIRE_VERSION)
        return fg_fail(err, -EPROTONOSUPPORT,
                       "wire version %u is not %u: install the same facegate on both sides",
                       version, FG_WIRE_VERSION);
    if (length != c->end || length > FG_WIRE_MAX)
        return fg_fail(err, -EBADMSG, "bad message: it says %u bytes and has %zu", length, c->end);
    if (reserved != 0)
        return fg_fail(err, -EBADMSG, "bad message: reserved bytes are not zero");
    *ret_type = type;
    return 0;
}

static bool padded(const char name[FG_WIRE_NAME])
{
    for (size_t i = strnlen(name, FG_WIRE_NAME); i < FG_WIRE_NAME; i++)
        if (name[i] != '\0')
            return false;
    return true;
}

int fg_wire_decode(const uint8_t *bytes, size_t length, struct fg_wire_message *ret,
                   struct fg_error *err)
{
    struct cursor c = {.in = bytes, .end = length};
    unsigned type = 0;
    int r = read_header(&c, &type, err);
    if (r < 0)
        return r;
    if (!known_type(type))
        return fg_fail(err, -ENOMSG, "message type %u is not known", type);
    ret->head.type = (enum fg_wire_type)type;
    do_head(&c, &ret->head);
    const char *fault = c.failed ? "it is too short for its head" : names_fault(&ret->head);
    if (!fault && !(padded(ret->head.lane) && padded(ret->head.source)))
        fault = "a name is not padded with NULs";
    if (!fault) {
        do_payload(&c, ret);
        if (c.failed || c.at != c.end)
            fault = "its length does not fit its type, or a field is out of range";
    }
    if (!fault)
        fault = payload_fault(ret);
    if (!fault && type == FG_WIRE_BEAT && !padded(ret->beat.engine))
        fault = "a name is not padded with NULs";
    return fault ? fg_fail(err, -EBADMSG, "bad message: %s", fault) : 0;
}

size_t fg_wire_topic(const char *lane, char ret[FG_WIRE_NAME])
{
    size_t length = strnlen(lane, FG_WIRE_NAME - 1);
    memcpy(ret, lane, length);
    ret[length] = '\0';
    return length + 1;
}

const char *fg_reason_name(enum fg_reason reason)
{
    static const char *const names[] = {"none",       "track_lost", "too_small", "too_dark",
                                        "too_bright", "blurred",    "pose",      "cut_off",
                                        "occluded",   "no_face"};
    return (unsigned)reason < sizeof names / sizeof names[0] ? names[reason] : "unknown";
}
