// SPDX-License-Identifier: Apache-2.0
#include "matcher/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "matcher/decision.h"
#include "matcher/token_keys.h"
#include "matcher/vault.h"

#define CLOCK_OK 1577836800u // 2020-01-01: a clock before it has never been set

struct fg_reader {
    struct fg_reader_options options;
    struct fg_token_keys *keys;
};

// ---- keys --------------------------------------------------------------------------------------

static int read_keys(struct fg_reader *reader, const char *files, struct fg_error *err)
{
    char *list = strdup(files), *rest = NULL;
    int r = list ? 0 : fg_fail(err, -ENOMEM, "out of memory");
    for (char *file = list ? strtok_r(list, " ", &rest) : NULL; file && r == 0;
         file = strtok_r(NULL, " ", &rest))
        r = fg_token_keys_read(reader->keys, file, err);
    free(list);
    if (r == 0 && reader->keys->count == 0)
        r = fg_fail(err, -EINVAL,
                    "no operator's key: give its NAME.gate.key with --tokens, or tokens in "
                    "[matcher] (facegate pass keygen makes one)");
    return r;
}

int fg_reader_create(const struct fg_reader_options *options, struct fg_reader **ret,
                     struct fg_error *err)
{
    struct fg_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return fg_fail(err, -ENOMEM, "out of memory");
    reader->options = *options;
    int r = fg_token_keys_create(&reader->keys, err);
    if (r == 0)
        r = read_keys(reader, options->keys, err);
    reader->options.keys = NULL;
    if (r < 0)
        fg_reader_destroy(reader);
    else
        *ret = reader;
    return r;
}

void fg_reader_destroy(struct fg_reader *reader)
{
    if (!reader)
        return;
    fg_token_keys_destroy(reader->keys);
    free(reader);
}

// ---- what is wrong with it ---------------------------------------------------------------------

static int refuse(struct fg_verdict *ret, const char *reason, uint64_t when_s)
{
    *ret = (struct fg_verdict){.reason = reason, .when_s = when_s};
    return -EACCES;
}

static int check_time(const struct fg_token *token, uint64_t now_s, struct fg_verdict *ret)
{
    if (now_s < CLOCK_OK)
        return refuse(ret, FG_WHY_CLOCK_WRONG, 0);
    if (now_s < token->valid_from_s)
        return refuse(ret, FG_WHY_NOT_YET_VALID, token->valid_from_s);
    if (now_s >= token->valid_until_s)
        return refuse(ret, FG_WHY_TOKEN_EXPIRED, token->valid_until_s);
    return 0;
}

static int check_scope(const struct fg_reader *reader, const struct fg_token *token,
                       struct fg_verdict *ret)
{
    const char *scope = reader->options.policy->scope;
    enum fg_token_kind wanted =
        reader->options.policy->mode == FG_MODE_VAULT ? FG_TOKEN_VAULT : FG_TOKEN_PASS;
    if (token->kind != wanted || (scope[0] && token->scope != fg_token_scope(scope)))
        return refuse(ret, FG_WHY_TOKEN_SCOPE, 0);
    return 0;
}

static bool marked(struct fg_ledger *ledger, enum fg_mark mark, const uint8_t serial[FG_SERIAL])
{
    uint64_t until_s;
    // what can't be read is not let through
    return fg_ledger_mark_get(ledger, mark, serial, FG_SERIAL, &until_s, NULL) != -ENOENT;
}

// Who was let through with it turned back: the code is as good as before. A passage that is no
// longer known is one that was made.
static bool turned_back(struct fg_ledger *ledger, const uint8_t serial[FG_SERIAL])
{
    char id[2 * FG_SERIAL + 1];
    struct fg_passage_record last;
    const unsigned any = 1u << FG_PASSAGE_DONE | 1u << FG_PASSAGE_VOID | 1u << FG_PASSAGE_PENDING;
    fg_seal_to_hex(serial, FG_SERIAL, id);
    return fg_ledger_passage_last(ledger, id, NULL, any, &last, NULL) == 0 &&
           last.state == FG_PASSAGE_VOID && last.crossings == 0;
}

bool fg_reader_is_revoked(struct fg_ledger *ledger, const uint8_t serial[FG_SERIAL])
{
    return marked(ledger, FG_MARK_REVOKED, serial);
}

