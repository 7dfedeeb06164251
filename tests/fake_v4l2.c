// SPDX-License-Identifier: Apache-2.0
#include "tests/fake_v4l2.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "pipeline/v4l2_device.h"

static struct fake_v4l2 *camera; // the one that is installed
static atomic_int sync_depth;
static atomic_uint syncs;

#define PAGE 4096u

// ---- dma-buf --------------------------------------------------------------------------------

static int sync_memory(const struct dma_buf_sync *sync)
{
    if (camera->sync_code) {
        errno = -camera->sync_code;
        return -1;
    }
    if (sync->flags & DMA_BUF_SYNC_END) {
        if (atomic_fetch_sub(&sync_depth, 1) <= 0)
            atomic_fetch_sub(&sync_depth, 1000);
        return 0;
    }
    atomic_fetch_add(&sync_depth, 1);
    atomic_fetch_add(&syncs, 1);
    return 0;
}

// The program's own ioctl, found before the C library's: a memfd does not know the request.
int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (camera && request == DMA_BUF_IOCTL_SYNC)
        return sync_memory(argument);
    return (int)syscall(SYS_ioctl, fd, request, argument);
}

int fake_v4l2_sync_depth(void)
{
    return atomic_load(&sync_depth);
}

unsigned fake_v4l2_syncs(void)
{
    return atomic_load(&syncs);
}

// ---- formats --------------------------------------------------------------------------------

static uint32_t format_at(const struct fake_v4l2 *fake, unsigned wanted)
{
    unsigned n = 0;
    for (unsigned i = 0; i < 8 && fake->modes[i].pixelformat; i++) {
        bool seen = false;
        for (unsigned k = 0; k < i; k++)
            seen |= fake->modes[k].pixelformat == fake->modes[i].pixelformat;
        if (!seen && n++ == wanted)
            return fake->modes[i].pixelformat;
    }
    return 0;
}

static const struct fake_mode *mode_at(const struct fake_v4l2 *fake, uint32_t pixelformat,
                                       unsigned wanted)
{
    unsigned n = 0;
    for (unsigned i = 0; i < 8 && fake->modes[i].pixelformat; i++)
        if (fake->modes[i].pixelformat == pixelformat && n++ == wanted)
            return &fake->modes[i];
    return NULL;
}

static const struct fake_mode *mode_of(const struct fake_v4l2 *fake, uint32_t pixelformat,
                                       uint32_t width, uint32_t height)
{
    const struct fake_mode *mode;
    for (unsigned i = 0; (mode = mode_at(fake, pixelformat, i)); i++)
        if (mode->width == width && mode->height == height)
            return mode;
    return NULL;
}

static int list_format(const struct fake_v4l2 *fake, struct v4l2_fmtdesc *ask)
{
    uint32_t pixelformat = format_at(fake, ask->index);
    if (!pixelformat)
        return -EINVAL;
    ask->pixelformat = pixelformat;
    return 0;
}

static int list_size(const struct fake_v4l2 *fake, struct v4l2_frmsizeenum *ask)
{
    const struct fake_mode *mode = mode_at(fake, ask->pixel_format, ask->index);
    if (fake->lists_nothing)
        return -ENOTTY;
    if (fake->stepwise || fake->continuous) {
        if (ask->index > 0)
            return -EINVAL;
        ask->type = fake->continuous ? V4L2_FRMSIZE_TYPE_CONTINUOUS : V4L2_FRMSIZE_TYPE_STEPWISE;
        ask->stepwise = (struct v4l2_frmsize_stepwise){160, 4096, 16, 120, 2160, 8};
        return 0;
    }
    if (!mode)
        return -EINVAL;
    ask->type = V4L2_FRMSIZE_TYPE_DISCRETE;
    ask->discrete = (struct v4l2_frmsize_discrete){mode->width, mode->height};
    return 0;
}

