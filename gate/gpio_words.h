// SPDX-License-Identifier: Apache-2.0
// What both versions of libgpiod need: lines by number, and sentences about what can't be had.
#ifndef FG_GPIO_WORDS_H
#define FG_GPIO_WORDS_H

#include "gate/gpio.h"

#ifdef __cplusplus
extern "C" {
#endif

// True: the name is a number, *ret.
bool fg_gpio_number(const char *name, unsigned *ret);

#define FG_GPIO_DEVICES "/sys/bus/gpio/devices"
// Whether the chip (gpiochip0), a link in that folder, is behind USB. Such a chip has no interrupt
// line: drivers that tell edges all the same look every 100 ms (hid-cp2112), and where the chip is
// pulled out, Linux 6.1 leaks the interrupts that were asked for, with a warning each. So its
// inputs are better looked at.
bool fg_gpio_is_usb(const char *devices, const char *chip);

// Fill err and return the code, which for a chip without interrupts becomes -EOPNOTSUPP.
int fg_gpio_chip_error(const struct fg_gpio_wish *wish, int code, struct fg_error *err);
int fg_gpio_no_line(const struct fg_gpio_wish *wish, unsigned lines, struct fg_error *err);
int fg_gpio_no_events(const struct fg_gpio_wish *wish, struct fg_error *err);
// `consumer`: who has the line; may be NULL.
int fg_gpio_line_error(const struct fg_gpio_wish *wish, int code, const char *consumer,
                       struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
