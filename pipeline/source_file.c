// SPDX-License-Identifier: Apache-2.0
// Pictures that lie in files, played as a camera would give them.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "pipeline/source_file.h"
#include "pipeline/source_kind.h"

#define NS_PER_S 1000000000u

struct file_source {
    struct fg_source_options options;
    struct fg_source_backend backend;
    struct fg_frame_pool *pool;
    uint64_t t0_ns;    // when picture 0 was due; 0 before the first call
    uint64_t sequence; // of the next picture
    uint64_t delivered;
    _Atomic uint64_t broken, copied; // relaxed: figures for people
    uint32_t width, height;
    char description[96], picture[32];
};

int fg_source_file_check(const struct fg_source_file *file, struct fg_error *err)
{
    struct stat status;
    if (fstat(file->fd, &status) == 0 && status.st_size >= (off_t)file->length)
        return 0;
    return fg_fail(err, -EIO,
                   "%s: the file has shrunk while it was playing; play a copy that nobody writes",
                   file->path);
}

void fg_source_file_finish(struct fg_source_file *file)
{
    if (file->bytes)
        munmap((void *)(uintptr_t)file->bytes, file->length);
    if (file->fd >= 0)
        close(file->fd);
    free(file->path);
    *file = (struct fg_source_file){.fd = -1};
}

void fg_source_fill(struct fg_frame *frame, const struct fg_frame *picture)
{
    struct fg_frame filled = *picture;
    filled.pool = frame->pool;
    filled.slot = frame->slot;
    filled.t_capture_ns = frame->t_capture_ns;
    filled.sequence = frame->sequence;
    *frame = filled;
}

static int map_file(struct fg_source_file *file, off_t size, struct fg_error *err)
{
    if (size == 0)
        return fg_fail(err, -EINVAL, "%s: the file is empty", file->path);
    void *bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, file->fd, 0);
    if (bytes == MAP_FAILED)
        return fg_fail(err, -errno, "%s: cannot be mapped: %s", file->path, strerror(errno));
    file->bytes = bytes;
    file->length = (size_t)size;
    madvise(bytes, file->length, MADV_SEQUENTIAL);
    return 0;
}

static int open_mapped(struct fg_source_file *file, struct fg_source_backend *ret,
                       struct fg_error *err)
{
    static const char y4m[9] = "YUV4MPEG2";
    static const uint8_t jpeg[2] = {0xff, 0xd8}, png[4] = {0x89, 'P', 'N', 'G'};
    if (file->length >= sizeof y4m && memcmp(file->bytes, y4m, sizeof y4m) == 0)
        return fg_source_y4m_open(file, ret, err);
    if (file->length >= sizeof png && memcmp(file->bytes, png, sizeof png) == 0)
        return fg_source_picture_open(file->path, ret, err);
    if (file->length >= sizeof jpeg && memcmp(file->bytes, jpeg, sizeof jpeg) == 0)
        return fg_source_mjpeg_open(file, ret, err);
    return fg_fail(err, -EINVAL,
                   "%s: not a source: give a folder of JPEG and PNG pictures, one picture, an "
                   "MJPEG or a Y4M file",
                   file->path);
}

static int open_fd(struct fg_source_file *file, struct fg_source_backend *ret, struct fg_error *err)
{
    struct stat status;
    if (fstat(file->fd, &status) < 0)
        return fg_fail(err, -errno, "%s: %s", file->path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return fg_source_folder_open(file->path, ret, err);
    if (!S_ISREG(status.st_mode))
        return fg_fail(err, -EINVAL, "%s: neither a file nor a folder", file->path);
    int code = map_file(file, status.st_size, err);
    if (code)
        return code;
    // By name, because phones append a second JPEG to a still.
    if (fg_source_is_picture_name(file->path))
        return fg_source_picture_open(file->path, ret, err);
    return open_mapped(file, ret, err);
}

static int open_backend(const char *path, struct fg_source_backend *ret, struct fg_error *err)
{
    struct fg_source_file file = {.fd = -1, .path = strdup(path)};
    if (!file.path)
        return fg_fail(err, -ENOMEM, "no memory for a source");
    int code;
    // O_NONBLOCK: a FIFO must not hold us up before it is refused.
    file.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file.fd < 0)
        code = fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    else
        code = open_fd(&file, ret, err);
    fg_source_file_finish(&file);
    return code;
}

