// SPDX-License-Identifier: Apache-2.0
#include "pipeline/track.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define VELOCITY_SHARE 0.5f // of the newest measurement in the running velocity
#define COAST_NS       250000000u
#define STOPPED        0.25f // widths of expected motion from which the old place is tried too
#define LEAST_DT       0.01f // a file read at full speed has frames microseconds apart

struct fg_tracker {
    struct fg_detector *detector;
    struct fg_tracker_options options;
    struct fg_track tracks[FG_TRACKS_MAX];
    unsigned count;
    uint32_t last_id;
    struct fg_square squares[FG_SQUARES_MAX];
    unsigned n_squares, next_square;
    uint32_t width, height; // of the frames that the squares are for
    struct fg_region zone;  // in pixels of these
    uint64_t detections;
};

int fg_tracker_create(struct fg_detector *detector, const struct fg_tracker_options *options,
                      struct fg_tracker **ret)
{
    struct fg_tracker *t = calloc(1, sizeof *t);
    if (!t)
        return -ENOMEM;
    t->detector = detector;
    t->options = *options;
    *ret = t;
    return 0;
}

void fg_tracker_destroy(struct fg_tracker *tracker)
{
    free(tracker);
}

static void shift(struct fg_face *face, float dx, float dy)
{
    face->x += dx;
    face->y += dy;
    for (int k = 0; k < FG_POINTS; k++) {
        face->points[k][0] += dx;
        face->points[k][1] += dy;
    }
}

static void seen(struct fg_track *track, const struct fg_face *face, uint64_t now_ns)
{
    float dt = (float)(now_ns - track->t_seen_ns) * 1e-9f;
    if (track->hits > 0 && dt > 0) {
        dt = fmaxf(dt, LEAST_DT);
        float vx = (face->x - track->face.x) / dt, vy = (face->y - track->face.y) / dt;
        float share = track->hits == 1 ? 1 : VELOCITY_SHARE;
        track->vx += share * (vx - track->vx);
        track->vy += share * (vy - track->vy);
    }
    track->face = *face;
    track->t_seen_ns = now_ns;
    track->missed = 0;
    track->hits++;
}

// 1 seen, 0 missed, or negative errno.
static int follow(struct fg_tracker *t, struct fg_track *track, const struct fg_frame *frame)
{
    uint64_t since = frame->t_capture_ns - track->t_seen_ns;
    float dt = (float)(since < COAST_NS ? since : COAST_NS) * 1e-9f;
    const float dx = track->vx * dt, dy = track->vy * dt;
    struct fg_face face = track->face;
    shift(&face, dx, dy);
    int found = fg_detect_again(t->detector, frame, &face);
    // who stops short, or whose frames' times are uneven, is still where they were
    if (found == 0 && track->missed == 0 && hypotf(dx, dy) > STOPPED * track->face.width) {
        face = track->face;
        found = fg_detect_again(t->detector, frame, &face);
    }
    if (found > 0)
        seen(track, &face, frame->t_capture_ns);
    else if (found == 0)
        track->missed++;
    return found;
}

static void drop(struct fg_tracker *t, unsigned index, fg_track_lost lost, void *context)
{
    lost(context, &t->tracks[index]);
    t->tracks[index] = t->tracks[--t->count];
}

// Two tracks on one face: the longer followed one keeps it.
static void drop_doubles(struct fg_tracker *t, fg_track_lost lost, void *context)
{
    for (unsigned i = 0; i < t->count; i++) {
        for (unsigned j = i + 1; j < t->count;) {
            const struct fg_track *a = &t->tracks[i], *b = &t->tracks[j];
            if (a->missed > 0 || b->missed > 0 || !fg_face_same(&a->face, &b->face)) {
                j++;
                continue;
            }
            if (a->hits < b->hits) {
                struct fg_track keep = *b;
                t->tracks[j] = *a;
                t->tracks[i] = keep;
            }
            drop(t, j, lost, context);
        }
    }
}

static int is_known(const struct fg_tracker *t, const struct fg_face *face)
{
    for (unsigned i = 0; i < t->count; i++)
        if (fg_face_same(&t->tracks[i].face, face))
            return 1;
    return 0;
}

static int add_new(struct fg_tracker *t, const struct fg_frame *frame, struct fg_face *face)
{
    if (t->count == FG_TRACKS_MAX || is_known(t, face))
        return 0;
    int found = fg_detect_again(t->detector, frame, face);
    if (found <= 0 || is_known(t, face) || face->width < t->options.smallest * 0.5f ||
        !fg_region_has(&t->zone, face->x, face->y))
        return found < 0 ? found : 0;
    struct fg_track *track = &t->tracks[t->count++];
    *track = (struct fg_track){.id = ++t->last_id};
    seen(track, face, frame->t_capture_ns);
    return 0;
}

