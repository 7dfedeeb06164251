// SPDX-License-Identifier: Apache-2.0
// uvc_camera: a USB camera that is not there, for QEMU's usb-redir device.
//
//   uvc_camera [--unplugged] --socket PATH --serial TEXT --control FIFO
//
// QEMU connects to the socket; the guest's own uvcvideo drives the camera. Lines in the FIFO, which
// is made when it is absent, are commands; files are named relative to where this was started:
//
//   plug, unplug       the cable
//   mjpeg FILE         JPEGs one after another, shown in turn at 1280x720 or 640x480
//   yuyv FILE W H      raw frames of that size
//   freeze, thaw       the camera gives nothing more, goes on
//   error N            the next N frames carry UVC's error bit
//   truncate N         the next N frames end in their middle
//   stall N            the next N reads of the bulk endpoint are refused
//   quit
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/vm/uvc_redir.h"

#define PRODUCT "Gate camera"
#define LINE    512
#define IDLE_MS 500

struct camera {
    struct fg_uvc_device *device;
    struct fg_uvc_redir *redir; // NULL: QEMU is not connected
    int listener, control;
    bool plugged, quit;
    char line[LINE];
    size_t line_length;
};

static int usage(FILE *out, int code)
{
    fputs("usage: uvc_camera [--unplugged] --socket PATH --serial TEXT --control FIFO\n", out);
    return code;
}

static int show(struct camera *camera, char **words, unsigned count, struct fg_error *err)
{
    struct fg_uvc_stream *stream = &camera->device->stream;
    if (strcmp(words[0], "mjpeg") == 0 && count == 2)
        return fg_uvc_film_load_jpegs(&stream->jpegs, words[1], FG_UVC_MOST, err);
    if (strcmp(words[0], "yuyv") != 0 || count != 4)
        return fg_fail(err, -EINVAL, "no such command");
    const unsigned width = (unsigned)strtoul(words[2], NULL, 10);
    const unsigned height = (unsigned)strtoul(words[3], NULL, 10);
    const unsigned size = fg_uvc_size_of(width, height);
    if (size == 0)
        return fg_fail(err, -EINVAL, "no such size");
    return fg_uvc_film_load_raw(&stream->raw[size - 1], words[1], (size_t)width * height * 2, err);
}

static int fault(struct fg_uvc_stream *stream, const char *word, const char *number,
                 struct fg_error *err)
{
    unsigned *counter = strcmp(word, "error") == 0      ? &stream->errors
                        : strcmp(word, "truncate") == 0 ? &stream->truncated
                        : strcmp(word, "stall") == 0    ? &stream->stalls
                                                        : NULL;
    if (!counter)
        return fg_fail(err, -EINVAL, "no such command");
    *counter = (unsigned)strtoul(number, NULL, 10);
    return 0;
}

