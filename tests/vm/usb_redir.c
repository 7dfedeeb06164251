// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/usb_redir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <usbredirfilter.h>
#include <usbredirparser.h>

#define READS       256    // of the bulk endpoint that may wait; uvcvideo has 5
#define BACKLOG     262144 // bytes unsent, above which no more reads are answered
#define IDLE_MS     500
#define NO_ENDPOINT 255
#define PLACES      32 // for endpoints in usb-redir's tables: 16 from the host, 16 to it

struct waiting_read {
    uint64_t id;
    uint32_t length;
    uint8_t endpoint;
};

struct fg_usb_redir {
    struct usbredirparser *parser;
    const struct fg_usb_device *device;
    const char *name;
    int fd;
    bool ready, wanted, plugged;
    struct waiting_read reads[READS];
    unsigned n_reads;
    uint8_t answer[FG_USB_READ_BYTES];
};

static void log_line(void *context, int level, const char *text)
{
    const struct fg_usb_redir *redir = context;
    if (level <= usbredirparser_warning)
        fprintf(stderr, "%s: %s\n", redir->name, text);
}

static int read_socket(void *context, uint8_t *to, int count)
{
    struct fg_usb_redir *redir = context;
    ssize_t n = read(redir->fd, to, (size_t)count);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n > 0 ? (int)n : -1;
}

static int write_socket(void *context, uint8_t *from, int count)
{
    struct fg_usb_redir *redir = context;
    ssize_t n = write(redir->fd, from, (size_t)count);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n > 0 ? (int)n : -1;
}

static unsigned place_of(uint8_t address)
{
    return (address & 0x0fu) + (address & FG_USB_TO_HOST ? PLACES / 2 : 0);
}

static void send_interfaces(struct fg_usb_redir *redir)
{
    const struct fg_usb_kind *kind = redir->device->kind;
    struct usb_redir_interface_info_header interfaces = {.interface_count = kind->n_interfaces};
    struct usb_redir_ep_info_header endpoints = {0};
    for (uint8_t i = 0; i < kind->n_interfaces; i++) {
        interfaces.interface[i] = i;
        interfaces.interface_class[i] = kind->interfaces[i].class;
        interfaces.interface_subclass[i] = kind->interfaces[i].subclass;
        interfaces.interface_protocol[i] = kind->interfaces[i].protocol;
    }
    memset(endpoints.type, NO_ENDPOINT, sizeof endpoints.type);
    endpoints.type[0] = endpoints.type[PLACES / 2] = usb_redir_type_control;
    endpoints.max_packet_size[0] = endpoints.max_packet_size[PLACES / 2] = 64;
    for (unsigned i = 0; i < kind->n_endpoints; i++) {
        const struct fg_usb_endpoint *one = &kind->endpoints[i];
        const unsigned at = place_of(one->address);
        endpoints.type[at] = one->interrupt ? usb_redir_type_interrupt : usb_redir_type_bulk;
        endpoints.interval[at] = one->interrupt;
        endpoints.max_packet_size[at] = one->packet_bytes;
        endpoints.interface[at] = one->interface;
    }
    usbredirparser_send_interface_info(redir->parser, &interfaces);
    usbredirparser_send_ep_info(redir->parser, &endpoints);
}

static void connect_device(struct fg_usb_redir *redir)
{
    const struct fg_usb_kind *kind = redir->device->kind;
    struct usb_redir_device_connect_header device = {
        .speed = kind->high_speed ? usb_redir_speed_high : usb_redir_speed_full,
        .device_class = kind->class,
        .device_subclass = kind->subclass,
        .device_protocol = kind->protocol,
        .vendor_id = kind->vendor,
        .product_id = kind->number,
        .device_version_bcd = kind->release,
    };
    send_interfaces(redir);
    usbredirparser_send_device_connect(redir->parser, &device);
}

static void give_power(struct fg_usb_redir *redir, bool on)
{
    redir->plugged = on;
    redir->n_reads = 0;
    if (redir->device->kind->power)
        redir->device->kind->power(redir->device->context, on);
    fprintf(stderr, "%s: %s %s\n", redir->name, redir->device->serial,
            on ? "plugged in" : "pulled out");
}

static void follow_plug(struct fg_usb_redir *redir)
{
    if (!redir->ready || redir->wanted == redir->plugged)
        return;
    give_power(redir, redir->wanted);
    if (redir->wanted)
        connect_device(redir);
    else
        usbredirparser_send_device_disconnect(redir->parser);
}

static void reset(struct fg_usb_redir *redir)
{
    if (redir->device->kind->reset)
        redir->device->kind->reset(redir->device->context);
}

// ---- what QEMU asks, as usb-redir's parser calls it
static void on_hello(void *context, struct usb_redir_hello_header *hello)
{
    struct fg_usb_redir *redir = context;
    (void)hello;
    redir->ready = true;
}

