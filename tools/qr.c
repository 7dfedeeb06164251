// SPDX-License-Identifier: Apache-2.0
#include "tools/qr.h"

#include <errno.h>
#include <math.h>
#include <qrencode.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/image.h"

#define QUIET   4   // modules around the code
#define DPI     600 // about: a module has whole pixels
#define MM_INCH 25.4

static bool ends_in(const char *path, const char *end)
{
    size_t length = strlen(path), tail = strlen(end);
    return length > tail && strcmp(path + length - tail, end) == 0;
}

bool fg_qr_name_ok(const char *path)
{
    return ends_in(path, ".png") || ends_in(path, ".svg");
}

static bool is_dark(const QRcode *code, int x, int y)
{
    return x >= 0 && y >= 0 && x < code->width && y < code->width &&
           code->data[y * code->width + x] & 1;
}

// ---- PNG ----------------------------------------------------------------------------------------

static int draw_png(const QRcode *code, double mm, const char *path, struct fg_error *err)
{
    const double module_mm = mm / code->width;
    const uint32_t pixels = (uint32_t)fmax(lround(module_mm * DPI / MM_INCH), 1);
    const uint32_t side = (uint32_t)(code->width + 2 * QUIET) * pixels;
    uint8_t *grey = malloc((size_t)side * side);
    if (!grey)
        return fg_fail(err, -ENOMEM, "out of memory");
    for (uint32_t y = 0; y < side; y++)
        for (uint32_t x = 0; x < side; x++)
            grey[(size_t)y * side + x] =
                is_dark(code, (int)(x / pixels) - QUIET, (int)(y / pixels) - QUIET) ? 0 : 255;
    int r = fg_image_write_png_grey(path, grey, side, side, side,
                                    (uint32_t)lround(pixels / module_mm * 1000), err);
    explicit_bzero(grey, (size_t)side * side);
    free(grey);
    return r;
}

// ---- SVG ----------------------------------------------------------------------------------------

// Runs of dark modules, one below the other: a viewer draws no seams between the modules of one.
static void write_runs(FILE *file, const QRcode *code)
{
    for (int y = 0; y < code->width; y++) {
        for (int x = 0; x < code->width; x++) {
            int end = x;
            while (is_dark(code, end, y))
                end++;
            if (end > x)
                fprintf(file, "M%d %dh%dv1h-%dz\n", x + QUIET, y + QUIET, end - x, end - x);
            x = end;
        }
    }
}

static void remove_partial(const char *path)
{
    struct stat status; // never a device that was named as the output
    if (lstat(path, &status) == 0 && S_ISREG(status.st_mode))
        unlink(path);
}

static int draw_svg(const QRcode *code, double mm, const char *path, struct fg_error *err)
{
    const int side = code->width + 2 * QUIET;
    const double whole_mm = mm * side / code->width;
    FILE *file = fopen(path, "we");
    if (!file)
        return fg_fail(err, -errno, "%s: cannot be written: %s", path, strerror(errno));
    errno = 0;
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.3fmm\" height=\"%.3fmm\" "
            "viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">\n"
            "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n<path fill=\"#000\" d=\"",
            whole_mm, whole_mm, side, side, side, side);
    write_runs(file, code);
    fputs("\"/>\n</svg>\n", file);
    int r = ferror(file) ? errno ? -errno : -EIO : 0;
    if (fclose(file) != 0 && r == 0)
        r = -errno;
    if (r == 0)
        return 0;
    remove_partial(path);
    return fg_fail(err, r, "%s: cannot be written: %s", path, strerror(-r));
}

// ---- codes --------------------------------------------------------------------------------------

static int encode(const char *text, QRcode **ret, struct fg_error *err)
{
    const size_t length = strlen(text);
    const unsigned char *bytes = (const unsigned char *)text;
    QRinput *input = QRinput_new2(0, QR_ECLEVEL_M);
    int r = length == 0 || length > INT32_MAX ? -EINVAL : input ? 0 : -errno;
    if (r == 0 && QRinput_append(input, QR_MODE_AN, (int)length, bytes) < 0)
        r = -errno;
    if (r == 0 && !(*ret = QRcode_encodeInput(input)))
        r = -errno;
    QRinput_free(input);
    return r < 0 ? fg_fail(err, r, "no QR code of %zu characters: %s", length, strerror(-r)) : 0;
}

int fg_qr_draw(const char *text, double cm, const char *path, unsigned *ret_modules,
               struct fg_error *err)
{
    QRcode *code = NULL;
    if (!fg_qr_name_ok(path))
        return fg_fail(err, -EINVAL, "%s: must end in .png or .svg", path);
    int r = encode(text, &code, err);
    if (r < 0)
        return r;
    const unsigned modules = (unsigned)code->width;
    r = ends_in(path, ".png") ? draw_png(code, cm * 10, path, err)
                              : draw_svg(code, cm * 10, path, err);
    QRcode_free(code);
    if (r == 0)
        *ret_modules = modules;
    return r;
}
