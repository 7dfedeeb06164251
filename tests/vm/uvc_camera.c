// SPDX-License-Identifier: Apache-2.0
// uvc_camera: a USB camera that is not there, see usb_program.h. Its own commands; files are named
// relative to where it was started:
//
//   mjpeg FILE         JPEGs one after another, shown in turn at 1280x720 or 640x480
//   yuyv FILE W H      raw frames of that size
//   freeze, thaw       the camera gives nothing more, goes on
//   error N            the next N frames carry UVC's error bit
//   truncate N         the next N frames end in their middle
//   stall N            the next N reads of the bulk endpoint are refused
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/vm/usb_program.h"
#include "tests/vm/uvc_device.h"

static int show(struct fg_uvc_stream *stream, char **words, unsigned count, struct fg_error *err)
{
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

static int obey(void *context, char **words, unsigned count, struct fg_error *err)
{
    struct fg_uvc_stream *stream = &((struct fg_uvc_device *)context)->stream;
    if (count == 1 && (strcmp(words[0], "freeze") == 0 || strcmp(words[0], "thaw") == 0))
        stream->frozen = words[0][0] == 'f';
    else if (count == 2 && strcmp(words[0], "mjpeg") != 0)
        return fault(stream, words[0], words[1], err);
    else
        return show(stream, words, count, err);
    return 0;
}

int main(int argc, char **argv)
{
    struct fg_uvc_device *device = malloc(sizeof *device);
    if (!device) {
        fputs("uvc_camera: not enough memory\n", stderr);
        return 1;
    }
    fg_uvc_device_init(device);
    const struct fg_usb_program program = {"uvc_camera", &fg_uvc_kind, device, obey};
    int code = fg_usb_program_run(&program, argc, argv);
    fg_uvc_device_finish(device);
    free(device);
    return code;
}