static void on_reset(void *context)
{
    struct fg_usb_redir *redir = context;
    redir->n_reads = 0;
    reset(redir);
}

static void on_set_configuration(void *context, uint64_t id,
                                 struct usb_redir_set_configuration_header *wanted)
{
    struct fg_usb_redir *redir = context;
    struct usb_redir_configuration_status_header status = {usb_redir_success,
                                                           wanted->configuration};
    send_interfaces(redir);
    usbredirparser_send_configuration_status(redir->parser, id, &status);
}

static void on_get_configuration(void *context, uint64_t id)
{
    struct fg_usb_redir *redir = context;
    struct usb_redir_configuration_status_header status = {usb_redir_success, 1};
    usbredirparser_send_configuration_status(redir->parser, id, &status);
}

static void on_set_alternative(void *context, uint64_t id,
                               struct usb_redir_set_alt_setting_header *wanted)
{
    struct fg_usb_redir *redir = context;
    struct usb_redir_alt_setting_status_header status = {usb_redir_success, wanted->interface,
                                                         wanted->alt};
    reset(redir);
    send_interfaces(redir);
    usbredirparser_send_alt_setting_status(redir->parser, id, &status);
}

static void on_get_alternative(void *context, uint64_t id,
                               struct usb_redir_get_alt_setting_header *wanted)
{
    struct fg_usb_redir *redir = context;
    struct usb_redir_alt_setting_status_header status = {usb_redir_success, wanted->interface, 0};
    usbredirparser_send_alt_setting_status(redir->parser, id, &status);
}

static void on_control(void *context, uint64_t id, struct usb_redir_control_packet_header *packet,
                       uint8_t *data, int length)
{
    struct fg_usb_redir *redir = context;
    const struct fg_usb_setup setup = {.type = packet->requesttype,
                                       .request = packet->request,
                                       .value = packet->value,
                                       .index = packet->index,
                                       .length = packet->length};
    struct usb_redir_control_packet_header reply = *packet;
    uint8_t answer[FG_USB_ANSWER_BYTES];
    int r = fg_usb_device_request(redir->device, &setup, data, (size_t)length, answer);
    const bool to_host = packet->endpoint & FG_USB_TO_HOST;
    reply.status = r < 0 ? usb_redir_stall : usb_redir_success;
    if (r < 0 || to_host)
        reply.length = (uint16_t)(r < 0 ? 0 : r);
    const int told = to_host && r > 0 ? r : 0;
    usbredirparser_send_control_packet(redir->parser, id, &reply, told ? answer : NULL, told);
    usbredirparser_free_packet_data(redir->parser, data);
}

static void answer_read(struct fg_usb_redir *redir, const struct waiting_read *read, uint8_t status,
                        int length)
{
    struct usb_redir_bulk_packet_header packet = {.endpoint = read->endpoint,
                                                  .status = status,
                                                  .length = (uint16_t)length,
                                                  .length_high = (uint16_t)(length >> 16)};
    usbredirparser_send_bulk_packet(redir->parser, read->id, &packet, length ? redir->answer : NULL,
                                    length);
}

static void on_bulk(void *context, uint64_t id, struct usb_redir_bulk_packet_header *packet,
                    uint8_t *data, int length)
{
    struct fg_usb_redir *redir = context;
    const struct fg_usb_endpoint *endpoint =
        fg_usb_device_endpoint(redir->device, packet->endpoint);
    const struct waiting_read read = {id, packet->length | (uint32_t)packet->length_high << 16,
                                      packet->endpoint};
    const bool is_fine = endpoint && !endpoint->interrupt && packet->endpoint & FG_USB_TO_HOST;
    (void)length;
    usbredirparser_free_packet_data(redir->parser, data);
    if (!is_fine || redir->n_reads == READS || read.length <= 2)
        answer_read(redir, &read, usb_redir_inval, 0);
    else
        redir->reads[redir->n_reads++] = read;
}

// Interrupt endpoints never have anything to tell, and take nothing.
static void on_start_interrupts(void *context, uint64_t id,
                                struct usb_redir_start_interrupt_receiving_header *wanted)
{
    struct fg_usb_redir *redir = context;
    const struct fg_usb_endpoint *endpoint =
        fg_usb_device_endpoint(redir->device, wanted->endpoint);
    struct usb_redir_interrupt_receiving_status_header status = {
        endpoint && endpoint->interrupt ? usb_redir_success : usb_redir_inval, wanted->endpoint};
    usbredirparser_send_interrupt_receiving_status(redir->parser, id, &status);
}

