// SPDX-License-Identifier: Apache-2.0
// cp2112_chip: a USB chip with eight GPIO lines that is not there, see usb_program.h. What its
// lines do stands on standard output, see cp2112_lines.h. Its own command:
//
//   hold LINE 0|1      an input is held low, high
#include <errno.h>
#include <string.h>

#include "tests/vm/cp2112_device.h"
#include "tests/vm/usb_program.h"

static int obey(void *context, char **words, unsigned count, struct fg_error *err)
{
    struct fg_cp2112 *chip = context;
    if (count != 3 || strcmp(words[0], "hold") != 0)
        return fg_fail(err, -EINVAL, "no such command");
    if (strlen(words[1]) != 1 || words[1][0] < '0' || words[1][0] >= '0' + FG_CP2112_LINES)
        return fg_fail(err, -EINVAL, "no such line");
    if (strcmp(words[2], "0") != 0 && strcmp(words[2], "1") != 0)
        return fg_fail(err, -EINVAL, "no such level");
    fg_cp2112_lines_hold(&chip->lines, (unsigned)(words[1][0] - '0'), words[2][0] == '1');
    return 0;
}

int main(int argc, char **argv)
{
    struct fg_cp2112 chip;
    fg_cp2112_init(&chip);
    const struct fg_usb_program program = {"cp2112_chip", &fg_cp2112_kind, &chip, obey};
    return fg_usb_program_run(&program, argc, argv);
}
