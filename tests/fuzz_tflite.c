// SPDX-License-Identifier: Apache-2.0
// libFuzzer entry: any bytes through the TFLite reader and the lowering.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "accel/lower.h"
#include "accel/tflite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_graph *graph = NULL;
    struct fg_error err = {""};
    int r = fg_tflite_read(data, size, &graph, &err);
    if (r < 0 && (graph || !err.text[0]))
        abort(); // a refusal leaves *ret alone and says why
    if (r == 0 && fg_lower(graph, &err) == 0 && fg_graph_check(graph, &err) < 0)
        abort(); // lowering keeps a graph valid
    fg_graph_destroy(graph);
    return 0;
}
