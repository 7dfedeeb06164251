// SPDX-License-Identifier: Apache-2.0
// facegate pay and facegate check: what a till and a document desk ask for in a lane. Kiosks speak
// facegate-control(7) themselves; these are for trying and for scripts.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json.h"
#include "tools/client.h"
#include "tools/command.h"
#include "tools/plain.h"

#define DOCUMENT_MOST (1u << 20)
#define BUSY_MS       100 // between two tries

static const char pay_help[] =
    "facegate pay: a payment that the next face in a lane makes\n"
    "\n"
    "  facegate pay [option ...] --lane LANE --amount N PAYMENT\n"
    "  facegate pay [option ...] --lane LANE --pin\n"
    "  facegate pay [option ...] --lane LANE --cancel\n"
    "  facegate pay [option ...] --outcome PAYMENT\n"
    "\n"
    "PAYMENT is the till's own number of it; the same one is charged once, however often asked.\n"
    "\n"
    "  --amount N      in the currency's smallest unit\n"
    "  --kind KIND     purchase, deposit or withdrawal (purchase)\n"
    "  --pin           the PIN that was typed, from standard input\n"
    "  --cancel        the lane waits for no payment any more\n"
    "  --outcome       what became of it: waiting, admitted, refused\n"
    "  --firm FIRM     with --outcome at the operator's socket: whose it is\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT (a firm's own), --json, --quiet, --help\n"
    "\n"
    "Exit codes: 0 done, 1 refused or failed, 2 the command line is off, 75 no matcher.\n";

static const char check_help[] =
    "facegate check: a document's portrait against the face in a lane\n"
    "\n"
    "  facegate check [option ...] --lane LANE --document authenticated|unverified FILE\n"
    "\n"
    "FILE is a picture (JPEG, PNG, JPEG 2000) or the data group 2 of a chip. facegate does not "
    "check\n"
    "the chip's signature: say authenticated only when somebody has.\n"
    "\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json, --quiet, --help\n"
    "\n"
    "Exit codes: 0 the lane waits for the face, 1 refused or failed, 2 the command line is off,\n"
    "75 no matcher.\n";

enum {
    OPT_LANE = 1,
    OPT_AMOUNT,
    OPT_KIND,
    OPT_PIN,
    OPT_CANCEL,
    OPT_OUTCOME,
    OPT_FIRM,
    OPT_DOCUMENT,
    OPT_TIMEOUT
};

