// SPDX-License-Identifier: Apache-2.0
#include "gate/gate_conf.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"

#define AT(field) .offset = offsetof(struct fg_gate_conf, field)
#define TEXT(field)                                                                                \
    .type = FG_CONF_STRING, AT(field), .size = sizeof((struct fg_gate_conf *)0)->field
#define MS(field, least, most) .type = FG_CONF_U32, AT(field), .low = least, .high = most
#define PIN(name)              "gpio", name, FG_CONF_CALL, .call = set_pin

static const char *const pin_names[] = {"open", "red",    "green",     "buzzer",
                                        "beam", "button", "emergency", NULL};
static const char *const buttons[] = {"wake", "open", NULL};
static const char *const on_losses[] = {"closed", "open", "hold", NULL}; // on_stop's too

const char *fg_pin_name(enum fg_pin pin)
{
    return pin_names[pin];
}

static int set_word(struct fg_pin_conf *pin, const char *key, const char *word,
                    struct fg_error *err)
{
    static const char *const biases[] = {"as-is", "no-pull", "pull-up", "pull-down"};
    if (strcmp(word, "active-low") == 0) {
        pin->active_low = true;
        return 0;
    }
    for (unsigned i = 0; i < sizeof biases / sizeof *biases; i++) {
        if (strcmp(word, biases[i]) == 0) {
            pin->bias = (enum fg_gpio_bias)i;
            return 0;
        }
    }
    return fg_fail(err, -EINVAL,
                   "%s: %s: after the line may stand active-low, pull-up, pull-down, no-pull", key,
                   word);
}

// LINE [active-low] [pull-up | pull-down | no-pull]; nothing: not wired.
static int set_pin(void *target, const char *key, const char *value, struct fg_error *err)
{
    struct fg_gate_conf *conf = target;
    enum fg_pin which = 0;
    while (strcmp(pin_names[which], key) != 0)
        which++;
    struct fg_pin_conf pin = {.debounce_ms = conf->pins[which].debounce_ms};
    char text[200], *rest = NULL;
    if (strlen(value) >= sizeof text)
        return fg_fail(err, -EINVAL, "%s: too long", key);
    memcpy(text, value, strlen(value) + 1);
    const char *word = strtok_r(text, " \t", &rest);
    if (word && strlen(word) >= sizeof pin.line)
        return fg_fail(err, -EINVAL, "%s = %s: a line's name has at most %zu bytes", key, word,
                       sizeof pin.line - 1);
    if (word)
        memcpy(pin.line, word, strlen(word) + 1);
    int code = 0;
    while (word && code == 0 && (word = strtok_r(NULL, " \t", &rest)))
        code = set_word(&pin, key, word, err);
    if (code == 0 && pin.bias != FG_BIAS_AS_IS && which < FG_PIN_INPUTS)
        code = fg_fail(err, -EINVAL, "%s: an output is not pulled", key);
    if (code == 0)
        conf->pins[which] = pin;
    return code;
}

static const struct fg_conf_key keys[] = {
    {"lane", "id", TEXT(id)},
    {"lane", "passage_ms", MS(rules.passage_ms, 100, 600000)},
    {"lane", "pulse_ms", MS(rules.pulse_ms, 0, 60000)},
    {"lane", "after_ms", MS(rules.after_ms, 0, 60000)},
    {"lane", "blocked_ms", MS(rules.blocked_ms, 0, 600000)},
    {"lane", "extend", FG_CONF_BOOL, AT(rules.extend)},
    {"lane", "button", FG_CONF_CHOICE, AT(button), .choices = buttons},
    {"lane", "on_loss", FG_CONF_CHOICE, AT(on_loss), .choices = on_losses},
    {"lane", "loss_ms", MS(rules.loss_ms, 1500, 600000)},
    {"lane", "reports", TEXT(reports)},
    {"lane", "on_stop", FG_CONF_CHOICE, AT(on_stop), .choices = on_losses},
    {"gpio", "chip", TEXT(chip)},
    {PIN("open")},
    {PIN("red")},
    {PIN("green")},
    {PIN("buzzer")},
    {PIN("beam")},
    {PIN("button")},
    {PIN("emergency")},
    {"gpio", "beam_debounce_ms", MS(pins[FG_PIN_BEAM].debounce_ms, 0, 1000)},
    {"gpio", "button_debounce_ms", MS(pins[FG_PIN_BUTTON].debounce_ms, 0, 1000)},
    {"gpio", "emergency_debounce_ms", MS(pins[FG_PIN_EMERGENCY].debounce_ms, 0, 1000)},
    {"gpio", "give_up_ms", MS(give_up_ms, 1000, 3600000)},
    {"exec", "command", TEXT(command)},
    {"exec", "command_ms", MS(command_ms, 10, 10000)},
    {"zmq", "publish", TEXT(publish)},
    {"sockets", "decision", TEXT(decision)},
    {"sockets", "lane", TEXT(lanes)},
    {"sockets", "probe", TEXT(probe)},
};
#define N_KEYS (sizeof keys / sizeof *keys)

