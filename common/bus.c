// SPDX-License-Identifier: Apache-2.0
#include "common/bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

struct fg_bus {
    void *context;
};

struct fg_socket {
    void *zmq;
    zmq_msg_t parts[FG_BUS_PARTS];
    unsigned held; // of parts
    enum fg_socket_kind kind;
    unsigned subscriptions; // PUB
};

int fg_bus_create(struct fg_bus **ret)
{
    struct fg_bus *bus = calloc(1, sizeof *bus);
    if (!bus)
        return -ENOMEM;
    bus->context = zmq_ctx_new();
    if (!bus->context) {
        free(bus);
        return -ENOMEM;
    }
    *ret = bus;
    return 0;
}

void fg_bus_destroy(struct fg_bus *bus)
{
    if (!bus)
        return;
    while (zmq_ctx_term(bus->context) < 0 && zmq_errno() == EINTR)
        ;
    free(bus);
}

// What zmq itself would say later and less clearly.
static int check_endpoint(const char *endpoint, bool bind, struct fg_error *err)
{
    if (strncmp(endpoint, "inproc://", 9) == 0 && endpoint[9])
        return 0;
    if (strncmp(endpoint, "tcp://", 6) == 0)
        return fg_fail(err, -EINVAL,
                       "%s: TCP would send templates unprotected; this version speaks ipc:// only",
                       endpoint);
    if (strncmp(endpoint, "ipc://", 6) != 0 || !endpoint[6])
        return fg_fail(err, -EINVAL, "%s: not an endpoint; write ipc:///PATH/TO/SOCKET", endpoint);
    const char *path = endpoint + 6;
    size_t most = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    if (strlen(path) > most)
        return fg_fail(
            err, -ENAMETOOLONG,
            "%s: a socket path may have %zu bytes, this one has %zu; use a shorter folder",
            endpoint, most, strlen(path));
    const char *slash = strrchr(path, '/');
    char folder[sizeof((struct sockaddr_un *)NULL)->sun_path] = ".";
    if (slash)
        memcpy(folder, path, slash == path ? 1 : (size_t)(slash - path));
    if (slash)
        folder[slash == path ? 1 : slash - path] = 0;
    struct stat st;
    if (!bind)
        return 0; // the other side may come later
    if (stat(folder, &st) < 0)
        return fg_fail(err, -errno, "%s: %s: %s; make the folder first", endpoint, folder,
                       strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return fg_fail(err, -ENOTDIR, "%s: %s is not a folder", endpoint, folder);
    if (access(folder, W_OK) < 0)
        return fg_fail(err, -errno, "%s: can't write to %s: %s", endpoint, folder, strerror(errno));
    return 0;
}

// zmq would unlink a living socket's file and take it over in silence. A file that nobody listens
// on was left by a crash.
static int check_free(const char *endpoint, struct fg_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strncmp(endpoint, "ipc://", 6) != 0)
        return 0;
    strncpy(address.sun_path, endpoint + 6, sizeof address.sun_path - 1); // its length was checked
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fg_fail(err, -errno, "%s: socket: %s", endpoint, strerror(errno));
    bool taken = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ||
                 errno == EAGAIN; // its backlog is full
    close(fd);
    return taken ? fg_fail(err, -EADDRINUSE,
                           "%s: another program listens there: stop it, or use another path",
                           endpoint)
                 : 0;
}

