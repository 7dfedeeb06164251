// SPDX-License-Identifier: Apache-2.0
#include "tools/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"

#define HIGH_WATER 8
#define NS_PER_MS  UINT64_C(1000000)
#define LOOK_NS    (50 * NS_PER_MS)

struct fg_client {
    struct fg_bus *bus;
    struct fg_socket *socket;
    char *endpoint;
    int timeout_ms;
    uint64_t session, sequence; // of request ids: an answer to somebody's older request is not ours
};

int fg_client_open(const char *endpoint, int timeout_ms, struct fg_client **ret,
                   struct fg_error *err)
{
    struct fg_client *c = calloc(1, sizeof *c);
    if (!c)
        return fg_fail(err, -ENOMEM, "out of memory");
    c->timeout_ms = timeout_ms;
    c->session = fg_random_u64();
    c->endpoint = strdup(endpoint);
    int code = c->endpoint ? fg_bus_create(&c->bus) : -ENOMEM;
    if (code < 0)
        fg_fail(err, code, "no sockets: %s", strerror(-code));
    else
        code = fg_socket_connect(c->bus, FG_SOCKET_DEALER, endpoint, HIGH_WATER, &c->socket, err);
    if (code < 0) {
        fg_client_close(c);
        return code;
    }
    *ret = c;
    return 0;
}

void fg_client_close(struct fg_client *client)
{
    if (!client)
        return;
    fg_socket_close(client->socket);
    fg_bus_destroy(client->bus);
    free(client->endpoint);
    free(client);
}

struct fg_json *fg_client_request(const char *operation)
{
    struct fg_json *request = fg_json_object();
    fg_json_add_number(request, "v", 1);
    fg_json_add_string(request, "op", operation);
    return request;
}

// ---- asking ------------------------------------------------------------------------------------

static void pack(const float *values, size_t count, uint8_t *ret)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        for (int b = 0; b < 4; b++)
            *ret++ = (uint8_t)(bits >> (8 * b));
    }
}

// What follows the header: one part of bytes, or one part a vector.
struct load {
    const uint8_t *bytes;
    size_t length; // of all parts
    unsigned count;
};

static int send_request(struct fg_client *c, const char *header, const struct load *load)
{
    struct fg_part parts[1 + FG_CLIENT_VECTORS] = {{header, strlen(header)}};
    for (unsigned i = 0; i < load->count; i++) {
        const size_t one = load->length / load->count;
        parts[1 + i] = (struct fg_part){load->bytes + i * one, one};
    }
    return fg_socket_send(c->socket, parts, 1 + load->count);
}

// The answer to the request `id`; 0 and *ret NULL when it is somebody else's.
static int read_answer(const struct fg_client *c, const struct fg_message *message, const char *id,
                       struct fg_json **ret, struct fg_error *err)
{
    struct fg_json *answer = NULL;
    struct fg_error why = {""};
    if (message->count < 1 ||
        fg_json_parse(message->parts[0].data, message->parts[0].length, &answer, &why) < 0)
        return fg_fail(err, -EBADMSG,
                       "%s: what came is no answer (%s); is facegate-matcher behind it?",
                       c->endpoint, why.text[0] ? why.text : "empty");
    const char *given = fg_json_get_string(answer, "id", NULL);
    bool yes = fg_json_get_bool(answer, "ok", false), no = !fg_json_get_bool(answer, "ok", true);
    if (fg_json_get_number(answer, "v", 0) != 1 || (!yes && !no)) {
        fg_json_destroy(answer);
        return fg_fail(err, -EBADMSG,
                       "%s: the answer is not one of facegate-control(7) version 1; are matcher "
                       "and this command of one release?",
                       c->endpoint);
    }
    if (!given || strcmp(given, id) != 0) {
        fg_json_destroy(answer);
        return 0;
    }
    *ret = answer;
    return 0;
}

int fg_client_nobody(const char *endpoint, struct fg_error *err)
{
    const char *path = strncmp(endpoint, "ipc://", 6) == 0 ? endpoint + 6 : NULL;
    if (path && access(path, W_OK) < 0 && errno == EACCES)
        return fg_fail(err, -EACCES, "%s: permission denied; run as a member of the socket's group",
                       endpoint);
    return fg_fail(err, -ETIMEDOUT, "no matcher answers on %s; is facegate-matcher running?",
                   endpoint);
}

static int wait_answer(struct fg_client *c, const char *id, struct fg_json **ret,
                       struct fg_error *err)
{
    const uint64_t end = fg_monotonic_ns() + (uint64_t)c->timeout_ms * NS_PER_MS;
    bool strange = false;
    for (;;) {
        struct fg_message message;
        struct fg_json *answer = NULL;
        uint64_t now = fg_monotonic_ns();
        if (now >= end)
            break;
        int code = fg_socket_receive(c->socket, (int)((end - now) / NS_PER_MS) + 1, &message);
        if (code == -EINTR || code == -EAGAIN)
            continue;
        if (code == -EMSGSIZE)
            return fg_fail(err, -EBADMSG, "%s: the answer has too many parts", c->endpoint);
        if (code < 0)
            return fg_fail(err, code, "%s: %s", c->endpoint, strerror(-code));
        code = read_answer(c, &message, id, &answer, err);
        if (code < 0)
            return code;
        if (answer) {
            *ret = answer;
            return 0;
        }
        strange = true;
    }
    if (strange)
        return fg_fail(err, -ETIMEDOUT, "%s: answers came, but none to this request; try again",
                       c->endpoint);
    return fg_client_nobody(c->endpoint, err);
}