static int list_rate(const struct fake_v4l2 *fake, struct v4l2_frmivalenum *ask)
{
    const struct fake_mode *mode = mode_of(fake, ask->pixel_format, ask->width, ask->height);
    if (fake->lists_nothing)
        return -ENOTTY;
    if (fake->stepwise || fake->continuous) {
        if (ask->index > 0)
            return -EINVAL;
        ask->type = V4L2_FRMIVAL_TYPE_CONTINUOUS;
        ask->stepwise = (struct v4l2_frmival_stepwise){{1, 60}, {1, 1}, {1, 1}};
        return 0;
    }
    if (!mode || ask->index >= 3 || !mode->rates[ask->index])
        return -EINVAL;
    ask->type = V4L2_FRMIVAL_TYPE_DISCRETE;
    ask->discrete = (struct v4l2_fract){1, mode->rates[ask->index]};
    return 0;
}

// ---- format and rate ------------------------------------------------------------------------

static unsigned parts_of(uint32_t pixelformat)
{
    return pixelformat == V4L2_PIX_FMT_NV12M ? 2 : 1;
}

static void measure(const struct fake_v4l2 *fake, uint32_t pixelformat, uint32_t width,
                    uint32_t height, unsigned part, uint32_t *stride, uint32_t *size)
{
    *stride = width + fake->padding;
    switch (pixelformat) {
    case V4L2_PIX_FMT_YUYV:
    case V4L2_PIX_FMT_UYVY:
        *stride = (width + 1) / 2 * 4 + fake->padding;
        *size = *stride * height;
        break;
    case V4L2_PIX_FMT_NV12:
        *size = *stride * height * 3 / 2;
        break;
    case V4L2_PIX_FMT_NV12M:
        *size = part ? *stride * height / 2 : *stride * height;
        break;
    case V4L2_PIX_FMT_MJPEG:
        *stride = 0;
        *size = width * height * 2;
        break;
    default:
        *size = *stride * height;
    }
}

static int set_multi(struct fake_v4l2 *fake, struct v4l2_pix_format_mplane *pix)
{
    pix->num_planes = (uint8_t)parts_of(pix->pixelformat);
    pix->field = V4L2_FIELD_NONE;
    pix->quantization = (uint8_t)fake->quantization;
    pix->colorspace = fake->colorspace ? fake->colorspace : V4L2_COLORSPACE_SRGB;
    for (unsigned i = 0; i < pix->num_planes; i++) {
        uint32_t stride, size;
        measure(fake, pix->pixelformat, pix->width, pix->height, i, &stride, &size);
        pix->plane_fmt[i].bytesperline = stride;
        pix->plane_fmt[i].sizeimage = size;
    }
    return 0;
}

static int set_single(struct fake_v4l2 *fake, struct v4l2_pix_format *pix)
{
    pix->field = V4L2_FIELD_NONE;
    pix->quantization = fake->quantization;
    pix->colorspace = fake->colorspace ? fake->colorspace : V4L2_COLORSPACE_SRGB;
    measure(fake, pix->pixelformat, pix->width, pix->height, 0, &pix->bytesperline,
            &pix->sizeimage);
    return 0;
}

static int set_format(struct fake_v4l2 *fake, struct v4l2_format *ask)
{
    int code =
        fake->multiplanar ? set_multi(fake, &ask->fmt.pix_mp) : set_single(fake, &ask->fmt.pix);
    fake->format = *ask;
    return code;
}

static int set_rate(struct fake_v4l2 *fake, struct v4l2_streamparm *ask)
{
    if (fake->no_rate)
        return -ENOTTY;
    ask->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
    if (!ask->parm.capture.timeperframe.numerator)
        ask->parm.capture.timeperframe = (struct v4l2_fract){1, 30};
    fake->interval = ask->parm.capture.timeperframe;
    return 0;
}

// ---- controls -------------------------------------------------------------------------------

static int control_index(const struct fake_v4l2 *fake, uint32_t id)
{
    for (int i = 0; fake->controls && fake->controls[i].id; i++)
        if (fake->controls[i].id == id)
            return i;
    return -1;
}

// The one of the smallest id after `id`.
static int next_index(const struct fake_v4l2 *fake, uint32_t id)
{
    int best = -1;
    for (int i = 0; fake->controls && fake->controls[i].id; i++)
        if (fake->controls[i].id > id &&
            (best < 0 || fake->controls[i].id < fake->controls[best].id))
            best = i;
    return best;
}

