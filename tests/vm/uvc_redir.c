// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/uvc_redir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <usbredirfilter.h>
#include <usbredirparser.h>

#include "tests/vm/uvc_descriptors.h"

#define READS       256    // of the bulk endpoint that may wait; uvcvideo has 5
#define BACKLOG     262144 // bytes unsent, above which no more payloads are made
#define IDLE_MS     500
#define ENDPOINT_IN 17 // the number of bulk endpoint 1 to the host in usb-redir's tables
#define NO_ENDPOINT 255

struct waiting_read {
    uint64_t id;
    uint32_t length;
};

struct fg_uvc_redir {
    struct usbredirparser *parser;
    struct fg_uvc_device *device;
    int fd;
    bool ready, wanted, plugged;
    struct waiting_read reads[READS];
    unsigned n_reads;
    uint8_t payload[FG_UVC_PAYLOAD];
};

static void log_line(void *context, int level, const char *text)
{
    (void)context;
    if (level <= usbredirparser_warning)
        fprintf(stderr, "uvc_camera: %s\n", text);
}

static int read_socket(void *context, uint8_t *to, int count)
{
    struct fg_uvc_redir *redir = context;
    ssize_t n = read(redir->fd, to, (size_t)count);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n > 0 ? (int)n : -1;
}

static int write_socket(void *context, uint8_t *from, int count)
{
    struct fg_uvc_redir *redir = context;
    ssize_t n = write(redir->fd, from, (size_t)count);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n > 0 ? (int)n : -1;
}

static void send_interfaces(struct fg_uvc_redir *redir)
{
    struct usb_redir_interface_info_header interfaces = {.interface_count = 2};
    struct usb_redir_ep_info_header endpoints = {0};
    for (uint8_t i = 0; i < 2; i++) {
        interfaces.interface[i] = i;
        interfaces.interface_class[i] = FG_UVC_VIDEO_CLASS;
        interfaces.interface_subclass[i] = (uint8_t)(i + 1);
    }
    memset(endpoints.type, NO_ENDPOINT, sizeof endpoints.type);
    endpoints.type[0] = endpoints.type[16] = usb_redir_type_control;
    endpoints.max_packet_size[0] = endpoints.max_packet_size[16] = 64;
    endpoints.type[ENDPOINT_IN] = usb_redir_type_bulk;
    endpoints.max_packet_size[ENDPOINT_IN] = 512;
    endpoints.interface[ENDPOINT_IN] = FG_UVC_STREAMING;
    usbredirparser_send_interface_info(redir->parser, &interfaces);
    usbredirparser_send_ep_info(redir->parser, &endpoints);
}

static void connect_device(struct fg_uvc_redir *redir)
{
    struct usb_redir_device_connect_header device = {
        .speed = usb_redir_speed_high,
        .device_class = FG_UVC_CLASS,
        .device_subclass = FG_UVC_SUBCLASS,
        .device_protocol = FG_UVC_PROTOCOL,
        .vendor_id = FG_UVC_VENDOR,
        .product_id = FG_UVC_PRODUCT,
        .device_version_bcd = FG_UVC_RELEASE,
    };
    send_interfaces(redir);
    usbredirparser_send_device_connect(redir->parser, &device);
    redir->plugged = true;
    redir->n_reads = 0;
}

static void follow_plug(struct fg_uvc_redir *redir)
{
    if (!redir->ready || redir->wanted == redir->plugged)
        return;
    if (redir->wanted) {
        connect_device(redir);
    } else {
        usbredirparser_send_device_disconnect(redir->parser);
        redir->plugged = false;
        redir->n_reads = 0;
    }
    fprintf(stderr, "uvc_camera: %s %s\n", redir->device->serial,
            redir->plugged ? "plugged in" : "pulled out");
}

// ---- what QEMU asks, as usb-redir's parser calls it
static void on_hello(void *context, struct usb_redir_hello_header *hello)
{
    struct fg_uvc_redir *redir = context;
    (void)hello;
    redir->ready = true;
}

static void on_reset(void *context)
{
    struct fg_uvc_redir *redir = context;
    redir->n_reads = 0;
    fg_uvc_stream_reset(&redir->device->stream);
}

