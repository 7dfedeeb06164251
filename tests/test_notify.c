// SPDX-License-Identifier: Apache-2.0
// What is said to systemd, and that a systemd which does not listen stops nobody.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/notify.h"
#include "tests/scratch_folder.h"

static int systemd = -1;

static int begin(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", folder);
    systemd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    return systemd < 0 ? -1 : bind(systemd, (struct sockaddr *)&address, sizeof address);
}

static int finish(void **state)
{
    (void)state;
    close(systemd);
    unsetenv("NOTIFY_SOCKET");
    return unlink(in_folder("notify"));
}

static void test_it_arrives(void **state)
{
    (void)state;
    char text[32];
    assert_int_equal(fg_notify("READY=1"), 1);
    assert_int_equal(recv(systemd, text, sizeof text, 0), 7);
    assert_memory_equal(text, "READY=1", 7);
    assert_int_equal(recv(systemd, text, sizeof text, 0), -1);
}

static void test_without_systemd(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(fg_notify("READY=1"), 0);
    setenv("NOTIFY_SOCKET", in_folder("nobody"), 1);
    assert_true(fg_notify("READY=1") < 0);
}

// A call that waited would never end here.
static void test_what_is_said_again_waits_for_nobody(void **state)
{
    (void)state;
    int code = 1;
    for (unsigned i = 0; i < 100000 && code == 1; i++)
        code = fg_notify("STATUS=open");
    assert_int_equal(code, -EAGAIN);
    assert_int_equal(fg_notify("WATCHDOG=1"), -EAGAIN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_arrives),
        TEST(test_without_systemd),
        TEST(test_what_is_said_again_waits_for_nobody),
    };
    return cmocka_run_group_tests_name("notify", tests, set_up, tear_down);
}
