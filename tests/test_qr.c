// SPDX-License-Identifier: Apache-2.0
// QR codes as pictures: both formats show the same modules, in the right size, with white around.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pipeline/image.h"
#include "tests/scratch_folder.h"
#include "tools/qr.h"

#define QUIET 4
#define MOST  200 // modules with the white

static char long_text[288], png[128], svg[128];

static int set_up_texts(void **state)
{
    for (size_t i = 0; i + 1 < sizeof long_text; i++)
        long_text[i] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"[i * 7 % 45];
    int r = set_up(state);
    snprintf(png, sizeof png, "%s", in_folder("a.png"));
    snprintf(svg, sizeof svg, "%s", in_folder("a.svg"));
    return r;
}

// ---- what the files show ------------------------------------------------------------------------

struct grid {
    unsigned side; // with the white
    double mm;     // of the whole
    bool dark[MOST][MOST];
};

// The density of the pHYs chunk.
static double pixels_per_metre(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    const uint8_t *chunk = memmem(bytes, length, "pHYs", 4);
    assert_non_null(chunk);
    assert_memory_equal(chunk + 4, chunk + 8, 4);
    assert_int_equal(chunk[12], 1); // a metre
    return (double)((uint32_t)chunk[4] << 24 | chunk[5] << 16 | chunk[6] << 8 | chunk[7]);
}

static void read_png(const char *path, unsigned side, struct grid *ret)
{
    struct fg_image image = {0};
    assert_int_equal(fg_image_load(&image, path, NULL), 0);
    const struct fg_frame *frame = &image.frame;
    assert_int_equal(frame->width, frame->height);
    assert_int_equal(frame->width % side, 0);
    const unsigned step = frame->width / side;
    memset(ret, 0, sizeof *ret);
    ret->side = side;
    ret->mm = frame->width / pixels_per_metre(path) * 1000;
    for (unsigned y = 0; y < frame->height; y++) {
        for (unsigned x = 0; x < frame->width; x++) {
            const uint8_t *pixel = image.memory + (size_t)y * frame->planes[0].stride + 3 * x;
            assert_true((pixel[0] == 0 || pixel[0] == 255) && pixel[0] == pixel[1]);
            if (x % step == 0 && y % step == 0)
                ret->dark[y / step][x / step] = pixel[0] == 0;
            else // the whole module is like its corner
                assert_int_equal(ret->dark[y / step][x / step], pixel[0] == 0);
        }
    }
    fg_image_finish(&image);
}

static void read_svg(const char *path, struct grid *ret)
{
    char line[400];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    memset(ret, 0, sizeof *ret);
    while (fgets(line, sizeof line, file)) {
        const char *run = strrchr(line, 'M');
        unsigned x, y, width, back;
        double mm;
        if (strncmp(line, "<svg", 4) == 0) {
            assert_int_equal(sscanf(strstr(line, "width="), "width=\"%lfmm\"", &ret->mm), 1);
            assert_int_equal(sscanf(strstr(line, "height="), "height=\"%lfmm\"", &mm), 1);
            assert_int_equal(sscanf(strstr(line, "viewBox="), "viewBox=\"0 0 %u", &ret->side), 1);
            assert_true(mm == ret->mm && ret->side <= MOST);
        } else if (run && sscanf(run, "M%u %uh%uv1h-%uz", &x, &y, &width, &back) == 4) {
            assert_int_equal(width, back);
            for (; width > 0; width--)
                ret->dark[y][x + width - 1] = true;
        }
    }
    fclose(file);
}

static bool in_finder(unsigned x, unsigned y)
{
    return x == 0 || y == 0 || x == 6 || y == 6 || (x >= 2 && x <= 4 && y >= 2 && y <= 4);
}

static void check_grid(const struct grid *grid)
{
    const unsigned last = grid->side - QUIET;
    for (unsigned y = 0; y < grid->side; y++)
        for (unsigned x = 0; x < grid->side; x++)
            if (x < QUIET || y < QUIET || x >= last || y >= last)
                assert_false(grid->dark[y][x]);
    for (unsigned y = 0; y < 7; y++) {
        for (unsigned x = 0; x < 7; x++) {
            assert_int_equal(grid->dark[QUIET + y][QUIET + x], in_finder(x, y));
            assert_int_equal(grid->dark[QUIET + y][last - 7 + x], in_finder(x, y));
            assert_int_equal(grid->dark[last - 7 + y][QUIET + x], in_finder(x, y));
        }
    }
}

static void check_text(const char *text, double cm, unsigned wanted)
{
    static struct grid a, b;
    unsigned modules = 0, again = 0;
    assert_int_equal(fg_qr_draw(text, cm, png, &modules, NULL), 0);
    assert_int_equal(fg_qr_draw(text, cm, svg, &again, NULL), 0);
    assert_int_equal(modules, wanted);
    assert_int_equal(again, wanted);
    read_png(png, modules + 2 * QUIET, &a);
    read_svg(svg, &b);
    assert_int_equal(b.side, a.side);
    check_grid(&a);
    assert_memory_equal(a.dark, b.dark, sizeof a.dark);
    const double mm = cm * 10 * a.side / modules;
    assert_true(fabs(a.mm - mm) < 0.01 && fabs(b.mm - mm) < 0.01);
    unlink(png);
    unlink(svg);
}

static void test_pictures(void **state)
{
    (void)state;
    check_text("HELLO 45", 1, 21);
    check_text(long_text, 6, 57); // a pass: version 10
    check_text(long_text, 2.5, 57);
}

// ---- what can't be drawn ------------------------------------------------------------------------

static int draw(const char *text, const char *path)
{
    unsigned modules = 77;
    struct fg_error err = {""};
    int r = fg_qr_draw(text, 6, path, &modules, &err);
    assert_true(r < 0 && err.text[0] && modules == 77);
    return r;
}

static void test_refusals(void **state)
{
    static char endless[5000];
    (void)state;
    memset(endless, 'A', sizeof endless - 1);
    assert_int_equal(draw("", png), -EINVAL);
    assert_int_equal(draw("lower case", png), -EINVAL);
    assert_int_equal(draw(endless, png), -ERANGE);
    assert_int_equal(draw("A", in_folder("a.gif")), -EINVAL);
    assert_int_equal(draw("A", ".png"), -EINVAL);
    assert_int_equal(draw("A", in_folder("none/a.png")), -ENOENT);
    assert_int_equal(draw("A", in_folder("none/a.svg")), -ENOENT);
    assert_int_equal(access(png, F_OK), -1);
}

static void test_full_disk(void **state)
{
    (void)state;
    assert_int_equal(symlink("/dev/full", png), 0);
    assert_int_equal(symlink("/dev/full", svg), 0);
    assert_int_equal(draw(long_text, png), -ENOSPC);
    assert_int_equal(draw(long_text, svg), -ENOSPC);
    assert_int_equal(unlink(png), 0); // what was named and is no file of ours stays
    assert_int_equal(unlink(svg), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests_name("qr", tests, set_up_texts, tear_down);
}
