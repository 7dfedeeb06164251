// SPDX-License-Identifier: Apache-2.0
#include "matcher/status.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "matcher/calibrate.h"

static void add_model(const struct fg_card *card, struct fg_json *reply)
{
    struct fg_json *model = fg_json_object();
    fg_json_add_string(model, "name", card->name);
    fg_json_add_string(model, "version", card->version);
    fg_json_add_hex(model, "id", card->id);
    fg_json_add_number(model, "dimension", fg_card_template_dimension(card));
    fg_json_add(reply, "model", model);
}

static void add_rates(const struct fg_policy *policy, const struct fg_threshold *t,
                      struct fg_json *identify)
{
    fg_json_add_number(identify, "fmr_of_one_comparison", t->fmr);
    fg_json_add_number(identify, "expected_fnir", t->fnmr);
    if (policy->impostors_per_day > 0)
        fg_json_add_number(identify, "false_accepts_per_year",
                           fg_false_accepts_per_year(t, policy));
    if (policy->passages_per_day > policy->impostors_per_day)
        fg_json_add_number(identify, "false_rejects_per_day",
                           t->fnmr * (policy->passages_per_day - policy->impostors_per_day));
}

static void add_identify(const struct fg_control *c, struct fg_json *reply, uint64_t realtime_s)
{
    struct fg_threshold t;
    struct fg_error err;
    struct fg_json *identify = fg_json_object();
    uint64_t candidates = fg_roster_candidates(c->roster, NULL, realtime_s);
    uint64_t most = fg_calibrate_most(c->card, c->policy);
    bool ready = fg_calibrate(c->card, c->policy, candidates, &t, &err) == 0;
    fg_json_add_bool(identify, "ready", ready);
    if (c->policy->fpir > 0)
        fg_json_add_number(identify, "fpir", c->policy->fpir);
    else
        fg_json_add_number(identify, "fmr", c->policy->fmr);
    fg_json_add_u64(identify, "candidates", candidates);
    if (most != UINT64_MAX)
        fg_json_add_u64(identify, "most_candidates", most);
    if (ready)
        add_rates(c->policy, &t, identify);
    else
        fg_json_add_string(identify, "reason", err.text);
    fg_json_add(reply, "identify", identify);
}

static void add_method(const struct fg_control *c, struct fg_json *index)
{
    struct fg_index_method method;
    fg_index_method(fg_roster_index(c->roster), &method);
    fg_json_add_bool(index, "ready", method.ready);
    fg_json_add_string(index, "kernels", method.kernels);
    fg_json_add_number(index, "code_bits", method.code_bits);
    fg_json_add_number(index, "dismissal", method.dismissal);
}

static void add_gallery(const struct fg_control *c, struct fg_json *reply)
{
    struct fg_gallery_state state;
    struct fg_json *gallery = fg_json_object(), *index = fg_json_object();
    fg_gallery_state(c->gallery, &state);
    fg_json_add_u64(gallery, "subjects", state.subjects);
    fg_json_add_u64(gallery, "foreign", state.foreign);
    fg_json_add_u64(gallery, "corrupt", state.corrupt);
    fg_json_add_u64(gallery, "bytes", state.bytes);
    fg_json_add_u64(gallery, "key_slots", state.key_slots);
    fg_json_add_u64(gallery, "key_slots_free", state.key_slots_free);
    fg_json_add_bool(gallery, "key_from_file", fg_gallery_key_from_file(c->gallery));
    fg_json_add(reply, "gallery", gallery);
    fg_json_add_u64(index, "templates", fg_roster_count(c->roster));
    fg_json_add_u64(index, "bytes", fg_roster_bytes(c->roster));
    fg_json_add_bool(index, "locked", fg_roster_locked(c->roster));
    add_method(c, index);
    fg_json_add(reply, "index", index);
}

// A fourcc is the camera's word: what is no letter or digit is not passed on.
static void add_picture(const struct fg_wire_beat *beat, struct fg_json *camera)
{
    static const char *const memories[] = {"own", "dma-buf", "mapped", "copied"};
    char text[48], *at = text;
    for (unsigned i = 0; i < 4; i++) {
        char c = (char)(beat->fourcc >> (8 * i));
        *at++ = isalnum((unsigned char)c) ? c : '?';
    }
    snprintf(at, sizeof text - 4, " %" PRIu32 "x%" PRIu32, beat->width, beat->height);
    fg_json_add_string(camera, "picture", text);
    fg_json_add_string(camera, "memory", memories[beat->memory]); // 0..3: the decoder checked
}

static void add_beat(const struct fg_wire_beat *beat, struct fg_json *camera)
{
    static const char *const states[] = {"starting", "running", "no_camera", "stopping", "asleep"};
    fg_json_add_string(camera, "state", states[beat->state]); // 0..4: the decoder checked
    fg_json_add_string(camera, "engine", beat->engine);
    fg_json_add_number(camera, "fps", beat->fps_milli / 1000.0);
    fg_json_add_number(camera, "tracks", beat->tracks);
    fg_json_add_number(camera, "rss_kib", beat->rss_kib);
    fg_json_add_u64(camera, "frames", beat->frames);
    fg_json_add_u64(camera, "displaced", beat->displaced);
    fg_json_add_u64(camera, "broken", beat->broken);
    fg_json_add_u64(camera, "detections", beat->detections);
    fg_json_add_u64(camera, "probes", beat->probes);
    fg_json_add_u64(camera, "notices", beat->notices);
    fg_json_add_u64(camera, "bytes_copied", beat->bytes_copied);
    fg_json_add_u64(camera, "bytes_raw", beat->bytes_raw);
    fg_json_add_u64(camera, "lost_frames", beat->lost);
    fg_json_add_u64(camera, "recoveries", beat->recoveries);
    if (beat->width > 0)
        add_picture(beat, camera);
}

