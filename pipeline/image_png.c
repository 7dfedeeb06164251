// SPDX-License-Identifier: Apache-2.0
// libpng's simplified interface where it will do: it gives the size before anything is allocated,
// and turns every PNG (palette, grey, 16 bit, interlaced, with alpha) into 8-bit sRGB.
#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/image_codecs.h"

static int read_pixels(struct fg_image *image, png_image *png, struct fg_error *err)
{
    // White: what a cut-out portrait stands on in a document.
    static const png_color white = {255, 255, 255};
    const struct fg_image_plane plane = {png->width * 3, png->height};
    int code = fg_image_reserve(image, &plane, 1, err);
    if (code)
        return code;
    png->format = PNG_FORMAT_RGB;
    // Without it 16 bits with no gAMA chunk would be taken for linear light and come out too pale.
    png->flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
    int ok = png_image_finish_read(png, &white, image->memory,
                                   (png_int_32)image->frame.planes[0].stride, NULL);
    if (!ok || PNG_IMAGE_FAILED(*png))
        return fg_fail(err, -EINVAL, "truncated or broken PNG: %s", png->message);
    image->frame.fourcc = FG_FOURCC_RGB;
    image->frame.full_range = true;
    image->frame.width = png->width;
    image->frame.height = png->height;
    return 0;
}

// The size is read here first: libpng refuses an impossible one too, but only with a text.
static int check_header(const uint8_t *bytes, size_t length, struct fg_error *err)
{
    uint32_t size[2];
    if (length < 24 || memcmp(bytes + 12, "IHDR", 4) != 0)
        return fg_fail(err, -EINVAL, "truncated or broken PNG: no IHDR chunk at its start");
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t *b = bytes + 16 + 4 * i;
        size[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    }
    return fg_image_check_size(size[0], size[1], err);
}

int fg_png_decode(struct fg_image *image, const uint8_t *bytes, size_t length, struct fg_error *err)
{
    png_image png = {.version = PNG_IMAGE_VERSION};
    int code = check_header(bytes, length, err);
    if (code)
        return code;
    if (!png_image_begin_read_from_memory(&png, bytes, length))
        return fg_fail(err, -EINVAL, "truncated or broken PNG: %s", png.message);
    code = fg_image_check_size(png.width, png.height, err);
    if (!code)
        code = read_pixels(image, &png, err);
    png_image_free(&png);
    return code;
}

// ---- writing ------------------------------------------------------------------------------------

struct page {
    const uint8_t *pixels;
    uint32_t width, height, stride;
    uint32_t per_metre; // of grey ones
};

static int write_rgb(FILE *file, const struct page *page, struct fg_error *err)
{
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = page->width,
                     .height = page->height,
                     .format = PNG_FORMAT_RGB};
    int ok = png_image_write_to_stdio(&png, file, 0, page->pixels, (png_int_32)page->stride, NULL);
    int code = errno ? -errno : -EIO;
    if (!ok)
        fg_fail(err, code, "cannot be written: %s", png.message);
    png_image_free(&png);
    return ok ? 0 : code;
}

// libpng calls it in the middle of its work and must not get control back.
static void stop(png_structp png, png_const_charp message)
{
    fg_fail(png_get_error_ptr(png), 0, "cannot be written: %s", message);
    png_longjmp(png, 1);
}

// The simplified interface has no word for a size on paper.
static int write_grey(FILE *file, const struct page *page, struct fg_error *err)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, err, stop, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return fg_fail(err, -ENOMEM, "out of memory");
    }
    if (setjmp(png_jmpbuf(png))) {
        int code = errno ? -errno : -EIO;
        png_destroy_write_struct(&png, &info);
        return code;
    }
    png_init_io(png, file);
    png_set_IHDR(png, info, page->width, page->height, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_pHYs(png, info, page->per_metre, page->per_metre, PNG_RESOLUTION_METER);
    png_write_info(png, info);
    for (uint32_t y = 0; y < page->height; y++)
        png_write_row(png, page->pixels + (size_t)y * page->stride);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return 0;
}

static void remove_partial(const char *path)
{
    struct stat status; // never a device that was named as the output
    if (lstat(path, &status) == 0 && S_ISREG(status.st_mode))
        unlink(path);
}

static int write_page(const char *path, const struct page *page, uint32_t pixel_bytes,
                      int (*write)(FILE *, const struct page *, struct fg_error *),
                      struct fg_error *err)
{
    int code = fg_image_check_size(page->width, page->height, err);
    if (code)
        return code;
    if (page->stride < (uint64_t)page->width * pixel_bytes || page->stride > INT32_MAX)
        return fg_fail(err, -EINVAL, "rows of %u pixels do not fit a stride of %u", page->width,
                       page->stride);
    FILE *file = fopen(path, "wbe");
    if (!file)
        return fg_fail(err, -errno, "%s: cannot be written: %s", path, strerror(errno));
    errno = 0;
    code = write(file, page, err);
    if (fclose(file) != 0 && code == 0)
        code = fg_fail(err, -errno, "cannot be written: %s", strerror(errno));
    if (code == 0)
        return 0;
    remove_partial(path);
    return fg_fail_prefix(err, code, "%s", path);
}

int fg_image_write_png(const char *path, const uint8_t *rgb, uint32_t width, uint32_t height,
                       uint32_t stride, struct fg_error *err)
{
    const struct page page = {rgb, width, height, stride, 0};
    return write_page(path, &page, 3, write_rgb, err);
}

int fg_image_write_png_grey(const char *path, const uint8_t *grey, uint32_t width, uint32_t height,
                            uint32_t stride, uint32_t per_metre, struct fg_error *err)
{
    const struct page page = {grey, width, height, stride, per_metre};
    return write_page(path, &page, 1, write_grey, err);
}