static void set_defaults(struct fg_gate_conf *conf, const char *lane)
{
    *conf = (struct fg_gate_conf){
        .rules = {.passage_ms = 5000, .after_ms = 2000, .blocked_ms = 10000, .loss_ms = 3000},
        .pins = {[FG_PIN_BEAM] = {.debounce_ms = 20},
                 [FG_PIN_BUTTON] = {.debounce_ms = 30},
                 [FG_PIN_EMERGENCY] = {.debounce_ms = 20}},
        .give_up_ms = 60000,
        .command_ms = 2000,
        .decision = "ipc:///run/facegate/gate/decision.sock",
        .lanes = "ipc:///run/facegate/probe/lane.sock",
        .probe = "ipc:///run/facegate/probe/probe.sock"};
    snprintf(conf->lane, sizeof conf->lane, "%s", lane);
    snprintf(conf->id, sizeof conf->id, "gate");
    const char *runtime = getenv("RUNTIME_DIRECTORY"); // systemd's
    if (runtime && strlen(runtime) + sizeof "/reports" <= sizeof conf->reports)
        snprintf(conf->reports, sizeof conf->reports, "%s/reports", runtime);
}

// ---- checks ------------------------------------------------------------------------------------

static bool wired(const struct fg_gate_conf *conf, enum fg_pin pin)
{
    return conf->pins[pin].line[0] != 0;
}

static int check_pins(const struct fg_gate_conf *conf, struct fg_error *err)
{
    for (enum fg_pin i = 0; i < FG_PINS; i++) {
        if (wired(conf, i) && !conf->chip[0])
            return fg_fail(err, -EINVAL, "[gpio] %s: on which chip? give chip", pin_names[i]);
        for (enum fg_pin k = 0; k < i; k++)
            if (wired(conf, i) && strcmp(conf->pins[i].line, conf->pins[k].line) == 0)
                return fg_fail(err, -EINVAL, "[gpio] %s and %s are both line %s: one line, one use",
                               pin_names[k], pin_names[i], conf->pins[i].line);
    }
    return 0;
}

static bool opens_something(const struct fg_gate_conf *conf)
{
    return wired(conf, FG_PIN_OPEN) || conf->command[0] || conf->publish[0];
}

static int check_command(const struct fg_gate_conf *conf, struct fg_error *err)
{
    char program[sizeof conf->command];
    size_t length = strcspn(conf->command, " \t");
    memcpy(program, conf->command, length);
    program[length] = 0;
    if (program[0] != '/')
        return fg_fail(err, -EINVAL, "[exec] command: %s: give the program's whole path", program);
    if (access(program, X_OK) < 0)
        return fg_fail(err, -errno, "[exec] command: %s: %s", program, strerror(errno));
    return 0;
}

static int check(const struct fg_gate_conf *conf, struct fg_error *err)
{
    if (!fg_wire_name_ok(conf->id))
        return fg_fail(err, -EINVAL,
                       "[lane] id = %s: 1 to %d letters, digits, dots, dashes or underscores",
                       conf->id, FG_WIRE_NAME - 1);
    if (!opens_something(conf))
        return fg_fail(err, -EINVAL,
                       "nothing to open: give [gpio] open, [exec] command or [zmq] publish");
    if (conf->rules.button_opens && !wired(conf, FG_PIN_BUTTON))
        return fg_fail(err, -EINVAL, "[lane] button = open: there is no [gpio] button");
    if (conf->rules.pulse_ms > conf->rules.passage_ms)
        return fg_fail(err, -EINVAL,
                       "[lane] pulse_ms is longer than passage_ms: the lane would close first");
    int code = check_pins(conf, err);
    return code == 0 && conf->command[0] ? check_command(conf, err) : code;
}

// ---- reading -----------------------------------------------------------------------------------

// The lane's own file, which need not be there, lies beside the one for all.
static int own_path(const char *path, const char *lane, char *ret, size_t size)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    int length = snprintf(ret, size, "%.*sgate@%s.conf", folder, path, lane);
    return length < (int)size ? 0 : -ENAMETOOLONG;
}