static int check_options(const struct fg_source_options *options, struct fg_error *err)
{
    double rate = options->rate;
    if (rate == 0 || (isfinite(rate) && rate >= 1e-3 && rate <= 1e6))
        return 0;
    return fg_fail(err, -EINVAL,
                   "%g is not a frame rate: give 0.001 to 1000000 a second, or 0 for no limit",
                   rate);
}

static int read_picture(struct file_source *source, uint64_t index, struct fg_frame *frame,
                        struct fg_error *err)
{
    uint64_t copied = 0;
    const struct fg_source_backend *backend = &source->backend;
    int code = backend->ops->read(backend->state, index, frame, &copied, err);
    if (code == 0)
        code = fg_frame_check(frame, err);
    if (code == 0)
        atomic_fetch_add_explicit(&source->copied, copied, memory_order_relaxed);
    return code;
}

// So that a wrong file is refused at once, with its own error.
static int try_first(struct file_source *source, struct fg_error *err)
{
    struct fg_frame *frame = fg_frame_pool_take(source->pool);
    int code = read_picture(source, 0, frame, err);
    if (code == 0) {
        source->width = frame->width;
        source->height = frame->height;
        source->backend.ops->describe(source->backend.state, frame, source->description,
                                      sizeof source->description);
        snprintf(source->picture, sizeof source->picture, "%.4s %ux%u",
                 (const char *)&frame->fourcc, frame->width, frame->height);
    }
    fg_frame_release(frame);
    atomic_store_explicit(&source->copied, 0, memory_order_relaxed); // it was not handed out
    return code;
}

static void file_close(void *state)
{
    struct file_source *source = state;
    if (source->backend.ops)
        source->backend.ops->close(source->backend.state);
    fg_frame_pool_destroy(source->pool);
    free(source);
}

static int file_open(const char *name, const struct fg_source_options *options, void **ret_state,
                     struct fg_frame_pool **ret_pool, struct fg_error *err)
{
    if (!name[0])
        return fg_fail(err, -EINVAL, "'file:' is not a source: write file:PATH");
    int code = check_options(options, err);
    if (code)
        return code;
    struct file_source *source = calloc(1, sizeof *source);
    if (!source)
        return fg_fail(err, -ENOMEM, "no memory for a source");
    source->options = *options;
    code = fg_frame_pool_create(FG_SOURCE_SLOTS, &source->pool);
    if (code)
        fg_fail(err, code, "no frame pool for a source: %s", strerror(-code));
    if (code == 0)
        code = open_backend(name, &source->backend, err);
    if (code == 0 && source->backend.ops->wipe)
        fg_frame_pool_set_wipe(source->pool, source->backend.ops->wipe, source->backend.state);
    if (code == 0)
        code = try_first(source, err);
    if (code) {
        file_close(source);
        return code;
    }
    *ret_state = source;
    *ret_pool = source->pool;
    return 0;
}

static void file_info(const void *state, struct fg_source_info *ret)
{
    const struct file_source *source = state;
    *ret = (struct fg_source_info){.description = source->description,
                                   .picture = source->picture,
                                   .width = source->width,
                                   .height = source->height};
}

static int stopped(struct fg_error *err)
{
    return fg_fail(err, -ECANCELED, "the source was stopped");
}

// Until fd (-1: none) is readable, the time is over, or stop.
static int wait_for(struct file_source *source, int fd, const struct timespec *timeout,
                    struct fg_error *err)
{
    struct pollfd fds[2] = {{.fd = fg_stop_fd(source->options.stop), .events = POLLIN},
                            {.fd = fd, .events = POLLIN}}; // poll skips a negative fd
    if (ppoll(fds, 2, timeout, NULL) < 0 && errno != EINTR)
        return fg_fail(err, -errno, "waiting for a frame: %s", strerror(errno));
    return fg_stop_is_set(source->options.stop) ? stopped(err) : 0;
}

