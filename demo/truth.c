// SPDX-License-Identifier: Apache-2.0
#include "demo/truth.h"

#include <string.h>

// p03 stands in sample1 (right) and in sample3 (middle). sample2's left-hand face, p04, looks away
// in full profile, where no matcher may be expected to answer: the view leaves it out.
const struct fg_demo_photo fg_demo_photos[] = {
    {
        .name = "sample1.jpg",
        .width = 1920,
        .height = 1280,
        .show = {0, 0, 1920, 1280},
        .n_faces = 3,
        .faces = {{"p01", 483, 488, 210}, {"p02", 930, 548, 240}, {"p03", 1575, 338, 225}},
        .n_keys = 4,
        .keys = {{0, 1030, 600, .40f},
                 {2.5f, 1033, 460, .90f},
                 {3.5f, 760, 480, 1.08f},
                 {4.9f, 1270, 430, 1.13f}},
    },
    {
        .name = "sample2.jpg",
        .width = 1920,
        .height = 1367,
        .show = {640, 0, 1920, 1367},
        .n_faces = 3,
        .faces = {{"p04", 450, 285, 240}, {"p05", 982, 352, 225}, {"p06", 1537, 285, 232}},
        .n_keys = 4,
        .keys = {{0, 1280, 640, .39f},
                 {2.6f, 1260, 420, .90f},
                 {3.8f, 1250, 350, 1.04f},
                 {4.8f, 1230, 340, 1.10f}},
    },
    {
        .name = "sample3.jpg",
        .width = 1920,
        .height = 1350,
        .show = {0, 0, 1920, 1350},
        .n_faces = 3,
        .faces = {{"p07", 682, 465, 258}, {"p03", 1170, 360, 255}, {"p08", 1605, 442, 270}},
        .n_keys = 4,
        .keys = {{0, 1140, 600, .34f},
                 {3.0f, 1146, 440, .80f},
                 {4.0f, 1150, 420, .93f},
                 {4.8f, 1180, 410, .98f}},
    },
    {
        .name = "sample4.jpg",
        .width = 1920,
        .height = 1448,
        .show = {0, 0, 1920, 1448},
        .n_faces = 4,
        .faces = {{"p09", 357, 319, 213},
                  {"p10", 745, 182, 228},
                  {"p11", 1060, 296, 213},
                  {"p12", 1353, 274, 213}},
        .n_keys = 4,
        .keys = {{0, 860, 560, .41f},
                 {2.8f, 856, 380, .86f},
                 {3.8f, 810, 340, 1.00f},
                 {4.9f, 1010, 310, 1.14f}},
    },
    {
        .name = "sample5.jpg",
        .width = 1920,
        .height = 1398,
        .show = {0, 0, 1920, 1398},
        .n_faces = 5,
        .faces = {{"p13", 472, 1020, 248},
                  {"p14", 690, 540, 210},
                  {"p15", 870, 217, 207},
                  {"p16", 1190, 318, 210},
                  {"p17", 1485, 540, 232}},
        .n_keys = 5,
        .keys = {{0, 960, 640, .42f},
                 {2.4f, 960, 630, .62f},
                 {3.3f, 660, 800, .94f},
                 {4.6f, 1050, 380, 1.00f},
                 {5.4f, 1150, 370, 1.12f}},
    },
    {
        .name = "sample6.jpg",
        .width = 1920,
        .height = 1537,
        .show = {0, 0, 1920, 1537},
        .n_faces = 4,
        .faces = {{"p18", 370, 639, 263},
                  {"p19", 752, 486, 235},
                  {"p20", 1275, 470, 266},
                  {"p21", 1575, 431, 250}},
        .n_keys = 4,
        .keys = {{0, 960, 650, .35f},
                 {2.6f, 969, 540, .79f},
                 {3.6f, 740, 540, .98f},
                 {4.9f, 1260, 500, 1.03f}},
    },
};
const size_t fg_demo_photo_count = sizeof fg_demo_photos / sizeof *fg_demo_photos;

// p02 and p09 look alike to the default model (cosine .55), so both are strangers: a demo may not
// depend on a pair that the model cannot tell apart.
const char *const fg_demo_enrolled[] = {
    "p03", "p07", "p08", "p10", "p12", "p13", "p15", "p17", "p18", "p20",
};
const size_t fg_demo_enrolled_count = sizeof fg_demo_enrolled / sizeof *fg_demo_enrolled;

bool fg_demo_is_enrolled(const char *person)
{
    for (size_t i = 0; i < fg_demo_enrolled_count; i++) {
        if (strcmp(person, fg_demo_enrolled[i]) == 0)
            return true;
    }
    return false;
}
