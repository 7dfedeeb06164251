// SPDX-License-Identifier: Apache-2.0
// crowd: enrols made-up people as fast as the matcher takes them, one request each.
//
//   crowd MODEL DIMENSION PREFIX COUNT
//
// MODEL is the model card's id in hex digits. Prints "acked PREFIX000001" after each answer that
// says so, which promises that the person is on disk. Ends with 1 and the reason at a refusal.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/dice.h"
#include "tools/client.h"

#define ENDPOINT   "ipc:///run/facegate/admin/control.sock"
#define TIMEOUT_MS 20000
#define MOST       1024 // dimensions

static int enrol(struct fg_client *client, const char *model, const char *id, const float *vector,
                 uint32_t dimension, struct fg_error *err)
{
    struct fg_json *answer = NULL, *request = fg_client_request("enrol");
    fg_json_add_string(request, "subject", id);
    fg_json_add_string(request, "model", model);
    fg_json_add_number(request, "dimension", dimension);
    int r = fg_client_do(client, request, vector, 1, dimension, &answer, err);
    fg_json_destroy(answer);
    return r;
}

int main(int argc, char **argv)
{
    struct fg_client *client = NULL;
    struct fg_error err = {""};
    float vector[MOST];
    if (argc != 5) {
        fputs("usage: crowd MODEL DIMENSION PREFIX COUNT\n", stderr);
        return 2;
    }
    const unsigned long dimension = strtoul(argv[2], NULL, 10), count = strtoul(argv[4], NULL, 10);
    if (dimension < 1 || dimension > MOST) {
        fprintf(stderr, "crowd: %s: give 1 to %d dimensions\n", argv[2], MOST);
        return 2;
    }
    int r = fg_client_open(ENDPOINT, TIMEOUT_MS, &client, &err);
    for (unsigned long i = 1; i <= count && r == 0; i++) {
        char id[64];
        snprintf(id, sizeof id, "%.40s%06lu", argv[3], i);
        random_unit(vector, (uint32_t)dimension);
        r = enrol(client, argv[1], id, vector, (uint32_t)dimension, &err);
        if (r == 0) {
            printf("acked %s\n", id);
            fflush(stdout);
        }
    }
    fg_client_close(client);
    if (r < 0)
        fprintf(stderr, "crowd: %s\n", err.text);
    return r < 0 ? 1 : 0;
}
