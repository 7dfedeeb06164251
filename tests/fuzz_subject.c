// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: whatever unpack accepts, pack writes byte for byte.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "matcher/subject.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fg_subject subject;
    static uint8_t again[FG_SUBJECT_BYTES];
    if (fg_subject_unpack(data, size, &subject) < 0)
        return 0;
    if (fg_subject_pack(&subject, again) != (int)size || memcmp(again, data, size) != 0)
        abort();
    return 0;
}
