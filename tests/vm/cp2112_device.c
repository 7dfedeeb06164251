// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/cp2112_device.h"

#include <errno.h>
#include <string.h>

#include "tests/vm/cp2112_descriptors.h"

#define MAKER   "facegate tests"
#define PRODUCT "Gate lines"
#define VENDOR  0x10c4
#define NUMBER  0xea90
#define PART    0x0c // of the version's report
#define VERSION 2

// HID 1.11, 7.1 and 7.2.
enum { GET_REPORT = 0x01, GET_DESCRIPTOR = 0x06, SET_REPORT = 0x09, SET_IDLE };
enum { OF_REPORTS = 0x22, FEATURE = 3 };
enum { CLASS_IN = 0xa1, CLASS_OUT = 0x21 };

// 100 kHz, address 2, no time-outs and no retries: AN495's own values.
static const uint8_t smbus[FG_CP2112_SMBUS_BYTES] = {0x00, 0x01, 0x86, 0xa0, 0x02};

static void power(void *context, bool on)
{
    struct fg_cp2112 *chip = context;
    (void)on;
    fg_cp2112_lines_start(&chip->lines);
    chip->push_pull = chip->special = chip->divider = 0;
    memcpy(chip->smbus, smbus, sizeof smbus);
}

static int get_report(const struct fg_cp2112 *chip, unsigned report, uint8_t *ret)
{
    static const uint8_t usb[] = {
        VENDOR & 0xff, VENDOR >> 8, NUMBER & 0xff, NUMBER >> 8, 50, 0, 1, VERSION, 0};
    const size_t bytes = fg_cp2112_report_bytes(report);
    memset(ret, 0, bytes);
    ret[0] = (uint8_t)report;
    switch (report) {
    case FG_CP2112_DIRECTIONS:
        memcpy(ret + 1,
               (uint8_t[]){chip->lines.outputs, chip->push_pull, chip->special, chip->divider}, 4);
        break;
    case FG_CP2112_GET_LINES:
        ret[1] = fg_cp2112_lines_read(&chip->lines);
        break;
    case FG_CP2112_VERSION:
        ret[1] = PART;
        ret[2] = VERSION;
        break;
    case FG_CP2112_SMBUS:
        memcpy(ret + 1, chip->smbus, sizeof chip->smbus);
        break;
    case FG_CP2112_LOCK: // zero: nothing can be programmed any more
        break;
    case FG_CP2112_USB:
        memcpy(ret + 1, usb, sizeof usb);
        break;
    default:
        return -EPIPE;
    }
    return (int)bytes;
}

// `in` has the report's number in front.
static int set_report(struct fg_cp2112 *chip, const uint8_t *in, size_t in_length)
{
    if (in_length == 0 || in_length != fg_cp2112_report_bytes(in[0]))
        return -EPIPE;
    switch (in[0]) {
    case FG_CP2112_DIRECTIONS:
        chip->push_pull = in[2];
        chip->special = in[3];
        chip->divider = in[4];
        fg_cp2112_lines_direct(&chip->lines, in[1]);
        return 0;
    case FG_CP2112_SET_LINES:
        fg_cp2112_lines_drive(&chip->lines, in[1], in[2]);
        return 0;
    case FG_CP2112_SMBUS:
        memcpy(chip->smbus, in + 1, sizeof chip->smbus);
        return 0;
    }
    return -EPIPE;
}

static int request(void *context, const struct fg_usb_setup *setup, const uint8_t *in,
                   size_t in_length, uint8_t ret[FG_USB_ANSWER_BYTES])
{
    const unsigned kind = setup->value >> 8, number = setup->value & 0xff;
    if (setup->request == GET_DESCRIPTOR && kind == OF_REPORTS)
        return (int)fg_cp2112_describe_reports(ret);
    if (setup->type == CLASS_IN && setup->request == GET_REPORT && kind == FEATURE)
        return get_report(context, number, ret);
    if (setup->type == CLASS_OUT && setup->request == SET_REPORT && kind == FEATURE)
        return set_report(context, in, in_length);
    if (setup->type == CLASS_OUT && setup->request == SET_IDLE)
        return 0;
    return -EPIPE;
}

const struct fg_usb_kind fg_cp2112_kind = {
    .maker = MAKER,
    .product = PRODUCT,
    .vendor = VENDOR,
    .number = NUMBER,
    .release = 0x0100,
    .interfaces = {{FG_CP2112_HID_CLASS, 0, 0}},
    .endpoints = {{FG_CP2112_TO_HOST, 0, true, FG_CP2112_PACKET},
                  {FG_CP2112_FROM_HOST, 0, true, FG_CP2112_PACKET}},
    .n_interfaces = 1,
    .n_endpoints = 2,
    .describe = fg_cp2112_describe_configuration,
    .request = request,
    .power = power};

void fg_cp2112_init(struct fg_cp2112 *chip)
{
    memset(chip, 0, sizeof *chip);
    power(chip, false);
}
