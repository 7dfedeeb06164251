// SPDX-License-Identifier: Apache-2.0
#include "pipeline/v4l2_buffers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <string.h>
#include <unistd.h>

#include "common/wipe.h"
#include "pipeline/buffer_memory.h"
#include "pipeline/image.h"

// ---- making them --------------------------------------------------------------------------------

// A v4l2_buffer for a question about buffer `index`; `planes` has FG_V4L2_PARTS of them.
static struct v4l2_buffer question(const struct fg_v4l2_buffers *buffers, unsigned index,
                                   struct v4l2_plane *planes)
{
    struct v4l2_buffer buffer = {
        .index = index, .type = buffers->device->type, .memory = V4L2_MEMORY_MMAP};
    memset(planes, 0, FG_V4L2_PARTS * sizeof *planes);
    if (fg_v4l2_is_multiplanar(buffers->device)) {
        buffer.m.planes = planes;
        buffer.length = buffers->format.n_parts;
    }
    return buffer;
}

static int request(struct fg_v4l2_buffers *buffers, unsigned wanted, struct fg_error *err)
{
    struct v4l2_requestbuffers answer = {
        .count = wanted, .type = buffers->device->type, .memory = V4L2_MEMORY_MMAP};
    int code = fg_v4l2_ask(buffers->device, VIDIOC_REQBUFS, &answer);
    if (code)
        return fg_v4l2_fail(buffers->device, code, "asking for buffers", err);
    if (answer.count < FG_V4L2_MIN_BUFFERS)
        return fg_fail(err, -ENOMEM,
                       "%s: its driver gives %u buffers where %u are needed: free memory, or wish "
                       "a smaller picture",
                       buffers->device->path, answer.count, FG_V4L2_MIN_BUFFERS);
    buffers->n = answer.count < FG_POOL_SLOTS ? answer.count : FG_POOL_SLOTS;
    return 0;
}

static int ask_lengths(struct fg_v4l2_buffers *buffers, unsigned index, struct fg_error *err)
{
    const struct fg_v4l2_format *format = &buffers->format;
    struct fg_v4l2_buffer *buffer = &buffers->all[index];
    struct v4l2_plane planes[FG_V4L2_PARTS];
    struct v4l2_buffer answer = question(buffers, index, planes);
    const bool multi = fg_v4l2_is_multiplanar(buffers->device);
    int code = fg_v4l2_ask(buffers->device, VIDIOC_QUERYBUF, &answer);
    if (code)
        return fg_v4l2_fail(buffers->device, code, "asking where its buffers are", err);
    if (multi && answer.length != format->n_parts)
        return fg_fail(err, -EPROTO, "%s: its driver says %u memory planes a buffer, not %u",
                       buffers->device->path, answer.length, format->n_parts);
    for (unsigned i = 0; i < format->n_parts; i++) {
        buffer->parts[i].length = multi ? planes[i].length : answer.length;
        buffer->offsets[i] = multi ? planes[i].m.mem_offset : answer.m.offset;
        if (buffer->parts[i].length < format->need[i] ||
            buffer->parts[i].length > FG_V4L2_MAX_BYTES)
            return fg_fail(err, -EPROTO,
                           "%s: its driver gives a buffer of %zu bytes for a picture of %u or more",
                           buffers->device->path, buffer->parts[i].length, format->need[i]);
    }
    return 0;
}

// ---- mapping them -------------------------------------------------------------------------------

static void drop_part(const struct fg_v4l2_device *device, struct fg_v4l2_part *part)
{
    if (part->bytes)
        device->system->unmap(part->bytes, part->length);
    if (part->writable)
        device->system->unmap(part->writable, part->length);
    if (part->dmabuf_fd >= 0)
        close(part->dmabuf_fd);
    part->bytes = NULL;
    part->writable = NULL;
    part->dmabuf_fd = -1;
}

