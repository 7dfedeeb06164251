// SPDX-License-Identifier: Apache-2.0
#include "matcher/vault.h"

#include <errno.h>
#include <string.h>

#define VERSION 1

enum {
    AT_MODEL = 0,
    AT_SCOPE = AT_MODEL + 8,
    AT_FROM = AT_SCOPE + 8,
    AT_UNTIL = AT_FROM + 4,
    AT_DIMENSION = AT_UNTIL + 4,
    AT_VALUES = AT_DIMENSION + 2,
    PLAIN_MOST = AT_VALUES + FG_TEMPLATE_MAX,
    DATA = 1 + FG_TOKEN_RECORD, // authenticated: version and id
};

_Static_assert(1 + PLAIN_MOST + FG_SEAL_TAG == FG_VAULT_BYTES, "the longest record fits");

static void write_number(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t read_number(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static void bind(const uint8_t id[FG_TOKEN_RECORD], uint8_t ret_data[DATA],
                 uint8_t ret_nonce[FG_SEAL_NONCE])
{
    ret_data[0] = VERSION;
    memcpy(ret_data + 1, id, FG_TOKEN_RECORD);
    memset(ret_nonce, 0, FG_SEAL_NONCE);
    memcpy(ret_nonce, id, FG_TOKEN_RECORD);
}

int fg_vault_seal(const struct fg_vault_record *record, const uint8_t id[FG_TOKEN_RECORD],
                  const uint8_t key[FG_SEAL_KEY], uint8_t ret[FG_VAULT_BYTES], struct fg_error *err)
{
    uint8_t plain[PLAIN_MOST], data[DATA], nonce[FG_SEAL_NONCE];
    if (record->valid_until_s <= record->valid_from_s)
        return fg_fail(err, -EINVAL, "a record must be valid until some time after it begins");
    if (record->dimension == 0 || record->dimension > FG_TEMPLATE_MAX || record->face.scale <= 0)
        return fg_fail(err, -EINVAL, "there is no template to put into the record");
    write_number(plain + AT_MODEL, record->model, 8);
    write_number(plain + AT_SCOPE, record->scope, 8);
    write_number(plain + AT_FROM, record->valid_from_s, 4);
    write_number(plain + AT_UNTIL, record->valid_until_s, 4);
    write_number(plain + AT_DIMENSION, record->dimension, 2);
    memcpy(plain + AT_VALUES, record->face.values, record->dimension);
    bind(id, data, nonce);
    ret[0] = VERSION;
    fg_seal(key, nonce, data, sizeof data, plain, AT_VALUES + record->dimension, ret + 1);
    explicit_bzero(plain, sizeof plain);
    return 1 + AT_VALUES + (int)record->dimension + FG_SEAL_TAG;
}

static int view(const uint8_t *plain, size_t length, struct fg_vault_record *ret)
{
    struct fg_vault_record record = {
        .model = read_number(plain + AT_MODEL, 8),
        .scope = read_number(plain + AT_SCOPE, 8),
        .valid_from_s = (uint32_t)read_number(plain + AT_FROM, 4),
        .valid_until_s = (uint32_t)read_number(plain + AT_UNTIL, 4),
        .dimension = (uint32_t)read_number(plain + AT_DIMENSION, 2),
    };
    int r = -EBADMSG;
    if (length == AT_VALUES + record.dimension && record.valid_until_s > record.valid_from_s &&
        fg_template_from_values((const int8_t *)plain + AT_VALUES, record.dimension,
                                &record.face) == 0)
        r = 0;
    if (r == 0)
        *ret = record;
    explicit_bzero(&record, sizeof record);
    return r;
}

int fg_vault_open(const uint8_t *bytes, size_t length, const uint8_t id[FG_TOKEN_RECORD],
                  const uint8_t key[FG_SEAL_KEY], struct fg_vault_record *ret, struct fg_error *err)
{
    uint8_t plain[PLAIN_MOST], data[DATA], nonce[FG_SEAL_NONCE];
    if (length > 0 && bytes[0] != VERSION)
        return fg_fail(err, -EPROTONOSUPPORT, "the vault's record has version %u, known is %d",
                       bytes[0], VERSION);
    if (length < 1 + AT_VALUES + FG_SEAL_TAG || length > FG_VAULT_BYTES)
        return fg_fail(err, -EBADMSG, "the vault's record is damaged: it has %zu bytes", length);
    bind(id, data, nonce);
    int r = fg_unseal(key, nonce, data, sizeof data, bytes + 1, length - 1, plain);
    if (r == 0)
        r = view(plain, length - 1 - FG_SEAL_TAG, ret);
    explicit_bzero(plain, sizeof plain);
    return r < 0 ? fg_fail(err, -EBADMSG, "the vault's record is damaged, or the code is not its")
                 : 0;
}
