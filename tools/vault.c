// SPDX-License-Identifier: Apache-2.0
// facegate vault: the gallery holds ciphertext, its key is in the person's QR code alone.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"
#include "matcher/token_keys.h"
#include "matcher/vault.h"
#include "tools/client.h"
#include "tools/command.h"
#include "tools/issue.h"
#include "tools/plain.h"
#include "tools/verb.h"

static const char help[] =
    "facegate vault: records that only their owner's QR code opens\n"
    "\n"
    "  facegate vault issue [option ...] --key FILE --photo FILE ... --out FILE\n"
    "      stores a sealed record of photographs of one person, and makes the code with its key\n"
    "  facegate vault revoke RECORD\n"
    "      removes a record, by the id that issue printed; its code opens nothing any more\n"
    "\n" FG_ISSUE_HELP "  --timeout-ms N     wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --models FOLDER, --embedder NAME, --json, --quiet, --help,\n"
    "  the engine options that facegate engines --help lists\n"
    "\n"
    "Codes are made by the keys of facegate pass keygen and shown by facegate pass show.\n"
    "Exit codes: 0 done, 1 refused or failed, 2 the command line is off, 75 no matcher.\n";

// ---- issue --------------------------------------------------------------------------------------

static void name_record(const uint8_t id[FG_TOKEN_RECORD], char ret[2 * FG_TOKEN_RECORD + 1])
{
    fg_seal_to_hex(id, FG_TOKEN_RECORD, ret);
}

// The token gets the key of a record that holds its face, and keeps nothing of the face.
static int seal_face(struct fg_token *token, uint8_t bytes[FG_VAULT_BYTES], struct fg_error *err)
{
    struct fg_vault_record record = {.model = token->model,
                                     .scope = token->scope,
                                     .valid_from_s = token->valid_from_s,
                                     .valid_until_s = token->valid_until_s,
                                     .dimension = token->dimension,
                                     .face = token->face};
    token->kind = FG_TOKEN_VAULT;
    fg_seal_random(token->record, sizeof token->record);
    fg_seal_random(token->record_key, sizeof token->record_key);
    int length = fg_vault_seal(&record, token->record, token->record_key, bytes, err);
    explicit_bzero(&record, sizeof record);
    explicit_bzero(&token->face, sizeof token->face);
    return length;
}

static int put(struct fg_client *client, const struct fg_token *token, const uint8_t *bytes,
               size_t length, struct fg_error *err)
{
    char id[2 * FG_TOKEN_RECORD + 1];
    struct fg_json *answer = NULL, *request = fg_client_request("vault_put");
    name_record(token->record, id);
    fg_json_add_string(request, "record", id);
    fg_json_add_number(request, "until", token->valid_until_s);
    int code = fg_client_do_part(client, request, bytes, length, &answer, err);
    fg_json_destroy(answer);
    if (code == -ETIMEDOUT) {
        struct fg_error why = *err;
        fg_fail(err, code, "%.300s If it stored the record: facegate vault revoke %s", why.text,
                id);
    }
    return code;
}

// The code is drawn first: a record whose code could not be made would be of no use to anybody.
static int store(struct fg_issue *issue, struct fg_client *client, struct fg_token *token,
                 const struct fg_token_key *key, struct fg_error *err)
{
    uint8_t bytes[FG_VAULT_BYTES];
    memcpy(token->key_id, key->id, sizeof token->key_id);
    int length = seal_face(token, bytes, err);
    if (length < 0)
        return length;
    int code = fg_issue_draw(issue, token, key, err);
    if (code < 0)
        return code;
    code = put(client, token, bytes, (size_t)length, err);
    if (code < 0)
        unlink(issue->out);
    return code;
}

static int make_vault(struct fg_issue *issue, struct fg_token *token, struct fg_error *err)
{
    struct fg_token_keys *keys = NULL;
    struct fg_client *client = NULL;
    int code = fg_issue_keys(issue, &keys, err);
    if (code == 0)
        code = fg_client_open(issue->common.control, issue->timeout_ms, &client, err);
    if (code == 0)
        code = fg_issue_begin(issue, token, err);
    if (code == 0)
        code = fg_issue_look(issue, token, err);
    if (code == 0)
        code = store(issue, client, token, &keys->keys[0], err);
    fg_client_close(client);
    fg_token_keys_destroy(keys);
    return code;
}

static int issue_vault(void *context, char **operands, int count)
{
    struct fg_issue *issue = context;
    struct fg_token token = {0};
    struct fg_error err = {""};
    (void)operands, (void)count;
    if (fg_issue_check(issue, &err) < 0)
        return fg_issue_usage("vault", &err);
    int code = make_vault(issue, &token, &err);
    int exit_code = fg_issue_report(issue, "vault", &token, code, &err);
    fg_token_wipe(&token);
    return exit_code;
}

// ---- revoke -------------------------------------------------------------------------------------

static int ask_delete(const struct fg_issue *issue, const char *record, struct fg_error *err)
{
    struct fg_client *client = NULL;
    struct fg_json *answer = NULL, *request;
    int code = fg_client_open(issue->common.control, issue->timeout_ms, &client, err);
    if (code == 0) {
        request = fg_client_request("vault_delete");
        fg_json_add_string(request, "record", record);
        code = fg_client_do(client, request, NULL, 0, 0, &answer, err);
    }
    fg_json_destroy(answer);
    fg_client_close(client);
    return code;
}

static int revoke_vault(void *context, char **operands, int count)
{
    const struct fg_issue *issue = context;
    struct fg_error err = {""};
    uint8_t bytes[FG_TOKEN_RECORD];
    char record[2 * FG_TOKEN_RECORD + 1];
    (void)count;
    if (fg_seal_from_hex(operands[0], strlen(operands[0]), bytes, sizeof bytes) < 0) {
        fg_fail(&err, -EINVAL, "revoke %.40s: a record's id is %d hex digits", operands[0],
                2 * FG_TOKEN_RECORD);
        return fg_issue_usage("vault", &err);
    }
    name_record(bytes, record);
    int code = ask_delete(issue, record, &err);
    if (issue->common.json) {
        struct fg_json *json = fg_json_object();
        fg_json_add_bool(json, "revoked", code == 0);
        fg_json_add_string(json, "record", record);
        if (code < 0)
            fg_json_add_string(json, "error", err.text);
        fg_plain_json(json, true);
    } else if (code == 0 && !issue->common.quiet) {
        printf("%s revoked\n", record);
    }
    return code < 0 ? fg_command_failed("vault", code, &err) : FG_EXIT_OK;
}

// ---- verbs --------------------------------------------------------------------------------------

static const struct fg_verb verbs[] = {
    {"issue", FG_ISSUE_ALL | 1u << FG_ISSUE_TIMEOUT, 0, 0,
     "no operand; photographs come by --photo", issue_vault},
    {"revoke", 1u << FG_ISSUE_TIMEOUT, 1, 1, "one RECORD", revoke_vault},
    {0},
};

int fg_command_vault(int argc, char **argv)
{
    return fg_issue_command(argc, argv, verbs, help);
}