static void drop_parts(struct fg_v4l2_buffers *buffers)
{
    for (unsigned i = 0; i < FG_POOL_SLOTS; i++)
        for (unsigned p = 0; p < FG_V4L2_PARTS; p++)
            drop_part(buffers->device, &buffers->all[i].parts[p]);
}

// A dma-buf that is shorter than the driver said would kill whoever reads its end.
static bool is_long_enough(int fd, size_t length)
{
    const off_t end = lseek(fd, 0, SEEK_END);
    return end >= 0 && (uint64_t)end >= length;
}

static int export_part(const struct fg_v4l2_device *device, struct fg_v4l2_part *part,
                       unsigned index, unsigned plane)
{
    struct v4l2_exportbuffer answer = {.type = device->type,
                                       .index = index,
                                       .plane = plane,
                                       .flags = O_RDONLY | O_CLOEXEC,
                                       .fd = -1};
    int code = fg_v4l2_ask(device, VIDIOC_EXPBUF, &answer);
    if (code)
        return code;
    if (answer.fd < 0)
        return -EPROTO;
    part->dmabuf_fd = answer.fd;
    if (!is_long_enough(answer.fd, part->length))
        return -EPROTO;
    part->bytes = device->system->map(answer.fd, part->length, 0);
    return part->bytes ? 0 : -ENOMEM;
}

// All or none: a driver without export, or whose dma-bufs cannot be mapped, has its own mapping.
static int export_all(struct fg_v4l2_buffers *buffers)
{
    for (unsigned i = 0; i < buffers->n; i++) {
        for (unsigned p = 0; p < buffers->format.n_parts; p++) {
            int code = export_part(buffers->device, &buffers->all[i].parts[p], i, p);
            if (code) {
                drop_parts(buffers);
                return code;
            }
        }
    }
    buffers->exported = true;
    return 0;
}

static int map_all(struct fg_v4l2_buffers *buffers, struct fg_error *err)
{
    const struct fg_v4l2_device *device = buffers->device;
    for (unsigned i = 0; i < buffers->n; i++) {
        for (unsigned p = 0; p < buffers->format.n_parts; p++) {
            struct fg_v4l2_part *part = &buffers->all[i].parts[p];
            part->bytes = device->system->map(device->fd, part->length, buffers->all[i].offsets[p]);
            if (!part->bytes)
                return fg_fail(err, -ENOMEM,
                               "%s: %zu bytes of its buffers cannot be mapped: free memory, or "
                               "look for the driver's reason in 'dmesg'",
                               device->path, part->length);
        }
    }
    return 0;
}

// Of the first buffer, once: all are made alike.
static bool ask_uncached(const struct fg_v4l2_buffers *buffers)
{
    const struct fg_v4l2_part *part = &buffers->all[0].parts[0];
    const struct fg_frame frame = {.n_planes = 1, .planes = {{.dmabuf_fd = part->dmabuf_fd}}};
    if (fg_frame_read_begin(&frame) < 0)
        return false; // each frame will say so
    bool uncached = buffers->device->system->is_uncached(part->bytes, part->length);
    fg_frame_read_end(&frame);
    return uncached;
}

int fg_v4l2_buffers_init(struct fg_v4l2_buffers *buffers, const struct fg_v4l2_device *device,
                         const struct fg_v4l2_format *format, unsigned wanted, struct fg_error *err)
{
    *buffers = (struct fg_v4l2_buffers){.device = device, .format = *format};
    for (unsigned i = 0; i < FG_POOL_SLOTS; i++)
        for (unsigned p = 0; p < FG_V4L2_PARTS; p++)
            buffers->all[i].parts[p].dmabuf_fd = -1;
    int code = request(buffers, wanted, err);
    for (unsigned i = 0; i < buffers->n && code == 0; i++)
        code = ask_lengths(buffers, i, err);
    if (code)
        return code;
    code = export_all(buffers);
    if (code == -ENODEV)
        return fg_v4l2_fail(device, code, "exporting its buffers", err);
    if (code)
        code = map_all(buffers, err);
    if (code == 0)
        buffers->uncached = ask_uncached(buffers);
    return code;
}

