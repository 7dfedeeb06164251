// SPDX-License-Identifier: Apache-2.0
// An emulated USB device of any kind: what it says of itself, and how it answers requests on
// endpoint 0. One thread. From the Universal Serial Bus Specification 2.0, chapter 9.
#ifndef FG_USB_DEVICE_H
#define FG_USB_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FG_USB_ANSWER_BYTES 512   // most of one answer on endpoint 0
#define FG_USB_READ_BYTES   16384 // most of one answer of a bulk endpoint
#define FG_USB_TEXT_MOST    60    // characters of a string
#define FG_USB_STRING_BYTES (2 + 2 * FG_USB_TEXT_MOST)
#define FG_USB_TO_HOST      0x80 // in a request's type and in an endpoint's address
#define FG_USB_INTERFACES   2
#define FG_USB_ENDPOINTS    2

struct fg_usb_setup { // of a control transfer
    uint8_t type, request;
    uint16_t value, index, length;
};

struct fg_usb_endpoint {
    uint8_t address, interface;
    bool interrupt; // else bulk
    uint16_t packet_bytes;
};

// All devices of a kind. `context` is the device's own.
struct fg_usb_kind {
    const char *maker, *product;
    bool high_speed; // else full
    uint8_t class, subclass, protocol;
    uint16_t vendor, number, release;
    struct {
        uint8_t class, subclass, protocol;
    } interfaces[FG_USB_INTERFACES];
    struct fg_usb_endpoint endpoints[FG_USB_ENDPOINTS];
    unsigned n_interfaces, n_endpoints;
    // The configuration with all that is in it; its length.
    size_t (*describe)(uint8_t ret[FG_USB_ANSWER_BYTES]);
    // A request to a class or to an interface: the answer's length (0 for one that only tells),
    // -EPIPE when it is refused. `in` are the request's bytes, if it has some.
    int (*request)(void *context, const struct fg_usb_setup *setup, const uint8_t *in,
                   size_t in_length, uint8_t ret[FG_USB_ANSWER_BYTES]);
    // Each of these may be missing. The cable gives power, or takes it:
    void (*power)(void *context, bool on);
    // What is on its way is dropped:
    void (*reset)(void *context);
    // The bulk endpoint to the host: the next bytes, 0 when there are none yet, -EPIPE for a
    // refused read; and how long until there may be some, in milliseconds.
    int (*read)(void *context, uint8_t *to, size_t room);
    int (*wait_ms)(const void *context);
};

struct fg_usb_device { // all borrowed
    const struct fg_usb_kind *kind;
    const char *serial;
    void *context;
};

// As fg_usb_kind's request.
int fg_usb_device_request(const struct fg_usb_device *device, const struct fg_usb_setup *setup,
                          const uint8_t *in, size_t in_length, uint8_t ret[FG_USB_ANSWER_BYTES]);

// NULL: no such endpoint.
const struct fg_usb_endpoint *fg_usb_device_endpoint(const struct fg_usb_device *device,
                                                     uint8_t address);

// String 0 (languages) with text NULL, else an ASCII text, cut to FG_USB_TEXT_MOST; its length.
size_t fg_usb_describe_string(const char *text, uint8_t ret[FG_USB_STRING_BYTES]);

#endif