static void add_cameras(const struct fg_senders *senders, struct fg_json *reply, uint64_t now_ns)
{
    struct fg_json *cameras = fg_json_array();
    for (unsigned i = 0; i < FG_SENDERS; i++) {
        const struct fg_sender *s = &senders->senders[i];
        if (!s->source[0])
            continue;
        struct fg_json *camera = fg_json_object();
        fg_json_add_string(camera, "source", s->source);
        fg_json_add_hex(camera, "session", s->session);
        fg_json_add_string(camera, "lane", s->lane);
        double silent_ns = now_ns > s->heard_ns ? (double)(now_ns - s->heard_ns) : 0;
        fg_json_add_number(camera, "silent_ms", (double)(uint64_t)(silent_ns / 1e6));
        fg_json_add_u64(camera, "received", s->received);
        fg_json_add_u64(camera, "lost", s->lost);
        fg_json_add_u64(camera, "repeated", s->repeated);
        if (s->has_beat)
            add_beat(&s->beat, camera);
        fg_json_add(cameras, NULL, camera);
    }
    fg_json_add(reply, "cameras", cameras);
}

static void add_drain(struct fg_drain *drain, struct fg_json *reply, struct fg_json *counters,
                      uint64_t now_ns)
{
    struct fg_drain_counters drained;
    struct fg_senders senders;
    fg_drain_counters(drain, &drained);
    fg_drain_senders(drain, &senders);
    fg_json_add_u64(counters, "received", drained.received);
    fg_json_add_u64(counters, "bad", drained.bad);
    fg_json_add_u64(counters, "wrong_version", drained.wrong_version);
    fg_json_add_u64(counters, "unknown", drained.unknown);
    fg_json_add_u64(counters, "displaced", drained.displaced);
    fg_json_add_u64(counters, "overrun", drained.overrun);
    fg_json_add_u64(counters, "gaps", senders.lost);
    fg_json_add_u64(counters, "repeated", senders.repeated);
    add_cameras(&senders, reply, now_ns);
}

static void add_counters(const struct fg_control *c, struct fg_json *reply, uint64_t now_ns)
{
    const struct fg_decide_counters *n = fg_decide_counters(c->decide);
    struct fg_json *counters = fg_json_object(), *decisions = fg_json_object();
    if (c->drain)
        add_drain(c->drain, reply, counters, now_ns);
    fg_json_add_u64(counters, "probes", n->probes);
    fg_json_add_u64(counters, "notices", n->notices);
    fg_json_add_u64(counters, "ignored", n->ignored);
    fg_json_add_u64(counters, "wrong_model", n->wrong_model);
    fg_json_add_u64(counters, "low_quality", n->low_quality);
    fg_json_add_u64(counters, "after_decision", n->after_decision);
    fg_json_add_u64(counters, "swaps", n->swaps);
    fg_json_add_u64(counters, "unjudged", n->unjudged);
    fg_json_add_u64(counters, "dropped_tracks", n->dropped);
    fg_json_add(reply, "counters", counters);
    for (unsigned i = 0; i < FG_OUTCOMES; i++)
        fg_json_add_u64(decisions, fg_outcome_name((enum fg_outcome)i), n->outcomes[i]);
    fg_json_add_u64(decisions, "duplicates", n->duplicates);
    fg_json_add(reply, "decisions", decisions);
}

// What gates said of admissions.
static void add_passages(const struct fg_passages_counters *n, struct fg_json *reply)
{
    struct fg_json *passages = fg_json_object();
    fg_json_add_u64(passages, "passed", n->passed);
    fg_json_add_u64(passages, "timeouts", n->timeouts);
    fg_json_add_u64(passages, "unsettled", n->unsettled);
    fg_json_add_u64(passages, "tailgates", n->tailgates);
    fg_json_add_u64(passages, "forced", n->forced);
    fg_json_add_u64(passages, "strays", n->strays);
    fg_json_add_u64(passages, "lost_events", n->lost);
    fg_json_add(reply, "passages", passages);
}

void fg_status_add(const struct fg_control *control, struct fg_json *reply, uint64_t now_ns,
                   uint64_t realtime_s)
{
    fg_json_add_string(reply, "version", control->version);
    fg_json_add_u64(reply, "uptime_s", (now_ns - control->started_ns) / 1000000000u);
    fg_json_add_string(reply, "profile", control->policy->name);
    fg_json_add_string(reply, "mode", fg_mode_name(control->policy->mode));
    add_model(control->card, reply);
    add_identify(control, reply, realtime_s);
    add_gallery(control, reply);
    add_counters(control, reply, now_ns);
    if (control->passages)
        add_passages(fg_passages_counters(control->passages), reply);
    if (control->latency->count > 0) {
        struct fg_json *latency = fg_json_object();
        fg_json_add_number(latency, "decisions", control->latency->count);
        fg_json_add_number(latency, "p50_ms", fg_latency_quantile(control->latency, .5));
        fg_json_add_number(latency, "p99_ms", fg_latency_quantile(control->latency, .99));
        fg_json_add(reply, "latency", latency);
    }
}