void fg_v4l2_buffers_finish(struct fg_v4l2_buffers *buffers)
{
    if (!buffers->device)
        return;
    fg_v4l2_buffers_stop(buffers);
    drop_parts(buffers);
    buffers->n = 0;
}

// ---- streaming ----------------------------------------------------------------------------------

// Through a mapping of its own, of the device itself: a dma-buf is exported for reading alone.
static bool wipe_part(const struct fg_v4l2_device *device, struct fg_v4l2_part *part,
                      uint64_t offset)
{
    if (!part->writable)
        part->writable = device->system->map_to_write(device->fd, part->length, offset);
    if (part->writable)
        fg_buffer_zero(part->writable, part->length, part->dmabuf_fd);
    return part->writable != NULL;
}

static void wipe(struct fg_v4l2_buffers *buffers, unsigned index)
{
    struct fg_v4l2_buffer *buffer = &buffers->all[index];
    bool wiped = true;
    for (unsigned p = 0; p < buffers->format.n_parts; p++)
        wiped &= wipe_part(buffers->device, &buffer->parts[p], buffer->offsets[p]);
    buffers->unwiped += !wiped;
}

int fg_v4l2_buffers_queue(struct fg_v4l2_buffers *buffers, unsigned index, struct fg_error *err)
{
    if (fg_wipes())
        wipe(buffers, index);
    struct v4l2_plane planes[FG_V4L2_PARTS];
    struct v4l2_buffer buffer = question(buffers, index, planes);
    if (fg_v4l2_is_multiplanar(buffers->device))
        for (unsigned i = 0; i < buffers->format.n_parts; i++)
            planes[i].length = (uint32_t)buffers->all[index].parts[i].length;
    int code = fg_v4l2_ask(buffers->device, VIDIOC_QBUF, &buffer);
    if (code)
        return fg_v4l2_fail(buffers->device, code, "giving it a buffer", err);
    buffers->all[index].queued = true;
    return 0;
}

unsigned fg_v4l2_buffers_queued(const struct fg_v4l2_buffers *buffers)
{
    unsigned queued = 0;
    for (unsigned i = 0; i < buffers->n; i++)
        queued += buffers->all[i].queued;
    return queued;
}

int fg_v4l2_buffers_start(struct fg_v4l2_buffers *buffers, struct fg_error *err)
{
    const struct fg_v4l2_device *device = buffers->device;
    int type = (int)device->type;
    int code = fg_v4l2_ask(device, VIDIOC_STREAMON, &type);
    switch (code) {
    case 0:
        buffers->streaming = true;
        return 0;
    case -ENOSPC:
        return fg_fail(err, code,
                       "%s: not enough USB bandwidth for this picture: use another port, MJPEG, or "
                       "a smaller picture or rate",
                       device->path);
    case -EPIPE:
    case -ENOLINK:
        return fg_fail(err, code,
                       "%s: the parts in front of this node are not set up: use libcamera:%s",
                       device->path, device->path);
    default:
        return fg_v4l2_fail(device, code, "starting the stream", err);
    }
}

void fg_v4l2_buffers_stop(struct fg_v4l2_buffers *buffers)
{
    if (!buffers->streaming)
        return;
    int type = (int)buffers->device->type;
    fg_v4l2_ask(buffers->device, VIDIOC_STREAMOFF, &type); // a camera that is gone has stopped too
    buffers->streaming = false;
    for (unsigned i = 0; i < buffers->n; i++)
        buffers->all[i].queued = false;
}

// ---- what comes back ----------------------------------------------------------------------------

static int check_index(const struct fg_v4l2_buffers *buffers, const struct v4l2_buffer *answer,
                       struct fg_error *err)
{
    const char *path = buffers->device->path;
    if (answer->index >= buffers->n)
        return fg_fail(err, -EPROTO, "%s: its driver gave buffer %u of %u; the stream is given up",
                       path, answer->index, buffers->n);
    if (fg_v4l2_is_multiplanar(buffers->device) && answer->length != buffers->format.n_parts)
        return fg_fail(err, -EPROTO,
                       "%s: its driver gave a buffer of %u memory planes, not %u; the stream is "
                       "given up",
                       path, answer->length, buffers->format.n_parts);
    return 0;
}