static void on_stop_interrupts(void *context, uint64_t id,
                               struct usb_redir_stop_interrupt_receiving_header *wanted)
{
    struct fg_usb_redir *redir = context;
    struct usb_redir_interrupt_receiving_status_header status = {usb_redir_success,
                                                                 wanted->endpoint};
    usbredirparser_send_interrupt_receiving_status(redir->parser, id, &status);
}

static void on_interrupt(void *context, uint64_t id,
                         struct usb_redir_interrupt_packet_header *packet, uint8_t *data,
                         int length)
{
    struct fg_usb_redir *redir = context;
    struct usb_redir_interrupt_packet_header reply = {packet->endpoint, usb_redir_stall, 0};
    (void)length;
    usbredirparser_free_packet_data(redir->parser, data);
    usbredirparser_send_interrupt_packet(redir->parser, id, &reply, NULL, 0);
}

static void drop_read(struct fg_usb_redir *redir, unsigned at)
{
    redir->n_reads--;
    memmove(redir->reads + at, redir->reads + at + 1, (redir->n_reads - at) * sizeof *redir->reads);
}

static void on_cancel(void *context, uint64_t id)
{
    struct fg_usb_redir *redir = context;
    for (unsigned i = 0; i < redir->n_reads; i++) {
        if (redir->reads[i].id == id) {
            const struct waiting_read read = redir->reads[i];
            drop_read(redir, i);
            answer_read(redir, &read, usb_redir_cancelled, 0);
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
    parser->start_interrupt_receiving_func = on_start_interrupts;
    parser->stop_interrupt_receiving_func = on_stop_interrupts;
    parser->interrupt_packet_func = on_interrupt;
    parser->cancel_data_packet_func = on_cancel;
    parser->device_disconnect_ack_func = on_nothing;
    parser->filter_reject_func = on_nothing;
    parser->filter_filter_func = on_filter;
}

int fg_usb_redir_open(int fd, const struct fg_usb_device *device, const char *name,
                      struct fg_usb_redir **ret, struct fg_error *err)
{
    static const int wanted[] = {
        usb_redir_cap_connect_device_version,  usb_redir_cap_device_disconnect_ack,
        usb_redir_cap_ep_info_max_packet_size, usb_redir_cap_64bits_ids,
        usb_redir_cap_32bits_bulk_length,      usb_redir_cap_filter};
    uint32_t capabilities[USB_REDIR_CAPS_SIZE] = {0};
    struct fg_usb_redir *redir = calloc(1, sizeof *redir);
    struct usbredirparser *parser = redir ? usbredirparser_create() : NULL;
    if (!parser || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        free(parser);
        free(redir);
        close(fd);
        return fg_fail(err, -ENOMEM, "not enough memory for a connection");
    }
    redir->fd = fd;
    redir->device = device;
    redir->name = name;
    redir->parser = parser;
    parser->priv = redir;
    set_functions(parser);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        usbredirparser_caps_set_cap(capabilities, wanted[i]);
    usbredirparser_init(parser, "facegate tests", capabilities, USB_REDIR_CAPS_SIZE,
                        usbredirparser_fl_usb_host);
    *ret = redir;
    return 0;
}

void fg_usb_redir_close(struct fg_usb_redir *redir)
{
    if (!redir)
        return;
    if (redir->plugged)
        give_power(redir, false);
    usbredirparser_destroy(redir->parser);
    close(redir->fd);
    free(redir);
}

int fg_usb_redir_fd(const struct fg_usb_redir *redir)
{
    return redir->fd;
}

short fg_usb_redir_events(const struct fg_usb_redir *redir)
{
    return usbredirparser_has_data_to_write(redir->parser) ? POLLIN | POLLOUT : POLLIN;
}

int fg_usb_redir_wait_ms(const struct fg_usb_redir *redir)
{
    if (redir->n_reads == 0 || usbredirparser_get_bufferered_output_size(redir->parser) >= BACKLOG)
        return IDLE_MS;
    return redir->device->kind->wait_ms(redir->device->context);
}

void fg_usb_redir_plug(struct fg_usb_redir *redir, bool in)
{
    redir->wanted = in;
}

static void answer_reads(struct fg_usb_redir *redir)
{
    const struct fg_usb_device *device = redir->device;
    while (redir->n_reads > 0 &&
           usbredirparser_get_bufferered_output_size(redir->parser) < BACKLOG) {
        const struct waiting_read first = redir->reads[0];
        const size_t room = first.length < FG_USB_READ_BYTES ? first.length : FG_USB_READ_BYTES;
        int n = device->kind->read(device->context, redir->answer, room);
        if (n == 0)
            return;
        drop_read(redir, 0);
        answer_read(redir, &first, n < 0 ? usb_redir_stall : usb_redir_success, n < 0 ? 0 : n);
    }
}

int fg_usb_redir_work(struct fg_usb_redir *redir, short events)
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
