// SPDX-License-Identifier: Apache-2.0
#include "matcher/tracks.h"

#include <math.h>
#include <string.h>

#define LEAST_WEIGHT 1e-3f // a probe of quality 0 that the policy lets through still counts

static bool same(const struct fg_track *t, const struct fg_wire_head *head, uint32_t number)
{
    return t->used && t->number == number && t->session == head->session &&
           strcmp(t->source, head->source) == 0 && strcmp(t->lane, head->lane) == 0;
}

struct fg_track *fg_tracks_find(struct fg_tracks *tracks, const struct fg_wire_head *head,
                                uint32_t number)
{
    for (unsigned i = 0; i < FG_TRACKS; i++)
        if (same(&tracks->at[i], head, number))
            return &tracks->at[i];
    return NULL;
}

bool fg_tracks_full(const struct fg_tracks *tracks)
{
    for (unsigned i = 0; i < FG_TRACKS; i++)
        if (!tracks->at[i].used)
            return false;
    return true;
}

struct fg_track *fg_tracks_place(struct fg_tracks *tracks)
{
    struct fg_track *oldest = &tracks->at[0];
    for (unsigned i = 0; i < FG_TRACKS; i++) {
        if (!tracks->at[i].used)
            return &tracks->at[i];
        if (tracks->at[i].seen_ns < oldest->seen_ns)
            oldest = &tracks->at[i];
    }
    return oldest;
}

void fg_track_begin(struct fg_track *track, const struct fg_wire_head *head, uint32_t number)
{
    track->used = true;
    memcpy(track->lane, head->lane, sizeof track->lane);
    memcpy(track->source, head->source, sizeof track->source);
    track->session = head->session;
    track->number = number;
}

void fg_track_free(struct fg_track *track)
{
    explicit_bzero(track, sizeof *track);
}

static bool somebody(const struct fg_track *t, const char *lane)
{
    return t->used && t->number != 0 && strcmp(t->lane, lane) == 0;
}

bool fg_tracks_live(const struct fg_tracks *tracks, const char *lane)
{
    return fg_tracks_faces(tracks, lane, 0) > 0;
}

unsigned fg_tracks_faces(const struct fg_tracks *tracks, const char *lane, uint64_t since_ns)
{
    unsigned faces = 0;
    for (unsigned i = 0; i < FG_TRACKS; i++)
        faces += somebody(&tracks->at[i], lane) && tracks->at[i].seen_ns >= since_ns;
    return faces;
}

bool fg_tracks_admitted(const struct fg_tracks *tracks, const char *lane, const char *subject)
{
    for (unsigned i = 0; i < FG_TRACKS; i++) {
        const struct fg_track *t = &tracks->at[i];
        if (t->used && strcmp(t->subject, subject) == 0 && strcmp(t->lane, lane) == 0)
            return true;
    }
    return false;
}

static float dot(const float *a, const float *b, uint32_t dimension)
{
    double sum = 0;
    for (uint32_t i = 0; i < dimension; i++)
        sum += (double)a[i] * (double)b[i];
    return (float)sum;
}

void fg_track_fuse(struct fg_track *track, const struct fg_wire_probe *probe, uint64_t now_ns)
{
    float weight = fmaxf(probe->quality.unified, LEAST_WEIGHT);
    if (track->n_good++ == 0)
        track->first_good_ns = now_ns;
    for (uint32_t i = 0; i < probe->dimension; i++)
        track->sum[i] += weight * probe->vector[i];
    float length = sqrtf(dot(track->sum, track->sum, probe->dimension));
    for (uint32_t i = 0; i < probe->dimension; i++)
        track->mean[i] = track->sum[i] / length;
}

// Sums of vectors that cancel out have no direction: they are not one person's either.
bool fg_track_belongs(const struct fg_track *track, const struct fg_wire_probe *probe,
                      float same_track)
{
    float least = fmaxf(same_track, -.5f);
    return track->n_good == 0 || dot(track->mean, probe->vector, probe->dimension) >= least;
}

void fg_track_forget(struct fg_track *track)
{
    explicit_bzero(track->sum, sizeof track->sum);
    explicit_bzero(track->mean, sizeof track->mean);
    track->n_good = 0;
}

void fg_track_anew(struct fg_track *track)
{
    fg_track_forget(track);
    memset(track->subject, 0, sizeof track->subject);
    memset(track->held, 0, sizeof track->held);
    track->decided = false;
    track->compared = false;
    track->retry = NULL;
}
