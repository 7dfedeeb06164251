// SPDX-License-Identifier: Apache-2.0
// What facegate-gate is told: built-in values, gate.conf, then the lane's own gate@LANE.conf beside
// it, each with its drop-ins. Keys are explained in facegate-gate(8).
#ifndef FG_GATE_CONF_H
#define FG_GATE_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "common/wire.h"
#include "gate/gpio.h"
#include "gate/lane.h"

#ifdef __cplusplus
extern "C" {
#endif

enum fg_pin { // what a line is for; outputs first
    FG_PIN_OPEN,
    FG_PIN_RED,
    FG_PIN_GREEN,
    FG_PIN_BUZZER,
    FG_PIN_BEAM,
    FG_PIN_BUTTON,
    FG_PIN_EMERGENCY,
    FG_PINS,
};
#define FG_PIN_INPUTS FG_PIN_BEAM // the first

const char *fg_pin_name(enum fg_pin pin); // "open", ...

struct fg_pin_conf {
    char line[64]; // its number or name; "": not wired
    bool active_low;
    enum fg_gpio_bias bias;
    uint32_t debounce_ms; // of an input
};

enum fg_on_stop { FG_ON_STOP_CLOSED, FG_ON_STOP_OPEN, FG_ON_STOP_HOLD };

struct fg_gate_conf {
    char lane[FG_WIRE_NAME], id[FG_WIRE_NAME]; // id: the gate's name in messages
    struct fg_lane_rules rules;
    int button, on_loss, on_stop; // as read; rules have the first two
    char chip[128];
    struct fg_pin_conf pins[FG_PINS];
    uint32_t give_up_ms; // without a line for so long: end, to be started again
    char command[512];   // "": none
    uint32_t command_ms;
    char publish[160];                          // endpoint; "": none
    char reports[160];                          // a file of reports that are owed; "": none
    char decision[160], lanes[160], probe[160]; // the matcher's
    bool salvaged;                              // for an emergency alone
};

// Reads the configuration of `lane` by the file for all lanes, and checks it. Failure: negative
// errno, err names the file, the line, the remedy.
int fg_gate_conf_read(const char *path, const char *lane, struct fg_gate_conf *ret,
                      struct fg_error *err);

// Of a configuration that is off: the emergency input and the lines that open the lane, when these
// can be made out. -ENODATA when not.
int fg_gate_conf_salvage(const char *path, const char *lane, struct fg_gate_conf *ret);

// All but the emergency is taken out: what else is wired and connected is at fault.
int fg_gate_conf_reduce(struct fg_gate_conf *conf);

// What it would drive, in lines for people.
void fg_gate_conf_print(const struct fg_gate_conf *conf, FILE *out);

#ifdef __cplusplus
}
#endif
#endif
