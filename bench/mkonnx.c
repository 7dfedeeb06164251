// SPDX-License-Identifier: Apache-2.0
// mkonnx CARD OUT.onnx: the card's network, lowered but not projected, for a peer engine.
#include <stdio.h>

#include "accel/model.h"
#include "bench/onnx.h"

int main(int argc, char **argv)
{
    struct fg_card card;
    struct fg_graph *graph = NULL;
    struct fg_error err = {""};
    if (argc != 3) {
        fprintf(stderr, "usage: mkonnx CARD OUT.onnx\n");
        return 2;
    }
    int r = fg_card_read(argv[1], &card, &err);
    card.project = 0;
    if (r == 0)
        r = fg_model_load(&card, &graph, &err);
    if (r == 0)
        r = fg_onnx_write(graph, argv[2], &err);
    fg_graph_destroy(graph);
    if (r < 0)
        fprintf(stderr, "mkonnx: %s\n", err.text);
    return r < 0;
}