static bool meets(const struct fg_square *square, const struct fg_region *zone)
{
    return square->x < zone->x + zone->width && square->x + square->side > zone->x &&
           square->y < zone->y + zone->height && square->y + square->side > zone->y;
}

// A face of the zone lies in a square that meets it. Squares may leave a picture's edge out, and
// with it a zone as narrow: then all are kept.
static void lay_squares(struct fg_tracker *t)
{
    const unsigned all = fg_detector_squares(t->width, t->height, t->options.smallest, t->squares);
    t->n_squares = 0;
    t->next_square = 0;
    for (unsigned i = 0; i < all; i++)
        if (meets(&t->squares[i], &t->zone))
            t->squares[t->n_squares++] = t->squares[i];
    if (t->n_squares == 0)
        t->n_squares = fg_detector_squares(t->width, t->height, t->options.smallest, t->squares);
}

static void note_size(struct fg_tracker *t, const struct fg_frame *frame)
{
    if (frame->width == t->width && frame->height == t->height)
        return;
    t->width = frame->width;
    t->height = frame->height;
    t->zone = fg_zone_region(&t->options.zone, t->width, t->height);
    lay_squares(t);
}

static int look_at_next_square(struct fg_tracker *t, const struct fg_frame *frame)
{
    struct fg_face faces[FG_TRACKS_MAX];
    const struct fg_square *square = &t->squares[t->next_square];
    t->next_square = (t->next_square + 1) % t->n_squares;
    int n = fg_detect_square(t->detector, frame, square, faces, FG_TRACKS_MAX);
    for (int i = 0; i < n; i++) {
        int code = add_new(t, frame, &faces[i]);
        if (code < 0)
            return code;
    }
    return n < 0 ? n : 0;
}

// Where one is new there may be two: then all squares are looked at, so that the first probe counts
// those who came together.
static int look_for_new(struct fg_tracker *t, const struct fg_frame *frame)
{
    const unsigned before = t->count;
    unsigned turns = t->options.squares_per_frame;
    if (turns == 0 || turns > t->n_squares)
        turns = t->n_squares;
    for (unsigned looked = 0; looked < turns; looked++) {
        int code = look_at_next_square(t, frame);
        if (code < 0)
            return code;
        if (t->count > before)
            turns = t->n_squares;
    }
    return 0;
}

static int seen_first(const void *pa, const void *pb)
{
    const struct fg_track *a = pa, *b = pb;
    return a->missed != b->missed ? (a->missed > b->missed) - (a->missed < b->missed)
                                  : (a->id > b->id) - (a->id < b->id);
}

int fg_tracker_step(struct fg_tracker *tracker, const struct fg_frame *frame, fg_track_lost lost,
                    void *context)
{
    struct fg_tracker *t = tracker;
    note_size(t, frame);
    for (unsigned i = 0; i < t->count;) {
        int found = follow(t, &t->tracks[i], frame);
        if (found < 0)
            return found;
        const struct fg_face *face = &t->tracks[i].face;
        if (t->tracks[i].missed > t->options.most_missed ||
            !fg_region_has(&t->zone, face->x, face->y))
            drop(t, i, lost, context);
        else
            i++;
    }
    drop_doubles(t, lost, context);
    int code = look_for_new(t, frame);
    qsort(t->tracks, t->count, sizeof *t->tracks, seen_first);
    for (unsigned i = 0; i < t->count; i++)
        t->detections += t->tracks[i].missed == 0;
    return code;
}

unsigned fg_tracker_count(const struct fg_tracker *tracker)
{
    return tracker->count;
}

struct fg_track *fg_tracker_at(struct fg_tracker *tracker, unsigned index)
{
    return &tracker->tracks[index];
}

unsigned fg_tracker_seen(const struct fg_tracker *tracker)
{
    unsigned seen = 0;
    while (seen < tracker->count && tracker->tracks[seen].missed == 0)
        seen++;
    return seen;
}

void fg_tracker_end(struct fg_tracker *tracker, fg_track_lost lost, void *context)
{
    while (tracker->count > 0)
        drop(tracker, tracker->count - 1, lost, context);
}

uint64_t fg_tracker_detections(const struct fg_tracker *tracker)
{
    return tracker->detections;
}