static const struct option pay_rows[] = {
    {"lane", required_argument, NULL, OPT_LANE},
    {"amount", required_argument, NULL, OPT_AMOUNT},
    {"kind", required_argument, NULL, OPT_KIND},
    {"pin", no_argument, NULL, OPT_PIN},
    {"cancel", no_argument, NULL, OPT_CANCEL},
    {"outcome", no_argument, NULL, OPT_OUTCOME},
    {"firm", required_argument, NULL, OPT_FIRM},
    {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
    {0},
};

static const struct option check_rows[] = {
    {"lane", required_argument, NULL, OPT_LANE},
    {"document", required_argument, NULL, OPT_DOCUMENT},
    {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
    {0},
};

struct ask {
    struct fg_common common;
    int timeout_ms;
    const char *lane, *kind, *firm, *document;
    double amount; // 0: none
    bool pin, cancel, outcome;
};

static int read_amount(const char *value, double *ret)
{
    char *end;
    unsigned long long amount = strtoull(value, &end, 10);
    if (end == value || *end || value[0] == '-' || amount < 1 || amount > 1ull << 53)
        return -EINVAL;
    *ret = (double)amount;
    return 0;
}

static int own_option(void *context, int option, const char *value)
{
    struct ask *a = context;
    switch (option) {
    case OPT_LANE:
        a->lane = value;
        return 0;
    case OPT_AMOUNT:
        return read_amount(value, &a->amount);
    case OPT_KIND:
        a->kind = value;
        return 0;
    case OPT_PIN:
        a->pin = true;
        return 0;
    case OPT_CANCEL:
        a->cancel = true;
        return 0;
    case OPT_OUTCOME:
        a->outcome = true;
        return 0;
    case OPT_FIRM:
        a->firm = value;
        return 0;
    case OPT_DOCUMENT:
        a->document = value;
        return 0;
    default:
        return fg_client_timeout(value, &a->timeout_ms);
    }
}

// ---- asking ------------------------------------------------------------------------------------

static int send(const struct ask *a, struct fg_json *request, const void *bytes, size_t length,
                struct fg_json **ret, struct fg_error *err)
{
    struct fg_client *client = NULL;
    int code = fg_client_open(a->common.control, a->timeout_ms, &client, err);
    if (code < 0)
        fg_json_destroy(request);
    else if (bytes)
        code = fg_client_do_part(client, request, bytes, length, ret, err);
    else
        code = fg_client_do(client, request, NULL, 0, 0, ret, err);
    fg_client_close(client);
    return code;
}

static int answer(const struct ask *a, const char *name, int code, struct fg_json *reply,
                  const char *member, const char *otherwise, const struct fg_error *err)
{
    if (code < 0) {
        fg_json_destroy(reply);
        return fg_command_failed(name, code, err);
    }
    if (a->common.json) {
        fg_plain_json(reply, true);
        return FG_EXIT_OK;
    }
    if (!a->common.quiet)
        puts(member ? fg_json_get_string(reply, member, otherwise) : otherwise);
    fg_json_destroy(reply);
    return FG_EXIT_OK;
}

static int usage(const char *name, const char *what)
{
    fprintf(stderr, "facegate %s: %s; see facegate %s --help\n", name, what, name);
    return FG_EXIT_USAGE;
}

// ---- pay ---------------------------------------------------------------------------------------

static int read_pin(char pin[16])
{
    if (!fgets(pin, 16, stdin))
        return -EINVAL;
    pin[strcspn(pin, "\r\n")] = '\0';
    return pin[0] ? 0 : -EINVAL;
}

static int give_pin(const struct ask *a)
{
    char pin[16];
    struct fg_error err = {""};
    struct fg_json *reply = NULL, *request = fg_client_request("pin");
    if (read_pin(pin) < 0) {
        fg_json_destroy(request);
        return usage("pay", "--pin reads 4 to 12 digits from standard input");
    }
    fg_json_add_string(request, "lane", a->lane);
    fg_json_add_string(request, "pin", pin);
    explicit_bzero(pin, sizeof pin);
    int code = send(a, request, NULL, 0, &reply, &err);
    return answer(a, "pay", code, reply, NULL, "given", &err);
}

static int cancel(const struct ask *a)
{
    struct fg_error err = {""};
    struct fg_json *reply = NULL, *request = fg_client_request("pay_cancel");
    fg_json_add_string(request, "lane", a->lane);
    int code = send(a, request, NULL, 0, &reply, &err);
    return answer(a, "pay", code, reply, NULL, "cancelled", &err);
}

static int outcome(const struct ask *a, const char *payment)
{
    struct fg_error err = {""};
    struct fg_json *reply = NULL, *request = fg_client_request("payment");
    fg_json_add_string(request, "payment", payment);
    if (a->firm)
        fg_json_add_string(request, "firm", a->firm);
    int code = send(a, request, NULL, 0, &reply, &err);
    return answer(a, "pay", code, reply, "state", "unknown", &err);
}

static int pay(const struct ask *a, const char *payment)
{
    struct fg_error err = {""};
    struct fg_json *reply = NULL, *request = fg_client_request("pay");
    fg_json_add_string(request, "lane", a->lane);
    fg_json_add_string(request, "payment", payment);
    fg_json_add_string(request, "kind", a->kind ? a->kind : "purchase");
    fg_json_add_number(request, "amount", a->amount);
    int code = send(a, request, NULL, 0, &reply, &err);
    return answer(a, "pay", code, reply, NULL, "waiting", &err);
}

int fg_command_pay(int argc, char **argv)
{
    struct ask a = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    int code = fg_arguments(argc, argv, pay_rows, own_option, &a, &a.common, pay_help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code < 0)
        return FG_EXIT_USAGE;
    const int operands = argc - optind, wishes = a.pin + a.cancel + a.outcome + (a.amount > 0);
    if (wishes != 1)
        return usage("pay", "say one of --amount, --pin, --cancel, --outcome");
    if (operands != (a.pin || a.cancel ? 0 : 1))
        return usage("pay", "name one PAYMENT with --amount and --outcome, and none else");
    if (!a.lane && !a.outcome)
        return usage("pay", "say in which --lane");
    return a.pin       ? give_pin(&a)
           : a.cancel  ? cancel(&a)
           : a.outcome ? outcome(&a, argv[optind])
                       : pay(&a, argv[optind]);
}

// ---- check -------------------------------------------------------------------------------------

static int read_document(const char *path, uint8_t **ret, size_t *ret_length, struct fg_error *err)
{
    FILE *file = fopen(path, "re");
    uint8_t *bytes = file ? malloc(DOCUMENT_MOST + 1) : NULL;
    if (!file)
        return fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    size_t length = bytes ? fread(bytes, 1, DOCUMENT_MOST + 1, file) : 0;
    int r = !bytes                   ? fg_fail(err, -ENOMEM, "out of memory")
            : ferror(file)           ? fg_fail(err, -EIO, "%s: can't be read", path)
            : length == 0            ? fg_fail(err, -EINVAL, "%s: is empty", path)
            : length > DOCUMENT_MOST ? fg_fail(err, -EINVAL, "%s: is larger than 1 MiB", path)
                                     : 0;
    fclose(file);
    if (r < 0) {
        free(bytes);
        return r;
    }
    *ret = bytes;
    *ret_length = length;
    return 0;
}

static int bring(const struct ask *a, const uint8_t *bytes, size_t length, struct fg_json **ret,
                 struct fg_error *err)
{
    struct fg_json *request = fg_client_request("check");
    fg_json_add_string(request, "lane", a->lane);
    fg_json_add_string(request, "document", a->document);
    return send(a, request, bytes, length, ret, err);
}

// The processes that look at documents live for one each: after a rush the next are on their way.
static int bring_when_free(const struct ask *a, const uint8_t *bytes, size_t length,
                           struct fg_json **ret, struct fg_error *err)
{
    const uint64_t end = fg_monotonic_ns() + (uint64_t)a->timeout_ms * 1000000u;
    int code;
    while ((code = bring(a, bytes, length, ret, err)) == -EBUSY && fg_monotonic_ns() < end)
        usleep(BUSY_MS * 1000);
    return code;
}

static int check(const struct ask *a, const char *path)
{
    struct fg_error err = {""};
    struct fg_json *reply = NULL;
    uint8_t *bytes = NULL;
    size_t length = 0;
    int code = read_document(path, &bytes, &length, &err);
    if (code == 0) {
        code = bring_when_free(a, bytes, length, &reply, &err);
        explicit_bzero(bytes, length);
    }
    free(bytes);
    return answer(a, "check", code, reply, "check", "waiting", &err);
}

int fg_command_check(int argc, char **argv)
{
    struct ask a = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    int code = fg_arguments(argc, argv, check_rows, own_option, &a, &a.common, check_help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code < 0)
        return FG_EXIT_USAGE;
    if (!a.lane || !a.document || argc - optind != 1)
        return usage("check", "say the --lane, the --document and one FILE");
    return check(&a, argv[optind]);
}
