// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: whatever bytes or text come, nothing is accepted but what the operator made;
// and with the signature and the seal made right, what is read is what is written again.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base45.h"
#include "matcher/token.h"
#include "matcher/vault.h"
#include "tests/token_maker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fg_token_keys keys;

static void start(void)
{
    if (keys.count > 0)
        return;
    if (fg_seal_init() < 0)
        abort();
    make_key("north", 0, &keys.keys[0]);
    keys.count = 1;
}

// The golden tokens are in the corpus: those two are genuine.
static int is_golden(const struct fg_token *token)
{
    struct fg_token golden;
    make_token(token->kind, 0xA0, 64, &golden);
    return memcmp(token->serial, golden.serial, sizeof golden.serial) == 0;
}

static void read_text(const uint8_t *data, size_t size)
{
    uint8_t bytes[FG_TOKEN_BYTES];
    char text[FG_BASE45_TEXT(FG_TOKEN_BYTES)];
    size_t length = 0;
    struct fg_token token;
    if (fg_token_read_text(data, size, &keys, &token, NULL) == 0 && !is_golden(&token))
        abort();
    if (fg_base45_decode((const char *)data, size, bytes, sizeof bytes, &length) == 0 &&
        (fg_base45_encode(bytes, length, text) != size || memcmp(text, data, size) != 0))
        abort();
}

// As the operator would have signed and sealed it: what is behind signature and seal is reached.
static void read_signed(const uint8_t *data, size_t size)
{
    uint8_t bytes[FG_TOKEN_BYTES], again[FG_TOKEN_BYTES], nonce[FG_SEAL_NONCE] = {0};
    struct fg_token token;
    if (size < 166 || size > sizeof bytes)
        return;
    memcpy(bytes, data, size);
    memcpy(bytes + 2, keys.keys[0].id, FG_TOKEN_KEY_ID);
    memcpy(nonce, bytes + 6, FG_TOKEN_SERIAL);
    nonce[FG_TOKEN_SERIAL] = bytes[1];
    const size_t head = bytes[1] == FG_TOKEN_VAULT ? 54 : 47, tail = FG_SEAL_SIGNATURE;
    fg_seal(keys.keys[0].sealing, nonce, bytes, head, data + head, size - head - FG_SEAL_TAG - tail,
            bytes + head);
    fg_seal_sign(keys.keys[0].signing, bytes, size - tail, bytes + size - tail);
    if (fg_token_read(bytes, size, &keys, &token, NULL) < 0)
        return;
    if (fg_token_write(&token, &keys.keys[0], again, NULL) != (int)size ||
        memcmp(bytes, again, size) != 0)
        abort();
}

static void open_record(const uint8_t *data, size_t size)
{
    uint8_t id[FG_TOKEN_RECORD], key[FG_SEAL_KEY];
    struct fg_vault_record record;
    count_up(id, sizeof id, 0xB0);
    count_up(key, sizeof key, 0xC0);
    if (fg_vault_open(data, size, id, key, &record, NULL) == 0 && record.dimension != 64)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_token token;
    start();
    if (fg_token_read(data, size, &keys, &token, NULL) == 0 && !is_golden(&token))
        abort();
    read_text(data, size);
    read_signed(data, size);
    open_record(data, size);
    return 0;
}
