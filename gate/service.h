// SPDX-License-Identifier: Apache-2.0
// facegate-gate at work: decisions in, the lane's lines driven, reports out. One thread.
#ifndef FG_SERVICE_H
#define FG_SERVICE_H

#include "gate/gate_conf.h"
#include "gate/gpio.h"

#ifdef __cplusplus
extern "C" {
#endif

// Runs until SIGTERM or SIGINT; an exit code of common/exit.h, FG_EXIT_TEMPORARY when lines were
// missing for conf->give_up_ms. With conf->salvaged only the emergency works, and `trouble` says
// why. Logs; blocks SIGTERM, SIGINT and SIGCHLD in this thread.
int fg_service_run(struct fg_gate_conf *conf, const char *trouble,
                   const struct fg_gpio_system *gpio);

#ifdef __cplusplus
}
#endif
#endif
