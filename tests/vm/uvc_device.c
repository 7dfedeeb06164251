// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/uvc_device.h"

#include <errno.h>
#include <string.h>

#include "tests/vm/uvc_descriptors.h"

#define CLOCK_HZ 48000000

enum { SET_CUR = 0x01, GET_CUR = 0x81, GET_MIN, GET_MAX, GET_RES, GET_LEN, GET_INFO, GET_DEF };
enum { VS_PROBE = 1, VS_COMMIT = 2 };

// UVC 1.1, A.9.4 and A.9.5: exposure mode (1 manual, 8 aperture priority), exposure in 100 us,
// focus, automatic focus; brightness, contrast, gain.
static const struct control {
    uint8_t entity, selector, bytes;
    int32_t least, most, step, standard;
} controls[FG_UVC_CONTROLS] = {
    {FG_UVC_CAMERA_TERMINAL, 0x02, 1, 1, 8, 9, 8},
    {FG_UVC_CAMERA_TERMINAL, 0x04, 4, 1, 5000, 1, 156},
    {FG_UVC_CAMERA_TERMINAL, 0x06, 2, 0, 255, 5, 30},
    {FG_UVC_CAMERA_TERMINAL, 0x08, 1, 0, 1, 1, 1},
    {FG_UVC_PROCESSING_UNIT, 0x02, 2, 0, 255, 1, 128},
    {FG_UVC_PROCESSING_UNIT, 0x03, 2, 0, 255, 1, 64},
    {FG_UVC_PROCESSING_UNIT, 0x04, 2, 0, 100, 1, 10},
};

static uint32_t get(const uint8_t *from, size_t bytes)
{
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint32_t)from[i] << 8 * i;
    return value;
}

static int put(uint8_t *to, size_t bytes, uint32_t value)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * i);
    return (int)bytes;
}

// Makes of a wish the nearest that there is, with all that the camera has to say to it.
static void negotiate(uint8_t probe[FG_UVC_PROBE_BYTES])
{
    const unsigned format = probe[2] >= 1 && probe[2] <= FG_UVC_FORMATS ? probe[2] : 1;
    const unsigned size = probe[3] >= 1 && probe[3] <= FG_UVC_SIZES ? probe[3] : 1;
    const struct fg_uvc_mode *mode = fg_uvc_mode(format, size);
    const uint32_t between = (mode->intervals[0] + mode->intervals[1]) / 2;
    const uint32_t interval = mode->intervals[get(probe + 4, 4) > between ? 1 : 0];
    probe[2] = (uint8_t)format;
    probe[3] = (uint8_t)size;
    put(probe + 4, 4, interval);
    put(probe + 18, 4, fg_uvc_mode_bytes(mode));
    put(probe + 22, 4, FG_UVC_PAYLOAD);
    put(probe + 26, 4, CLOCK_HZ);
    probe[30] = 0;
    probe[31] = probe[32] = probe[33] = 1;
}

static int video_request(struct fg_uvc_device *device, const struct fg_usb_setup *setup,
                         const uint8_t *in, size_t in_length, uint8_t *ret)
{
    const unsigned selector = setup->value >> 8;
    if (selector != VS_PROBE && selector != VS_COMMIT)
        return -EPIPE;
    switch (setup->request) {
    case SET_CUR:
        memcpy(device->probe, in, in_length < FG_UVC_PROBE_BYTES ? in_length : FG_UVC_PROBE_BYTES);
        negotiate(device->probe);
        if (selector == VS_COMMIT)
            fg_uvc_stream_start(&device->stream, device->probe[2], device->probe[3],
                                get(device->probe + 4, 4));
        return 0;
    case GET_CUR:
        memcpy(ret, device->probe, FG_UVC_PROBE_BYTES);
        return FG_UVC_PROBE_BYTES;
    case GET_MIN:
    case GET_MAX:
    case GET_DEF:
        memset(ret, 0, FG_UVC_PROBE_BYTES);
        ret[2] = setup->request == GET_MAX ? FG_UVC_FORMATS : 1;
        ret[3] = setup->request == GET_MAX ? FG_UVC_SIZES : 1;
        negotiate(ret);
        return FG_UVC_PROBE_BYTES;
    case GET_LEN:
        return put(ret, 2, FG_UVC_PROBE_BYTES);
    case GET_INFO:
        return put(ret, 1, 3); // can be read and set
    }
    return -EPIPE;
}

