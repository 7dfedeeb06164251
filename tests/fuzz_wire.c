// SPDX-License-Identifier: Apache-2.0
// Fuzz target: whatever decodes must encode to the same bytes again.
#include "common/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fg_wire_message message;
    static uint8_t again[FG_WIRE_MAX];
    struct fg_error err;
    uint8_t *copy = malloc(size ? size : 1); // exact size, so that the sanitizer sees an overrun
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    if (fg_wire_decode(copy, size, &message, &err) == 0) {
        int length = fg_wire_encode(&message, again, &err);
        if (length < 0 || (size_t)length != size || memcmp(again, data, size) != 0)
            abort();
    }
    free(copy);
    return 0;
}