static int query_control(const struct fake_v4l2 *fake, struct v4l2_query_ext_ctrl *ask)
{
    const bool next = ask->id & V4L2_CTRL_FLAG_NEXT_CTRL;
    const uint32_t id = ask->id & ~(uint32_t)V4L2_CTRL_FLAG_NEXT_CTRL;
    int i = next ? next_index(fake, id) : control_index(fake, id);
    if (i < 0)
        return -EINVAL;
    const struct fake_control *control = &fake->controls[i];
    int other = control_index(fake, control->inactive_for);
    ask->id = control->id;
    ask->type = control->type;
    ask->minimum = control->minimum;
    ask->maximum = control->maximum;
    ask->flags = control->flags;
    if (other >= 0 && fake->values[other] != control->inactive_until)
        ask->flags |= V4L2_CTRL_FLAG_INACTIVE;
    snprintf(ask->name, sizeof ask->name, "%s", control->name);
    return 0;
}

static int set_control(struct fake_v4l2 *fake, const struct v4l2_ext_controls *ask)
{
    int i = control_index(fake, ask->controls[0].id);
    if (i < 0)
        return -EINVAL;
    const struct fake_control *control = &fake->controls[i];
    const bool wide = control->type == V4L2_CTRL_TYPE_INTEGER64;
    int64_t value = wide ? ask->controls[0].value64 : ask->controls[0].value;
    if (control->type == V4L2_CTRL_TYPE_MENU && !(control->items >> value & 1))
        return -EINVAL;
    fake->values[i] = control->step ? value / control->step * control->step : value;
    return 0;
}

static int get_control(const struct fake_v4l2 *fake, const struct v4l2_ext_controls *ask)
{
    int i = control_index(fake, ask->controls[0].id);
    if (i < 0)
        return -EINVAL;
    if (fake->controls[i].type == V4L2_CTRL_TYPE_INTEGER64)
        ask->controls[0].value64 = fake->values[i];
    else
        ask->controls[0].value = (int32_t)fake->values[i];
    return 0;
}

static int query_menu(const struct fake_v4l2 *fake, const struct v4l2_querymenu *ask)
{
    int i = control_index(fake, ask->id);
    return i >= 0 && ask->index < 32 && (fake->controls[i].items >> ask->index & 1) ? 0 : -EINVAL;
}

// ---- buffers --------------------------------------------------------------------------------

static uint32_t pixelformat_of(const struct fake_v4l2 *fake)
{
    return fake->multiplanar ? fake->format.fmt.pix_mp.pixelformat
                             : fake->format.fmt.pix.pixelformat;
}

static void free_buffers(struct fake_v4l2 *fake)
{
    for (unsigned i = 0; i < fake->n_buffers; i++)
        for (unsigned p = 0; p < 2; p++)
            if (fake->buffers[i].fd[p] >= 0)
                close(fake->buffers[i].fd[p]);
    fake->n_buffers = 0;
}

static int request_buffers(struct fake_v4l2 *fake, struct v4l2_requestbuffers *ask)
{
    free_buffers(fake);
    for (unsigned i = 0; i < ask->count && i < FAKE_BUFFERS; i++) {
        struct fake_buffer *buffer = &fake->buffers[i];
        *buffer = (struct fake_buffer){.fd = {-1, -1}};
        fake->n_buffers = i + 1;
        for (unsigned p = 0; p < parts_of(pixelformat_of(fake)); p++) {
            buffer->length[p] = fake->multiplanar ? fake->format.fmt.pix_mp.plane_fmt[p].sizeimage
                                                  : fake->format.fmt.pix.sizeimage;
            buffer->fd[p] = memfd_create("fake-v4l2", MFD_CLOEXEC);
            if (buffer->fd[p] < 0 || ftruncate(buffer->fd[p], (off_t)buffer->length[p]) < 0)
                return -ENOMEM;
        }
    }
    ask->count = fake->n_buffers;
    return 0;
}

// Where the device's own mapping has a part.
static uint32_t place_of(unsigned index, unsigned part)
{
    return (index * 2 + part + 1) * PAGE;
}

