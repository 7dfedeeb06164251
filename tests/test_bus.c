// SPDX-License-Identifier: Apache-2.0
// Sockets: endpoints that are refused and why, what is delivered, dropped, counted and waited for.
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/wire.h"

static struct fg_bus *bus;
static char folder[] = "/tmp/fg-test-bus-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) ? fg_bus_create(&bus) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fg_bus_destroy(bus);
    fg_bus_destroy(NULL);
    return rmdir(folder);
}

static struct fg_socket *bound(enum fg_socket_kind kind, const char *endpoint, int high_water)
{
    struct fg_socket *s = NULL;
    struct fg_error err = {""};
    if (fg_socket_bind(bus, kind, endpoint, high_water, &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

static struct fg_socket *connected(enum fg_socket_kind kind, const char *endpoint, int high_water)
{
    struct fg_socket *s = NULL;
    struct fg_error err = {""};
    if (fg_socket_connect(bus, kind, endpoint, high_water, &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

static int send_text(struct fg_socket *s, const char *text)
{
    struct fg_part part = {text, strlen(text)};
    return fg_socket_send(s, &part, 1);
}

static void expect_text(struct fg_socket *s, const char *text)
{
    struct fg_message m = {0};
    assert_int_equal(fg_socket_receive(s, 2000, &m), 0);
    assert_int_equal(m.count, 1);
    assert_int_equal(m.parts[0].length, strlen(text));
    assert_memory_equal(m.parts[0].data, text, strlen(text));
}

// A bound socket greets who connects in its own thread's calls, and here both are in one thread.
static void meet(struct fg_socket *pub, struct fg_socket *sub)
{
    int code = -ETIMEDOUT;
    for (int i = 0; i < 200 && code == -ETIMEDOUT; i++) {
        assert_int_equal(fg_bus_poll(&sub, 1, -1, 0), 0);
        code = fg_socket_wait_subscriber(pub, 10);
    }
    assert_int_equal(code, 0);
}

static void refused(int bind, const char *endpoint, int code, const char *what)
{
    struct fg_socket *s = (struct fg_socket *)&s;
    struct fg_error err = {""};
    int got = bind ? fg_socket_bind(bus, FG_SOCKET_SUB, endpoint, 4, &s, &err)
                   : fg_socket_connect(bus, FG_SOCKET_PUB, endpoint, 4, &s, &err);
    assert_int_equal(got, code);
    assert_ptr_equal(s, (struct fg_socket *)&s);
    if (!strstr(err.text, what) || !strstr(err.text, endpoint))
        fail_msg("\"%s\" has not the endpoint and \"%s\"", err.text, what);
}

static void test_refused_endpoints(void **state)
{
    (void)state;
    for (int bind = 0; bind < 2; bind++) {
        refused(bind, "tcp://127.0.0.1:5555", -EINVAL, "TCP");
        refused(bind, "/run/probe.sock", -EINVAL, "write ipc://");
        refused(bind, "ipc://", -EINVAL, "write ipc://");
        refused(bind, "inproc://", -EINVAL, "write ipc://");
        refused(bind, "", -EINVAL, "write ipc://");
        char text[200] = "ipc:///tmp/";
        memset(text + 11, 'x', 150);
        text[11 + 150] = 0;
        refused(bind, text, -ENAMETOOLONG, "may have 107 bytes, this one has 155");
    }
    refused(1, "ipc:///tmp/fg-no-such-folder/a.sock", -ENOENT, "make the folder first");
    refused(1, "ipc:///dev/null/a.sock", -ENOTDIR, "/dev/null");
    char missing[100];
    snprintf(missing, sizeof missing, "ipc://%s/none/a.sock", folder);
    struct fg_socket *s = connected(FG_SOCKET_PUB, missing, 4); // the other side may come later
    fg_socket_close(s);
    fg_socket_close(NULL);
}

static void test_unwritable_folder(void **state)
{
    (void)state;
    char endpoint[100];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/a.sock", folder);
    struct fg_socket *s = NULL;
    struct fg_error err = {""};
    assert_int_equal(chmod(folder, 0555), 0);
    // access(2) looks at the real user, who is root when the tests are
    uid_t real = getuid(), effective = geteuid();
    if (real == 0)
        assert_int_equal(setresuid(65534, 65534, 0), 0);
    int code = fg_socket_bind(bus, FG_SOCKET_SUB, endpoint, 4, &s, &err);
    if (real == 0)
        assert_int_equal(setresuid(real, effective, 0), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(code, -EACCES);
    assert_null(s);
    assert_non_null(strstr(err.text, folder));
}

static void test_bound_socket_file(void **state)
{
    (void)state;
    char endpoint[110], path[100];
    struct stat st;
    snprintf(path, sizeof path, "%s/a.sock", folder);
    snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
    struct fg_socket *sub = bound(FG_SOCKET_SUB, endpoint, 4);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0660);
    refused(1, endpoint, -EADDRINUSE, "another program listens"); // zmq would take it over
    fg_socket_close(sub);
    // what a killed program left is no obstacle
    unlink(path);
    struct sockaddr_un left = {.sun_family = AF_UNIX};
    memcpy(left.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&left, sizeof left), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
    fg_socket_close(bound(FG_SOCKET_SUB, endpoint, 4));
    unlink(path);
    // a path of just 107 bytes works
    memset(path, 0, sizeof path);
    char longest[120];
    int used = snprintf(longest, sizeof longest, "ipc://%s/", folder);
    memset(longest + used, 'x', sizeof longest - (size_t)used);
    longest[6 + 107] = 0;
    struct fg_socket *pub = NULL;
    sub = bound(FG_SOCKET_SUB, longest, 4);
    assert_int_equal(fg_socket_subscribe(sub, "", 0), 0);
    pub = connected(FG_SOCKET_PUB, longest, 4);
    meet(pub, sub);
    assert_int_equal(send_text(pub, "through"), 0);
    expect_text(sub, "through");
    fg_socket_close(pub);
    fg_socket_close(sub);
    unlink(longest + 6);
}

// A subscription to lane "1" must not get what lane "10" says.
static void test_lane_topics(void **state)
{
    (void)state;
    struct fg_socket *pub = bound(FG_SOCKET_PUB, "inproc://lanes", 16);
    struct fg_socket *sub = connected(FG_SOCKET_SUB, "inproc://lanes", 16);
    char one[FG_WIRE_NAME], ten[FG_WIRE_NAME];
    size_t n_one = fg_wire_topic("1", one), n_ten = fg_wire_topic("10", ten);
    assert_int_equal(fg_socket_subscribe(sub, one, n_one), 0);
    assert_int_equal(fg_socket_wait_subscriber(pub, 2000), 0);
    struct fg_part a[] = {{ten, n_ten}, {"ten", 3}}, b[] = {{one, n_one}, {"one", 3}};
    assert_int_equal(fg_socket_send(pub, a, 2), 0);
    assert_int_equal(fg_socket_send(pub, b, 2), 0);
    struct fg_message m;
    assert_int_equal(fg_socket_receive(sub, 2000, &m), 0);
    assert_int_equal(m.count, 2);
    assert_int_equal(m.parts[0].length, 2);
    assert_memory_equal(m.parts[1].data, "one", 3);
    assert_int_equal(fg_socket_receive(sub, 50, &m), -EAGAIN);
    fg_socket_close(pub);
    fg_socket_close(sub);
}

static void test_wait_subscriber(void **state)
{
    (void)state;
    struct fg_socket *pub = bound(FG_SOCKET_PUB, "inproc://wait", 16);
    uint64_t start = fg_monotonic_ns();
    assert_int_equal(fg_socket_wait_subscriber(pub, 60), -ETIMEDOUT);
    assert_true(fg_monotonic_ns() - start >= 50000000u);
    assert_int_equal(fg_socket_wait_subscriber(pub, 0), -ETIMEDOUT);
    assert_int_equal(send_text(pub, "to nobody"), 0);
    struct fg_socket *sub = connected(FG_SOCKET_SUB, "inproc://wait", 16);
    assert_int_equal(fg_socket_wait_subscriber(pub, 20), -ETIMEDOUT); // no topic yet
    assert_int_equal(fg_socket_subscribe(sub, "a", 1), 0);
    assert_int_equal(fg_socket_wait_subscriber(pub, 2000), 0);
    assert_int_equal(fg_socket_wait_subscriber(pub, 0), 0); // it stays known
    assert_int_equal(send_text(pub, "all"), 0);
    expect_text(sub, "all"); // and nothing from before
    fg_socket_close(sub);
    for (int i = 0; i < 100; i++) { // gone again, as soon as zmq has noticed
        if (fg_socket_wait_subscriber(pub, 0) == -ETIMEDOUT)
            break;
        fg_sleep_until_ns(fg_monotonic_ns() + 20000000u);
    }
    assert_int_equal(fg_socket_wait_subscriber(pub, 0), -ETIMEDOUT);
    fg_socket_close(pub);
}

// A socket that publishes by connecting neither queues for a peer that is away nor counts it.
static void test_nothing_is_kept_for_who_is_away(void **state)
{
    (void)state;
    char endpoint[100];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/away.sock", folder);
    struct fg_socket *pub = connected(FG_SOCKET_PUB, endpoint, 16);
    assert_int_equal(send_text(pub, "before"), 0);
    struct fg_socket *sub = bound(FG_SOCKET_SUB, endpoint, 16);
    assert_int_equal(fg_socket_subscribe(sub, "", 0), 0);
    meet(pub, sub);
    fg_socket_close(sub);
    for (int i = 0; fg_socket_wait_subscriber(pub, 0) == 0; i++) {
        assert_true(i < 20000);
        usleep(1000);
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(send_text(pub, "meanwhile"), 0);
    sub = bound(FG_SOCKET_SUB, endpoint, 16);
    assert_int_equal(fg_socket_subscribe(sub, "", 0), 0);
    meet(pub, sub);
    assert_int_equal(send_text(pub, "now"), 0);
    expect_text(sub, "now");
    fg_socket_close(pub);
    fg_socket_close(sub);
    unlink(endpoint + 6);
}

static void test_receive_times_out(void **state)
{
    (void)state;
    struct fg_socket *sub = bound(FG_SOCKET_SUB, "inproc://empty", 4);
    struct fg_message m = {.count = 99};
    assert_int_equal(fg_socket_receive(sub, 0, &m), -EAGAIN);
    uint64_t start = fg_monotonic_ns();
    assert_int_equal(fg_socket_receive(sub, 60, &m), -EAGAIN);
    assert_true(fg_monotonic_ns() - start >= 50000000u);
    assert_int_equal(m.count, 99);
    fg_socket_close(sub);
}

static void test_part_count(void **state)
{
    (void)state;
    struct fg_socket *router = bound(FG_SOCKET_ROUTER, "inproc://parts", 16);
    struct fg_socket *dealer = connected(FG_SOCKET_DEALER, "inproc://parts", 16);
    struct fg_part parts[FG_BUS_PARTS + 1];
    char text[FG_BUS_PARTS + 1];
    for (unsigned i = 0; i <= FG_BUS_PARTS; i++) {
        text[i] = (char)('0' + i);
        parts[i] = (struct fg_part){&text[i], 1};
    }
    struct fg_message m;
    // the router puts the sender's name in front
    assert_int_equal(fg_socket_send(dealer, parts, FG_BUS_PARTS - 1), 0);
    assert_int_equal(fg_socket_receive(router, 2000, &m), 0);
    assert_int_equal(m.count, FG_BUS_PARTS);
    for (unsigned i = 1; i < m.count; i++)
        assert_int_equal(*(const char *)m.parts[i].data, text[i - 1]);
    assert_int_equal(fg_socket_send(dealer, parts, FG_BUS_PARTS), 0);
    assert_int_equal(fg_socket_send(dealer, parts, FG_BUS_PARTS + 1), 0);
    assert_int_equal(send_text(dealer, "next"), 0);
    assert_int_equal(fg_socket_receive(router, 2000, &m), -EMSGSIZE);
    assert_int_equal(fg_socket_receive(router, 2000, &m), -EMSGSIZE);
    assert_int_equal(fg_socket_receive(router, 2000, &m), 0); // dropped whole: no rest of it
    assert_int_equal(m.count, 2);
    assert_memory_equal(m.parts[1].data, "next", 4);
    fg_socket_close(dealer);
    fg_socket_close(router);
}

static void test_answers(void **state)
{
    (void)state;
    struct fg_socket *router = bound(FG_SOCKET_ROUTER, "inproc://answers", 16);
    struct fg_socket *dealer = connected(FG_SOCKET_DEALER, "inproc://answers", 16);
    assert_int_equal(send_text(dealer, "question"), 0);
    struct fg_message m;
    assert_int_equal(fg_socket_receive(router, 2000, &m), 0);
    assert_int_equal(m.count, 2);
    uint8_t name[64];
    size_t n = m.parts[0].length;
    assert_in_range(n, 1, sizeof name);
    memcpy(name, m.parts[0].data, n);
    struct fg_part answer[] = {{name, n}, {"answer", 6}, {"", 0}};
    assert_int_equal(fg_socket_send(router, answer, 3), 0);
    assert_int_equal(fg_socket_receive(dealer, 2000, &m), 0);
    assert_int_equal(m.count, 2);
    assert_memory_equal(m.parts[0].data, "answer", 6);
    assert_int_equal(m.parts[1].length, 0);
    // to somebody who is not there: an error, and nothing half sent
    struct fg_part lost[] = {{"nobody", 6}, {"answer", 6}};
    assert_true(fg_socket_send(router, lost, 2) < 0);
    assert_int_equal(fg_socket_send(router, answer, 2), 0);
    expect_text(dealer, "answer");
    fg_socket_close(dealer);
    fg_socket_close(router);
}

static void test_too_large(void **state)
{
    (void)state;
    char endpoint[100];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/large.sock", folder);
    struct fg_socket *sub = bound(FG_SOCKET_SUB, endpoint, 16);
    struct fg_socket *pub = connected(FG_SOCKET_PUB, endpoint, 16);
    assert_int_equal(fg_socket_subscribe(sub, "", 0), 0);
    meet(pub, sub);
    const size_t most = 1 << 20;
    char *large = calloc(1, most + 1);
    assert_non_null(large);
    struct fg_part part = {large, most};
    struct fg_message m;
    assert_int_equal(fg_socket_send(pub, &part, 1), 0);
    assert_int_equal(fg_socket_receive(sub, 5000, &m), 0);
    assert_int_equal(m.parts[0].length, most);
    part.length = most + 1;
    assert_int_equal(fg_socket_send(pub, &part, 1), 0);
    int code = 1, tries = 0;
    do { // the sender is cut off, and comes back by itself
        assert_int_equal(send_text(pub, "small"), 0);
        code = fg_socket_receive(sub, 50, &m);
    } while (code == -EAGAIN && ++tries < 100);
    assert_int_equal(code, 0);
    assert_int_equal(m.parts[0].length, 5);
    free(large);
    fg_socket_close(pub);
    fg_socket_close(sub);
    unlink(endpoint + 6);
}

// A peer that does not read costs a PUB nothing; a DEALER is told.
static void test_high_water(void **state)
{
    (void)state;
    struct fg_socket *pub = bound(FG_SOCKET_PUB, "inproc://hwm", 4);
    struct fg_socket *sub = connected(FG_SOCKET_SUB, "inproc://hwm", 4);
    struct fg_message m;
    char text[16];
    assert_int_equal(fg_socket_subscribe(sub, "", 0), 0);
    assert_int_equal(fg_socket_wait_subscriber(pub, 2000), 0);
    for (int i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "%03d", i);
        assert_int_equal(send_text(pub, text), 0);
    }
    int got = 0;
    for (; fg_socket_receive(sub, got ? 20 : 2000, &m) == 0; got++) {
        snprintf(text, sizeof text, "%03d", got); // the oldest are kept
        assert_memory_equal(m.parts[0].data, text, 3);
    }
    assert_in_range(got, 4, 12);
    assert_int_equal(send_text(pub, "after"), 0); // room again
    expect_text(sub, "after");
    fg_socket_close(sub);
    fg_socket_close(pub);

    struct fg_socket *dealer = connected(FG_SOCKET_DEALER, "inproc://hwm-dealer", 4);
    int code = 0, sent = 0;
    while (sent < 200 && (code = send_text(dealer, "question")) == 0)
        sent++;
    assert_int_equal(code, -EAGAIN);
    assert_in_range(sent, 4, 12);
    fg_socket_close(dealer);
}

static void test_poll(void **state)
{
    (void)state;
    struct fg_socket *subs[2] = {bound(FG_SOCKET_SUB, "inproc://poll0", 4),
                                 bound(FG_SOCKET_SUB, "inproc://poll1", 4)};
    struct fg_socket *pubs[2] = {connected(FG_SOCKET_PUB, "inproc://poll0", 4),
                                 connected(FG_SOCKET_PUB, "inproc://poll1", 4)};
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fg_socket_subscribe(subs[i], "", 0), 0);
        meet(pubs[i], subs[i]);
    }
    assert_int_equal(fg_bus_poll(subs, 2, pipe_fds[0], 20), 0);
    assert_int_equal(fg_bus_poll(subs, 2, -1, 20), 0);
    assert_int_equal(send_text(pubs[1], "b"), 0);
    assert_int_equal(fg_bus_poll(subs, 2, pipe_fds[0], 2000), 2);
    assert_int_equal(write(pipe_fds[1], "x", 1), 1);
    assert_int_equal(fg_bus_poll(subs, 2, pipe_fds[0], 2000), 2 | 4);
    assert_int_equal(fg_bus_poll(NULL, 0, pipe_fds[0], 2000), 1);
    assert_int_equal(send_text(pubs[0], "a"), 0);
    assert_int_equal(fg_bus_poll(subs, 1, -1, 2000), 1);
    expect_text(subs[0], "a");
    expect_text(subs[1], "b");
    assert_int_equal(fg_bus_poll(subs, 2, -1, 0), 0);
    assert_int_equal(fg_bus_poll(subs, FG_BUS_POLL + 1, -1, 0), -EINVAL);
    for (int i = 0; i < 2; i++) {
        fg_socket_close(pubs[i]);
        fg_socket_close(subs[i]);
        close(pipe_fds[i]);
    }
}

// What was published just before the end still arrives.
static void test_last_message(void **state)
{
    (void)state;
    char endpoint[100];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/last.sock", folder);
    struct fg_socket *sub = bound(FG_SOCKET_SUB, endpoint, 16), *pub = NULL;
    struct fg_bus *other = NULL;
    assert_int_equal(fg_socket_subscribe(sub, "", 0), 0);
    assert_int_equal(fg_bus_create(&other), 0);
    assert_int_equal(fg_socket_connect(other, FG_SOCKET_PUB, endpoint, 16, &pub, NULL), 0);
    meet(pub, sub);
    assert_int_equal(send_text(pub, "last words"), 0);
    fg_socket_close(pub);
    fg_bus_destroy(other);
    expect_text(sub, "last words");
    fg_socket_close(sub);
    unlink(endpoint + 6);
}

static void *receive_for_ever(void *context)
{
    struct fg_socket *sub = context;
    struct fg_message m;
    int code = fg_socket_receive(sub, -1, &m);
    fg_socket_close(sub);
    return (void *)(intptr_t)code;
}

static void test_destroy_wakes(void **state)
{
    (void)state;
    struct fg_bus *other = NULL;
    struct fg_socket *sub = NULL;
    pthread_t thread;
    void *result;
    assert_int_equal(fg_bus_create(&other), 0);
    assert_int_equal(fg_socket_bind(other, FG_SOCKET_SUB, "inproc://wake", 4, &sub, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, receive_for_ever, sub), 0);
    fg_bus_destroy(other); // waits for the thread's close
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_int_equal((intptr_t)result, -ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_endpoints),
        cmocka_unit_test(test_unwritable_folder),
        cmocka_unit_test(test_bound_socket_file),
        cmocka_unit_test(test_lane_topics),
        cmocka_unit_test(test_wait_subscriber),
        cmocka_unit_test(test_nothing_is_kept_for_who_is_away),
        cmocka_unit_test(test_receive_times_out),
        cmocka_unit_test(test_part_count),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_high_water),
        cmocka_unit_test(test_poll),
        cmocka_unit_test(test_last_message),
        cmocka_unit_test(test_destroy_wakes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
