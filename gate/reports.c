// SPDX-License-Identifier: Apache-2.0
#include "gate/reports.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "gate/reports_file.h"

#define HIGH_WATER 64
#define SECOND_NS  UINT64_C(1000000000)

int fg_reports_open(struct fg_reports *reports, struct fg_bus *bus, const char *endpoint,
                    const char *lane, const char *id, struct fg_error *err)
{
    struct fg_wire_head *head = &reports->message.head;
    snprintf(head->lane, sizeof head->lane, "%s", lane);
    snprintf(head->source, sizeof head->source, "%s", id);
    head->session = fg_random_u64();
    head->boot = fg_boot_number();
    return fg_socket_connect(bus, FG_SOCKET_PUB, endpoint, HIGH_WATER, &reports->socket, err);
}

int fg_reports_keep_in(struct fg_reports *reports, const char *path, struct fg_error *err)
{
    snprintf(reports->file, sizeof reports->file, "%s", path);
    int count = fg_reports_file_read(path, reports->kept, err);
    if (count < 0)
        return count;
    reports->count = (unsigned)count;
    if (count > 0)
        fg_log(FG_LOG_INFO, "%d reports of before are sent again", count);
    return 0;
}

void fg_reports_close(struct fg_reports *reports)
{
    const bool kept = reports->file[0] && !reports->unwritten;
    if (reports->count > 0)
        fg_log(FG_LOG_WARNING, "%u reports were not acknowledged: %s", reports->count,
               kept ? "kept for the next start" : "given up");
    reports->given_up += kept ? 0 : reports->count;
    reports->count = 0;
    fg_socket_close(reports->socket);
    reports->socket = NULL;
}

// ---- what is kept ------------------------------------------------------------------------------

bool fg_report_is_owed(const struct fg_report *report)
{
    bool settles = report->type == FG_WIRE_PASSED || report->type == FG_WIRE_TIMEOUT;
    return settles && report->decision.sequence > 0;
}

// A gate that can't write goes on: it is the passages of a kill that are lost then.
static void write_down(struct fg_reports *reports)
{
    int r =
        reports->file[0] ? fg_reports_file_write(reports->file, reports->kept, reports->count) : 0;
    if (r < 0 && !reports->unwritten)
        fg_log(FG_LOG_ERROR, "%s: %s: reports are kept in memory alone", reports->file,
               strerror(-r));
    reports->unwritten = r < 0;
}

static void take_out(struct fg_reports *reports, unsigned i)
{
    const bool owed = fg_report_is_owed(&reports->kept[i]);
    reports->count--;
    memmove(reports->kept + i, reports->kept + i + 1, (reports->count - i) * sizeof *reports->kept);
    if (reports->count == 0)
        reports->full = false;
    if (owed)
        write_down(reports);
}

void fg_reports_tell(struct fg_reports *reports, enum fg_wire_type type,
                     struct fg_decision_id decision, uint64_t t_ns)
{
    if (reports->count == FG_REPORTS_KEPT) {
        if (!reports->full)
            fg_log(FG_LOG_ERROR, "%d reports wait for the matcher: the oldest are given up",
                   FG_REPORTS_KEPT);
        reports->full = true;
        reports->given_up++;
        take_out(reports, 0);
    }
    reports->kept[reports->count++] = (struct fg_report){type, decision, t_ns, 0};
    if (fg_report_is_owed(&reports->kept[reports->count - 1]))
        write_down(reports);
}

static struct fg_report *oldest_owed(struct fg_reports *reports)
{
    for (unsigned i = 0; i < reports->count; i++)
        if (fg_report_is_owed(&reports->kept[i]))
            return &reports->kept[i];
    return NULL;
}

void fg_reports_acknowledge(struct fg_reports *reports, struct fg_decision_id decision)
{
    const struct fg_report *report = oldest_owed(reports);
    if (!report || report->tries == 0 || report->decision.run != decision.run ||
        report->decision.sequence != decision.sequence)
        return;
    reports->acknowledged++;
    take_out(reports, (unsigned)(report - reports->kept));
}

// ---- sending -----------------------------------------------------------------------------------

static void send(struct fg_reports *reports, const struct fg_report *report, uint64_t now_ns)
{
    uint8_t body[FG_WIRE_MAX];
    char topic[FG_WIRE_NAME];
    struct fg_wire_message *m = &reports->message;
    m->head.type = report->type;
    m->head.sequence++;
    m->head.t_capture_ns = report->t_ns;
    m->head.t_publish_ns = now_ns;
    m->gate = (struct fg_wire_gate){report->decision.run, report->decision.sequence};
    int length = fg_wire_encode(m, body, NULL); // the names were checked with the configuration
    if (length < 0)
        return;
    const struct fg_part parts[] = {{topic, fg_wire_topic(m->head.lane, topic)},
                                    {body, (size_t)length}};
    if (fg_socket_send(reports->socket, parts, 2) == 0)
        reports->sent++;
}

// Once, and out.
static void send_others(struct fg_reports *reports, bool listened, uint64_t now_ns)
{
    for (unsigned i = 0; i < reports->count;) {
        const struct fg_report *report = &reports->kept[i];
        bool wake = report->type == FG_WIRE_WAKE;
        if (fg_report_is_owed(report) || (!listened && !wake)) {
            i++;
            continue;
        }
        if (listened)
            send(reports, report, now_ns);
        take_out(reports, i);
    }
}

static void send_owed(struct fg_reports *reports, uint64_t now_ns)
{
    struct fg_report *report = oldest_owed(reports);
    if (!report || (report->tries > 0 && now_ns < reports->again_ns))
        return;
    if (report->tries == FG_REPORTS_TRIES) {
        fg_log(FG_LOG_ERROR, "the matcher did not acknowledge a report for %d minutes: given up",
               FG_REPORTS_TRIES / 60);
        reports->given_up++;
        take_out(reports, (unsigned)(report - reports->kept));
        return; // the next one goes in the next turn
    }
    report->tries++;
    reports->again_ns = now_ns + SECOND_NS;
    send(reports, report, now_ns);
}

void fg_reports_work(struct fg_reports *reports, uint64_t now_ns)
{
    if (!reports->socket)
        return;
    bool listened = fg_socket_wait_subscriber(reports->socket, 0) == 0;
    if (listened)
        send_owed(reports, now_ns);
    send_others(reports, listened, now_ns);
    if (!listened || now_ns < reports->alive_ns)
        return;
    send(reports, &(struct fg_report){.type = FG_WIRE_ALIVE, .t_ns = now_ns}, now_ns);
    reports->alive_ns = now_ns + SECOND_NS;
}
