// SPDX-License-Identifier: Apache-2.0
#include "tools/plot.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEFT = 80, TOP = 50, SIDE_X = 480, SIDE_Y = 360, X_DECADES = 6, Y_DECADES = 3 };

static double at_x(double fmr)
{
    double decades = X_DECADES + log10(fmax(fmr, 1e-6));
    return LEFT + fmin(fmax(decades, 0), X_DECADES) * SIDE_X / X_DECADES;
}

static double at_y(double fnmr)
{
    double decades = Y_DECADES + log10(fmax(fnmr, 1e-3));
    return TOP + SIDE_Y - fmin(fmax(decades, 0), Y_DECADES) * SIDE_Y / Y_DECADES;
}

static void grid(FILE *f)
{
    for (int d = 0; d <= X_DECADES; d++) {
        double x = at_x(pow(10, d - X_DECADES));
        fprintf(f,
                "<path d='M%.1f %d V%d'/><text x='%.1f' y='%d' text-anchor='middle'>1e%d</text>\n",
                x, TOP, TOP + SIDE_Y, x, TOP + SIDE_Y + 18, d - X_DECADES);
    }
    for (int d = 0; d <= Y_DECADES; d++) {
        double y = at_y(pow(10, d - Y_DECADES));
        fprintf(f, "<path d='M%d %.1f H%d'/><text x='%d' y='%.1f' text-anchor='end'>1e%d</text>\n",
                LEFT, y, LEFT + SIDE_X, LEFT - 8, y + 4, d - Y_DECADES);
    }
}

static void title_text(FILE *f, const char *title)
{
    fprintf(f, "<text x='%d' y='30' font-size='16'>", LEFT);
    for (; *title; title++) {
        if (*title == '<' || *title == '&')
            fprintf(f, "&#%d;", *title);
        else
            fputc(*title, f);
    }
    fputs("</text>\n", f);
}

int fg_plot_det(const char *path, const char *title, const struct fg_scores *genuine,
                const struct fg_scores *impostors, struct fg_error *err)
{
    FILE *f = fopen(path, "we");
    if (!f)
        return fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    fprintf(f, "<svg xmlns='http://www.w3.org/2000/svg' width='620' height='470' "
               "font-family='sans-serif' font-size='12'>\n"
               "<rect width='620' height='470' fill='#fff'/>\n"
               "<style>path{stroke:#ddd}text{fill:#333}</style>\n<g>\n");
    grid(f);
    fputs("</g>\n", f);
    title_text(f, title);
    fprintf(f, "<text x='%d' y='%d' text-anchor='middle'>FMR</text>\n", LEFT + SIDE_X / 2,
            TOP + SIDE_Y + 42);
    fprintf(f, "<text transform='translate(24 %d) rotate(-90)' text-anchor='middle'>FNMR</text>\n",
            TOP + SIDE_Y / 2);
    fputs("<polyline fill='none' stroke='#c0392b' stroke-width='2' points='", f);
    for (int i = 0; i <= 240; i++) {
        double fmr = pow(10, -X_DECADES + i * X_DECADES / 240.0);
        if (fmr * (double)impostors->count < 1)
            continue; // fewer than one pair: nothing is known there
        float threshold = fg_threshold_for(impostors, fmr);
        fprintf(f, "%.1f,%.1f ", at_x(fmr), at_y(fg_share_below(genuine, threshold)));
    }
    fputs("'/>\n</svg>\n", f);
    int bad = ferror(f);
    if (fclose(f) != 0 || bad)
        return fg_fail(err, -EIO, "%s: can't be written", path);
    return 0;
}
