// SPDX-License-Identifier: Apache-2.0
// The lane as JSON on a socket, for hardware of others: facegate-gate(8), PUBLISHED.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/wire.h"
#include "gate/outputs.h"

#define HIGH_WATER 256

struct published {
    const struct fg_gate_conf *conf;
    struct fg_socket *socket;
    uint64_t sequence;
};

static bool wanted(const struct fg_gate_conf *conf)
{
    return conf->publish[0] != 0;
}

static int open_output(const struct fg_gate_conf *conf, struct fg_bus *bus, void **ret,
                       struct fg_error *err)
{
    struct published *p = calloc(1, sizeof *p);
    if (!p)
        return fg_fail(err, -ENOMEM, "out of memory");
    p->conf = conf;
    int code = fg_socket_bind(bus, FG_SOCKET_PUB, conf->publish, HIGH_WATER, &p->socket, err);
    if (code < 0)
        free(p);
    else
        *ret = p;
    return code;
}

static void add_u64(struct fg_json *json, const char *name, uint64_t value)
{
    char digits[24];
    if (value <= UINT64_C(1) << 53) {
        fg_json_add_number(json, name, (double)value);
        return;
    }
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    fg_json_add_string(json, name, digits);
}

// As the decision itself has them.
static void add_decision(struct fg_json *json, struct fg_decision_id id)
{
    char run[17];
    if (id.sequence == 0)
        return;
    snprintf(run, sizeof run, "%016llx", (unsigned long long)id.run);
    fg_json_add_string(json, "run", run);
    add_u64(json, "decision", id.sequence);
}

static void tell(void *output, const struct fg_telling *telling)
{
    struct published *p = output;
    struct fg_json *json = fg_json_object();
    fg_json_add_number(json, "v", 1);
    add_u64(json, "seq", ++p->sequence);
    fg_json_add_string(json, "lane", p->conf->lane);
    fg_json_add_string(json, "gate", p->conf->id);
    fg_json_add_string(json, "event", telling->event);
    fg_json_add_string(json, "state", telling->state);
    fg_json_add_bool(json, "open", telling->open);
    add_decision(json, telling->decision);
    add_u64(json, "t_ns", fg_monotonic_ns());
    char *text = fg_json_print(json, false);
    char topic[FG_WIRE_NAME];
    const struct fg_part parts[] = {{topic, fg_wire_topic(p->conf->lane, topic)},
                                    {text, strlen(text)}};
    fg_socket_send(p->socket, parts, 2); // who is too slow misses it, and sees the next state
    free(text);
    fg_json_destroy(json);
}

static void work(void *output, uint64_t now_ns)
{
    (void)output;
    (void)now_ns;
}

static uint64_t due_ns(const void *output)
{
    (void)output;
    return UINT64_MAX;
}

static void close_output(void *output)
{
    struct published *p = output;
    fg_socket_close(p->socket);
    free(p);
}

const struct fg_output_kind fg_output_zmq = {.name = "zmq",
                                             .wanted = wanted,
                                             .open = open_output,
                                             .tell = tell,
                                             .work = work,
                                             .due_ns = due_ns,
                                             .close = close_output};
