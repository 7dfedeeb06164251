// SPDX-License-Identifier: Apache-2.0
#include "pipeline/quality.h"

#include <math.h>

#define NOSE_DEPTH 0.5f // the nose tip lies about half an eye distance before the eyes
#define DEGREES    57.29578f

const struct fg_quality_limits fg_quality_gate = {
    .eye_distance = 20,
    .yaw = 50,
    .dark = 25,
    .bright = 240,
    .sharpness = 0.0008f,
    .face_score = 0.5f,
};

void fg_quality_geometry(const struct fg_landmarks *landmarks, struct fg_quality *quality)
{
    const float(*p)[2] = landmarks->points;
    float dx = p[1][0] - p[0][0], dy = p[1][1] - p[0][1];
    float eyes = hypotf(dx, dy);
    quality->eye_distance = eyes;
    quality->roll = eyes > 0 ? DEGREES * atan2f(dy, dx) : 0;
    float nx = p[2][0] - (p[0][0] + p[1][0]) / 2, ny = p[2][1] - (p[0][1] + p[1][1]) / 2;
    float along = eyes > 0 ? (nx * dx + ny * dy) / (eyes * eyes) : 0; // in eye distances
    quality->yaw = DEGREES * atanf(along / NOSE_DEPTH);
    quality->pitch = 0;
    quality->face_score = landmarks->score;
}

static float luma(const float *rgb, const struct fg_sample_form *form)
{
    float r = rgb[form->bgr ? 2 : 0], g = rgb[1], b = rgb[form->bgr ? 0 : 2];
    return (0.299f * r + 0.587f * g + 0.114f * b) * form->scale + form->mean;
}

void fg_quality_picture(const float *crop, const struct fg_sample_form *form,
                        struct fg_quality *quality)
{
    // the face itself, without most of the hair and background
    const uint32_t x0 = form->width / 5, x1 = form->width - x0;
    const uint32_t y0 = form->height / 4, y1 = form->height - form->height / 8;
    const size_t row = (size_t)form->width * 3;
    double sum = 0, square = 0, edges = 0, n = 0;
    for (uint32_t y = y0; y < y1; y++) {
        for (uint32_t x = x0; x < x1; x++) {
            const float *at = crop + y * row + (size_t)x * 3;
            float v = luma(at, form);
            float around = luma(at - 3, form) + luma(at + 3, form) + luma(at - row, form) +
                           luma(at + row, form);
            float laplacian = v - around / 4;
            sum += v;
            square += (double)v * v;
            edges += (double)laplacian * laplacian;
            n++;
        }
    }
    double mean = sum / n, variance = fmax(square / n - mean * mean, 0);
    quality->luminance = (float)mean;
    quality->contrast = (float)sqrt(variance);
    quality->sharpness = (float)(edges / n / fmax(variance, 25));
}

static int outside(const struct fg_landmarks *landmarks, const struct fg_frame *frame)
{
    for (int i = 0; i < FG_LANDMARKS; i++) {
        float x = landmarks->points[i][0], y = landmarks->points[i][1];
        if (!(x >= 0 && y >= 0 && x < (float)frame->width && y < (float)frame->height))
            return 1;
    }
    return 0;
}

enum fg_reason fg_quality_reason(const struct fg_quality *quality,
                                 const struct fg_landmarks *landmarks, const struct fg_frame *frame,
                                 const struct fg_quality_limits *limits)
{
    if (outside(landmarks, frame))
        return FG_REASON_CUT_OFF;
    if (quality->eye_distance < limits->eye_distance)
        return FG_REASON_TOO_SMALL;
    if (!(quality->face_score >= limits->face_score))
        return FG_REASON_OCCLUDED;
    if (quality->luminance < limits->dark)
        return FG_REASON_TOO_DARK;
    if (quality->luminance > limits->bright)
        return FG_REASON_TOO_BRIGHT;
    if (fabsf(quality->yaw) > limits->yaw)
        return FG_REASON_POSE;
    if (quality->sharpness < limits->sharpness)
        return FG_REASON_BLURRED;
    return FG_REASON_NONE;
}

// 0 at `none` and beyond, 1 at `full` and beyond, straight between.
static float share(float value, float none, float full)
{
    float s = (value - none) / (full - none);
    return s < 0 ? 0 : s > 1 ? 1 : s;
}

void fg_quality_unify(struct fg_quality *quality, float min_norm)
{
    float u = 0.2f + 0.8f * share(quality->eye_distance, 12, 36);
    u *= 0.2f + 0.8f * share(fabsf(quality->yaw), 60, 20);
    u *= 0.3f + 0.7f * share(quality->sharpness, 0.0008f, 0.008f);
    u *= share(quality->luminance, 10, 60) * share(quality->luminance, 250, 215);
    u *= share(quality->contrast, 4, 20);
    u *= share(quality->face_score, 0.3f, 0.9f);
    if (min_norm > 0)
        u *= 0.1f + 0.9f * share(quality->norm, 0.8f * min_norm, 1.25f * min_norm);
    quality->unified = u;
}