static void settle(struct fg_gate_conf *conf)
{
    conf->rules.has_beam = wired(conf, FG_PIN_BEAM);
    conf->rules.button_opens = conf->button == 1;
    conf->rules.on_loss = (enum fg_on_loss)conf->on_loss;
}

int fg_gate_conf_read(const char *path, const char *lane, struct fg_gate_conf *ret,
                      struct fg_error *err)
{
    char own[4096];
    set_defaults(ret, lane);
    if (own_path(path, lane, own, sizeof own) < 0)
        return fg_fail(err, -ENAMETOOLONG, "%s: the path is too long", path);
    int code = fg_conf_read_all(path, keys, N_KEYS, ret, err);
    if (code == 0) {
        code = fg_conf_read_all(own, keys, N_KEYS, ret, err);
        code = code == -ENOENT ? 0 : code;
    }
    if (code < 0)
        return code;
    settle(ret);
    code = check(ret, err);
    return code < 0 ? fg_fail_prefix(err, code, "%s or %s", path, own) : 0;
}

// ---- what can be saved -------------------------------------------------------------------------

int fg_gate_conf_reduce(struct fg_gate_conf *conf)
{
    struct fg_pin_conf open = conf->pins[FG_PIN_OPEN], emergency = conf->pins[FG_PIN_EMERGENCY];
    memset(conf->pins, 0, sizeof conf->pins);
    conf->pins[FG_PIN_OPEN] = open;
    conf->pins[FG_PIN_EMERGENCY] = emergency;
    conf->command[0] = conf->publish[0] = 0;
    conf->button = 0;
    conf->rules.loss_ms = 0; // there is no matcher to be lost
    conf->salvaged = true;
    settle(conf);
    bool can = wired(conf, FG_PIN_OPEN) && wired(conf, FG_PIN_EMERGENCY);
    return can && check_pins(conf, NULL) == 0 ? 0 : -ENODATA;
}

int fg_gate_conf_salvage(const char *path, const char *lane, struct fg_gate_conf *ret)
{
    char own[4096];
    set_defaults(ret, lane);
    if (own_path(path, lane, own, sizeof own) < 0)
        return -ENODATA;
    fg_conf_salvage(path, keys, N_KEYS, ret);
    fg_conf_salvage(own, keys, N_KEYS, ret);
    return fg_gate_conf_reduce(ret);
}

// ---- for people --------------------------------------------------------------------------------

static void print_pin(const struct fg_gate_conf *conf, enum fg_pin which, FILE *out)
{
    static const char *const biases[] = {"", ", not pulled", ", pulled up", ", pulled down"};
    const struct fg_pin_conf *pin = &conf->pins[which];
    if (!pin->line[0])
        return;
    fprintf(out, "  %-9s  %s line %s%s%s", pin_names[which],
            which < FG_PIN_INPUTS ? "output" : "input ", pin->line,
            pin->active_low ? ", active low" : "", biases[pin->bias]);
    if (which >= FG_PIN_INPUTS)
        fprintf(out, ", debounced %u ms", pin->debounce_ms);
    fputc('\n', out);
}

void fg_gate_conf_print(const struct fg_gate_conf *conf, FILE *out)
{
    const struct fg_lane_rules *rules = &conf->rules;
    fprintf(out, "lane %s, as %s\n", conf->lane, conf->id);
    fprintf(out, "  an opening waits %u ms%s", rules->passage_ms,
            rules->has_beam ? "" : " (no beam: passages are not known)");
    if (rules->pulse_ms > 0)
        fprintf(out, ", open is a pulse of %u ms", rules->pulse_ms);
    fprintf(out, "\n  an admit to an open lane %s; the button %s\n",
            rules->extend ? "opens it for one more" : "is refused",
            rules->button_opens ? "opens" : "wakes");
    fprintf(out, "  without the matcher for %u ms: %s; when it ends: %s\n", rules->loss_ms,
            on_losses[conf->on_loss], on_losses[conf->on_stop]);
    if (conf->chip[0])
        fprintf(out, "chip %s\n", conf->chip);
    for (enum fg_pin i = 0; i < FG_PINS; i++)
        print_pin(conf, i, out);
    if (conf->command[0])
        fprintf(out, "runs %s, for at most %u ms\n", conf->command, conf->command_ms);
    if (conf->publish[0])
        fprintf(out, "publishes at %s\n", conf->publish);
    fprintf(out, "listens to %s and %s, reports to %s\n", conf->decision, conf->lanes, conf->probe);
}