static int socket_create(struct fg_bus *bus, enum fg_socket_kind kind, int high_water,
                         struct fg_socket **ret, struct fg_error *err)
{
    // XPUB publishes as PUB does and also says who subscribes.
    static const int zmq_kind[] = {ZMQ_XPUB, ZMQ_SUB, ZMQ_ROUTER, ZMQ_DEALER};
    struct fg_socket *s = calloc(1, sizeof *s);
    if (!s)
        return fg_fail(err, -ENOMEM, "out of memory");
    s->zmq = zmq_socket(bus->context, zmq_kind[kind]);
    if (!s->zmq) {
        int code = -zmq_errno();
        free(s);
        return fg_fail(err, code, "zmq_socket: %s", zmq_strerror(-code));
    }
    s->kind = kind;
    int zero = 0, one = 1, last_ms = 200;
    int64_t most = 1 << 20; // no message of ours comes near; a hostile one is cut off
    // what was published just before the end still goes out, if somebody takes it
    if (kind == FG_SOCKET_PUB)
        zmq_setsockopt(s->zmq, ZMQ_LINGER, &last_ms, sizeof last_ms);
    else
        zmq_setsockopt(s->zmq, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(s->zmq, ZMQ_SNDHWM, &high_water, sizeof high_water);
    zmq_setsockopt(s->zmq, ZMQ_RCVHWM, &high_water, sizeof high_water);
    zmq_setsockopt(s->zmq, ZMQ_MAXMSGSIZE, &most, sizeof most);
    if (kind == FG_SOCKET_ROUTER) // an answer to a client that left is an error, not a silent drop
        zmq_setsockopt(s->zmq, ZMQ_ROUTER_MANDATORY, &one, sizeof one);
    *ret = s;
    return 0;
}

int fg_socket_bind(struct fg_bus *bus, enum fg_socket_kind kind, const char *endpoint,
                   int high_water, struct fg_socket **ret, struct fg_error *err)
{
    struct fg_socket *s = NULL;
    int code = check_endpoint(endpoint, true, err);
    if (code == 0)
        code = check_free(endpoint, err);
    if (code < 0 || (code = socket_create(bus, kind, high_water, &s, err)) < 0)
        return code;
    if (zmq_bind(s->zmq, endpoint) < 0) {
        code = -zmq_errno();
        fg_socket_close(s);
        return fg_fail(err, code, "%s: can't bind: %s", endpoint, zmq_strerror(-code));
    }
    if (strncmp(endpoint, "ipc://", 6) == 0 && chmod(endpoint + 6, 0660) < 0) {
        code = -errno;
        fg_socket_close(s);
        return fg_fail(err, code, "%s: can't set the socket's mode: %s", endpoint, strerror(-code));
    }
    *ret = s;
    return 0;
}

int fg_socket_connect(struct fg_bus *bus, enum fg_socket_kind kind, const char *endpoint,
                      int high_water, struct fg_socket **ret, struct fg_error *err)
{
    struct fg_socket *s = NULL;
    const int one = 1;
    int code = check_endpoint(endpoint, false, err);
    if (code < 0 || (code = socket_create(bus, kind, high_water, &s, err)) < 0)
        return code;
    // what a peer that went away did not take is dropped with it, not kept for the next one
    if (kind == FG_SOCKET_PUB)
        zmq_setsockopt(s->zmq, ZMQ_IMMEDIATE, &one, sizeof one);
    if (zmq_connect(s->zmq, endpoint) < 0) {
        code = -zmq_errno();
        fg_socket_close(s);
        return fg_fail(err, code, "%s: can't connect: %s", endpoint, zmq_strerror(-code));
    }
    *ret = s;
    return 0;
}

static void drop_parts(struct fg_socket *s)
{
    for (unsigned i = 0; i < s->held; i++)
        zmq_msg_close(&s->parts[i]);
    s->held = 0;
}

void fg_socket_close(struct fg_socket *socket)
{
    if (!socket)
        return;
    drop_parts(socket);
    zmq_close(socket->zmq);
    free(socket);
}

int fg_socket_subscribe(struct fg_socket *socket, const void *topic, size_t length)
{
    return zmq_setsockopt(socket->zmq, ZMQ_SUBSCRIBE, topic, length) < 0 ? -zmq_errno() : 0;
}

// Subscriptions arrive as messages: 1 or 0, then the topic.
static void count_subscriptions(struct fg_socket *s)
{
    unsigned char first[64];
    int n;
    while ((n = zmq_recv(s->zmq, first, sizeof first, ZMQ_DONTWAIT)) >= 0) {
        if (n > 0 && first[0] == 1)
            s->subscriptions++;
        else if (n > 0 && first[0] == 0 && s->subscriptions > 0)
            s->subscriptions--;
    }
}

int fg_socket_wait_subscriber(struct fg_socket *socket, int timeout_ms)
{
    count_subscriptions(socket);
    if (socket->subscriptions == 0) {
        int ready = fg_bus_poll(&socket, 1, -1, timeout_ms);
        if (ready < 0)
            return ready;
        count_subscriptions(socket);
    }
    return socket->subscriptions > 0 ? 0 : -ETIMEDOUT;
}

int fg_socket_send(struct fg_socket *socket, const struct fg_part *parts, unsigned count)
{
    if (socket->kind == FG_SOCKET_PUB)
        count_subscriptions(socket);
    for (unsigned i = 0; i < count; i++) {
        int flags = ZMQ_DONTWAIT | (i + 1 < count ? ZMQ_SNDMORE : 0);
        while (zmq_send(socket->zmq, parts[i].data, parts[i].length, flags) < 0) {
            if (zmq_errno() != EINTR)
                return -zmq_errno(); // only the first part can be refused: zmq sends all or none
        }
    }
    return 0;
}

static int wait_readable(struct fg_socket *socket, int timeout_ms)
{
    if (timeout_ms == 0)
        return 0;
    struct fg_socket *one = socket;
    int ready = fg_bus_poll(&one, 1, -1, timeout_ms);
    return ready > 0 ? 0 : ready == 0 ? -EAGAIN : ready;
}

static int receive_error(void)
{
    return zmq_errno() == ETERM ? -ECANCELED : -zmq_errno();
}

int fg_socket_receive(struct fg_socket *socket, int timeout_ms, struct fg_message *ret)
{
    drop_parts(socket);
    int code = wait_readable(socket, timeout_ms);
    if (code < 0)
        return code;
    bool more = true, overflow = false;
    while (more) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket->zmq, ZMQ_DONTWAIT) < 0) {
            code = receive_error();
            zmq_msg_close(&part);
            drop_parts(socket);
            return code;
        }
        more = zmq_msg_more(&part);
        if (socket->held == FG_BUS_PARTS) {
            overflow = true;
            zmq_msg_close(&part);
            continue;
        }
        zmq_msg_init(&socket->parts[socket->held]);
        zmq_msg_move(&socket->parts[socket->held++], &part);
        zmq_msg_close(&part);
    }
    ret->count = socket->held;
    for (unsigned i = 0; i < socket->held; i++) {
        ret->parts[i].data = zmq_msg_data(&socket->parts[i]);
        ret->parts[i].length = zmq_msg_size(&socket->parts[i]);
    }
    return overflow ? -EMSGSIZE : 0;
}

int fg_bus_poll(struct fg_socket *const *sockets, unsigned count, int fd, int timeout_ms)
{
    zmq_pollitem_t items[FG_BUS_POLL + 1] = {0};
    if (count > FG_BUS_POLL)
        return -EINVAL;
    for (unsigned i = 0; i < count; i++)
        items[i] = (zmq_pollitem_t){.socket = sockets[i]->zmq, .events = ZMQ_POLLIN};
    items[count] = (zmq_pollitem_t){.fd = fd, .events = ZMQ_POLLIN};
    if (zmq_poll(items, (int)count + (fd >= 0), timeout_ms) < 0)
        return receive_error();
    int mask = 0;
    for (unsigned i = 0; i < count + (fd >= 0); i++)
        if (items[i].revents)
            mask |= 1 << i;
    return mask;
}
