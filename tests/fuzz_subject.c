// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: whatever unpack accepts, pack writes byte for byte (version 1 as version 2,
// which reads the same), and both ways of unpacking agree.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "matcher/subject.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fg_subject subject;
    static uint8_t again[FG_SUBJECT_BYTES];
    struct fg_member member;
    uint64_t model = 0;
    char *room = malloc(size + 1);
    if (!room)
        return 0;
    int r = fg_subject_unpack(data, size, &subject);
    if (fg_subject_unpack_member(data, size, room, &model, &member) != r)
        abort();
    if (r == 0 && (model != subject.model || strcmp(member.id, subject.id) != 0 ||
                   memcmp(member.values, subject.average.values, subject.dimension) != 0 ||
                   !member.lanes != !subject.n_lanes || !member.tags != !subject.n_tags))
        abort();
    free(room);
    if (r < 0)
        return 0;
    int length = fg_subject_pack(&subject, again);
    if (data[0] == again[0] && (length != (int)size || memcmp(again, data, size) != 0))
        abort();
    static struct fg_subject copy;
    if (length < 0 || fg_subject_unpack(again, (size_t)length, &copy) < 0 ||
        memcmp(&copy, &subject, sizeof copy) != 0)
        abort();
    return 0;
}
