// SPDX-License-Identifier: Apache-2.0
// facegate pass: QR codes that carry their owner's template, signed and sealed by the operator.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/json.h"
#include "matcher/token_keys.h"
#include "tools/client.h"
#include "tools/command.h"
#include "tools/issue.h"
#include "tools/plain.h"
#include "tools/verb.h"

static const char help[] =
    "facegate pass: QR codes that carry their owner's face, sealed and signed\n"
    "\n"
    "  facegate pass keygen NAME\n"
    "      NAME.issue.key, which makes codes, and NAME.gate.key, which opens them\n"
    "  facegate pass issue [option ...] --key FILE --photo FILE ... --out FILE\n"
    "      a code of photographs of one person, judged as facegate enrol does\n"
    "  facegate pass show --key FILE [--scope WORD] [TEXT]\n"
    "      what a code's text (or standard input) says, never the face\n"
    "  facegate pass revoke [--valid-until TIME] SERIAL\n"
    "      a code that the matcher is to refuse, until its validity is over\n"
    "\n" FG_ISSUE_HELP "  --timeout-ms N     revoke waits so long for the matcher (5000)\n"
    "  --control ENDPOINT, --models FOLDER, --embedder NAME, --json, --quiet, --help,\n"
    "  the engine options that facegate engines --help lists\n"
    "\n"
    "show takes several --key. Exit codes: 0 done, show: valid now, 1 refused, not valid or "
    "failed,\n"
    "2 the command line is off, 75 no matcher.\n";

// ---- keygen -------------------------------------------------------------------------------------

struct pair { // of key files
    char issue[4096], gate[4096];
};

static int name_pair(const char *name, struct pair *ret, struct fg_error *err)
{
    if (snprintf(ret->issue, sizeof ret->issue, "%s.issue.key", name) >= (int)sizeof ret->issue)
        return fg_fail(err, -ENAMETOOLONG, "the name is too long");
    snprintf(ret->gate, sizeof ret->gate, "%s.gate.key", name);
    return 0;
}

static int make_pair(const char *path, const struct pair *pair, struct fg_token_keys *keys,
                     struct fg_error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (!fg_subject_word_ok(name))
        return fg_fail(err, -EINVAL, "%.80s: must be 1 to %d of A-Z a-z 0-9 . _ : @ -", name,
                       FG_SUBJECT_WORD - 1);
    int code = fg_token_keys_draw(keys, name, err);
    if (code == 0)
        code = fg_token_keys_write(&keys->keys[0], false, pair->issue, err);
    if (code == 0) {
        code = fg_token_keys_write(&keys->keys[0], true, pair->gate, err);
        if (code < 0)
            unlink(pair->issue); // nothing was issued by it yet
    }
    return code;
}

static void print_pair(const struct fg_issue *issue, const struct pair *pair,
                       const struct fg_token_key *key)
{
    char id[2 * FG_TOKEN_KEY_ID + 1];
    fg_seal_to_hex(key->id, sizeof key->id, id);
    if (issue->common.json) {
        struct fg_json *json = fg_json_object();
        fg_json_add_string(json, "name", key->name);
        fg_json_add_string(json, "key_id", id);
        fg_json_add_string(json, "issue", pair->issue);
        fg_json_add_string(json, "gate", pair->gate);
        fg_plain_json(json, true);
    } else if (!issue->common.quiet) {
        printf("key %s: %s makes codes and stays at the desk, %s is for the gates\n", id,
               pair->issue, pair->gate);
    }
}

static int keygen(void *context, char **operands, int count)
{
    struct fg_issue *issue = context;
    struct fg_error err = {""};
    struct fg_token_keys *keys = NULL;
    struct pair pair;
    (void)count;
    int code = name_pair(operands[0], &pair, &err);
    if (code == 0)
        code = fg_token_keys_create(&keys, &err);
    if (code == 0)
        code = make_pair(operands[0], &pair, keys, &err);
    if (code == 0)
        print_pair(issue, &pair, &keys->keys[0]);
    fg_token_keys_destroy(keys);
    return code < 0 ? fg_command_failed("pass", code, &err) : FG_EXIT_OK;
}

