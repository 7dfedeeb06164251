// SPDX-License-Identifier: Apache-2.0
// What is told of the lane besides its lines: a program that is run, a socket that publishes. A
// kind is one row of outputs.c. One thread.
#ifndef FG_OUTPUTS_H
#define FG_OUTPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bus.h"
#include "common/error.h"
#include "gate/gate_conf.h"
#include "gate/lane.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_telling {
    const char *event; // fg_lane_news_name, or "state": once a second, "stopped": the last
    const char *state; // fg_lane_state_name
    bool open;         // people may pass now
    struct fg_decision_id decision;
};

struct fg_output_kind {
    const char *name;
    bool (*wanted)(const struct fg_gate_conf *conf);
    // Success: *ret goes to the others, and ends with close. `bus` and `conf` are borrowed.
    int (*open)(const struct fg_gate_conf *conf, struct fg_bus *bus, void **ret,
                struct fg_error *err);
    void (*tell)(void *output, const struct fg_telling *telling);
    void (*work)(void *output, uint64_t now_ns); // never waits
    uint64_t (*due_ns)(const void *output); // when to work next; a child's end comes as SIGCHLD
    void (*close)(void *output);            // what was told is carried out first
};

extern const struct fg_output_kind fg_output_exec, fg_output_zmq;

struct fg_outputs { // starts zeroed
    void *opened[2];
};

// Those that the configuration wants. -EADDRINUSE: another program publishes there.
int fg_outputs_open(struct fg_outputs *outputs, const struct fg_gate_conf *conf, struct fg_bus *bus,
                    struct fg_error *err);
void fg_outputs_close(struct fg_outputs *outputs);
void fg_outputs_tell(struct fg_outputs *outputs, const struct fg_telling *telling);
void fg_outputs_work(struct fg_outputs *outputs, uint64_t now_ns);
uint64_t fg_outputs_due_ns(const struct fg_outputs *outputs);

#ifdef __cplusplus
}
#endif
#endif
