// SPDX-License-Identifier: Apache-2.0
// bench_gallery: enrolling, deleting and loading, each in one run on this disk and beside what one
// fdatasync costs there. A real matcher answers over its control socket; what only the gallery
// itself can tell (flushes, loading) is measured on a gallery of this process. Prints a table and
// writes build/bench/gallery.json. BENCH_SUBJECTS=N loads another number than a million.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/contest.h"
#include "bench/crowd.h"
#include "bench/figures.h"
#include "bench/served.h"
#include "common/clock.h"
#include "tools/client.h"

#define DIMENSION  64u
#define MESSAGE    FG_CLIENT_SUBJECTS
#define MESSAGES   30u // of one bulk client
#define BULK       2u  // clients, so that the matcher need not wait
#define CLIENTS    256u
#define CROWD      20480u // enrolled and deleted by many clients
#define LONE       100u
#define IN_BULK    (BULK * MESSAGES * MESSAGE)
#define ENROLLED   (IN_BULK + LONE) // of the crowd, when the matcher is stopped
#define TIMEOUT_MS 20000

static void die(const char *what)
{
    fprintf(stderr, "bench_gallery: %s\n", what);
    exit(1);
}

static double seconds_since(uint64_t start_ns)
{
    return (double)(fg_monotonic_ns() - start_ns) * 1e-9;
}

static void add_sample(struct fg_samples *samples, double value)
{
    samples->values[samples->count++] = value;
}

// ---- flushes ------------------------------------------------------------------------------------
// These stand before libc's, for LMDB too, and count what makes a write durable.

static unsigned flushes;