// ---- issue --------------------------------------------------------------------------------------

static int make_pass(struct fg_issue *issue, struct fg_token *token, struct fg_error *err)
{
    struct fg_token_keys *keys = NULL;
    int code = fg_issue_keys(issue, &keys, err);
    if (code == 0)
        code = fg_issue_begin(issue, token, err);
    if (code == 0)
        code = fg_issue_look(issue, token, err);
    if (code == 0) {
        token->kind = FG_TOKEN_PASS;
        memcpy(token->key_id, keys->keys[0].id, sizeof token->key_id);
        code = fg_issue_draw(issue, token, &keys->keys[0], err);
    }
    fg_token_keys_destroy(keys);
    return code;
}

static int issue_pass(void *context, char **operands, int count)
{
    struct fg_issue *issue = context;
    struct fg_token token = {0};
    struct fg_error err = {""};
    (void)operands, (void)count;
    if (fg_issue_check(issue, &err) < 0)
        return fg_issue_usage("pass", &err);
    int code = make_pass(issue, &token, &err);
    int exit_code = fg_issue_report(issue, "pass", &token, code, &err);
    fg_token_wipe(&token);
    return exit_code;
}

// ---- show ---------------------------------------------------------------------------------------

struct text { // one byte more than the longest, to notice a longer one
    char bytes[FG_TOKEN_TEXT + 2];
    size_t length;
};

// A line break at the end is the shell's or the reader's, not the code's.
static void take_text(const char *operand, struct text *ret)
{
    if (operand) {
        ret->length = strnlen(operand, sizeof ret->bytes);
        memcpy(ret->bytes, operand, ret->length);
    } else {
        ret->length = fread(ret->bytes, 1, sizeof ret->bytes, stdin);
    }
    while (ret->length > 0 && strchr("\r\n", ret->bytes[ret->length - 1]))
        ret->length--;
}

static const char *state_of(const struct fg_token *token)
{
    const uint64_t now = (uint64_t)time(NULL);
    return now < token->valid_from_s     ? "not yet valid"
           : now >= token->valid_until_s ? "expired"
                                         : "valid";
}

static void show_json(const struct fg_issue *issue, const struct fg_token *token,
                      const struct fg_token_key *key, bool in_scope, const struct fg_error *err)
{
    struct fg_json *json = fg_json_object();
    fg_json_add_bool(json, "genuine", key != NULL);
    if (key) {
        fg_issue_describe(token, json);
        fg_json_add_string(json, "operator", key->name);
        fg_json_add_string(json, "state", state_of(token));
        if (issue->scope)
            fg_json_add_bool(json, "in_scope", in_scope);
    } else {
        fg_json_add_string(json, "error", err->text);
    }
    fg_plain_json(json, true);
}

static void show_text(const struct fg_issue *issue, const struct fg_token *token,
                      const struct fg_token_key *key, bool in_scope)
{
    printf("genuine, by %s: %s\n", key->name, state_of(token));
    fg_issue_print(token);
    if (issue->scope)
        printf("scope    %s: %s\n", issue->scope, in_scope ? "yes" : "no");
    else
        printf("scope    %s\n", token->scope ? "one; name it by --scope" : "none");
}

static const struct fg_token_key *issuer_of(const struct fg_token *token,
                                            const struct fg_token_keys *keys)
{
    for (unsigned i = 0; i < keys->count; i++)
        if (memcmp(keys->keys[i].id, token->key_id, sizeof token->key_id) == 0)
            return &keys->keys[i];
    return NULL;
}