static int obey(struct camera *camera, char *line, struct fg_error *err)
{
    char *words[4], *rest = NULL;
    unsigned count = 0;
    for (char *word = strtok_r(line, " ", &rest); word && count < 4;
         word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    if (count == 0)
        return 0;
    if (count == 1 && strcmp(words[0], "quit") == 0)
        camera->quit = true;
    else if (count == 1 && (strcmp(words[0], "plug") == 0 || strcmp(words[0], "unplug") == 0))
        camera->plugged = words[0][0] == 'p';
    else if (count == 1 && (strcmp(words[0], "freeze") == 0 || strcmp(words[0], "thaw") == 0))
        camera->device->stream.frozen = words[0][0] == 'f';
    else if (count == 2 && strcmp(words[0], "mjpeg") != 0)
        return fault(&camera->device->stream, words[0], words[1], err);
    else
        return show(camera, words, count, err);
    return 0;
}

static void read_commands(struct camera *camera)
{
    ssize_t n = read(camera->control, camera->line + camera->line_length,
                     sizeof camera->line - 1 - camera->line_length);
    if (n <= 0)
        return;
    camera->line_length += (size_t)n;
    camera->line[camera->line_length] = '\0';
    char *at = camera->line, *end;
    while ((end = strpbrk(at, "\r\n"))) {
        struct fg_error err = {""};
        *end = '\0';
        fprintf(stderr, "uvc_camera: %s: %s\n", camera->device->serial, at);
        if (obey(camera, at, &err) < 0)
            fprintf(stderr, "uvc_camera: %s\n", err.text);
        at = end + 1;
    }
    camera->line_length = strlen(at);
    memmove(camera->line, at, camera->line_length);
    if (camera->line_length == sizeof camera->line - 1)
        camera->line_length = 0;
    if (camera->redir)
        fg_uvc_redir_plug(camera->redir, camera->plugged);
}

static void take_connection(struct camera *camera)
{
    struct fg_error err = {""};
    int fd = accept4(camera->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (fg_uvc_redir_open(fd, camera->device, &camera->redir, &err) < 0)
        fprintf(stderr, "uvc_camera: %s\n", err.text);
    else
        fg_uvc_redir_plug(camera->redir, camera->plugged);
}

static void run(struct camera *camera)
{
    while (!camera->quit) {
        struct pollfd polled[2] = {
            {camera->control, POLLIN, 0},
            {camera->redir ? fg_uvc_redir_fd(camera->redir) : camera->listener,
             camera->redir ? fg_uvc_redir_events(camera->redir) : POLLIN, 0}};
        int wait = camera->redir ? fg_uvc_redir_wait_ms(camera->redir) : IDLE_MS;
        if (poll(polled, 2, wait) < 0 && errno != EINTR)
            return;
        if (polled[0].revents & POLLIN)
            read_commands(camera);
        if (!camera->redir) {
            if (polled[1].revents & POLLIN)
                take_connection(camera);
        } else if (fg_uvc_redir_work(camera->redir, polled[1].revents) < 0) {
            fg_uvc_redir_close(camera->redir);
            camera->redir = NULL;
        }
    }
}

// Reading and writing: a FIFO whose last writer went away would be readable for ever.
static int open_control(const char *path, int *ret, struct fg_error *err)
{
    if (mkfifo(path, 0600) < 0 && errno != EEXIST)
        return fg_fail(err, -errno, "%s: can not make it: %s", path, strerror(errno));
    *ret = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return *ret < 0 ? fg_fail(err, -errno, "%s: %s", path, strerror(errno)) : 0;
}

static int listen_at(const char *path, int *ret, struct fg_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return fg_fail(err, -ENAMETOOLONG, "%s: too long for a socket", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    unlink(path);
    *ret = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*ret < 0 || bind(*ret, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(*ret, 1) < 0)
        return fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    return 0;
}

struct places {
    const char *socket, *serial, *control;
};

// 1: the help was asked for; -EINVAL: the command line is off.
static int read_options(int argc, char **argv, struct camera *camera, struct places *ret)
{
    static const struct option options[] = {
        {"unplugged", no_argument, NULL, 'u'},    {"socket", required_argument, NULL, 's'},
        {"serial", required_argument, NULL, 'n'}, {"control", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},         {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'h':
            return 1;
        case 'u':
            camera->plugged = false;
            break;
        case 's':
            ret->socket = optarg;
            break;
        case 'n':
            ret->serial = optarg;
            break;
        case 'c':
            ret->control = optarg;
            break;
        default:
            return -EINVAL;
        }
    }
    return ret->socket && ret->serial && ret->control && optind == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
    struct camera camera = {.listener = -1, .control = -1, .plugged = true};
    struct places places = {NULL, NULL, NULL};
    struct fg_error err = {""};
    int r = read_options(argc, argv, &camera, &places);
    if (r != 0)
        return usage(r > 0 ? stdout : stderr, r > 0 ? 0 : 2);
    signal(SIGPIPE, SIG_IGN);
    camera.device = malloc(sizeof *camera.device);
    if (!camera.device || open_control(places.control, &camera.control, &err) < 0 ||
        listen_at(places.socket, &camera.listener, &err) < 0) {
        fprintf(stderr, "uvc_camera: %s\n", camera.device ? err.text : "not enough memory");
        return 1;
    }
    fg_uvc_device_init(camera.device, PRODUCT, places.serial);
    run(&camera);
    fg_uvc_redir_close(camera.redir);
    fg_uvc_device_finish(camera.device);
    free(camera.device);
    unlink(places.socket);
    return 0;
}