static void on_set_configuration(void *context, uint64_t id,
                                 struct usb_redir_set_configuration_header *wanted)
{
    struct fg_uvc_redir *redir = context;
    struct usb_redir_configuration_status_header status = {usb_redir_success,
                                                           wanted->configuration};
    send_interfaces(redir);
    usbredirparser_send_configuration_status(redir->parser, id, &status);
}

static void on_get_configuration(void *context, uint64_t id)
{
    struct fg_uvc_redir *redir = context;
    struct usb_redir_configuration_status_header status = {usb_redir_success, 1};
    usbredirparser_send_configuration_status(redir->parser, id, &status);
}

static void on_set_alternative(void *context, uint64_t id,
                               struct usb_redir_set_alt_setting_header *wanted)
{
    struct fg_uvc_redir *redir = context;
    struct usb_redir_alt_setting_status_header status = {usb_redir_success, wanted->interface,
                                                         wanted->alt};
    fg_uvc_stream_reset(&redir->device->stream);
    send_interfaces(redir);
    usbredirparser_send_alt_setting_status(redir->parser, id, &status);
}

static void on_get_alternative(void *context, uint64_t id,
                               struct usb_redir_get_alt_setting_header *wanted)
{
    struct fg_uvc_redir *redir = context;
    struct usb_redir_alt_setting_status_header status = {usb_redir_success, wanted->interface, 0};
    usbredirparser_send_alt_setting_status(redir->parser, id, &status);
}

static void on_control(void *context, uint64_t id, struct usb_redir_control_packet_header *packet,
                       uint8_t *data, int length)
{
    struct fg_uvc_redir *redir = context;
    const struct fg_uvc_setup setup = {.type = packet->requesttype,
                                       .request = packet->request,
                                       .value = packet->value,
                                       .index = packet->index,
                                       .length = packet->length};
    struct usb_redir_control_packet_header reply = *packet;
    uint8_t answer[FG_UVC_ANSWER_BYTES];
    int r = fg_uvc_device_request(redir->device, &setup, data, (size_t)length, answer);
    const bool to_host = packet->endpoint & 0x80;
    reply.status = r < 0 ? usb_redir_stall : usb_redir_success;
    if (r < 0 || to_host)
        reply.length = (uint16_t)(r < 0 ? 0 : r);
    const int told = to_host && r > 0 ? r : 0;
    usbredirparser_send_control_packet(redir->parser, id, &reply, told ? answer : NULL, told);
    usbredirparser_free_packet_data(redir->parser, data);
}

static void send_payload(struct fg_uvc_redir *redir, uint64_t id, uint8_t status, int length)
{
    struct usb_redir_bulk_packet_header packet = {.endpoint = FG_UVC_ENDPOINT,
                                                  .status = status,
                                                  .length = (uint16_t)length,
                                                  .length_high = (uint16_t)(length >> 16)};
    usbredirparser_send_bulk_packet(redir->parser, id, &packet, length ? redir->payload : NULL,
                                    length);
}

static void on_bulk(void *context, uint64_t id, struct usb_redir_bulk_packet_header *packet,
                    uint8_t *data, int length)
{
    struct fg_uvc_redir *redir = context;
    const uint32_t room = packet->length | (uint32_t)packet->length_high << 16;
    (void)length;
    usbredirparser_free_packet_data(redir->parser, data);
    if (packet->endpoint != FG_UVC_ENDPOINT || redir->n_reads == READS || room <= 2)
        send_payload(redir, id, usb_redir_inval, 0);
    else
        redir->reads[redir->n_reads++] = (struct waiting_read){id, room};
}

static void drop_read(struct fg_uvc_redir *redir, unsigned at)
{
    redir->n_reads--;
    memmove(redir->reads + at, redir->reads + at + 1, (redir->n_reads - at) * sizeof *redir->reads);
}

static void on_cancel(void *context, uint64_t id)
{
    struct fg_uvc_redir *redir = context;
    for (unsigned i = 0; i < redir->n_reads; i++) {
        if (redir->reads[i].id == id) {
            drop_read(redir, i);
            send_payload(redir, id, usb_redir_cancelled, 0);
            return;
        }
    }
}