static int control_request(struct fg_uvc_device *device, const struct fg_usb_setup *setup,
                           const uint8_t *in, size_t in_length, uint8_t *ret)
{
    const unsigned entity = setup->index >> 8, selector = setup->value >> 8;
    int i = 0;
    while (i < FG_UVC_CONTROLS &&
           (controls[i].entity != entity || controls[i].selector != selector))
        i++;
    if (i == FG_UVC_CONTROLS)
        return -EPIPE;
    const struct control *control = &controls[i];
    switch (setup->request) {
    case SET_CUR:
        if (in_length < control->bytes)
            return -EPIPE;
        device->controls[i] = (int32_t)get(in, control->bytes);
        return 0;
    case GET_CUR:
        return put(ret, control->bytes, (uint32_t)device->controls[i]);
    case GET_MIN:
        return put(ret, control->bytes, (uint32_t)control->least);
    case GET_MAX:
        return put(ret, control->bytes, (uint32_t)control->most);
    case GET_RES:
        return put(ret, control->bytes, (uint32_t)control->step);
    case GET_DEF:
        return put(ret, control->bytes, (uint32_t)control->standard);
    case GET_LEN:
        return put(ret, 2, control->bytes);
    case GET_INFO:
        return put(ret, 1, 3);
    }
    return -EPIPE;
}

static int request(void *context, const struct fg_usb_setup *setup, const uint8_t *in,
                   size_t in_length, uint8_t ret[FG_USB_ANSWER_BYTES])
{
    const unsigned kind = setup->type & 0x60, interface = setup->index & 0xff;
    if (kind == 0x20 && interface == FG_UVC_STREAMING)
        return video_request(context, setup, in, in_length, ret);
    if (kind == 0x20 && interface == FG_UVC_CONTROL)
        return control_request(context, setup, in, in_length, ret);
    return -EPIPE;
}

static void reset(void *context)
{
    fg_uvc_stream_reset(&((struct fg_uvc_device *)context)->stream);
}

static int read_stream(void *context, uint8_t *to, size_t room)
{
    return fg_uvc_stream_read(&((struct fg_uvc_device *)context)->stream, to, room);
}

static int wait_ms(const void *context)
{
    return fg_uvc_stream_wait_ms(&((const struct fg_uvc_device *)context)->stream);
}

const struct fg_usb_kind fg_uvc_kind = {
    .maker = "facegate tests",
    .product = "Gate camera",
    .high_speed = true,
    .class = 0xef, // miscellaneous, with an interface association
    .subclass = 2,
    .protocol = 1,
    .vendor = 0x1209, // pid.codes' numbers for tests
    .number = 0x0001,
    .release = 0x0110,
    .interfaces = {{FG_UVC_VIDEO_CLASS, 1, 0}, {FG_UVC_VIDEO_CLASS, 2, 0}},
    .endpoints = {{FG_UVC_ENDPOINT, FG_UVC_STREAMING, false, FG_UVC_PACKET}},
    .n_interfaces = 2,
    .n_endpoints = 1,
    .describe = fg_uvc_describe_configuration,
    .request = request,
    .reset = reset,
    .read = read_stream,
    .wait_ms = wait_ms};

void fg_uvc_device_init(struct fg_uvc_device *device)
{
    memset(device, 0, sizeof *device);
    negotiate(device->probe);
    for (int i = 0; i < FG_UVC_CONTROLS; i++)
        device->controls[i] = controls[i].standard;
}

void fg_uvc_device_finish(struct fg_uvc_device *device)
{
    fg_uvc_stream_finish(&device->stream);
}
