// SPDX-License-Identifier: Apache-2.0
// What another process has in memory: all of it that can be read, at one moment, searched for runs
// of 16 bytes of something secret.
#ifndef FG_MEMORY_SEARCH_H
#define FG_MEMORY_SEARCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MEMORY_RUN 16u // bytes

struct memory_part {
    uint64_t address;
    size_t length;
    uint8_t *bytes;
    char name[128]; // of the mapping: a file, "[heap]", or ""
};

struct memory_image {
    struct memory_part *parts;
    size_t n_parts, bytes;
};

// Stops the process (all of its threads), reads its memory, and lets it go on. Mappings of files
// whose name contains `leave_out` are not read. 0 or negative errno.
int memory_read(pid_t pid, const char *leave_out, struct memory_image *ret);
void memory_free(struct memory_image *image);

struct memory_runs;

struct memory_runs *memory_runs_create(void);
void memory_runs_destroy(struct memory_runs *runs);
// Every run of the bytes that starts at a multiple of `step`, under the kind's number (below 8).
// Runs of fewer than 6 different bytes are left out: black and white are no secret. Returns how
// many.
size_t memory_runs_add(struct memory_runs *runs, unsigned kind, const void *bytes, size_t length,
                       size_t step);

struct memory_found {
    size_t count[8];     // by kind
    uint64_t address[8]; // of the first
    const char *name[8]; // of its mapping
};
void memory_search(const struct memory_image *image, const struct memory_runs *runs,
                   struct memory_found *ret);

#endif