static void on_filter(void *context, struct usbredirfilter_rule *rules, int count)
{
    (void)context;
    (void)count;
    free(rules);
}

static void on_nothing(void *context)
{
    (void)context;
}

static void set_functions(struct usbredirparser *parser)
{
    parser->log_func = log_line;
    parser->read_func = read_socket;
    parser->write_func = write_socket;
    parser->hello_func = on_hello;
    parser->reset_func = on_reset;
    parser->set_configuration_func = on_set_configuration;
    parser->get_configuration_func = on_get_configuration;
    parser->set_alt_setting_func = on_set_alternative;
    parser->get_alt_setting_func = on_get_alternative;
    parser->control_packet_func = on_control;
    parser->bulk_packet_func = on_bulk;
    parser->cancel_data_packet_func = on_cancel;
    parser->device_disconnect_ack_func = on_nothing;
    parser->filter_reject_func = on_nothing;
    parser->filter_filter_func = on_filter;
}

int fg_uvc_redir_open(int fd, struct fg_uvc_device *device, struct fg_uvc_redir **ret,
                      struct fg_error *err)
{
    static const int wanted[] = {
        usb_redir_cap_connect_device_version,  usb_redir_cap_device_disconnect_ack,
        usb_redir_cap_ep_info_max_packet_size, usb_redir_cap_64bits_ids,
        usb_redir_cap_32bits_bulk_length,      usb_redir_cap_filter};
    uint32_t capabilities[USB_REDIR_CAPS_SIZE] = {0};
    struct fg_uvc_redir *redir = calloc(1, sizeof *redir);
    struct usbredirparser *parser = redir ? usbredirparser_create() : NULL;
    if (!parser || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        free(parser);
        free(redir);
        close(fd);
        return fg_fail(err, -ENOMEM, "not enough memory for a connection");
    }
    redir->fd = fd;
    redir->device = device;
    redir->parser = parser;
    parser->priv = redir;
    set_functions(parser);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        usbredirparser_caps_set_cap(capabilities, wanted[i]);
    usbredirparser_init(parser, "facegate uvc_camera", capabilities, USB_REDIR_CAPS_SIZE,
                        usbredirparser_fl_usb_host);
    *ret = redir;
    return 0;
}

void fg_uvc_redir_close(struct fg_uvc_redir *redir)
{
    if (!redir)
        return;
    usbredirparser_destroy(redir->parser);
    close(redir->fd);
    free(redir);
}

int fg_uvc_redir_fd(const struct fg_uvc_redir *redir)
{
    return redir->fd;
}

short fg_uvc_redir_events(const struct fg_uvc_redir *redir)
{
    return usbredirparser_has_data_to_write(redir->parser) ? POLLIN | POLLOUT : POLLIN;
}

int fg_uvc_redir_wait_ms(const struct fg_uvc_redir *redir)
{
    if (redir->n_reads == 0 || usbredirparser_get_bufferered_output_size(redir->parser) >= BACKLOG)
        return IDLE_MS;
    return fg_uvc_stream_wait_ms(&redir->device->stream);
}

void fg_uvc_redir_plug(struct fg_uvc_redir *redir, bool in)
{
    redir->wanted = in;
}

static void answer_reads(struct fg_uvc_redir *redir)
{
    while (redir->n_reads > 0 &&
           usbredirparser_get_bufferered_output_size(redir->parser) < BACKLOG) {
        const struct waiting_read first = redir->reads[0];
        int n = fg_uvc_stream_read(&redir->device->stream, redir->payload, first.length);
        if (n == 0)
            return;
        drop_read(redir, 0);
        send_payload(redir, first.id, n < 0 ? usb_redir_stall : usb_redir_success, n < 0 ? 0 : n);
    }
}

int fg_uvc_redir_work(struct fg_uvc_redir *redir, short events)
{
    if (events & (POLLIN | POLLHUP | POLLERR) &&
        usbredirparser_do_read(redir->parser) == usbredirparser_read_io_error)
        return -EPIPE;
    follow_plug(redir);
    answer_reads(redir);
    if (usbredirparser_has_data_to_write(redir->parser) &&
        usbredirparser_do_write(redir->parser) < 0)
        return -EPIPE;
    return 0;
}
