// SPDX-License-Identifier: Apache-2.0
#include "gate/outputs.h"

#include <stddef.h>

static const struct fg_output_kind *const kinds[] = {&fg_output_exec, &fg_output_zmq};
#define N_KINDS (sizeof kinds / sizeof *kinds)

int fg_outputs_open(struct fg_outputs *outputs, const struct fg_gate_conf *conf, struct fg_bus *bus,
                    struct fg_error *err)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        if (!kinds[i]->wanted(conf))
            continue;
        int code = kinds[i]->open(conf, bus, &outputs->opened[i], err);
        if (code < 0)
            return fg_fail_prefix(err, code, "%s", kinds[i]->name);
    }
    return 0;
}

void fg_outputs_close(struct fg_outputs *outputs)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        if (outputs->opened[i])
            kinds[i]->close(outputs->opened[i]);
        outputs->opened[i] = NULL;
    }
}

void fg_outputs_tell(struct fg_outputs *outputs, const struct fg_telling *telling)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (outputs->opened[i])
            kinds[i]->tell(outputs->opened[i], telling);
}

void fg_outputs_work(struct fg_outputs *outputs, uint64_t now_ns)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (outputs->opened[i])
            kinds[i]->work(outputs->opened[i], now_ns);
}

uint64_t fg_outputs_due_ns(const struct fg_outputs *outputs)
{
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < N_KINDS; i++) {
        uint64_t one = outputs->opened[i] ? kinds[i]->due_ns(outputs->opened[i]) : UINT64_MAX;
        due = one < due ? one : due;
    }
    return due;
}
