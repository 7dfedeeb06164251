// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/usb_device.h"

#include <errno.h>
#include <string.h>

enum { GET_STATUS = 0, CLEAR_FEATURE = 1, SET_FEATURE = 3, SET_ADDRESS = 5, GET_DESCRIPTOR };
enum { GET_CONFIGURATION = 8, SET_CONFIGURATION, GET_INTERFACE, SET_INTERFACE };
enum { OF_DEVICE = 1, OF_CONFIGURATION, OF_STRING };

#define KIND_BITS    0x60 // of a request's type: 0 is a standard request
#define TO_BITS      0x1f
#define TO_INTERFACE 1
#define DEVICE_BYTES 18
#define CONTROL_MOST 64

static int put(uint8_t *to, size_t bytes, uint32_t value)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * i);
    return (int)bytes;
}

static int describe_device(const struct fg_usb_kind *kind, uint8_t *ret)
{
    const uint8_t start[] = {DEVICE_BYTES, OF_DEVICE,      0x00,           0x02,
                             kind->class,  kind->subclass, kind->protocol, CONTROL_MOST};
    const uint8_t end[] = {1, 2, 3, 1}; // maker, product, serial; one configuration
    memcpy(ret, start, sizeof start);
    put(ret + 8, 2, kind->vendor);
    put(ret + 10, 2, kind->number);
    put(ret + 12, 2, kind->release);
    memcpy(ret + 14, end, sizeof end);
    return DEVICE_BYTES;
}

size_t fg_usb_describe_string(const char *text, uint8_t ret[FG_USB_STRING_BYTES])
{
    size_t length = 2;
    if (!text)
        length += (size_t)put(ret + length, 2, 0x0409); // English
    for (size_t i = 0; text && text[i] && i < FG_USB_TEXT_MOST; i++)
        length += (size_t)put(ret + length, 2, (uint8_t)text[i]);
    ret[0] = (uint8_t)length;
    ret[1] = OF_STRING;
    return length;
}

static int describe(const struct fg_usb_device *device, unsigned what, unsigned index, uint8_t *ret)
{
    const struct fg_usb_kind *kind = device->kind;
    const char *const texts[] = {NULL, kind->maker, kind->product, device->serial};
    switch (what) {
    case OF_DEVICE:
        return describe_device(kind, ret);
    case OF_CONFIGURATION:
        return (int)kind->describe(ret);
    case OF_STRING:
        return index < sizeof texts / sizeof *texts ? (int)fg_usb_describe_string(texts[index], ret)
                                                    : -EPIPE;
    }
    return -EPIPE;
}

static int standard_request(const struct fg_usb_device *device, const struct fg_usb_setup *setup,
                            uint8_t *ret)
{
    switch (setup->request) {
    case GET_DESCRIPTOR:
        return describe(device, setup->value >> 8, setup->value & 0xff, ret);
    case GET_STATUS:
        return put(ret, 2, 0);
    case GET_CONFIGURATION:
        return put(ret, 1, 1);
    case GET_INTERFACE:
        return put(ret, 1, 0);
    case CLEAR_FEATURE: // an endpoint's halt: uvcvideo ends a bulk stream so
        if (device->kind->reset)
            device->kind->reset(device->context);
        return 0;
    case SET_INTERFACE:
    case SET_CONFIGURATION:
    case SET_FEATURE:
    case SET_ADDRESS:
        return 0;
    }
    return -EPIPE;
}

int fg_usb_device_request(const struct fg_usb_device *device, const struct fg_usb_setup *setup,
                          const uint8_t *in, size_t in_length, uint8_t ret[FG_USB_ANSWER_BYTES])
{
    const bool is_own = (setup->type & KIND_BITS) != 0 || (setup->request == GET_DESCRIPTOR &&
                                                           (setup->type & TO_BITS) == TO_INTERFACE);
    int r = is_own ? device->kind->request(device->context, setup, in, in_length, ret)
                   : standard_request(device, setup, ret);
    return r > setup->length ? setup->length : r;
}

const struct fg_usb_endpoint *fg_usb_device_endpoint(const struct fg_usb_device *device,
                                                     uint8_t address)
{
    const struct fg_usb_kind *kind = device->kind;
    for (unsigned i = 0; i < kind->n_endpoints; i++)
        if (kind->endpoints[i].address == address)
            return &kind->endpoints[i];
    return NULL;
}
