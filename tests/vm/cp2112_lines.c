// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/cp2112_lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"

static void tell(const char *who, unsigned line, char level)
{
    dprintf(STDOUT_FILENO, "%" PRIu64 " %s %u %c\n", fg_monotonic_ns(), who, line, level);
}

static char driven(const struct fg_cp2112_lines *lines, unsigned line)
{
    if (!(lines->outputs >> line & 1))
        return 'z';
    return lines->latch >> line & 1 ? '1' : '0';
}

static void become(struct fg_cp2112_lines *lines, uint8_t outputs, uint8_t latch)
{
    const struct fg_cp2112_lines before = *lines;
    lines->outputs = outputs;
    lines->latch = latch;
    for (unsigned i = 0; i < FG_CP2112_LINES; i++)
        if (driven(lines, i) != driven(&before, i))
            tell("out", i, driven(lines, i));
}

void fg_cp2112_lines_start(struct fg_cp2112_lines *lines)
{
    become(lines, 0, 0);
}

void fg_cp2112_lines_direct(struct fg_cp2112_lines *lines, uint8_t outputs)
{
    become(lines, outputs, lines->latch);
}

void fg_cp2112_lines_drive(struct fg_cp2112_lines *lines, uint8_t levels, uint8_t which)
{
    which &= lines->outputs;
    become(lines, lines->outputs, (uint8_t)((lines->latch & ~which) | (levels & which)));
}

void fg_cp2112_lines_hold(struct fg_cp2112_lines *lines, unsigned line, bool high)
{
    lines->held = (uint8_t)((lines->held & ~(1u << line)) | (unsigned)high << line);
    tell("in", line, high ? '1' : '0');
}

uint8_t fg_cp2112_lines_read(const struct fg_cp2112_lines *lines)
{
    return (uint8_t)((lines->latch & lines->outputs) | (lines->held & ~lines->outputs));
}
