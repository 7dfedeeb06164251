// SPDX-License-Identifier: Apache-2.0
// Prints decisions as the matcher makes them: facegate-wire(7), DECISIONS. Needs libzmq and cJSON,
// nothing of facegate.
//
//   cc -o watch watch.c -lzmq -lcjson
//   ./watch LANE [ENDPOINT [LANGUAGE]]
//
// Run it as a member of the group facegate-gate. One line a decision:
//   LANE OUTCOME REASON SUBJECT SENTENCE
// with "-" for a subject that is not told. Stale decisions are named on stderr and not printed: a
// gate must not act on them.
#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#define ENDPOINT "ipc:///run/facegate/gate/decision.sock"
#define MOST     8192 // bytes of a decision
#define LANE     31   // characters of a lane's name

static const char *text(const cJSON *object, const char *name, const char *absent)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return value ? value : absent;
}

// Integers above 2^53 come as strings of digits: the monotonic clock gets there in 104 days.
static uint64_t number(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    if (cJSON_IsString(member))
        return strtoull(member->valuestring, NULL, 10);
    return cJSON_IsNumber(member) && member->valuedouble > 0 ? (uint64_t)member->valuedouble : 0;
}

static int is_stale(const cJSON *decision)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); // the matcher's clock: it is on the same machine
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    uint64_t made_ns = number(decision, "t_decision_ns");
    return made_ns > now_ns || (now_ns - made_ns) / 1000000u > number(decision, "valid_ms");
}

static void show(const cJSON *decision, const char *language)
{
    const char *lane = text(decision, "lane", "?"), *reason = text(decision, "reason", "?");
    if (is_stale(decision)) {
        fprintf(stderr, "stale: %s %s\n", lane, reason);
        return;
    }
    const cJSON *say = cJSON_GetObjectItemCaseSensitive(decision, "say");
    printf("%s %s %s %s %s\n", lane, text(decision, "outcome", "?"), reason,
           text(decision, "subject", "-"), text(say, language, ""));
    fflush(stdout);
}

// The body of the next decision of the lane as a string; its length, or -1.
static int next(void *socket, const char *lane, char body[MOST + 1])
{
    char topic[LANE + 1];
    int64_t more = 0;
    size_t size = sizeof more;
    int length = zmq_recv(socket, topic, sizeof topic, 0);
    if (length < 0)
        return -1;
    int ours = (size_t)length == strlen(lane) + 1 && memcmp(topic, lane, (size_t)length) == 0;
    int parts = 1;
    for (length = 0; zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more; parts++)
        length = zmq_recv(socket, body, MOST, 0);
    if (!ours || parts != 2 || length < 0 || length > MOST)
        return 0;
    body[length] = '\0';
    return length;
}

int main(int argc, char **argv)
{
    char body[MOST + 1];
    if (argc < 2 || argc > 4 || strlen(argv[1]) > LANE) {
        fprintf(stderr, "usage: %s LANE [ENDPOINT [LANGUAGE]]\n", argv[0]);
        return 2;
    }
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_SUB);
    // The topic is the lane and a NUL, so that lane 1 does not hear lane 10.
    if (zmq_setsockopt(socket, ZMQ_SUBSCRIBE, argv[1], strlen(argv[1]) + 1) < 0 ||
        zmq_connect(socket, argc > 2 ? argv[2] : ENDPOINT) < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], zmq_strerror(zmq_errno()));
        return 1;
    }
    for (int length; (length = next(socket, argv[1], body)) >= 0;) {
        cJSON *decision = length > 0 ? cJSON_ParseWithLength(body, (size_t)length) : NULL;
        if (decision && strcmp(text(decision, "lane", ""), argv[1]) == 0)
            show(decision, argc > 3 ? argv[3] : "en");
        cJSON_Delete(decision);
    }
    zmq_close(socket);
    zmq_ctx_destroy(context);
    return 1; // interrupted
}
