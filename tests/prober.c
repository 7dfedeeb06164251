// SPDX-License-Identifier: Apache-2.0
// prober: a camera of made-up faces, for scripts.
//
//   prober vector FILE DIMENSION AXIS            writes a raw float32 vector along an axis
//   prober walk ENDPOINT LANE MODEL FILE         somebody with this face walks through: one track
//   prober notice ENDPOINT LANE REASON           somebody of whom a camera only tells a reason
//
// MODEL is the model card's id in hex digits, REASON the number of an enum fg_reason. Ends with 1
// and a sentence when it could not be sent.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/wire.h"

#define LOOKS       3 // of a walk
#define PAUSE_NS    UINT64_C(30000000)
#define PATIENCE_MS 20000

struct prober {
    struct fg_bus *bus;
    struct fg_socket *socket;
    struct fg_wire_message message;
};

static int open_prober(struct prober *p, const char *endpoint, const char *lane,
                       struct fg_error *err)
{
    int code = fg_bus_create(&p->bus);
    if (code == 0)
        code = fg_socket_connect(p->bus, FG_SOCKET_PUB, endpoint, 64, &p->socket, err);
    if (code == 0 && fg_socket_wait_subscriber(p->socket, PATIENCE_MS) < 0)
        code = fg_fail(err, -ETIMEDOUT, "%s: no matcher", endpoint);
    p->message.head = (struct fg_wire_head){
        .source = "prober", .session = fg_random_u64(), .boot = fg_boot_number()};
    snprintf(p->message.head.lane, sizeof p->message.head.lane, "%s", lane);
    return code;
}

static void close_prober(struct prober *p)
{
    fg_socket_close(p->socket);
    fg_bus_destroy(p->bus);
}

static int send_message(struct prober *p, enum fg_wire_type type, struct fg_error *err)
{
    uint8_t bytes[FG_WIRE_MAX];
    char topic[FG_WIRE_NAME];
    struct fg_wire_head *head = &p->message.head;
    head->type = type;
    head->sequence++;
    head->t_capture_ns = head->t_publish_ns = fg_monotonic_ns();
    int length = fg_wire_encode(&p->message, bytes, err);
    if (length < 0)
        return length;
    const struct fg_part parts[] = {{topic, fg_wire_topic(head->lane, topic)},
                                    {bytes, (size_t)length}};
    return fg_socket_send(p->socket, parts, 2);
}

static int send_notice(struct prober *p, unsigned reason, struct fg_error *err)
{
    p->message.notice = (struct fg_wire_notice){.track = 1, .reason = (enum fg_reason)reason};
    return send_message(p, FG_WIRE_NOTICE, err);
}

// The face in a file, scaled to length 1.
static int read_face(const char *path, struct fg_wire_probe *probe, struct fg_error *err)
{
    FILE *file = fopen(path, "rb");
    double sum = 0;
    if (!file)
        return fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    probe->dimension = (uint32_t)fread(probe->vector, sizeof(float), FG_WIRE_DIMENSION, file);
    fclose(file);
    for (uint32_t i = 0; i < probe->dimension; i++)
        sum += (double)probe->vector[i] * (double)probe->vector[i];
    for (uint32_t i = 0; i < probe->dimension; i++)
        probe->vector[i] /= (float)sqrt(sum);
    return 0;
}

static int walk(struct prober *p, const char *model, const char *path, struct fg_error *err)
{
    p->message.probe = (struct fg_wire_probe){.model = strtoull(model, NULL, 16),
                                              .track = 1,
                                              .width = 1280,
                                              .height = 720,
                                              .quality.unified = .8f};
    int code = read_face(path, &p->message.probe, err);
    for (unsigned i = 0; i < LOOKS && code == 0; i++) {
        p->message.probe.frame = i;
        code = send_message(p, FG_WIRE_PROBE, err);
        fg_sleep_until_ns(fg_monotonic_ns() + PAUSE_NS); // the matcher keeps the newest alone
    }
    return code == 0 ? send_notice(p, FG_REASON_TRACK_LOST, err) : code;
}

static int write_axis(char **words, struct fg_error *err)
{
    const unsigned long dimension = strtoul(words[1], NULL, 10), axis = strtoul(words[2], NULL, 10);
    FILE *file = fopen(words[0], "wb");
    if (!file)
        return fg_fail(err, -errno, "%s: %s", words[0], strerror(errno));
    for (unsigned long i = 0; i < dimension; i++) {
        const float value = i == axis ? 2 : 0; // of any length
        fwrite(&value, sizeof value, 1, file);
    }
    return fclose(file) == 0 ? 0 : fg_fail(err, -EIO, "%s: can't write", words[0]);
}

static int probe(int argc, char **argv, struct fg_error *err)
{
    struct prober p = {0};
    int code = open_prober(&p, argv[2], argv[3], err);
    if (code == 0 && argc == 6)
        code = walk(&p, argv[4], argv[5], err);
    else if (code == 0)
        code = send_notice(&p, (unsigned)strtoul(argv[4], NULL, 10), err);
    close_prober(&p);
    return code;
}

int main(int argc, char **argv)
{
    struct fg_error err = {""};
    int code = 0;
    if (argc == 5 && strcmp(argv[1], "vector") == 0)
        code = write_axis(argv + 2, &err);
    else if ((argc == 6 && strcmp(argv[1], "walk") == 0) ||
             (argc == 5 && strcmp(argv[1], "notice") == 0))
        code = probe(argc, argv, &err);
    else
        return 2;
    if (code < 0)
        fprintf(stderr, "prober: %s\n", err.text[0] ? err.text : strerror(-code));
    return code < 0;
}