static int query_buffer(const struct fake_v4l2 *fake, struct v4l2_buffer *ask)
{
    if (ask->index >= fake->n_buffers)
        return -EINVAL;
    const struct fake_buffer *buffer = &fake->buffers[ask->index];
    if (!fake->multiplanar) {
        ask->length = (uint32_t)buffer->length[0];
        ask->m.offset = place_of(ask->index, 0);
        return 0;
    }
    ask->length = parts_of(pixelformat_of(fake));
    for (unsigned p = 0; p < ask->length; p++) {
        ask->m.planes[p].length = (uint32_t)buffer->length[p];
        ask->m.planes[p].m.mem_offset = place_of(ask->index, p);
    }
    return 0;
}

static int export_buffer(struct fake_v4l2 *fake, struct v4l2_exportbuffer *ask)
{
    if (fake->no_export)
        return -ENOTTY;
    if (ask->index >= fake->n_buffers || ask->plane >= 2 ||
        fake->buffers[ask->index].fd[ask->plane] < 0)
        return -EINVAL;
    ask->fd = fcntl(fake->buffers[ask->index].fd[ask->plane], F_DUPFD_CLOEXEC, 0);
    fake->exported += ask->fd >= 0;
    return ask->fd < 0 ? -errno : 0;
}

static int queue_buffer(struct fake_v4l2 *fake, const struct v4l2_buffer *ask)
{
    if (ask->index >= fake->n_buffers || fake->buffers[ask->index].queued ||
        fake->buffers[ask->index].done)
        return -EINVAL;
    fake->buffers[ask->index].queued = true;
    fake->fifo[fake->n_fifo++] = ask->index;
    return 0;
}

static unsigned pop(unsigned *list, unsigned *n)
{
    unsigned first = list[0];
    memmove(list, list + 1, (*n - 1) * sizeof *list);
    (*n)--;
    return first;
}

static int take_buffer(struct fake_v4l2 *fake, struct v4l2_buffer *ask)
{
    if (!fake->streaming)
        return -EINVAL;
    if (!fake->n_done)
        return -EAGAIN;
    struct fake_buffer *buffer = &fake->buffers[pop(fake->done, &fake->n_done)];
    struct v4l2_plane *planes = ask->m.planes;
    buffer->done = false;
    *ask = buffer->answer;
    if (fake->multiplanar) {
        memcpy(planes, buffer->planes, ask->length * sizeof *planes);
        ask->m.planes = planes;
    }
    return 0;
}

static int stop(struct fake_v4l2 *fake)
{
    fake->streaming = false;
    fake->n_fifo = fake->n_done = 0;
    for (unsigned i = 0; i < fake->n_buffers; i++)
        fake->buffers[i].queued = fake->buffers[i].done = false;
    fake->stream_off++;
    return 0;
}

static void fill_part(struct fake_v4l2 *fake, struct fake_buffer *buffer, unsigned part,
                      const struct fake_frame *frame)
{
    const size_t length = buffer->length[part];
    uint8_t *bytes = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, buffer->fd[part], 0);
    if (bytes == MAP_FAILED)
        abort();
    size_t used = buffer->length[part];
    if (frame->bytes && part == 0) {
        memcpy(bytes + frame->offset, frame->bytes, frame->length);
        used = frame->length;
    } else {
        memset(bytes + frame->offset, frame->value + (int)part, length - frame->offset);
    }
    munmap(bytes, length);
    if (part + 1 == parts_of(pixelformat_of(fake)))
        used -= frame->cut;
    buffer->planes[part].length = (uint32_t)buffer->length[part];
    buffer->planes[part].bytesused = (uint32_t)used;
    buffer->planes[part].data_offset = frame->offset;
}

static struct timeval time_before(int64_t late_us)
{
    const int64_t us = (int64_t)(fg_monotonic_ns() / 1000) - late_us;
    return (struct timeval){.tv_sec = us / 1000000, .tv_usec = us % 1000000};
}

