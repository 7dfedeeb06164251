// SPDX-License-Identifier: Apache-2.0
#include "pipeline/publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "common/clock.h"

#define HIGH_WATER 16 // messages: at the mark ZeroMQ keeps the oldest, so the mark is small

struct fg_publisher {
    struct fg_bus *bus;
    struct fg_socket *socket;
    char lane[FG_WIRE_NAME], source[FG_WIRE_NAME], topic[FG_WIRE_NAME];
    size_t topic_length;
    uint64_t session, sequence, boot;
    uint8_t body[FG_WIRE_MAX];
};

static int check_name(const char *what, const char *name, struct fg_error *err)
{
    if (fg_wire_name_ok(name))
        return 0;
    return fg_fail(err, -EINVAL, "%s \"%s\": 1 to %d letters, digits, dots, dashes or underscores",
                   what, name, FG_WIRE_NAME - 1);
}

int fg_publisher_open(const char *endpoint, const char *lane, const char *source,
                      struct fg_publisher **ret, struct fg_error *err)
{
    int code = check_name("lane", lane, err);
    if (code == 0)
        code = check_name("camera id", source, err);
    if (code < 0)
        return code;
    struct fg_publisher *p = calloc(1, sizeof *p);
    if (!p)
        return fg_fail(err, -ENOMEM, "out of memory");
    snprintf(p->lane, sizeof p->lane, "%s", lane);
    snprintf(p->source, sizeof p->source, "%s", source);
    p->topic_length = fg_wire_topic(lane, p->topic);
    p->session = fg_random_u64();
    p->boot = fg_boot_number();
    code = fg_bus_create(&p->bus);
    if (code == 0)
        code = fg_socket_connect(p->bus, FG_SOCKET_PUB, endpoint, HIGH_WATER, &p->socket, err);
    if (code < 0) {
        fg_publisher_close(p);
        return code;
    }
    *ret = p;
    return 0;
}

void fg_publisher_close(struct fg_publisher *publisher)
{
    if (!publisher)
        return;
    fg_socket_close(publisher->socket);
    fg_bus_destroy(publisher->bus);
    explicit_bzero(publisher->body, sizeof publisher->body);
    free(publisher);
}

struct fg_bus *fg_publisher_bus(struct fg_publisher *publisher)
{
    return publisher->bus;
}

int fg_publisher_wait(struct fg_publisher *publisher, int timeout_ms)
{
    return fg_socket_wait_subscriber(publisher->socket, timeout_ms);
}

int fg_publish(struct fg_publisher *publisher, struct fg_wire_message *message,
               uint64_t t_capture_ns, struct fg_error *err)
{
    struct fg_publisher *p = publisher;
    struct fg_wire_head *head = &message->head;
    memcpy(head->lane, p->lane, sizeof head->lane);
    memcpy(head->source, p->source, sizeof head->source);
    head->session = p->session;
    head->sequence = p->sequence + 1;
    head->t_capture_ns = t_capture_ns;
    head->t_publish_ns = fg_monotonic_ns();
    head->boot = p->boot;
    int length = fg_wire_encode(message, p->body, err);
    if (length < 0)
        return length;
    struct fg_part parts[] = {{p->topic, p->topic_length}, {p->body, (size_t)length}};
    int code = fg_socket_send(p->socket, parts, 2);
    explicit_bzero(p->body, (size_t)length);
    if (code == 0)
        p->sequence++;
    return code;
}
