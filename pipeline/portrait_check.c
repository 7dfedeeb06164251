// SPDX-License-Identifier: Apache-2.0
// facegate-portrait: one document's portrait against one live face, then its end. It talks to its
// parent over standard input and output (common/portrait_wire.h) and keeps nothing.
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/exit.h"
#include "common/log.h"
#include "common/portrait_wire.h"
#include "pipeline/confine.h"
#include "pipeline/portrait_look.h"
#include "pipeline/portrait_options.h"

// From the request on; a decoder that hangs is ended by the signal.
#define CHECK_SECONDS 30
// Beside the networks: enough for the largest JPEG 2000 of image.h, 24 + 3 bytes a pixel.
#define WORK_MEMORY (512u << 20)

struct check {
    struct fg_vision *vision;
    float score; // least that matches
    uint32_t dimension;
    float portrait[FG_WIRE_DIMENSION];
    float live[FG_WIRE_DIMENSION];
    uint8_t frame[FG_PORTRAIT_HEAD + 4 * FG_WIRE_DIMENSION]; // whatever but a request fits
};

// 1: all came; 0: the input ended before its first byte; negative errno.
static int read_all(void *bytes, size_t length)
{
    uint8_t *to = bytes;
    for (size_t at = 0; at < length;) {
        ssize_t n = read(STDIN_FILENO, to + at, length - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return at ? -EPIPE : 0;
        at += (size_t)n;
    }
    return 1;
}

static int write_all(const void *bytes, size_t length)
{
    const uint8_t *from = bytes;
    while (length > 0) {
        ssize_t n = write(STDOUT_FILENO, from, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        from += n;
        length -= (size_t)n;
    }
    return 0;
}

// Of the wanted type. As read_all.
static int read_head(enum fg_portrait_type wanted, uint32_t *ret_length, struct fg_error *err)
{
    uint8_t head[FG_PORTRAIT_HEAD];
    enum fg_portrait_type type;
    int code = read_all(head, sizeof head);
    if (code <= 0)
        return code < 0 ? fg_fail(err, code, "can't read: %s", strerror(-code)) : 0;
    code = fg_portrait_head_read(head, &type, ret_length, err);
    if (code < 0)
        return code;
    return type == wanted ? 1
                          : fg_fail(err, -EBADMSG, "a frame of type %d came where %d belongs",
                                    (int)type, (int)wanted);
}

static int send_frame(struct check *c, enum fg_portrait_type type, uint32_t length,
                      struct fg_error *err)
{
    fg_portrait_head_write(c->frame, type, length);
    int code = write_all(c->frame, FG_PORTRAIT_HEAD + length);
    return code < 0 ? fg_fail(err, code, "can't write: %s", strerror(-code)) : 0;
}

static int say_hello(struct check *c, struct fg_error *err)
{
    const struct fg_card *card = fg_vision_embedder_card(c->vision);
    c->dimension = fg_card_template_dimension(card);
    fg_portrait_hello_write(c->frame + FG_PORTRAIT_HEAD,
                            &(struct fg_portrait_hello){card->id, c->dimension});
    return send_frame(c, FG_PORTRAIT_HELLO, FG_PORTRAIT_HELLO_SIZE, err);
}

static int read_request(struct check *c, uint8_t *body, uint32_t length,
                        struct fg_portrait_looked *looked, struct fg_error *err)
{
    int code = read_all(body, length);
    if (code <= 0)
        return fg_fail(err, code < 0 ? code : -EPIPE, "the request is cut off");
    if (fg_portrait_request_read(body, &c->score) < 0)
        return fg_fail(err, -EBADMSG, "the request's score is no number");
    return fg_portrait_look(c->vision, body + FG_PORTRAIT_REQUEST_SIZE,
                            length - FG_PORTRAIT_REQUEST_SIZE, looked, c->portrait, err);
}

// 1: the portrait is good; 0: it is not, or no request came.
static int look(struct check *c, struct fg_error *err)
{
    struct fg_portrait_looked looked;
    struct fg_error why = {""};
    uint32_t length = 0;
    int code = read_head(FG_PORTRAIT_REQUEST, &length, err);
    if (code <= 0)
        return code;
    alarm(CHECK_SECONDS);
    uint8_t *body = malloc(length);
    if (!body)
        return fg_fail(err, -ENOMEM, "no memory for a request of %u bytes", length);
    code = read_request(c, body, length, &looked, &why);
    explicit_bzero(body, length);
    free(body);
    if (code < 0)
        return fg_fail(err, code, "%s", why.text);
    if (looked.reason != FG_PORTRAIT_GOOD)
        fg_log(FG_LOG_INFO, "%s", why.text);
    fg_portrait_looked_write(c->frame + FG_PORTRAIT_HEAD, &looked);
    code = send_frame(c, FG_PORTRAIT_LOOKED, FG_PORTRAIT_LOOKED_SIZE, err);
    return code < 0 ? code : looked.reason == FG_PORTRAIT_GOOD;
}

static bool matches(const struct check *c)
{
    float sum = 0;
    for (uint32_t i = 0; i < c->dimension; i++)
        sum += c->portrait[i] * c->live[i];
    return sum >= c->score;
}

static bool has_length_one(const float *vector, uint32_t dimension)
{
    double squares = 0;
    for (uint32_t i = 0; i < dimension; i++)
        squares += (double)vector[i] * (double)vector[i];
    return fabs(squares - 1) < 0.01; // false for what is no number
}

static int compare(struct check *c, struct fg_error *err)
{
    uint32_t length = 0;
    int code;
    while ((code = read_head(FG_PORTRAIT_VECTOR, &length, err)) == 1) {
        if (length != 4 * c->dimension)
            return fg_fail(err, -EBADMSG, "a vector of %u numbers came; the model has %u",
                           length / 4, c->dimension);
        if (read_all(c->frame, length) <= 0)
            return fg_fail(err, -EPIPE, "a vector is cut off");
        fg_portrait_vector_read(c->frame, c->dimension, c->live);
        if (!has_length_one(c->live, c->dimension))
            return fg_fail(err, -EBADMSG, "a vector came that is not of length 1");
        const bool match = matches(c);
        explicit_bzero(c->live, sizeof c->live);
        explicit_bzero(c->frame, sizeof c->frame);
        fg_portrait_verdict_write(c->frame + FG_PORTRAIT_HEAD, match);
        code = send_frame(c, FG_PORTRAIT_VERDICT, FG_PORTRAIT_VERDICT_SIZE, err);
        if (code < 0)
            return code;
    }
    return code;
}

static int open_vision(struct check *c, const struct fg_portrait_settings *s, struct fg_error *err)
{
    const struct fg_vision_options options = {s->models, s->detector, s->aligner, s->embedder,
                                              fg_engine_options_accel(&s->engine)};
    int code = fg_vision_open(&options, &c->vision, err);
    if (code == 0 && fg_portrait_warm(c->vision) < 0)
        code = fg_fail(err, -EIO, "the engine failed on an empty picture");
    return code;
}

static int run(struct check *c, struct fg_error *err)
{
    int code = fg_confine_end(WORK_MEMORY, err);
    if (code == 0)
        code = say_hello(c, err);
    if (code == 0)
        code = look(c, err);
    return code == 1 ? compare(c, err) : code;
}

static int exit_code(int code, const struct fg_error *err)
{
    if (code == 0)
        return FG_EXIT_OK;
    fg_log(FG_LOG_ERROR, "%s", err->text);
    return FG_EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct check check; // large
    struct fg_portrait_settings settings;
    struct fg_error err = {""};
    fg_log_init("facegate-portrait", FG_LOG_WARNING);
    int code = fg_confine_begin(&err);
    if (code < 0)
        return exit_code(code, &err);
    code = fg_portrait_options_read(argc, argv, &settings, &err);
    if (code == 1)
        return FG_EXIT_OK;
    if (code < 0) {
        exit_code(code, &err);
        return FG_EXIT_USAGE;
    }
    fg_log_init("facegate-portrait", settings.verbose ? FG_LOG_INFO : FG_LOG_WARNING);
    signal(SIGPIPE, SIG_IGN); // a parent that is gone ends the check by EPIPE, and it wipes
    if (open_vision(&check, &settings, &err) < 0) {
        exit_code(-1, &err);
        fg_vision_close(check.vision);
        return FG_EXIT_CONFIG;
    }
    code = run(&check, &err);
    fg_vision_close(check.vision);
    explicit_bzero(&check, sizeof check);
    return exit_code(code, &err);
}