bool fake_v4l2_shoot(struct fake_v4l2 *fake, const struct fake_frame *frame)
{
    const unsigned n_parts = parts_of(pixelformat_of(fake));
    const uint32_t sequence = fake->sequence + frame->skip;
    fake->sequence = sequence + 1;
    if (!fake->streaming || !fake->n_fifo)
        return false;
    const unsigned index = pop(fake->fifo, &fake->n_fifo);
    struct fake_buffer *buffer = &fake->buffers[index];
    for (unsigned p = 0; p < n_parts; p++)
        fill_part(fake, buffer, p, frame);
    buffer->queued = false;
    buffer->done = true;
    buffer->answer = (struct v4l2_buffer){
        .index = index,
        .type = fake->format.type,
        .memory = V4L2_MEMORY_MMAP,
        .field = V4L2_FIELD_NONE,
        .flags = frame->flags ? frame->flags : V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
        .sequence = sequence,
        .timestamp = time_before(frame->late_us),
        .bytesused = fake->multiplanar ? 0 : buffer->planes[0].bytesused,
        .length = fake->multiplanar ? n_parts : (uint32_t)buffer->length[0]};
    fake->done[fake->n_done++] = index;
    return true;
}

// ---- requests -------------------------------------------------------------------------------

static int query_capabilities(const struct fake_v4l2 *fake, struct v4l2_capability *ask)
{
    const uint32_t usual = V4L2_CAP_STREAMING | (fake->multiplanar ? V4L2_CAP_VIDEO_CAPTURE_MPLANE
                                                                   : V4L2_CAP_VIDEO_CAPTURE);
    ask->device_caps = fake->capabilities ? fake->capabilities : usual;
    // Of the whole device, of which another node may capture.
    ask->capabilities = ask->device_caps | V4L2_CAP_DEVICE_CAPS | V4L2_CAP_VIDEO_CAPTURE;
    memcpy(ask->driver, "fakevideo", 10);
    memcpy(ask->card, "Fake Camera", 12);
    memcpy(ask->bus_info, "usb-1.2", 8);
    return 0;
}

static int take_event(struct fake_v4l2 *fake, struct v4l2_event *ask)
{
    if (!fake->event_pending)
        return -ENOENT;
    fake->event_pending = false;
    ask->type = V4L2_EVENT_SOURCE_CHANGE;
    ask->u.src_change.changes = V4L2_EVENT_SRC_CH_RESOLUTION;
    return 0;
}

static int answer(struct fake_v4l2 *fake, unsigned long request, void *argument)
{
    switch (request) {
    case VIDIOC_QUERYCAP:
        return query_capabilities(fake, argument);
    case VIDIOC_ENUM_FMT:
        return list_format(fake, argument);
    case VIDIOC_ENUM_FRAMESIZES:
        return list_size(fake, argument);
    case VIDIOC_ENUM_FRAMEINTERVALS:
        return list_rate(fake, argument);
    case VIDIOC_S_FMT:
        return set_format(fake, argument);
    case VIDIOC_S_PARM:
        return set_rate(fake, argument);
    case VIDIOC_QUERY_EXT_CTRL:
        return query_control(fake, argument);
    case VIDIOC_QUERYMENU:
        return query_menu(fake, argument);
    case VIDIOC_S_EXT_CTRLS:
        return set_control(fake, argument);
    case VIDIOC_G_EXT_CTRLS:
        return get_control(fake, argument);
    case VIDIOC_REQBUFS:
        return request_buffers(fake, argument);
    case VIDIOC_QUERYBUF:
        return query_buffer(fake, argument);
    case VIDIOC_EXPBUF:
        return export_buffer(fake, argument);
    case VIDIOC_QBUF:
        return queue_buffer(fake, argument);
    case VIDIOC_DQBUF:
        return take_buffer(fake, argument);
    case VIDIOC_STREAMON:
        fake->streaming = true;
        fake->stream_on++;
        return 0;
    case VIDIOC_STREAMOFF:
        return stop(fake);
    case VIDIOC_SUBSCRIBE_EVENT:
        return fake->no_events ? -EINVAL : 0;
    case VIDIOC_DQEVENT:
        return take_event(fake, argument);
    default:
        return -ENOTTY;
    }
}

static int fake_control(int fd, unsigned long request, void *argument)
{
    struct fake_v4l2 *fake = camera;
    fake->requests++;
    if (fd != fake->fd)
        return -EBADF;
    if (fake->gone_at && fake->requests >= fake->gone_at)
        return -ENODEV;
    if (fake->busy_at && fake->busy_at == (int)_IOC_NR(request))
        return -EBUSY;
    int code = answer(fake, request, argument);
    return fake->lie ? fake->lie(fake, request, argument, code) : code;
}

