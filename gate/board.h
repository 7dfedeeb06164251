// SPDX-License-Identifier: Apache-2.0
// The lane's lines: opened one by one, so that what is there works while another is missing or
// taken, opened again when they fail, and their inputs debounced. One thread.
#ifndef FG_BOARD_H
#define FG_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "gate/gate_conf.h"
#include "gate/gpio.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_board;

// Both are borrowed. Opens nothing yet. -ENOMEM, or no descriptors.
int fg_board_create(const struct fg_gate_conf *conf, const struct fg_gpio_system *system,
                    struct fg_board **ret);
void fg_board_destroy(struct fg_board *board); // gives the lines back; accepts NULL

// Readable when an input may have changed; for poll(2). fg_board_work takes it.
int fg_board_fd(const struct fg_board *board);

// Opens what is missing when it is time to, and looks at the inputs. Logs what goes and comes.
// Outputs begin off; but an emergency that is there when its line is opened counts at once, and the
// open line begins on.
void fg_board_work(struct fg_board *board, uint64_t now_ns);
uint64_t fg_board_due_ns(const struct fg_board *board); // when to work next

bool fg_board_is_whole(const struct fg_board *board);       // every wired line is there
uint64_t fg_board_missing_ns(const struct fg_board *board); // since when not
const char *fg_board_trouble(const struct fg_board *board); // the last reason; "" when whole
bool fg_board_input(const struct fg_board *board, enum fg_pin pin); // the last that counted

// An output's level, now and whenever its line comes back.
void fg_board_set(struct fg_board *board, enum fg_pin pin, bool on, uint64_t now_ns);

// Drives the outputs for the end: the lane open or closed or as it is, lamps dark.
void fg_board_stop(struct fg_board *board, enum fg_on_stop how, uint64_t now_ns);

#ifdef __cplusplus
}
#endif
#endif
