// SPDX-License-Identifier: Apache-2.0
#include "pipeline/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/image_codecs.h"

int fg_image_check_size(uint64_t width, uint64_t height, struct fg_error *err)
{
    if (width >= 1 && width <= FG_IMAGE_MAX_SIDE && height >= 1 && height <= FG_IMAGE_MAX_SIDE &&
        width * height <= FG_IMAGE_MAX_PIXELS)
        return 0;
    return fg_fail(err, -EFBIG,
                   "the picture says it is %llux%llu: each side must be 1 to %u pixels, and both "
                   "together at most %u megapixels; scale it first",
                   (unsigned long long)width, (unsigned long long)height, FG_IMAGE_MAX_SIDE,
                   FG_IMAGE_MAX_PIXELS / 1000000u);
}

static size_t align_up(size_t n)
{
    return (n + FG_IMAGE_ALIGN - 1) & ~(size_t)(FG_IMAGE_ALIGN - 1);
}

void fg_image_wipe(struct fg_image *image)
{
    if (image->memory)
        explicit_bzero(image->memory, image->capacity);
}

// Without the face that was in it.
static void free_memory(struct fg_image *image)
{
    fg_image_wipe(image);
    free(image->memory);
}

static int grow(struct fg_image *image, size_t bytes, struct fg_error *err)
{
    if (bytes <= image->capacity)
        return 0;
    uint8_t *memory = aligned_alloc(FG_IMAGE_ALIGN, bytes);
    if (!memory)
        return fg_fail(err, -ENOMEM, "no memory for a picture of %zu bytes", bytes);
    free_memory(image);
    image->memory = memory;
    image->capacity = bytes;
    return 0;
}

int fg_image_reserve(struct fg_image *image, const struct fg_image_plane *planes, unsigned n_planes,
                     struct fg_error *err)
{
    size_t strides[3], starts[3], total = 0;
    for (unsigned i = 0; i < n_planes; i++) {
        strides[i] = align_up(planes[i].row_bytes);
        starts[i] = total;
        total += strides[i] * planes[i].rows + FG_IMAGE_ALIGN;
    }
    int code = grow(image, total, err);
    if (code)
        return code;
    image->frame.n_planes = n_planes;
    for (unsigned i = 0; i < n_planes; i++) {
        image->frame.planes[i] = (struct fg_plane){
            .data = image->memory + starts[i],
            .stride = (uint32_t)strides[i],
            .length = (uint32_t)(strides[i] * planes[i].rows + FG_IMAGE_ALIGN),
            .dmabuf_fd = -1,
        };
    }
    return 0;
}

// How an upright pixel (x, y) finds its source: swap the two if transpose, then mirror.
struct turn {
    bool transpose, mirror_x, mirror_y;
};

// EXIF 2.3 (JEITA CP-3451C), tag 0x0112: where the stored picture's row 0 and column 0 belong.
static struct turn turn_for(unsigned orientation)
{
    static const struct turn turns[9] = {
        [2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true},
        [5] = {true, false, false}, [6] = {true, false, true}, [7] = {true, true, true},
        [8] = {true, true, false},
    };
    return turns[orientation];
}

struct plane_size {
    uint32_t width, height;
};

static struct plane_size plane_size(const struct fg_frame *frame, unsigned plane)
{
    unsigned x = plane ? frame->chroma_shift_x : 0, y = plane ? frame->chroma_shift_y : 0;
    return (struct plane_size){(frame->width + (1u << x) - 1) >> x,
                               (frame->height + (1u << y) - 1) >> y};
}

static void turn_row(uint8_t *to, const uint8_t *from, ptrdiff_t step, uint32_t count,
                     unsigned pixel)
{
    if (pixel == 1) {
        for (uint32_t i = 0; i < count; i++, from += step)
            to[i] = *from;
    } else {
        for (uint32_t i = 0; i < count; i++, from += step, to += 3)
            memcpy(to, from, 3);
    }
}

// In strips of columns, so that a transposition's source rows stay in the cache.
static void turn_plane(uint8_t *to, uint32_t to_stride, struct plane_size size,
                       const struct fg_plane *from, struct turn turn, unsigned pixel)
{
    const uint32_t strip = 64;
    ptrdiff_t right = pixel, down = from->stride;
    uint32_t source_width = turn.transpose ? size.height : size.width;
    uint32_t source_height = turn.transpose ? size.width : size.height;
    const uint8_t *origin = from->data;
    if (turn.mirror_x) {
        origin += (size_t)(source_width - 1) * pixel;
        right = -right;
    }
    if (turn.mirror_y) {
        origin += (size_t)(source_height - 1) * from->stride;
        down = -down;
    }
    ptrdiff_t step_x = turn.transpose ? down : right, step_y = turn.transpose ? right : down;
    for (uint32_t x = 0; x < size.width; x += strip) {
        uint32_t count = size.width - x < strip ? size.width - x : strip;
        for (uint32_t y = 0; y < size.height; y++)
            turn_row(to + (size_t)y * to_stride + (size_t)x * pixel,
                     origin + (ptrdiff_t)x * step_x + (ptrdiff_t)y * step_y, step_x, count, pixel);
    }
}