// ---- the rest of the table ------------------------------------------------------------------

static int fake_open(const char *path)
{
    if (strcmp(path, FAKE_PATH) != 0)
        return -ENOENT;
    if (camera->open_code)
        return camera->open_code;
    camera->opened++;
    return camera->fd = eventfd(0, EFD_CLOEXEC); // never readable: waits are answered below
}

static void fake_close(int fd)
{
    close(fd);
    free_buffers(camera);
    camera->closed++;
    camera->fd = -1;
}

static uint8_t *map(int fd, size_t length, uint64_t offset, int protection)
{
    if (fd == camera->fd) { // the device: an offset stands for a part
        const uint64_t place = offset / PAGE;
        if (offset % PAGE || place < 1 || (place - 1) / 2 >= camera->n_buffers)
            return NULL;
        const struct fake_buffer *buffer = &camera->buffers[(place - 1) / 2];
        if (length > buffer->length[(place - 1) % 2])
            return NULL;
        fd = buffer->fd[(place - 1) % 2];
    }
    void *bytes = mmap(NULL, length, protection, MAP_SHARED, fd, 0);
    camera->mapped += bytes != MAP_FAILED;
    return bytes == MAP_FAILED ? NULL : bytes;
}

static const uint8_t *fake_map(int fd, size_t length, uint64_t offset)
{
    return map(fd, length, offset, PROT_READ);
}

static uint8_t *fake_map_to_write(int fd, size_t length, uint64_t offset)
{
    return camera->read_only ? NULL : map(fd, length, offset, PROT_READ | PROT_WRITE);
}

static void fake_unmap(const uint8_t *bytes, size_t length)
{
    camera->unmapped++;
    munmap((void *)(uintptr_t)bytes, length);
}

static short ready_for(const struct fake_v4l2 *fake)
{
    return (short)((fake->n_done ? POLLIN : 0) | (fake->event_pending ? POLLPRI : 0) |
                   (fake->poll_error ? POLLERR : 0));
}

static int fake_wait(struct pollfd *fds, unsigned n, int timeout_ms)
{
    struct pollfd *device = NULL;
    for (unsigned i = 0; i < n; i++)
        if (fds[i].fd >= 0 && fds[i].fd == camera->fd)
            device = &fds[i];
    if (camera->idle && !(device && ready_for(camera)) && timeout_ms != 0)
        camera->idle(camera);
    const short events = device ? ready_for(camera) : 0;
    int ready = poll(fds, n, events ? 0 : timeout_ms);
    if (ready < 0)
        return -errno;
    if (events)
        device->revents = events;
    return ready + (events != 0);
}

static bool fake_is_there(const char *path)
{
    return strcmp(path, FAKE_PATH) == 0 && !camera->open_code && !camera->gone_at;
}

static bool fake_is_uncached(const uint8_t *bytes, size_t length)
{
    fg_v4l2_kernel.is_uncached(bytes, length); // reads as it does in earnest
    return camera->uncached;
}

static const struct fg_v4l2_system fake_system = {
    .open = fake_open,
    .close = fake_close,
    .control = fake_control,
    .map = fake_map,
    .map_to_write = fake_map_to_write,
    .unmap = fake_unmap,
    .wait = fake_wait,
    .is_there = fake_is_there,
    .is_uncached = fake_is_uncached,
};

void fake_v4l2_install(struct fake_v4l2 *fake)
{
    *fake = (struct fake_v4l2){.modes = {{V4L2_PIX_FMT_YUYV, 64, 48, {30}}}, .fd = -1};
    camera = fake;
    atomic_store(&sync_depth, 0);
    atomic_store(&syncs, 0);
    fg_v4l2_system = &fake_system;
}

void fake_v4l2_remove(struct fake_v4l2 *fake)
{
    free_buffers(fake);
    fg_v4l2_system = &fg_v4l2_kernel;
    camera = NULL;
}

unsigned fake_v4l2_descriptors(void)
{
    unsigned n = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 0;
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}
