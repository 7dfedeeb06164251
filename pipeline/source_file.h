// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: what the kinds of files implement, and what they share.
#ifndef FG_SOURCE_FILE_H
#define FG_SOURCE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "pipeline/frame.h"

#ifdef __cplusplus
extern "C" {
#endif

// Enough for one frame being filled, one in the mailbox, one in inference and one in hand.
#define FG_SOURCE_SLOTS 4u

struct fg_source_ops {
    // Fills the picture part of a free slot's frame (not its times, sequence, slot or pool) from
    // picture `index`, and adds to *copied the frame bytes that were written a second time.
    // Negative errno: the picture is broken; -EIO and -ENOMEM: it is not the picture's fault.
    int (*read)(void *state, uint64_t index, struct fg_frame *frame, uint64_t *copied,
                struct fg_error *err);
    // After a successful read of the first picture: "y4m 1280x720 I420".
    void (*describe)(const void *state, const struct fg_frame *first, char *text, size_t size);
    // Overwrites the memory that a slot's picture was decoded into; NULL: there is none.
    void (*wipe)(void *state, unsigned slot);
    void (*close)(void *state);
};

struct fg_source_backend {
    const struct fg_source_ops *ops;
    void *state;
    uint64_t count; // pictures, at least 1
};

// A regular file, mapped for reading as a whole.
struct fg_source_file {
    char *path;
    int fd;
    const uint8_t *bytes;
    size_t length;
};

// 0, or -EIO when the file is shorter than it was: its pages would raise SIGBUS. What is left: a
// file that shrinks while one of its frames is being read still raises it.
int fg_source_file_check(const struct fg_source_file *file, struct fg_error *err);
void fg_source_file_finish(struct fg_source_file *file);

// Openers. Success: *ret is filled, and for the last two the file belongs to it (*file is
// emptied). Failure: negative errno, the file stays the caller's.
int fg_source_folder_open(const char *path, struct fg_source_backend *ret, struct fg_error *err);
int fg_source_picture_open(const char *path, struct fg_source_backend *ret, struct fg_error *err);
int fg_source_mjpeg_open(struct fg_source_file *file, struct fg_source_backend *ret,
                         struct fg_error *err);
int fg_source_y4m_open(struct fg_source_file *file, struct fg_source_backend *ret,
                       struct fg_error *err);

// True for *.jpg, *.jpeg and *.png in any case.
bool fg_source_is_picture_name(const char *name);

// Copies what `read` has to fill from one frame to another.
void fg_source_fill(struct fg_frame *frame, const struct fg_frame *picture);

// A Y4M file's header and where its frames lie.
struct fg_y4m {
    uint32_t width, height;
    uint32_t fourcc;
    uint8_t chroma_shift_x, chroma_shift_y;
    bool full_range;
    const char *name;      // of the format, static: "I420"
    uint64_t frame_length; // bytes after its FRAME line
    uint64_t *offsets;     // of the frames' bytes, malloc'ed
    size_t n_frames;
    bool damaged;            // after the last frame comes something that is none:
    uint64_t damaged_offset; // a cut frame, or no FRAME line
};

// Parses a whole file. -EINVAL broken, -ENOTSUP a pixel format that is not read, -EFBIG a size of
// 0 or over the limits of image.h, -ENOMEM. A file without any whole frame: -EINVAL.
int fg_y4m_parse(const uint8_t *bytes, size_t length, struct fg_y4m *ret, struct fg_error *err);
void fg_y4m_finish(struct fg_y4m *y4m);
// Points frame's planes at frame `index` of the bytes that were parsed.
void fg_y4m_frame(const struct fg_y4m *y4m, const uint8_t *bytes, size_t length, size_t index,
                  struct fg_frame *frame);

#ifdef __cplusplus
}
#endif
#endif
