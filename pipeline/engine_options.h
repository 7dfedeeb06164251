// SPDX-License-Identifier: Apache-2.0
// How the networks are run, as configuration files and command lines say it.
#ifndef FG_ENGINE_OPTIONS_H
#define FG_ENGINE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel/accel.h"
#include "common/conf.h"
#include "common/error.h"
#include "common/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_engine_options {
    char engine[160];       // "auto", "xnnpack", "armnn" or "armnn:Backend,Backend,..."
    char require[32];       // the backend that must run every layer; "": any
    char backend_path[256]; // folder of Arm NN's dynamic backends; "": Arm NN's own
    char tuning[256];       // GpuAcc's tuning file; "": none
    uint32_t threads;       // of one network
    uint32_t model_memory;  // MB that one model may need; 0: no limit
    bool fp16, fast_math;
};

// auto, one thread, 1024 MB.
extern const struct fg_engine_options fg_engine_standard;

// FG_ENGINE_KEYS rows of a table of keys, for the member `at` of a target struct. `set_name` is a
// call that hands the value to fg_engine_options_name.
#define FG_ENGINE_AT(target, at, field) .offset = offsetof(target, at.field)
#define FG_ENGINE_TEXT(target, at, field)                                                          \
    .type = FG_CONF_STRING, FG_ENGINE_AT(target, at, field), .size = sizeof((target *)0)->at.field
#define FG_ENGINE_ROWS(section, target, at, set_name)                                               \
    {section, "engine", .type = FG_CONF_CALL, .call = set_name},                                    \
        {section, "require", FG_ENGINE_TEXT(target, at, require)},                                  \
        {section, "backend-path", FG_ENGINE_TEXT(target, at, backend_path)},                        \
        {section, "tuning", FG_ENGINE_TEXT(target, at, tuning)},                                    \
        {section, "threads", FG_CONF_U32, FG_ENGINE_AT(target, at, threads), .low = 1, .high = 64}, \
        {section,  "model-memory", FG_CONF_U32, FG_ENGINE_AT(target, at, model_memory),             \
         .low = 0, .high = 1048576},                                                                \
        {section, "fp16", FG_CONF_BOOL, FG_ENGINE_AT(target, at, fp16)},                            \
    {                                                                                               \
        section, "fast-math", FG_CONF_BOOL, FG_ENGINE_AT(target, at, fast_math)                     \
    }
enum { FG_ENGINE_KEYS = 8 };

// Sets `engine` when the name is well-formed; whether there is such a backend is found out when a
// model is opened. 0 or -EINVAL.
int fg_engine_options_name(struct fg_engine_options *options, const char *value,
                           struct fg_error *err);

// The same for accel; its texts are borrowed from `options`.
struct fg_accel_options fg_engine_options_accel(const struct fg_engine_options *options);

// An engine's name as a beat can carry it, where names have neither colons nor commas:
// "armnn:GpuAcc,CpuAcc" becomes "armnn.GpuAcc-CpuAcc". Cut to size.
void fg_engine_wire_name(const char *engine, char ret[FG_WIRE_NAME]);

#ifdef __cplusplus
}
#endif
#endif