static int take_slot(struct file_source *source, struct fg_frame **ret, struct fg_error *err)
{
    struct fg_frame *frame;
    while (!(frame = fg_frame_pool_take(source->pool))) {
        int code = wait_for(source, fg_frame_pool_fd(source->pool), NULL, err);
        if (code)
            return code;
    }
    *ret = frame;
    return 0;
}

static uint64_t due_ns(const struct file_source *source, uint64_t sequence)
{
    return source->t0_ns + (uint64_t)((double)sequence * (NS_PER_S / source->options.rate));
}

// A consumer that was late by more than a frame gets the picture of now, as from a camera that
// had no free buffer: no burst, the sequence jumps.
static void skip_missed(struct file_source *source, uint64_t now)
{
    double rate = source->options.rate;
    uint64_t period = (uint64_t)(NS_PER_S / rate);
    if (now <= due_ns(source, source->sequence) + period)
        return;
    uint64_t current = (uint64_t)((double)(now - source->t0_ns) / NS_PER_S * rate);
    if (current > source->sequence)
        source->sequence = current;
}

static int wait_until_due(struct file_source *source, uint64_t *ret_capture_ns,
                          struct fg_error *err)
{
    uint64_t now = fg_monotonic_ns();
    if (source->options.rate == 0) {
        *ret_capture_ns = now;
        return 0;
    }
    if (!source->t0_ns)
        source->t0_ns = now;
    skip_missed(source, now);
    uint64_t due = due_ns(source, source->sequence);
    while (now < due) {
        struct timespec left = {.tv_sec = (time_t)((due - now) / NS_PER_S),
                                .tv_nsec = (long)((due - now) % NS_PER_S)};
        int code = wait_for(source, -1, &left, err);
        if (code)
            return code;
        now = fg_monotonic_ns();
    }
    *ret_capture_ns = due;
    return 0;
}

static bool at_end(const struct file_source *source)
{
    const struct fg_source_options *options = &source->options;
    return (options->max_frames && source->delivered >= options->max_frames) ||
           (!options->loop && source->sequence >= source->backend.count);
}

static int fill(struct file_source *source, struct fg_frame *frame, struct fg_error *err)
{
    int code = wait_until_due(source, &frame->t_capture_ns, err);
    if (code)
        return code;
    if (at_end(source)) // skipped past it
        return 1;
    frame->sequence = source->sequence++;
    code = read_picture(source, frame->sequence % source->backend.count, frame, err);
    if (code == 0 || code == -EIO || code == -ENOMEM)
        return code;
    atomic_fetch_add_explicit(&source->broken, 1, memory_order_relaxed);
    return -EBADMSG;
}

static int file_next(void *state, struct fg_frame **ret, struct fg_error *err)
{
    struct file_source *source = state;
    struct fg_frame *frame;
    if (fg_stop_is_set(source->options.stop))
        return stopped(err);
    if (at_end(source))
        return 1;
    int code = take_slot(source, &frame, err);
    if (code)
        return code;
    code = fill(source, frame, err);
    if (code) {
        fg_frame_release(frame);
        return code;
    }
    source->delivered++;
    *ret = frame;
    return 0;
}

static void file_counts(const void *state, struct fg_source_counts *ret)
{
    const struct file_source *source = state;
    *ret = (struct fg_source_counts){
        .broken = atomic_load_explicit(&source->broken, memory_order_relaxed),
        .copied = atomic_load_explicit(&source->copied, memory_order_relaxed),
    };
}

static void file_halt(void *state)
{
    (void)state; // nothing is held between two calls
}

static bool file_is_there(const char *name)
{
    return name[0] != 0;
}

const struct fg_source_kind fg_source_kind_file = {
    .prefix = "file:",
    .open = file_open,
    .info = file_info,
    .next = file_next,
    .counts = file_counts,
    .halt = file_halt,
    .close = file_close,
    .is_there = file_is_there,
};
