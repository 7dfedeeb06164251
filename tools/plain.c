// SPDX-License-Identifier: Apache-2.0
#include "tools/plain.h"

#include <stdlib.h>

int fg_plain_print(FILE *to, const char *text)
{
    int columns = 0;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        putc(c < 32 || c == 127 ? '?' : c, to);
        columns += (c & 0xc0) != 0x80;
    }
    return columns;
}

void fg_plain_column(FILE *to, const char *text, int width)
{
    for (int at = fg_plain_print(to, text); at < width; at++)
        putc(' ', to);
}

void fg_plain_json(struct fg_json *json, bool indented)
{
    char *text = fg_json_print(json, indented);
    puts(text);
    free(text);
    fg_json_destroy(json);
}
