// SPDX-License-Identifier: Apache-2.0
// Tokens of fixed keys and serials, for tests.
#ifndef FG_TOKEN_MAKER_H
#define FG_TOKEN_MAKER_H

#include <string.h>

#include "matcher/token.h"

// The bytes first, first + 1, ...
static inline void count_up(uint8_t *bytes, size_t length, unsigned first)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(first + i);
}

static inline void make_key(const char *name, unsigned first, struct fg_token_key *ret)
{
    uint8_t signing[FG_SEAL_SEED], sealing[FG_SEAL_KEY];
    count_up(signing, sizeof signing, first);
    count_up(sealing, sizeof sealing, first + 0x20);
    fg_token_key_make(name, signing, sealing, ret);
}

// A token of either kind; its face has the values -90, -87, ...
static inline void make_token(enum fg_token_kind kind, unsigned serial, uint32_t dimension,
                              struct fg_token *ret)
{
    int8_t values[FG_TEMPLATE_MAX];
    memset(ret, 0, sizeof *ret);
    ret->kind = kind;
    count_up(ret->serial, sizeof ret->serial, serial);
    ret->scope = fg_token_scope("demo");
    ret->valid_from_s = 1800000000;
    ret->valid_until_s = 1800086400;
    if (kind == FG_TOKEN_VAULT) {
        count_up(ret->record, sizeof ret->record, 0xB0);
        count_up(ret->record_key, sizeof ret->record_key, 0xC0);
        return;
    }
    for (uint32_t i = 0; i < dimension; i++)
        values[i] = (int8_t)(-90 + 3 * (int)(i % 60));
    ret->model = 0x1122334455667788;
    ret->dimension = dimension;
    fg_template_from_values(values, dimension, &ret->face);
}

#endif