#define ID 48 // of a request

static int post(struct fg_client *client, struct fg_json *request, const struct load *load,
                char ret_id[ID], struct fg_error *err)
{
    snprintf(ret_id, ID, "%016" PRIx64 "-%" PRIu64, client->session, ++client->sequence);
    fg_json_add_string(request, "id", ret_id);
    char *header = fg_json_print(request, false);
    fg_json_destroy(request);
    int code = send_request(client, header, load);
    free(header);
    if (code == -EAGAIN) // earlier requests fill the queue: nobody takes them
        return fg_client_nobody(client->endpoint, err);
    if (code < 0)
        return fg_fail(err, code, "%s: can't send: %s", client->endpoint, strerror(-code));
    return 0;
}

static int post_vectors(struct fg_client *client, struct fg_json *request, const float *vectors,
                        unsigned count, uint32_t dimension, char ret_id[ID], struct fg_error *err)
{
    const size_t length = (size_t)count * dimension * 4;
    uint8_t *bytes = length <= FG_CLIENT_BYTES ? malloc(length + 1) : NULL;
    if (!bytes) {
        int code = length <= FG_CLIENT_BYTES ? -ENOMEM : -EINVAL;
        fg_json_destroy(request);
        return fg_fail(err, code, "%s: can't send: %s", client->endpoint, strerror(-code));
    }
    const struct load load = {bytes, length, count > FG_CLIENT_VECTORS ? 1 : count};
    pack(vectors, (size_t)count * dimension, bytes);
    if (count > FG_CLIENT_VECTORS)
        fg_json_add_bool(request, "packed", true);
    int code = post(client, request, &load, ret_id, err);
    explicit_bzero(bytes, length);
    free(bytes);
    return code;
}

int fg_client_ask(struct fg_client *client, struct fg_json *request, const float *vectors,
                  unsigned count, uint32_t dimension, struct fg_json **ret, struct fg_error *err)
{
    char id[ID];
    int code = post_vectors(client, request, vectors, count, dimension, id, err);
    return code == 0 ? wait_answer(client, id, ret, err) : code;
}

int fg_client_verdict(const struct fg_json *answer, struct fg_error *err)
{
    static const struct {
        const char *error;
        int code;
    } codes[] = {
        {"exists", -EEXIST},           {"busy", -EBUSY},
        {"not_found", -ENOENT},        {"no_space", -ENOSPC},
        {"bad_request", -EINVAL},      {"bad_vector", -EINVAL},
        {"wrong_model", -EMEDIUMTYPE}, {"wrong_dimension", -EMEDIUMTYPE},
    };
    if (fg_json_get_bool(answer, "ok", false))
        return 0;
    const char *error = fg_json_get_string(answer, "error", "");
    const char *message = fg_json_get_string(answer, "message", "");
    int code = -EREMOTEIO;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(codes[i].error, error) == 0)
            code = codes[i].code;
    return fg_fail(err, code, "%s", message[0] ? message : "the matcher refused, without a reason");
}

static int settle(int code, struct fg_json *answer, struct fg_json **ret, struct fg_error *err)
{
    if (code == 0)
        code = fg_client_verdict(answer, err);
    if (code < 0)
        fg_json_destroy(answer);
    else
        *ret = answer;
    return code;
}

int fg_client_do(struct fg_client *client, struct fg_json *request, const float *vectors,
                 unsigned count, uint32_t dimension, struct fg_json **ret, struct fg_error *err)
{
    struct fg_json *answer = NULL;
    int code = fg_client_ask(client, request, vectors, count, dimension, &answer, err);
    return settle(code, answer, ret, err);
}

int fg_client_do_part(struct fg_client *client, struct fg_json *request, const void *bytes,
                      size_t length, struct fg_json **ret, struct fg_error *err)
{
    char id[ID];
    struct fg_json *answer = NULL;
    const struct load load = {bytes, length, 1};
    int code = post(client, request, &load, id, err);
    if (code == 0)
        code = wait_answer(client, id, &answer, err);
    return settle(code, answer, ret, err);
}

// ---- looking -----------------------------------------------------------------------------------

static bool takes_connections(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool taken = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN;
    close(fd);
    return taken;
}

int fg_client_look(const char *endpoint, int timeout_ms, struct fg_error *err)
{
    const uint64_t end = fg_monotonic_ns() + (uint64_t)timeout_ms * NS_PER_MS;
    if (strncmp(endpoint, "ipc://", 6) != 0)
        return 0;
    while (!takes_connections(endpoint + 6)) {
        uint64_t now = fg_monotonic_ns();
        if (now >= end)
            return fg_client_nobody(endpoint, err);
        fg_sleep_until_ns(now + LOOK_NS < end ? now + LOOK_NS : end);
    }
    return 0;
}

int fg_client_timeout(const char *text, int *ret_ms)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end || value < 1 || value > 600000)
        return -EINVAL;
    *ret_ms = (int)value;
    return 0;
}
