// SPDX-License-Identifier: Apache-2.0
// feed: shows a raw film on a video output, over and over until it is ended. In the guest vivid's
// output is looped back into its capture, and what is written into v4l2loopback comes out of it.
//
//   feed DEVICE FOURCC WIDTH HEIGHT FILE [MS]
//
// A frame at most every MS milliseconds (33): v4l2loopback sets no pace.
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUFFERS 4
#define PACE_MS 33

struct output {
    const char *name;
    int fd;
    long pace_ms;
    size_t frame_bytes;
    uint8_t *buffers[BUFFERS];
    uint32_t n_buffers;
};

static int failed(const char *what)
{
    fprintf(stderr, "feed: %s: %s\n", what, strerror(errno));
    return -1;
}

static int set_format(struct output *output, const char *fourcc, uint32_t width, uint32_t height)
{
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
    if (ioctl(output->fd, VIDIOC_G_FMT, &format) < 0)
        return failed("VIDIOC_G_FMT");
    format.fmt.pix.width = width;
    format.fmt.pix.height = height;
    format.fmt.pix.pixelformat = v4l2_fourcc(fourcc[0], fourcc[1], fourcc[2], fourcc[3]);
    format.fmt.pix.field = V4L2_FIELD_NONE;
    format.fmt.pix.bytesperline = format.fmt.pix.sizeimage = 0;
    format.fmt.pix.colorspace = V4L2_COLORSPACE_SMPTE170M;
    if (ioctl(output->fd, VIDIOC_S_FMT, &format) < 0)
        return failed("VIDIOC_S_FMT");
    if (format.fmt.pix.width != width || format.fmt.pix.height != height) {
        fprintf(stderr, "feed: %s takes %ux%u, not %ux%u\n", output->name, format.fmt.pix.width,
                format.fmt.pix.height, width, height);
        return -1;
    }
    output->frame_bytes = format.fmt.pix.sizeimage;
    return 0;
}

static int map_buffers(struct output *output)
{
    struct v4l2_requestbuffers request = {
        .count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_OUTPUT, .memory = V4L2_MEMORY_MMAP};
    if (ioctl(output->fd, VIDIOC_REQBUFS, &request) < 0)
        return failed("VIDIOC_REQBUFS");
    output->n_buffers = request.count < BUFFERS ? request.count : BUFFERS;
    for (uint32_t i = 0; i < output->n_buffers; i++) {
        struct v4l2_buffer buffer = {
            .type = V4L2_BUF_TYPE_VIDEO_OUTPUT, .memory = V4L2_MEMORY_MMAP, .index = i};
        if (ioctl(output->fd, VIDIOC_QUERYBUF, &buffer) < 0)
            return failed("VIDIOC_QUERYBUF");
        output->buffers[i] = mmap(NULL, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED,
                                  output->fd, buffer.m.offset);
        if (output->buffers[i] == MAP_FAILED || buffer.length < output->frame_bytes)
            return failed("mmap");
    }
    return 0;
}

static int queue(const struct output *output, uint32_t index, const uint8_t *frame)
{
    struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT,
                                 .memory = V4L2_MEMORY_MMAP,
                                 .index = index,
                                 .bytesused = (uint32_t)output->frame_bytes,
                                 .field = V4L2_FIELD_NONE};
    memcpy(output->buffers[index], frame, output->frame_bytes);
    return ioctl(output->fd, VIDIOC_QBUF, &buffer) < 0 ? failed("VIDIOC_QBUF") : 0;
}

static int play(const struct output *output, const uint8_t *film, size_t count)
{
    int type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
    for (uint32_t i = 0; i < output->n_buffers; i++) {
        if (queue(output, i, film + i % count * output->frame_bytes) < 0)
            return -1;
    }
    if (ioctl(output->fd, VIDIOC_STREAMON, &type) < 0)
        return failed("VIDIOC_STREAMON");
    const struct timespec pace = {output->pace_ms / 1000, output->pace_ms % 1000 * 1000000};
    for (size_t n = output->n_buffers;; n++) {
        nanosleep(&pace, NULL);
        struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT,
                                     .memory = V4L2_MEMORY_MMAP};
        if (ioctl(output->fd, VIDIOC_DQBUF, &buffer) < 0)
            return failed("VIDIOC_DQBUF");
        if (queue(output, buffer.index, film + n % count * output->frame_bytes) < 0)
            return -1;
    }
}

int main(int argc, char **argv)
{
    struct stat info;
    if (argc < 6 || argc > 7 || strlen(argv[2]) != 4) {
        fputs("usage: feed DEVICE FOURCC WIDTH HEIGHT FILE [MS]\n", stderr);
        return 2;
    }
    struct output output = {.name = argv[1],
                            .fd = open(argv[1], O_RDWR),
                            .pace_ms = argc == 7 ? strtol(argv[6], NULL, 10) : PACE_MS};
    if (output.fd < 0)
        return failed(argv[1]), 1;
    if (set_format(&output, argv[2], (uint32_t)strtoul(argv[3], NULL, 10),
                   (uint32_t)strtoul(argv[4], NULL, 10)) < 0 ||
        map_buffers(&output) < 0)
        return 1;
    int file = open(argv[5], O_RDONLY);
    if (file < 0 || fstat(file, &info) < 0)
        return failed(argv[5]), 1;
    const size_t length = (size_t)info.st_size;
    if (length < output.frame_bytes) {
        fprintf(stderr, "feed: %s: shorter than a frame of %zu bytes\n", argv[5],
                output.frame_bytes);
        return 1;
    }
    uint8_t *film = mmap(NULL, length, PROT_READ, MAP_PRIVATE, file, 0);
    if (film == MAP_FAILED)
        return failed(argv[5]), 1;
    return play(&output, film, length / output.frame_bytes) < 0 ? 1 : 0;
}
