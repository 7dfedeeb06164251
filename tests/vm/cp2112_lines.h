// SPDX-License-Identifier: Apache-2.0
// The eight lines of an emulated CP2112, and what is wired to them: a hand that holds inputs high
// or low. Whatever moves a line is told on standard output at once, one line of text each:
//
//   TIME out LINE 0|1   the chip drives it so
//   TIME out LINE z     the chip drives it no more: an input, or no power
//   TIME in LINE 0|1    the hand holds it so
//
// TIME is CLOCK_MONOTONIC of the host in nanoseconds. One thread.
#ifndef FG_CP2112_LINES_H
#define FG_CP2112_LINES_H

#include <stdbool.h>
#include <stdint.h>

#define FG_CP2112_LINES 8

struct fg_cp2112_lines { // bit n is line n; {0}: without power, every input held low
    uint8_t outputs;     // those that the chip drives
    uint8_t latch;       // and how
    uint8_t held;        // high by the hand
};

// Each time with power and without it: inputs all. What the chip keeps in its latch then is not in
// its papers; here it is zeros.
void fg_cp2112_lines_start(struct fg_cp2112_lines *lines);
// Which are outputs. One that becomes one is driven as the latch has it.
void fg_cp2112_lines_direct(struct fg_cp2112_lines *lines, uint8_t outputs);
// The outputs of `which`; nothing for inputs, as in AN495.
void fg_cp2112_lines_drive(struct fg_cp2112_lines *lines, uint8_t levels, uint8_t which);
void fg_cp2112_lines_hold(struct fg_cp2112_lines *lines, unsigned line, bool high);
// The level of each.
uint8_t fg_cp2112_lines_read(const struct fg_cp2112_lines *lines);

#endif
