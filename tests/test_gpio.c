// SPDX-License-Identifier: Apache-2.0
// How chips and lines are named, and which chips are looked at because they tell no edges.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gate/gpio_words.h"

static const struct fg_gpio_wish wish = {.chip = "lock", .line = "3", .events = true};

static void test_numbers(void **state)
{
    (void)state;
    unsigned number = 0;
    assert_true(fg_gpio_number("12", &number));
    assert_int_equal(number, 12);
    static const char *const names[] = {"", "-1", "1a", "a1", " 1", "65536", "gpiochip0"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_false(fg_gpio_number(names[i], &number));
}

// A folder as /sys is: devices, and links to them by the chip's name.
static void test_usb(void **state)
{
    (void)state;
    static const char *const below[] = {"",
                                        "/sys",
                                        "/sys/pci",
                                        "/sys/pci/usb1",
                                        "/sys/pci/usb1/1-1",
                                        "/sys/pci/usb1/1-1/gpiochip0",
                                        "/sys/pci/gpiochip1",
                                        "/links"};
    char folder[] = "/tmp/facegate-test-XXXXXX", path[256], links[64], command[64];
    assert_non_null(mkdtemp(folder));
    for (size_t i = 1; i < sizeof below / sizeof *below; i++) {
        snprintf(path, sizeof path, "%s%s", folder, below[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    snprintf(links, sizeof links, "%s/links", folder);
    snprintf(path, sizeof path, "%s/gpiochip0", links);
    assert_int_equal(symlink("../sys/pci/usb1/1-1/gpiochip0", path), 0);
    snprintf(path, sizeof path, "%s/gpiochip1", links);
    assert_int_equal(symlink("../sys/pci/gpiochip1", path), 0);
    assert_true(fg_gpio_is_usb(links, "gpiochip0"));
    assert_false(fg_gpio_is_usb(links, "gpiochip1"));
    assert_false(fg_gpio_is_usb(links, "gpiochip2"));
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void test_errors(void **state)
{
    (void)state;
    struct fg_error err;
    assert_int_equal(fg_gpio_no_events(&wish, &err), -EOPNOTSUPP);
    assert_non_null(strstr(err.text, "chip lock"));
    assert_int_equal(fg_gpio_chip_error(&wish, -ENXIO, &err), -ENOENT);
    assert_non_null(strstr(err.text, "there is none: plug it in"));
    assert_int_equal(fg_gpio_chip_error(&wish, -EACCES, &err), -EACCES);
    assert_non_null(strstr(err.text, "facegate-gpio"));
    assert_int_equal(fg_gpio_no_line(&wish, 2, &err), -ENOENT);
    assert_non_null(strstr(err.text, "no line 3: it has 2"));
    assert_int_equal(fg_gpio_line_error(&wish, -EBUSY, "other", &err), -EBUSY);
    assert_non_null(strstr(err.text, "taken by other"));
    assert_int_equal(fg_gpio_line_error(&wish, -EIO, NULL, &err), -EOPNOTSUPP);
    assert_int_equal(fg_gpio_line_error(&wish, -EPERM, NULL, &err), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_usb),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