static int tell(const struct fg_issue *issue, const struct text *text,
                const struct fg_token_keys *keys)
{
    struct fg_token token = {0};
    struct fg_error err = {""};
    const struct fg_token_key *key = NULL;
    bool in_scope = false;
    int code = fg_token_read_text(text->bytes, text->length, keys, &token, &err);
    if (code == 0) {
        key = issuer_of(&token, keys);
        in_scope = !issue->scope || token.scope == fg_token_scope(issue->scope);
    }
    const bool good = key && in_scope && strcmp(state_of(&token), "valid") == 0;
    if (issue->common.json)
        show_json(issue, &token, key, in_scope, &err);
    else if (key && !issue->common.quiet)
        show_text(issue, &token, key, in_scope);
    fg_token_wipe(&token);
    if (code < 0)
        return fg_command_failed("pass", code, &err);
    return good ? FG_EXIT_OK : FG_EXIT_FAILURE;
}

static int show(void *context, char **operands, int count)
{
    struct fg_issue *issue = context;
    struct fg_error err = {""};
    struct fg_token_keys *keys = NULL;
    struct text text = {.length = 0};
    if (issue->n_keys == 0) {
        fg_fail(&err, -EINVAL, "show: name a key by --key");
        return fg_issue_usage("pass", &err);
    }
    int code = fg_issue_keys(issue, &keys, &err);
    if (code < 0)
        return fg_command_failed("pass", code, &err);
    take_text(count > 0 ? operands[0] : NULL, &text);
    int exit_code = tell(issue, &text, keys);
    fg_token_keys_destroy(keys);
    explicit_bzero(&text, sizeof text);
    return exit_code;
}

// ---- revoke -------------------------------------------------------------------------------------

static int ask_revoke(const struct fg_issue *issue, const char *serial, struct fg_error *err)
{
    struct fg_client *client = NULL;
    struct fg_json *answer = NULL, *request;
    int code = fg_client_open(issue->common.control, issue->timeout_ms, &client, err);
    if (code == 0) {
        request = fg_client_request("revoke");
        fg_json_add_string(request, "serial", serial);
        fg_json_add_number(request, "until", (double)issue->valid_until_s);
        code = fg_client_do(client, request, NULL, 0, 0, &answer, err);
    }
    fg_json_destroy(answer);
    fg_client_close(client);
    return code;
}

static int revoke_pass(void *context, char **operands, int count)
{
    const struct fg_issue *issue = context;
    struct fg_error err = {""};
    uint8_t bytes[FG_TOKEN_SERIAL];
    char serial[2 * FG_TOKEN_SERIAL + 1];
    (void)count;
    if (fg_seal_from_hex(operands[0], strlen(operands[0]), bytes, sizeof bytes) < 0) {
        fg_fail(&err, -EINVAL, "revoke %.40s: a serial is %d hex digits", operands[0],
                2 * FG_TOKEN_SERIAL);
        return fg_issue_usage("pass", &err);
    }
    fg_seal_to_hex(bytes, sizeof bytes, serial);
    int code = ask_revoke(issue, serial, &err);
    if (issue->common.json) {
        struct fg_json *json = fg_json_object();
        fg_json_add_bool(json, "revoked", code == 0);
        fg_json_add_string(json, "serial", serial);
        if (code < 0)
            fg_json_add_string(json, "error", err.text);
        fg_plain_json(json, true);
    } else if (code == 0 && !issue->common.quiet) {
        printf("%s revoked\n", serial);
    }
    return code < 0 ? fg_command_failed("pass", code, &err) : FG_EXIT_OK;
}

// ---- verbs --------------------------------------------------------------------------------------

static const struct fg_verb verbs[] = {
    {"keygen", 0, 1, 1, "one NAME", keygen},
    {"issue", FG_ISSUE_ALL, 0, 0, "no operand; photographs come by --photo", issue_pass},
    {"show", 1u << FG_ISSUE_KEY | 1u << FG_ISSUE_SCOPE, 0, 1, "at most one TEXT", show},
    {"revoke", 1u << FG_ISSUE_UNTIL | 1u << FG_ISSUE_TIMEOUT, 1, 1, "one SERIAL", revoke_pass},
    {0},
};

int fg_command_pass(int argc, char **argv)
{
    return fg_issue_command(argc, argv, verbs, help);
}