bool fg_reader_is_used(struct fg_ledger *ledger, const uint8_t serial[FG_SERIAL])
{
    return marked(ledger, FG_MARK_USED, serial) && !turned_back(ledger, serial);
}

static int check_marks(const struct fg_reader *reader, const struct fg_token *token,
                       struct fg_verdict *ret)
{
    struct fg_ledger *ledger = reader->options.ledger;
    if (!ledger)
        return 0;
    bool own = !fg_ledger_is_open(ledger);
    if (own && fg_ledger_begin(ledger, false, NULL) < 0)
        return refuse(ret, FG_WHY_STORE_FULL, 0);
    bool revoked = fg_reader_is_revoked(ledger, token->serial);
    bool used = reader->options.policy->one_time && fg_reader_is_used(ledger, token->serial);
    if (own)
        fg_ledger_abort(ledger);
    if (revoked)
        return refuse(ret, FG_WHY_TOKEN_REVOKED, 0);
    return used ? refuse(ret, FG_WHY_TOKEN_USED, 0) : 0;
}

// ---- the face ----------------------------------------------------------------------------------

static int take_face(const struct fg_reader *reader, uint64_t model, uint32_t dimension,
                     const struct fg_template *face, struct fg_claim *ret,
                     struct fg_verdict *ret_verdict)
{
    if (model != reader->options.model || dimension != reader->options.dimension)
        return refuse(ret_verdict, FG_WHY_TOKEN_UNKNOWN, 0); // issued for another model
    for (uint32_t i = 0; i < dimension; i++)
        ret->vector[i] = face->scale * (float)face->values[i];
    return 0;
}

static int open_vault(const struct fg_reader *reader, const struct fg_token *token,
                      struct fg_claim *ret, struct fg_verdict *ret_verdict)
{
    uint8_t bytes[FG_VAULT_MOST];
    struct fg_vault_record record;
    int length = fg_gallery_vault_get(reader->options.gallery, token->record, bytes, NULL);
    if (length < 0)
        return refuse(ret_verdict, FG_WHY_TOKEN_REVOKED, 0); // its record is gone
    int r = fg_vault_open(bytes, (size_t)length, token->record, token->record_key, &record, NULL);
    if (r == 0)
        r = take_face(reader, record.model, record.dimension, &record.face, ret, ret_verdict);
    else
        r = refuse(ret_verdict, FG_WHY_TOKEN_FORGED, 0);
    explicit_bzero(&record, sizeof record);
    return r;
}

static int open_face(const struct fg_reader *reader, const struct fg_token *token,
                     struct fg_claim *ret, struct fg_verdict *ret_verdict)
{
    return token->kind == FG_TOKEN_VAULT
               ? open_vault(reader, token, ret, ret_verdict)
               : take_face(reader, token->model, token->dimension, &token->face, ret, ret_verdict);
}

static int read_genuine(const struct fg_reader *reader, const struct fg_token *token,
                        uint64_t realtime_s, struct fg_claim *ret, struct fg_verdict *ret_verdict)
{
    int r = check_scope(reader, token, ret_verdict);
    if (r == 0)
        r = check_time(token, realtime_s, ret_verdict);
    if (r == 0)
        r = check_marks(reader, token, ret_verdict);
    if (r == 0)
        r = open_face(reader, token, ret, ret_verdict);
    if (r < 0)
        return r;
    ret->kind = FG_CLAIM_TOKEN;
    memcpy(ret->serial, token->serial, sizeof ret->serial);
    fg_seal_to_hex(token->serial, sizeof token->serial, ret->id);
    ret->valid_from_s = token->valid_from_s;
    ret->valid_until_s = token->valid_until_s;
    return 0;
}

int fg_reader_read(struct fg_reader *reader, const struct fg_wire_token *token, uint64_t realtime_s,
                   struct fg_claim *ret, struct fg_verdict *ret_verdict)
{
    struct fg_token read;
    int r = fg_token_read_text(token->bytes, token->length, reader->keys, &read, NULL);
    if (r == -EBADMSG)
        return -ENOMSG; // somebody's shopping list
    if (r == -ENOKEY || r == -EPROTONOSUPPORT)
        return refuse(ret_verdict, FG_WHY_TOKEN_UNKNOWN, 0);
    if (r < 0)
        return refuse(ret_verdict, FG_WHY_TOKEN_FORGED, 0);
    r = read_genuine(reader, &read, realtime_s, ret, ret_verdict);
    fg_token_wipe(&read);
    return r;
}
