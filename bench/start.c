// SPDX-License-Identifier: Apache-2.0
#include "bench/start.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/crowd.h"
#include "common/bus.h"
#include "common/card.h"
#include "common/clock.h"
#include "common/json.h"
#include "matcher/gallery.h"
#include "pipeline/publish.h"
#include "tools/child.h"

#define FOLDER   "build/bench"
#define CARD     "models/mobilefacenet.card"
#define PROBE    "ipc://" FOLDER "/start-probe.sock"
#define DECISION "ipc://" FOLDER "/start-decision.sock"
#define CONTROL  "ipc://" FOLDER "/start-control.sock"
#define RUNS     5
#define EVERY_MS 10
#define LIMIT_MS 60000

struct place {
    char gallery[64], key[64];
    struct fg_card card;
    uint32_t dimension;
};

// ---- the gallery --------------------------------------------------------------------------------

static void clear(const struct place *place)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "lock", "keys"};
    char path[96];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", place->gallery, files[i]);
        unlink(path);
    }
    rmdir(place->gallery);
    unlink(place->key);
}

static int fill(const struct place *place, uint32_t subjects, double *ret_per_s,
                struct fg_error *err)
{
    const struct fg_gallery_options options = {.directory = place->gallery,
                                               .master_key_file = place->key,
                                               .make_key = true,
                                               .model = place->card.id,
                                               .dimension = place->dimension,
                                               .map_bytes = UINT64_C(64) << 30};
    struct fg_gallery *gallery;
    int r = fg_gallery_open(&options, &gallery, err);
    if (r < 0)
        return r;
    uint64_t start = fg_monotonic_ns();
    r = fg_crowd_fill(gallery, place->card.id, place->dimension, 0, subjects, err);
    *ret_per_s = subjects / ((double)(fg_monotonic_ns() - start) / 1e9);
    fg_gallery_close(gallery);
    return r;
}

// ---- one start ----------------------------------------------------------------------------------

static int send_probe(struct fg_publisher *publisher, const struct place *place, uint32_t track,
                      struct fg_error *err)
{
    static struct fg_wire_message message;
    memset(&message, 0, sizeof message);
    message.head.type = FG_WIRE_PROBE;
    message.probe.model = place->card.id;
    message.probe.track = track;
    message.probe.quality.unified = .9f;
    message.probe.dimension = place->dimension;
    fg_crowd_vector(track, place->dimension, message.probe.vector);
    int r = fg_publish(publisher, &message, fg_monotonic_ns(), err);
    return r == -EAGAIN ? 0 : r;
}

static bool is_admission(const struct fg_message *message)
{
    struct fg_json *json = NULL;
    if (message->count != 2 ||
        fg_json_parse(message->parts[1].data, message->parts[1].length, &json, NULL) < 0)
        return false;
    bool admitted = strcmp(fg_json_get_string(json, "outcome", ""), "admit") == 0;
    fg_json_destroy(json);
    return admitted;
}

// Probes, each of somebody else, go on until one is admitted: a first decision may be published
// before our socket has joined.
static int await(struct fg_publisher *publisher, struct fg_socket *decisions,
                 struct fg_child *matcher, const struct place *place, struct fg_error *err)
{
    struct fg_message message;
    char words[256];
    for (uint32_t track = 1; track < LIMIT_MS / EVERY_MS; track++) {
        int r = send_probe(publisher, place, track, err);
        if (r < 0)
            return r;
        if (fg_socket_receive(decisions, EVERY_MS, &message) == 0 && is_admission(&message))
            return 0;
        if (fg_child_ended(matcher)) {
            fg_child_last_words(matcher, words, sizeof words);
            return fg_fail(err, -EPROTO, "the matcher ended: %s", words);
        }
    }
    return fg_fail(err, -ETIMEDOUT, "no decision in %d s", LIMIT_MS / 1000);
}

static int start_once(const struct place *place, struct fg_bus *bus, double *ret_ms,
                      struct fg_error *err)
{
    const char *const argv[] = {"build/facegate-matcher",
                                "--gallery",
                                place->gallery,
                                "--key",
                                place->key,
                                "--profile",
                                "profiles/demo.ini",
                                "--model",
                                CARD,
                                "--probe",
                                PROBE,
                                "--decision",
                                DECISION,
                                "--control",
                                CONTROL,
                                "--config",
                                FOLDER "/start.conf",
                                NULL};
    struct fg_publisher *publisher = NULL;
    struct fg_socket *decisions = NULL;
    struct fg_child matcher = {0};
    uint64_t start = fg_monotonic_ns();
    int r = fg_child_start(&matcher, argv, FOLDER "/start.log", err);
    if (r == 0)
        r = fg_publisher_open(PROBE, "1", "bench", &publisher, err);
    if (r == 0)
        r = fg_socket_connect(bus, FG_SOCKET_SUB, DECISION, 16, &decisions, err);
    if (r == 0)
        r = fg_socket_subscribe(decisions, "", 0);
    if (r == 0)
        r = await(publisher, decisions, &matcher, place, err);
    *ret_ms = (double)(fg_monotonic_ns() - start) / 1e6;
    fg_child_stop(&matcher);
    fg_socket_close(decisions);
    fg_publisher_close(publisher);
    unlink(PROBE + 6);
    unlink(DECISION + 6);
    unlink(CONTROL + 6);
    return r;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int start_often(const struct place *place, struct fg_start *ret, struct fg_error *err)
{
    double ms[RUNS];
    struct fg_bus *bus;
    int r = fg_bus_create(&bus);
    if (r < 0)
        return fg_fail(err, r, "out of memory");
    for (int i = 0; i < RUNS && r == 0; i++)
        r = start_once(place, bus, &ms[i], err);
    fg_bus_destroy(bus);
    if (r < 0)
        return r;
    qsort(ms, RUNS, sizeof *ms, by_value);
    ret->decision_ms = ms[RUNS / 2];
    ret->worst_ms = ms[RUNS - 1];
    return 0;
}

int fg_start_measure(uint32_t subjects, struct fg_start *ret, struct fg_error *err)
{
    struct place place;
    *ret = (struct fg_start){0};
    snprintf(place.gallery, sizeof place.gallery, FOLDER "/start-gallery");
    snprintf(place.key, sizeof place.key, FOLDER "/start-key");
    FILE *config = fopen(FOLDER "/start.conf", "w");
    if (!config || fprintf(config, "[matcher]\ngallery_mib = 65536\n") < 0 || fclose(config) != 0)
        return fg_fail(err, -errno, FOLDER "/start.conf: %s", strerror(errno));
    int r = fg_card_read(CARD, &place.card, err);
    if (r < 0)
        return r;
    place.dimension = fg_card_template_dimension(&place.card);
    clear(&place);
    r = fill(&place, subjects, &ret->fill_per_s, err);
    if (r == 0)
        r = start_often(&place, ret, err);
    clear(&place);
    return r;
}