int fg_image_turn(struct fg_image *image, unsigned orientation, struct fg_error *err)
{
    if (orientation < 2 || orientation > 8)
        return 0;
    const struct turn turn = turn_for(orientation);
    const struct fg_frame *from = &image->frame;
    const unsigned pixel = from->fourcc == FG_FOURCC_RGB ? 3 : 1;
    struct fg_image turned = {.frame = *from};
    if (turn.transpose) {
        turned.frame.width = from->height;
        turned.frame.height = from->width;
        turned.frame.chroma_shift_x = from->chroma_shift_y;
        turned.frame.chroma_shift_y = from->chroma_shift_x;
    }
    struct fg_image_plane planes[3];
    for (unsigned i = 0; i < from->n_planes; i++) {
        struct plane_size size = plane_size(&turned.frame, i);
        planes[i] = (struct fg_image_plane){size.width * pixel, size.height};
    }
    int code = fg_image_reserve(&turned, planes, from->n_planes, err);
    if (code)
        return code;
    for (unsigned i = 0; i < from->n_planes; i++) {
        const struct fg_plane *to = &turned.frame.planes[i];
        turn_plane(turned.memory + (to->data - turned.memory), to->stride,
                   plane_size(&turned.frame, i), &from->planes[i], turn, pixel);
    }
    free_memory(image);
    *image = turned;
    image->turned = true;
    return 0;
}

static int decode_jpeg(struct fg_image *image, const uint8_t *bytes, size_t length,
                       struct fg_error *err)
{
    struct fg_jpeg *jpeg = NULL;
    int code = fg_jpeg_create(&jpeg, err);
    if (code)
        return code;
    code = fg_jpeg_decode(jpeg, image, bytes, length, true, err);
    fg_jpeg_destroy(jpeg);
    return code;
}

static bool starts_with(const uint8_t *bytes, size_t length, const void *start, size_t count)
{
    return length >= count && memcmp(bytes, start, count) == 0;
}

enum fg_image_kind fg_image_kind(const uint8_t *bytes, size_t length)
{
    static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const uint8_t jp2[12] = {0, 0, 0, 12, 'j', 'P', ' ', ' ', '\r', '\n', 0x87, '\n'};
    static const uint8_t jpeg[3] = {0xff, 0xd8, 0xff}, j2k[4] = {0xff, 0x4f, 0xff, 0x51};
    if (starts_with(bytes, length, jpeg, sizeof jpeg))
        return FG_IMAGE_JPEG;
    if (starts_with(bytes, length, png, sizeof png))
        return FG_IMAGE_PNG;
    if (starts_with(bytes, length, jp2, sizeof jp2))
        return FG_IMAGE_JP2;
    return starts_with(bytes, length, j2k, sizeof j2k) ? FG_IMAGE_J2K : FG_IMAGE_UNKNOWN;
}

static int decode_kind(struct fg_image *image, const uint8_t *bytes, size_t length,
                       struct fg_error *err)
{
    switch (fg_image_kind(bytes, length)) {
    case FG_IMAGE_JPEG:
        return decode_jpeg(image, bytes, length, err);
    case FG_IMAGE_PNG:
        return fg_png_decode(image, bytes, length, err);
    case FG_IMAGE_JP2:
    case FG_IMAGE_J2K:
        return fg_jp2_decode(image, bytes, length, err);
    default:
        return fg_fail(err, -EINVAL, "neither JPEG, PNG nor JPEG 2000");
    }
}

int fg_image_decode(struct fg_image *image, const void *bytes, size_t length, struct fg_error *err)
{
    image->frame = (struct fg_frame){0};
    image->turned = false;
    if (length > FG_IMAGE_MAX_BYTES)
        return fg_fail(err, -EFBIG, "a picture of %zu bytes is over the limit of %u", length,
                       FG_IMAGE_MAX_BYTES);
    int code = decode_kind(image, bytes, length, err);
    if (code)
        image->frame = (struct fg_frame){0};
    return code;
}

static int read_all(int fd, uint8_t *bytes, size_t length)
{
    while (length) {
        ssize_t got = read(fd, bytes, length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return -EIO; // it shrank since fstat
        bytes += got;
        length -= (size_t)got;
    }
    return 0;
}

static int load_fd(struct fg_image *image, int fd, struct fg_error *err)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return fg_fail(err, -errno, "%s", strerror(errno));
    if (!S_ISREG(status.st_mode))
        return fg_fail(err, -EINVAL, "not a file with a picture");
    if (status.st_size > (off_t)FG_IMAGE_MAX_BYTES)
        return fg_fail(err, -EFBIG, "%lld bytes are over a picture's limit of %u",
                       (long long)status.st_size, FG_IMAGE_MAX_BYTES);
    size_t length = (size_t)status.st_size;
    uint8_t *bytes = malloc(length ? length : 1);
    if (!bytes)
        return fg_fail(err, -ENOMEM, "no memory for a file of %zu bytes", length);
    int code = read_all(fd, bytes, length);
    if (code)
        fg_fail(err, code, "cannot be read: %s", strerror(-code));
    else
        code = fg_image_decode(image, bytes, length, err);
    free(bytes);
    return code;
}

int fg_image_load(struct fg_image *image, const char *path, struct fg_error *err)
{
    // O_NONBLOCK: a FIFO with a picture's name must not hold us up.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    int code = load_fd(image, fd, err);
    close(fd);
    return code ? fg_fail_prefix(err, code, "%s", path) : 0;
}

void fg_image_finish(struct fg_image *image)
{
    free_memory(image);
    *image = (struct fg_image){0};
}
