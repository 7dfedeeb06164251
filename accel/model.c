// SPDX-License-Identifier: Apache-2.0
#include "accel/model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accel/digest.h"
#include "accel/lower.h"
#include "accel/project.h"
#include "accel/tflite.h"

#define MODEL_MAX_BYTES (256u << 20)

static int read_all(int fd, uint8_t *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = read(fd, bytes + done, length - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO; // it shrank under us
        done += (size_t)n;
    }
    return 0;
}

static int read_file(const char *path, uint8_t **ret, size_t *ret_length, struct fg_error *err)
{
    struct stat st;
    uint8_t *bytes = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC), r;
    if (fd < 0)
        return fg_fail(err, -errno, "%s: %s; install the model file or correct `file` in the card",
                       path, strerror(errno));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        r = fg_fail(err, -EINVAL, "%s: not a regular file", path);
    else if (st.st_size == 0 || st.st_size > (off_t)MODEL_MAX_BYTES)
        r = fg_fail(err, st.st_size ? -EFBIG : -EINVAL, "%s: %lld bytes; a model has 1 to %u MB",
                    path, (long long)st.st_size, MODEL_MAX_BYTES >> 20);
    else if (!(bytes = malloc((size_t)st.st_size)))
        r = fg_fail(err, -ENOMEM, "%s: no memory for %lld bytes", path, (long long)st.st_size);
    else if ((r = read_all(fd, bytes, (size_t)st.st_size)) < 0)
        fg_fail(err, r, "%s: %s", path, strerror(-r));
    close(fd);
    if (r < 0) {
        free(bytes);
        return r;
    }
    *ret = bytes;
    *ret_length = (size_t)st.st_size;
    return 0;
}

static int check_digest(const struct fg_card *card, const uint8_t *bytes, size_t length,
                        struct fg_error *err)
{
    char sum[FG_DIGEST_CHARS];
    fg_digest(bytes, length, sum);
    if (!strcmp(sum, card->sha256))
        return 0;
    return fg_fail(err, -EBADMSG,
                   "%s: sha256 is %s, the card says %s; fetch the model again, or correct the card "
                   "if the change is meant",
                   card->path, sum, card->sha256);
}

// Before lowering: a reason of its own comes before whatever else such a file may lack.
static int check_types(const struct fg_card *card, const struct fg_graph *graph,
                       struct fg_error *err)
{
    if (graph->n_inputs != 1 || graph->n_outputs < 1)
        return fg_fail(err, -EINVAL, "%s: %u inputs and %u outputs; a model here takes one picture",
                       card->path, graph->n_inputs, graph->n_outputs);
    for (unsigned k = 0; k <= graph->n_outputs; k++) {
        const struct fg_tensor *t = &graph->tensors[k ? graph->outputs[k - 1] : graph->inputs[0]];
        if (t->type != FG_FLOAT32)
            return fg_fail(err, -ENOTSUP,
                           "%s: the %s '%.60s' is %s; export the model with float32 input and "
                           "output; int8 inside is fine",
                           card->path, k ? "output" : "input", t->name, fg_type_name(t->type));
    }
    return 0;
}

static const char *shape_text(const struct fg_tensor *t, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "%s", t->n_dims ? "" : "one value");
    for (unsigned k = 0; k < t->n_dims && used < size; k++)
        used += (size_t)snprintf(text + used, size - used, k ? "x%u" : "%u", t->dims[k]);
    return text;
}

static int check_shapes(const struct fg_card *card, const struct fg_graph *graph,
                        struct fg_error *err)
{
    const struct fg_tensor *in = &graph->tensors[graph->inputs[0]];
    const struct fg_tensor *out = &graph->tensors[graph->outputs[0]];
    uint32_t height = card->transposed ? card->width : card->height;
    uint32_t width = card->transposed ? card->height : card->width;
    char shape[80];
    if (in->n_dims != 4 || in->dims[0] != 1 || in->dims[3] != 3)
        return fg_fail(err, -EINVAL,
                       "%s: the input is %s; one colour picture, 1 x height x width x 3, is needed",
                       card->path, shape_text(in, shape, sizeof shape));
    if (in->dims[1] != height || in->dims[2] != width)
        return fg_fail(err, -EINVAL,
                       "%s: the input is %s, the card says 1x%ux%ux3; correct width and height in "
                       "the card",
                       card->path, shape_text(in, shape, sizeof shape), height, width);
    if (card->kind == FG_CARD_EMBEDDER && graph->n_outputs != 1)
        return fg_fail(err, -EINVAL,
                       "%s: it has %u outputs, an embedder has one; correct kind in the card",
                       card->path, graph->n_outputs);
    if (card->kind == FG_CARD_EMBEDDER && fg_tensor_elements(out) != card->dimension)
        return fg_fail(err, -EINVAL,
                       "%s: the output has %zu values, the card says %u; correct dimension in the "
                       "card",
                       card->path, fg_tensor_elements(out), card->dimension);
    return 0;
}

static int prepare(const struct fg_card *card, struct fg_graph *graph, struct fg_error *err)
{
    int r = check_types(card, graph, err);
    if (r < 0)
        return r;
    r = fg_lower(graph, err);
    if (r < 0)
        return fg_fail_prefix(err, r, "%s", card->path);
    r = check_shapes(card, graph, err);
    if (r == 0 && card->project) {
        r = fg_project(graph, card->project, err);
        if (r < 0)
            fg_fail_prefix(err, r, "%s", card->path);
    }
    return r;
}

int fg_model_load(const struct fg_card *card, struct fg_graph **ret, struct fg_error *err)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    struct fg_graph *graph = NULL;
    int r = read_file(card->path, &bytes, &length, err);
    if (r < 0)
        return r;
    r = check_digest(card, bytes, length, err);
    if (r == 0) {
        r = fg_tflite_read(bytes, length, &graph, err);
        if (r < 0)
            fg_fail_prefix(err, r, "%s", card->path);
    }
    free(bytes);
    if (r == 0)
        r = prepare(card, graph, err);
    if (r < 0) {
        fg_graph_destroy(graph);
        return r;
    }
    *ret = graph;
    return 0;
}

int fg_model_open(const struct fg_card *card, const struct fg_accel_options *options,
                  struct fg_accel **ret, struct fg_error *err)
{
    struct fg_graph *graph = NULL;
    int r = fg_model_load(card, &graph, err);
    if (r < 0)
        return r;
    struct fg_accel *accel = NULL;
    r = fg_accel_open(graph, options, &accel, err);
    fg_graph_destroy(graph);
    if (r < 0) {
        fg_accel_close(accel);
        return fg_fail_prefix(err, r, "%s", card->path);
    }
    *ret = accel;
    return 0;
}