static int check_payload(const struct fg_v4l2_buffers *buffers, unsigned index, unsigned part,
                         uint32_t used, uint32_t offset, struct fg_v4l2_extent *ret,
                         struct fg_error *err)
{
    const struct fg_v4l2_format *format = &buffers->format;
    const size_t length = buffers->all[index].parts[part].length;
    const char *path = buffers->device->path;
    if (used > length || offset > used)
        return fg_fail(err, -EBADMSG, "%s: its driver says bytes %u to %u of a buffer that has %zu",
                       path, offset, used, length);
    if (used - offset < format->need[part])
        return fg_fail(err, -EBADMSG, "%s: a short frame: %u bytes of %u", path, used - offset,
                       format->need[part]);
    if (format->fourcc == FG_FOURCC_MJPG && used - offset > FG_IMAGE_MAX_BYTES)
        return fg_fail(err, -EBADMSG, "%s: a JPEG of %u bytes is over the limit of %u", path,
                       used - offset, FG_IMAGE_MAX_BYTES);
    *ret = (struct fg_v4l2_extent){offset, used - offset};
    return 0;
}

static int check_arrival(const struct fg_v4l2_buffers *buffers, const struct v4l2_buffer *answer,
                         const struct v4l2_plane *planes, struct fg_v4l2_arrival *arrival,
                         struct fg_error *err)
{
    if (answer->flags & V4L2_BUF_FLAG_ERROR)
        return fg_fail(err, -EBADMSG,
                       "%s: a frame that the camera marked as damaged: check cable, port and power",
                       buffers->device->path);
    if (!fg_v4l2_is_multiplanar(buffers->device))
        return check_payload(buffers, answer->index, 0, answer->bytesused, 0, &arrival->extents[0],
                             err);
    int code = 0;
    for (unsigned i = 0; i < buffers->format.n_parts && code == 0; i++)
        code = check_payload(buffers, answer->index, i, planes[i].bytesused, planes[i].data_offset,
                             &arrival->extents[i], err);
    return code;
}

int fg_v4l2_buffers_take(struct fg_v4l2_buffers *buffers, struct fg_v4l2_arrival *ret,
                         struct fg_error *err)
{
    struct v4l2_plane planes[FG_V4L2_PARTS];
    struct v4l2_buffer answer = question(buffers, 0, planes);
    int code = fg_v4l2_ask(buffers->device, VIDIOC_DQBUF, &answer);
    if (code == -EAGAIN)
        return code;
    if (code)
        return fg_v4l2_fail(buffers->device, code, "taking a frame", err);
    code = check_index(buffers, &answer, err);
    if (code)
        return code;
    *ret = (struct fg_v4l2_arrival){.index = answer.index,
                                    .flags = answer.flags,
                                    .sequence = answer.sequence,
                                    .timestamp = answer.timestamp,
                                    .held = !buffers->all[answer.index].queued};
    if (ret->held) // v4l2loopback does so
        return fg_fail(err, -EBADMSG,
                       "%s: a frame in a buffer that its driver did not have: it may have changed "
                       "another under its reader",
                       buffers->device->path);
    buffers->all[answer.index].queued = false;
    return check_arrival(buffers, &answer, planes, ret, err);
}

uint64_t fg_v4l2_arrival_ns(const struct fg_v4l2_arrival *arrival)
{
    const struct timeval *t = &arrival->timestamp;
    if ((arrival->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) != V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC ||
        t->tv_sec < 0 || t->tv_sec > INT32_MAX || t->tv_usec < 0 || t->tv_usec > 999999)
        return UINT64_MAX;
    return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_usec * 1000u;
}
