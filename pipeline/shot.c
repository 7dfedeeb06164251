// SPDX-License-Identifier: Apache-2.0
#include "pipeline/shot.h"

#include <math.h>

#define EARLY 0.75 // share of the interval after which a better moment is taken
#define LATE  1.25 // share after which any moment is

float fg_face_promise(const struct fg_face *face)
{
    const float *right = face->points[FG_POINT_RIGHT_EYE], *left = face->points[FG_POINT_LEFT_EYE];
    const float *nose = face->points[FG_POINT_NOSE];
    float dx = left[0] - right[0], dy = left[1] - right[1], eyes = hypotf(dx, dy);
    if (!(eyes > 1))
        return 0;
    float along =
        ((nose[0] - (left[0] + right[0]) / 2) * dx + (nose[1] - (left[1] + right[1]) / 2) * dy) /
        (eyes * eyes);
    return fminf(eyes / 60, 1) * fmaxf(0.1f, 1 - fabsf(along));
}

// How overdue a track is: below 1 it waits.
static double overdue(const struct fg_track *track, const struct fg_shot_plan *plan, uint64_t now)
{
    if (track->missed > 0)
        return 0;
    if (track->t_shot_ns == 0)
        return 1000;
    double waited = (double)(now - track->t_shot_ns) / (double)plan->every_ns;
    if (waited < EARLY)
        return 0;
    bool good = fg_face_promise(&track->face) >= track->shot_quality;
    return good || waited >= LATE ? 1 + waited : 0;
}

unsigned fg_shots_due(struct fg_tracker *tracker, const struct fg_shot_plan *plan, uint64_t now_ns,
                      unsigned ret[FG_TRACKS_MAX])
{
    double urgency[FG_TRACKS_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < fg_tracker_count(tracker); i++) {
        double u = overdue(fg_tracker_at(tracker, i), plan, now_ns);
        if (u < 1)
            continue;
        unsigned at = n++;
        for (; at > 0 && urgency[at - 1] < u; at--) {
            urgency[at] = urgency[at - 1];
            ret[at] = ret[at - 1];
        }
        urgency[at] = u;
        ret[at] = i;
    }
    return n < plan->per_frame ? n : plan->per_frame;
}

void fg_shot_taken(struct fg_track *track, uint64_t now_ns)
{
    track->t_shot_ns = now_ns;
    track->shot_quality = fg_face_promise(&track->face);
}
