// SPDX-License-Identifier: Apache-2.0
#include "demo/sheet.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo/draw.h"
#include "demo/takes.h"
#include "pipeline/image.h"

#define COLUMNS     2
#define CELL_WIDTH  960
#define CELL_HEIGHT 540
#define CAPTION     48
#define TEXT        2
#define BACK        FG_DRAW_RGB(20, 22, 26)
#define WHITE       FG_DRAW_RGB(240, 240, 240)
#define BLACK       FG_DRAW_RGB(0, 0, 0)

static uint32_t colour_of(enum fg_verdict verdict)
{
    if (verdict == FG_VERDICT_ADMIT)
        return FG_DRAW_RGB(60, 220, 90);
    if (verdict == FG_VERDICT_DENY)
        return FG_DRAW_RGB(240, 70, 60);
    return FG_DRAW_RGB(250, 210, 50);
}

static bool whole(const double box[4])
{
    return box[0] >= 0 && box[1] >= 0 && box[0] + box[2] <= FG_TAKES_WIDTH &&
           box[1] + box[3] <= FG_TAKES_HEIGHT;
}

// The frame with most decided and whole faces; among equals the one nearest to two thirds of the
// photograph's time, where people are near and still together. SIZE_MAX: none was traced.
static size_t telling_frame(const struct fg_tally *tally, int photograph)
{
    size_t best = SIZE_MAX, first = SIZE_MAX, last = 0;
    double most = -1;
    for (size_t i = 0; i < fg_tally_frames(tally); i++) {
        if (fg_tally_frame(tally, i)->photograph != photograph)
            continue;
        first = first == SIZE_MAX ? i : first;
        last = i;
    }
    for (size_t i = first; first != SIZE_MAX && i <= last; i++) {
        const struct fg_tally_frame *frame = fg_tally_frame(tally, i);
        if (!frame->traced)
            continue;
        double worth = 1 - fabs((double)(i - first) / (double)(last - first + 1) - .66);
        for (unsigned k = 0; k < frame->n_boxes; k++) {
            const struct fg_tally_box *box = &frame->boxes[k];
            worth += whole(box->box) &&
                     fg_tally_of_track(tally, i, box->track)->verdict > FG_VERDICT_RETRY;
        }
        if (worth > most) {
            most = worth;
            best = i;
        }
    }
    return best;
}

static int read_frame(FILE *footage, const struct fg_tally_frame *frame, struct fg_picture *ret,
                      struct fg_error *err)
{
    struct fg_image image = {0};
    uint8_t *bytes = malloc(frame->bytes + 1);
    if (!bytes)
        return fg_fail(err, -ENOMEM, "not enough memory");
    int r = 0;
    if (fseeko(footage, (off_t)frame->offset, SEEK_SET) < 0 ||
        fread(bytes, 1, frame->bytes, footage) != frame->bytes)
        r = fg_fail(err, -EIO, "the footage is shorter than its truth says; make it again");
    if (r == 0)
        r = fg_image_decode(&image, bytes, frame->bytes, err);
    if (r == 0 && (r = fg_picture_from_frame(&image.frame, ret)) < 0)
        fg_fail(err, r, "not enough memory");
    fg_image_finish(&image);
    free(bytes);
    return r;
}

static void annotate(const struct fg_tally *tally, size_t index, double scale,
                     struct fg_picture *cell)
{
    const struct fg_tally_frame *frame = fg_tally_frame(tally, index);
    for (unsigned i = 0; i < frame->n_boxes; i++) {
        const struct fg_tally_box *box = &frame->boxes[i];
        const struct fg_tally_decision *said = fg_tally_of_track(tally, index, box->track);
        const uint32_t colour = colour_of(said->verdict);
        char label[96];
        if (said->verdict == FG_VERDICT_ADMIT)
            snprintf(label, sizeof label, "#%u admit %.32s", box->track, said->subject);
        else
            snprintf(label, sizeof label, "#%u %s", box->track,
                     said->verdict == FG_VERDICT_DENY ? "deny" : "undecided");
        const int left = (int)(box->box[0] * scale), top = (int)(box->box[1] * scale);
        fg_draw_box(cell, left, top, (int)(box->box[2] * scale), (int)(box->box[3] * scale), 3,
                    colour);
        const int above = top - fg_draw_label_height(TEXT);
        const int room = CELL_WIDTH - fg_draw_label_width(TEXT, label);
        fg_draw_label(cell,
                      left < 0      ? 0
                      : left < room ? left
                                    : room,
                      above < 0 ? 0 : above, TEXT, BLACK, colour, label);
    }
}

static int draw_cell(const struct fg_tally *tally, int photograph, FILE *footage,
                     struct fg_picture *cell, struct fg_error *err)
{
    const size_t index = telling_frame(tally, photograph);
    struct fg_picture picture = {0};
    char label[128];
    if (index == SIZE_MAX) {
        snprintf(label, sizeof label, "%s: not seen",
                 fg_tally_photograph(tally, (unsigned)photograph));
        fg_draw_fill(cell, 0, 0, CELL_WIDTH, CELL_HEIGHT, BACK);
    } else {
        int r = read_frame(footage, fg_tally_frame(tally, index), &picture, err);
        if (r < 0)
            return r;
        fg_draw_picture(cell, 0, 0, CELL_WIDTH, CELL_HEIGHT, &picture);
        annotate(tally, index, (double)CELL_WIDTH / picture.width, cell);
        fg_picture_finish(&picture);
        snprintf(label, sizeof label, "%s frame %zu",
                 fg_tally_photograph(tally, (unsigned)photograph), index);
    }
    fg_draw_label(cell, 0, CELL_HEIGHT - fg_draw_label_height(TEXT), TEXT, WHITE, BACK, label);
    return 0;
}

int fg_sheet_write(const struct fg_tally *tally, const char *footage, const char *caption,
                   const char *path, struct fg_error *err)
{
    const int count = (int)fg_tally_photographs(tally);
    const int rows = (count + COLUMNS - 1) / COLUMNS;
    struct fg_picture sheet = {0}, cell = {0};
    FILE *file = fopen(footage, "rb");
    if (!file)
        return fg_fail(err, -errno, "%s: %s", footage, strerror(errno));
    int r = fg_picture_init(&sheet, COLUMNS * CELL_WIDTH, (uint32_t)(rows * CELL_HEIGHT + CAPTION));
    if (r == 0)
        r = fg_picture_init(&cell, CELL_WIDTH, CELL_HEIGHT);
    if (r < 0)
        fg_fail(err, r, "not enough memory");
    for (int i = 0; i < count && r == 0; i++) {
        r = draw_cell(tally, i, file, &cell, err);
        fg_draw_picture(&sheet, i % COLUMNS * CELL_WIDTH, i / COLUMNS * CELL_HEIGHT, CELL_WIDTH,
                        CELL_HEIGHT, &cell);
    }
    if (r == 0) {
        fg_draw_fill(&sheet, 0, rows * CELL_HEIGHT, COLUMNS * CELL_WIDTH, CAPTION, BACK);
        fg_draw_text(&sheet, 12, rows * CELL_HEIGHT + 16, TEXT, WHITE, caption);
        r = fg_image_write_png(path, sheet.rgb, sheet.width, sheet.height, sheet.width * 3, err);
    }
    fg_picture_finish(&cell);
    fg_picture_finish(&sheet);
    fclose(file);
    return r;
}