int fdatasync(int fd)
{
    flushes++;
    return (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    flushes += (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
    return syscall(SYS_pwrite64, fd, bytes, length, offset);
}

// One page overwritten and flushed: the least that anything durable costs here.
static double flush_ms(const char *folder)
{
    char path[256], page[4096] = {0};
    struct fg_samples samples = {0};
    snprintf(path, sizeof path, "%s/flush", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, page, sizeof page) != (ssize_t)sizeof page || fsync(fd) < 0)
        die("can't write to build/bench");
    for (unsigned i = 0; i < LONE; i++) {
        page[0] = (char)i;
        const uint64_t start = fg_monotonic_ns();
        if (syscall(SYS_pwrite64, fd, page, sizeof page, 0) < 0 || fdatasync(fd) < 0)
            die("can't write to build/bench");
        add_sample(&samples, seconds_since(start) * 1e3);
    }
    close(fd);
    return fg_samples_median(&samples);
}

// ---- over the control socket --------------------------------------------------------------------

static const struct fg_served *served;

static struct fg_json *request(const char *operation)
{
    char model[24];
    struct fg_json *json = fg_client_request(operation);
    snprintf(model, sizeof model, "%016" PRIx64, served->model);
    fg_json_add_string(json, "model", model);
    fg_json_add_number(json, "dimension", DIMENSION);
    return json;
}

static struct fg_client *open_client(void)
{
    struct fg_error err = {""};
    struct fg_client *client = NULL;
    if (fg_client_open(served->control, TIMEOUT_MS, &client, &err) < 0)
        die(err.text);
    return client;
}

static void ask(struct fg_client *client, struct fg_json *json, const float *vectors,
                unsigned count)
{
    struct fg_error err = {""};
    struct fg_json *answer = NULL;
    if (fg_client_do(client, json, vectors, count, DIMENSION, &answer, &err) < 0)
        die(err.text);
    fg_json_destroy(answer);
}

struct bulk {
    uint32_t first;
    bool rising; // ids as a sorted list has them, not the crowd's
};

static void describe(const struct bulk *b, uint32_t i, struct fg_json *subjects)
{
    char id[FG_SUBJECT_ID];
    struct fg_json *subject = fg_json_object();
    fg_crowd_id(i, id);
    if (b->rising)
        snprintf(id, sizeof id, "rising-%08" PRIu32, i);
    fg_json_add_string(subject, "subject", id);
    fg_json_add(subjects, NULL, subject);
}

// MESSAGES of MESSAGE subjects each.
static void *enrol_in_bulk(void *context)
{
    const struct bulk *b = context;
    struct fg_client *client = open_client();
    float *vectors = malloc((size_t)MESSAGE * DIMENSION * sizeof *vectors);
    if (!vectors)
        die("out of memory");
    for (uint32_t at = b->first; at < b->first + MESSAGES * MESSAGE; at += MESSAGE) {
        struct fg_json *json = request("enrol_many"), *subjects = fg_json_array();
        for (uint32_t i = 0; i < MESSAGE; i++) {
            fg_crowd_vector(at + i, DIMENSION, vectors + (size_t)i * DIMENSION);
            describe(b, at + i, subjects);
        }
        fg_json_add(json, "subjects", subjects);
        ask(client, json, vectors, MESSAGE);
    }
    free(vectors);
    fg_client_close(client);
    return NULL;
}

static double bulk_per_s(bool rising)
{
    pthread_t threads[BULK];
    struct bulk bulks[BULK];
    const uint64_t start = fg_monotonic_ns();
    for (uint32_t i = 0; i < BULK; i++) {
        bulks[i] = (struct bulk){i * MESSAGES * MESSAGE, rising};
        if (pthread_create(&threads[i], NULL, enrol_in_bulk, &bulks[i]) != 0)
            die("no threads");
    }
    for (unsigned i = 0; i < BULK; i++)
        pthread_join(threads[i], NULL);
    return IN_BULK / seconds_since(start);
}

static void send_one(struct fg_socket *socket, const char *operation, uint32_t i)
{
    char header[256], id[FG_SUBJECT_ID];
    float vector[DIMENSION];
    const bool enrols = strcmp(operation, "enrol") == 0;
    fg_crowd_id(i, id);
    fg_crowd_vector(i, DIMENSION, vector);
    snprintf(header, sizeof header,
             "{\"v\":1,\"op\":\"%s\",\"subject\":\"%s\",\"model\":\"%016" PRIx64
             "\",\"dimension\":%u}",
             operation, id, served->model, DIMENSION);
    struct fg_part parts[] = {{header, strlen(header)}, {vector, sizeof vector}};
    if (fg_socket_send(socket, parts, enrols ? 2 : 1) < 0)
        die("a request was not sent");
}

static void hear_one(struct fg_socket *socket)
{
    static const char ok[] = "\"ok\":true";
    struct fg_message answer;
    if (fg_socket_receive(socket, TIMEOUT_MS, &answer) < 0)
        die("a request was not answered");
    if (!memmem(answer.parts[0].data, answer.parts[0].length, ok, sizeof ok - 1))
        die("a request was refused");
}

// CLIENTS at once, each with one request on its way.
static double many_per_s(const char *operation, uint32_t first)
{
    static struct fg_socket *sockets[CLIENTS];
    struct fg_bus *bus;
    if (fg_bus_create(&bus) < 0)
        die("no sockets");
    for (unsigned i = 0; i < CLIENTS; i++)
        if (fg_socket_connect(bus, FG_SOCKET_DEALER, served->control, 8, &sockets[i], NULL) < 0)
            die("no sockets");
    const uint64_t start = fg_monotonic_ns();
    for (uint32_t i = 0; i < CLIENTS; i++)
        send_one(sockets[i], operation, first + i);
    for (uint32_t i = CLIENTS; i < CROWD + CLIENTS; i++) {
        hear_one(sockets[i % CLIENTS]);
        if (i < CROWD)
            send_one(sockets[i % CLIENTS], operation, first + i);
    }
    const double seconds = seconds_since(start);
    for (unsigned i = 0; i < CLIENTS; i++)
        fg_socket_close(sockets[i]);
    fg_bus_destroy(bus);
    return CROWD / seconds;
}

static double lone_ms(uint32_t first)
{
    struct fg_samples samples = {0};
    struct fg_client *client = open_client();
    float vector[DIMENSION];
    for (uint32_t i = first; i < first + LONE; i++) {
        char id[FG_SUBJECT_ID];
        struct fg_json *json = request("enrol");
        fg_crowd_id(i, id);
        fg_crowd_vector(i, DIMENSION, vector);
        fg_json_add_string(json, "subject", id);
        const uint64_t start = fg_monotonic_ns();
        ask(client, json, vector, 1);
        add_sample(&samples, seconds_since(start) * 1e3);
    }
    fg_client_close(client);
    return fg_samples_median(&samples);
}

static void measure_requests(struct fg_figures *figures, struct fg_served *matcher)
{
    struct fg_error err = {""};
    double ms;
    served = matcher;
    if (fg_served_start(matcher, &ms, &err) < 0)
        die(err.text);
    fg_figures_add(figures, "bulk_per_s", bulk_per_s(true),
                   "enrolled by rising id, 2048 a message, two clients");
    fg_figures_add(figures, "bulk_unordered_per_s", bulk_per_s(false), "the same, ids in no order");
    fg_figures_add(figures, "many_clients_per_s", many_per_s("enrol", IN_BULK),
                   "enrolled by 256 clients, one each at a time");
    fg_figures_add(figures, "delete_per_s", many_per_s("delete", IN_BULK), "deleted by them");
    fg_figures_add(figures, "lone_ms", lone_ms(IN_BULK), "one enrolment, from request to answer");
    fg_served_stop(matcher);
}

// ---- the gallery itself -------------------------------------------------------------------------

static struct fg_gallery *open_gallery(unsigned threads, fg_gallery_visit visit, void *context)
{
    char directory[160], key[160];
    struct fg_error err = {""};
    struct fg_gallery *gallery = NULL;
    snprintf(directory, sizeof directory, "%s/gallery", served->folder);
    snprintf(key, sizeof key, "%s/key", served->folder);
    const struct fg_gallery_options options = {.directory = directory,
                                               .master_key_file = key,
                                               .make_key = true,
                                               .model = served->model,
                                               .dimension = DIMENSION,
                                               .map_bytes = UINT64_C(8) << 30,
                                               .threads = threads,
                                               .visit = visit,
                                               .context = context};
    if (fg_gallery_open(&options, &gallery, &err))
        die(err.text);
    return gallery;
}

static int count(void *context, const struct fg_member *member)
{
    ++*(uint64_t *)context;
    return member->values ? 0 : -EINVAL;
}

static double lone_flushes(struct fg_gallery *gallery)
{
    struct fg_subject subject = {.id = "lone", .born = FG_NO_BIRTH, .model = served->model};
    struct fg_error err = {""};
    float vector[DIMENSION];
    fg_crowd_vector(1, DIMENSION, vector);
    fg_subject_set_vectors(&subject, vector, 1, DIMENSION);
    const unsigned before = flushes;
    if (fg_gallery_put(gallery, &subject, false, &err) < 0)
        die(err.text);
    return flushes - before;
}

static double load_ms(unsigned threads, uint64_t expected)
{
    struct fg_samples samples = {0};
    for (int round = 0; round < 3; round++) {
        uint64_t seen = 0;
        const uint64_t start = fg_monotonic_ns();
        struct fg_gallery *gallery = open_gallery(threads, count, &seen);
        add_sample(&samples, seconds_since(start) * 1e3);
        fg_gallery_close(gallery);
        if (seen != expected)
            die("not everybody came back");
    }
    return fg_samples_least(&samples);
}

static void measure_loading(struct fg_figures *figures, struct fg_served *matcher)
{
    const char *wanted = getenv("BENCH_SUBJECTS");
    const uint32_t most = wanted ? (uint32_t)strtoul(wanted, NULL, 10) : 1000000;
    if (most <= ENROLLED + IN_BULK)
        die("BENCH_SUBJECTS is less than the matcher took");
    struct fg_error err = {""};
    struct fg_gallery *gallery = open_gallery(0, NULL, NULL);
    fg_figures_add(figures, "lone_flushes", lone_flushes(gallery),
                   "in sequence, for one enrolment");
    if (fg_gallery_delete(gallery, "lone", &err) < 0)
        die(err.text);
    const uint64_t start = fg_monotonic_ns();
    if (fg_crowd_fill(gallery, served->model, DIMENSION, ENROLLED, most - IN_BULK, &err) < 0)
        die(err.text);
    fg_figures_add(figures, "fill_per_s", (most - IN_BULK - ENROLLED) / seconds_since(start),
                   "stored without a socket, 4096 a transaction");
    struct fg_gallery_state state;
    fg_gallery_state(gallery, &state);
    fg_gallery_close(gallery);
    fg_figures_add(figures, "loaded", (double)state.subjects, "subjects");
    fg_figures_add(figures, "load_ms_1m_threads_1", load_ms(1, state.subjects),
                   "opening a gallery of so many, least of three");
    fg_figures_add(figures, "load_ms_1m", load_ms(2, state.subjects), "the same on two threads");
    double ms, least = 1e9;
    for (int round = 0; round < 3; round++) {
        if (fg_served_start(matcher, &ms, &err) < 0)
            die(err.text);
        fg_served_stop(matcher);
        least = ms < least ? ms : least;
    }
    fg_figures_add(figures, "start_ms_1m", least,
                   "the matcher's start until it is ready, likewise");
}

// ---- all ----------------------------------------------------------------------------------------

static void clear(const char *folder)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        die("can't remove the last run's gallery");
}

int main(void)
{
    static const char folder[] = "build/bench/gallery";
    struct fg_figures *figures = fg_figures_create();
    struct fg_served matcher;
    struct fg_error err = {""};
    clear(folder);
    mkdir("build", 0777);
    mkdir("build/bench", 0777);
    if (mkdir(folder, 0700) < 0)
        die("can't make build/bench/gallery");
    if (fg_served_init(&matcher, folder, DIMENSION, &err) < 0)
        die(err.text);
    fg_figures_add(figures, "fdatasync_ms", flush_ms(folder), "one page, on the same disk");
    measure_requests(figures, &matcher);
    measure_loading(figures, &matcher);
    fg_figures_print(figures);
    if (fg_figures_write(figures, "gallery", &err) < 0)
        die(err.text);
    fg_figures_destroy(figures);
    clear(folder);
    return 0;
}
