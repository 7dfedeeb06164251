// SPDX-License-Identifier: Apache-2.0
#include "tests/memory_search.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK (1u << 20)

// ---- another process's memory -------------------------------------------------------------------

static struct memory_part *add_part(struct memory_image *image, uint64_t from, uint64_t to)
{
    struct memory_part *more = realloc(image->parts, (image->n_parts + 1) * sizeof *image->parts);
    if (!more)
        abort();
    image->parts = more;
    struct memory_part *part = &more[image->n_parts++];
    *part = (struct memory_part){.address = from, .bytes = malloc(to - from)};
    if (!part->bytes)
        abort();
    return part;
}

static void read_part(int fd, struct memory_image *image, uint64_t from, uint64_t to,
                      const char *name)
{
    struct memory_part *part = add_part(image, from, to);
    snprintf(part->name, sizeof part->name, "%s", name);
    while (from < to) {
        const size_t want = to - from < BLOCK ? (size_t)(to - from) : BLOCK;
        ssize_t got = pread(fd, part->bytes + part->length, want, (off_t)from);
        if (got <= 0)
            return; // the kernel's own page, or the end of a file
        part->length += (size_t)got;
        image->bytes += (size_t)got;
        from += (size_t)got;
    }
}

static int read_parts(pid_t pid, const char *leave_out, struct memory_image *image)
{
    char path[64], line[4500];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        char rights[5], name[4096] = "";
        if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %4095[^\n]", &from, &to, rights, name) >= 3 &&
            rights[0] == 'r' && !strstr(name, leave_out))
            read_part(fd, image, from, to, name);
    }
    int code = maps ? 0 : -errno;
    if (maps)
        fclose(maps);
    close(fd);
    return code;
}

// Not by waitpid: it may be somebody else's child.
static bool is_stopped(pid_t pid)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    const char *read = fgets(text, sizeof text, file);
    fclose(file);
    const char *state = read ? strrchr(text, ')') : NULL; // after the name, which may be anything
    return state && state[1] == ' ' && state[2] == 'T';
}

int memory_read(pid_t pid, const char *leave_out, struct memory_image *ret)
{
    *ret = (struct memory_image){0};
    if (kill(pid, SIGSTOP) < 0)
        return -errno;
    for (unsigned tries = 0; !is_stopped(pid); tries++) {
        if (tries == 1000)
            return -ETIMEDOUT;
        usleep(1000);
    }
    int code = read_parts(pid, leave_out, ret);
    kill(pid, SIGCONT);
    return code;
}

void memory_free(struct memory_image *image)
{
    for (size_t i = 0; i < image->n_parts; i++)
        free(image->parts[i].bytes);
    free(image->parts);
    *image = (struct memory_image){0};
}

// ---- runs: a hash table behind a bit map, which says no to nearly everything --------------------

#define BITS   (1u << 24)
#define PLACES (1u << 20)

struct run {
    uint64_t words[2];
    uint8_t used, kind;
};

struct memory_runs {
    uint64_t bits[BITS / 64];
    struct run places[PLACES];
    size_t count;
};

struct memory_runs *memory_runs_create(void)
{
    struct memory_runs *runs = calloc(1, sizeof *runs);
    if (!runs)
        abort();
    return runs;
}

void memory_runs_destroy(struct memory_runs *runs)
{
    free(runs);
}

static uint64_t mix(uint64_t word)
{
    word *= UINT64_C(0x9e3779b97f4a7c15);
    return word ^ word >> 32;
}

static bool is_plain(const uint8_t *bytes)
{
    unsigned different = 0;
    for (unsigned i = 0; i < MEMORY_RUN; i++)
        different += !memchr(bytes, bytes[i], i);
    return different < 6;
}

static struct run *find(const struct memory_runs *runs, const uint64_t words[2])
{
    size_t at = mix(words[0] ^ mix(words[1])) % PLACES;
    while (runs->places[at].used &&
           (runs->places[at].words[0] != words[0] || runs->places[at].words[1] != words[1]))
        at = (at + 1) % PLACES;
    return (struct run *)&runs->places[at];
}

size_t memory_runs_add(struct memory_runs *runs, unsigned kind, const void *bytes, size_t length,
                       size_t step)
{
    const uint8_t *from = bytes;
    size_t added = 0;
    for (size_t at = 0; at + MEMORY_RUN <= length; at += step) {
        uint64_t words[2];
        if (is_plain(from + at))
            continue;
        memcpy(words, from + at, sizeof words);
        const uint64_t bit = mix(words[0]) % BITS;
        runs->bits[bit / 64] |= UINT64_C(1) << bit % 64;
        struct run *run = find(runs, words);
        if (!run->used && ++runs->count > PLACES / 2)
            abort();
        *run = (struct run){{words[0], words[1]}, 1, (uint8_t)kind};
        added++;
    }
    return added;
}

static void search_part(const struct memory_part *part, const struct memory_runs *runs,
                        struct memory_found *found)
{
    for (size_t at = 0; at + MEMORY_RUN <= part->length; at++) {
        uint64_t words[2];
        memcpy(words, part->bytes + at, sizeof words);
        const uint64_t bit = mix(words[0]) % BITS;
        if (!(runs->bits[bit / 64] >> bit % 64 & 1))
            continue;
        const struct run *run = find(runs, words);
        if (!run->used)
            continue;
        if (found->count[run->kind]++ == 0) {
            found->address[run->kind] = part->address + at;
            found->name[run->kind] = part->name;
        }
    }
}

void memory_search(const struct memory_image *image, const struct memory_runs *runs,
                   struct memory_found *ret)
{
    *ret = (struct memory_found){0};
    for (size_t i = 0; i < image->n_parts; i++)
        search_part(&image->parts[i], runs, ret);
}
