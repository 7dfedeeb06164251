// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/cp2112_descriptors.h"

#include <string.h>

#define LOW(number)  ((number)&0xff)
#define HIGH(number) ((number) >> 8)
#define INTERVAL_MS  10

// Only those of the lines and of the chip itself: there is nothing on its SMBus.
static const struct {
    uint8_t number, bytes; // without the number
} reports[] = {
    {FG_CP2112_DIRECTIONS, 4}, {FG_CP2112_GET_LINES, 1}, {FG_CP2112_SET_LINES, 2},
    {FG_CP2112_VERSION, 2},    {FG_CP2112_SMBUS, 13},    {FG_CP2112_LOCK, 1},
    {FG_CP2112_USB, 9},        {FG_CP2112_MAKER, 62},    {FG_CP2112_PRODUCT, 62},
    {FG_CP2112_SERIAL, 62},
};

size_t fg_cp2112_report_bytes(unsigned report)
{
    for (size_t i = 0; i < sizeof reports / sizeof *reports; i++)
        if (reports[i].number == report)
            return 1u + reports[i].bytes;
    return 0;
}

static size_t put(uint8_t *to, const uint8_t *bytes, size_t length)
{
    memcpy(to, bytes, length);
    return length;
}

size_t fg_cp2112_describe_reports(uint8_t ret[FG_USB_ANSWER_BYTES])
{
    // A maker's own page and collection; values of 8 bits.
    static const uint8_t start[] = {0x06, 0x00, 0xff, 0x09, 0x01, 0xa1, 0x01,
                                    0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08};
    static const uint8_t end[] = {0xc0};
    size_t length = put(ret, start, sizeof start);
    for (size_t i = 0; i < sizeof reports / sizeof *reports; i++) {
        // Its number, its bytes, a usage, a feature.
        const uint8_t one[] = {0x85, reports[i].number, 0x95, reports[i].bytes, 0x09, 0x01, 0xb1,
                               0x02};
        length += put(ret + length, one, sizeof one);
    }
    return length + put(ret + length, end, sizeof end);
}

size_t fg_cp2112_describe_configuration(uint8_t ret[FG_USB_ANSWER_BYTES])
{
    uint8_t unused[FG_USB_ANSWER_BYTES];
    const size_t of_reports = fg_cp2112_describe_reports(unused);
    const uint8_t all[] = {// the configuration, on the bus's power; its interface
                           9,
                           2,
                           41,
                           0,
                           1,
                           1,
                           0,
                           0x80,
                           50, //
                           9,
                           4,
                           0,
                           0,
                           2,
                           FG_CP2112_HID_CLASS,
                           0,
                           0,
                           0, //
                           9,
                           0x21,
                           0x11,
                           0x01,
                           0,
                           1,
                           0x22, // HID 1.11, one descriptor of reports
                           (uint8_t)LOW(of_reports),
                           (uint8_t)HIGH(of_reports), //
                           7,
                           5,
                           FG_CP2112_TO_HOST,
                           3,
                           FG_CP2112_PACKET,
                           0,
                           INTERVAL_MS, //
                           7,
                           5,
                           FG_CP2112_FROM_HOST,
                           3,
                           FG_CP2112_PACKET,
                           0,
                           INTERVAL_MS};
    _Static_assert(sizeof all == 41, "the length that it tells");
    return put(ret, all, sizeof all);
}
