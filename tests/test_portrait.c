// SPDX-License-Identifier: Apache-2.0
// Portraits of documents against live faces, with the real child and with children that fail in
// every way; and that nothing stays.
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "matcher/portrait.h"
#include "pipeline/image.h"
#include "tests/canvas.h"
#include "tests/dg2_maker.h"
#include "tests/dice.h"
#include "tests/jp2_maker.h"
#include "tests/memory_scan.h"

#define PATIENCE_MS 300000 // for what must come; only a failing test waits so long

static char work[] = "/tmp/facegate-test-XXXXXX"; // the working directory and TMPDIR
static char program[4096], models[4096];
static bool seeing; // the models are there
static struct fg_vision *vision;
static int home;                  // where it was started: results are named from there
static struct fg_image photos[7]; // of models/sampleN.jpg

static int open_all(void **state)
{
    const char *build = getenv("FACEGATE_BUILD");
    char path[4096];
    (void)state;
    snprintf(path, sizeof path, "%s/facegate-portrait", build && build[0] ? build : "build");
    if (!realpath(path, program) || !realpath(models_folder(), models) || !mkdtemp(work))
        return -1;
    seeing = !models_absent();
    for (int i = 1; seeing && i < 7; i++)
        photos[i] = sample_load(i);
    vision = seeing ? vision_open() : NULL;
    setenv("TMPDIR", work, 1);
    home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return chdir(work);
}

static int close_all(void **state)
{
    (void)state;
    fg_vision_close(vision);
    for (int i = 1; i < 7; i++)
        fg_image_finish(&photos[i]);
    return fchdir(home) < 0 ? -1 : rmdir(work); // fails when a file was left
}

#define NEED_MODELS                                                                                \
    if (!seeing)                                                                                   \
    skip()

// ---- checks ------------------------------------------------------------------------------------

static const char *const arguments[] = {"--models", models, "--engine", "xnnpack", NULL};

static struct fg_portrait_check *create(const char *path, const struct fg_portrait_options *limits)
{
    struct fg_portrait_options options = *limits;
    struct fg_portrait_check *check = NULL;
    struct fg_error err = {""};
    options.program = path;
    options.start_ms = options.start_ms ? options.start_ms : PATIENCE_MS;
    options.look_ms = options.look_ms ? options.look_ms : PATIENCE_MS;
    options.check_ms = options.check_ms ? options.check_ms : PATIENCE_MS;
    if (path == program)
        options.arguments = arguments;
    if (options.dimension == 0) {
        const struct fg_card *card = vision ? fg_vision_embedder_card(vision) : NULL;
        options.model = card ? card->id : 7;
        options.dimension = card ? fg_card_template_dimension(card) : 128;
    }
    if (fg_portrait_check_create(&options, &check, &err) < 0)
        fail_msg("%s", err.text);
    return check;
}

static void start(struct fg_portrait_check *check)
{
    struct fg_error err = {""};
    if (fg_portrait_check_start(check, &err) < 0)
        fail_msg("%s", err.text);
}

// The next event; the fd must tell of each.
static struct fg_portrait_event wait_event(struct fg_portrait_check *check)
{
    struct fg_portrait_event event;
    while (!fg_portrait_check_work(check, &event)) {
        struct pollfd fd = {fg_portrait_check_fd(check), POLLIN, 0};
        if (poll(&fd, 1, PATIENCE_MS) != 1)
            fail_msg("nothing comes in state %d", (int)fg_portrait_check_state(check));
    }
    return event;
}

static void wait_warm(struct fg_portrait_check *check)
{
    struct fg_portrait_event event = wait_event(check);
    if (event.what == FG_PORTRAIT_HAS_ENDED)
        fail_msg("%s, exit %d", fg_portrait_why_name(event.why), event.exit_code);
    assert_int_equal(event.what, FG_PORTRAIT_IS_WARM);
    assert_int_equal(fg_portrait_check_state(check), FG_PORTRAIT_READY);
}

static struct fg_portrait_looked wait_looked(struct fg_portrait_check *check)
{
    struct fg_portrait_event event = wait_event(check);
    if (event.what == FG_PORTRAIT_HAS_ENDED)
        fail_msg("%s, exit %d", fg_portrait_why_name(event.why), event.exit_code);
    assert_int_equal(event.what, FG_PORTRAIT_HAS_LOOKED);
    return event.looked;
}

static int wait_ended(struct fg_portrait_check *check, enum fg_portrait_why why)
{
    struct fg_portrait_event event = wait_event(check);
    if (event.what != FG_PORTRAIT_HAS_ENDED || event.why != why)
        fail_msg("event %d, %s instead of %s", (int)event.what, fg_portrait_why_name(event.why),
                 fg_portrait_why_name(why));
    assert_int_equal(fg_portrait_check_state(check), FG_PORTRAIT_OFF);
    assert_false(fg_portrait_check_work(check, &event));
    struct pollfd fd = {fg_portrait_check_fd(check), POLLIN, 0};
    assert_int_equal(poll(&fd, 1, 0), 0); // quiet
    return event.exit_code;
}

static void wait_good(struct fg_portrait_check *check)
{
    const struct fg_portrait_looked looked = wait_looked(check);
    assert_string_equal(fg_portrait_reason_name(looked.reason), "good");
    assert_true(looked.eye_distance > 40 && looked.eye_distance < 200);
    assert_int_equal(fg_portrait_check_state(check), FG_PORTRAIT_ASKING);
}

static bool ask(struct fg_portrait_check *check, const float *vector)
{
    static uint64_t id = UINT64_MAX - 3;
    assert_int_equal(fg_portrait_check_ask(check, vector, ++id), 0);
    struct fg_portrait_event event = wait_event(check);
    assert_int_equal(event.what, FG_PORTRAIT_HAS_SAID);
    assert_true(event.id == id);
    return event.match;
}

// The children of this process, by the kernel; at most `most`.
static int children(pid_t *ret, int most)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (n < most && fscanf(f, "%d", &ret[n]) == 1)
        n++;
    fclose(f);
    return n;
}

static pid_t only_child(void)
{
    pid_t pids[2];
    assert_int_equal(children(pids, 2), 1);
    return pids[0];
}

static int count_entries(const char *folder)
{
    int n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

// ---- faces -------------------------------------------------------------------------------------

enum wrapping { PLAIN_JPEG, PLAIN_PNG, PLAIN_JP2, DG2_JP2, DG2_39794_JPEG, WRAPPINGS };

static struct canvas portrait_of(unsigned who)
{
    struct canvas c = canvas_create(413, 531, 205);
    canvas_face(&c, &photos[known_faces[who].sample].frame, &known_faces[who], 206, 250, 210);
    return c;
}

static struct dg2_bytes encode_png(const struct canvas *c)
{
    struct dg2_bytes file = {malloc(1u << 20), 0};
    assert_int_equal(fg_image_write_png("p.png", c->rgb, c->frame.width, c->frame.height,
                                        3 * c->frame.width, NULL),
                     0);
    FILE *f = fopen("p.png", "rb");
    assert_non_null(f);
    file.length = fread(file.at, 1, 1u << 20, f);
    fclose(f);
    unlink("p.png");
    return file;
}

static struct dg2_bytes encode(const struct canvas *c, enum wrapping wrapping)
{
    const uint32_t width = c->frame.width, height = c->frame.height;
    struct dg2_bytes picture = {0};
    if (wrapping == PLAIN_PNG)
        return encode_png(c);
    if (wrapping == PLAIN_JP2 || wrapping == DG2_JP2)
        jp2_make(c->rgb, width, height, &(struct jp2_form){.ratio = 25}, &picture.at,
                 &picture.length);
    else
        assert_int_equal(fg_image_encode_jpeg(c->rgb, width, height, 3 * width, 90, &picture.at,
                                              &picture.length, NULL),
                         0);
    if (wrapping == PLAIN_JP2 || wrapping == PLAIN_JPEG)
        return picture;
    struct dg2_bytes record = dg2_record(picture, 1, 3, 1);
    struct dg2_bytes file = wrapping == DG2_JP2 ? dg2_19794(record, 1) : dg2_39794(picture);
    free(record.at);
    free(picture.at);
    return file;
}

static struct dg2_bytes document_of(unsigned who, enum wrapping wrapping)
{
    struct canvas c = portrait_of(who);
    struct dg2_bytes file = encode(&c, wrapping);
    canvas_destroy(&c);
    return file;
}

static void mirror(struct canvas *c)
{
    const uint32_t width = c->frame.width;
    for (uint32_t y = 0; y < c->frame.height; y++) {
        uint8_t *row = c->rgb + (size_t)y * width * 3;
        for (uint32_t x = 0; x < width / 2; x++) {
            uint8_t pixel[3];
            memcpy(pixel, row + 3 * x, 3);
            memcpy(row + 3 * x, row + 3 * (width - 1 - x), 3);
            memcpy(row + 3 * (width - 1 - x), pixel, 3);
        }
    }
}

// The person as a gate's camera sees them: farther, elsewhere, darker, the other way round.
static void live_vector(unsigned who, float *ret)
{
    struct canvas c = canvas_create(640, 480, 60);
    canvas_face(&c, &photos[known_faces[who].sample].frame, &known_faces[who], 371, 203, 130);
    mirror(&c);
    for (size_t i = 0; i < (size_t)640 * 480 * 3; i++)
        c.rgb[i] = (uint8_t)(c.rgb[i] * 0.8);
    struct fg_face faces[4];
    struct fg_shot shot;
    assert_int_equal(fg_detect_still(fg_vision_detector(vision), &c.frame, 90, faces, 4), 1);
    assert_int_equal(fg_vision_shot(vision, &c.frame, faces, &fg_quality_gate, false, &shot), 0);
    assert_int_equal(shot.reason, FG_REASON_NONE);
    memcpy(ret, shot.vector, shot.dimension * sizeof *ret);
    canvas_destroy(&c);
}

// What the card says is crossed by one impostor in a thousand.
static float score(void)
{
    float ret = 0;
    struct fg_error err = {""};
    if (fg_card_score_for_fmr(fg_vision_embedder_card(vision), 1e-3, &ret, &err) < 0)
        fail_msg("%s", err.text);
    return ret;
}

// ---- the real child ----------------------------------------------------------------------------

static void test_people(void **state)
{
    static const unsigned who[] = {0, 4, 6, 9, 13, 18}; // a clear face of each photograph
    float live[6][FG_WIRE_DIMENSION];
    (void)state;
    NEED_MODELS;
    struct fg_portrait_check *check = create(program, &(struct fg_portrait_options){0});
    for (unsigned i = 0; i < 6; i++)
        live_vector(who[i], live[i]);
    for (unsigned i = 0; i < 6; i++) {
        struct dg2_bytes file = document_of(who[i], (enum wrapping)(i % WRAPPINGS));
        start(check);
        wait_warm(check);
        assert_int_equal(fg_portrait_check_request(check, file.at, file.length, score()), 0);
        assert_int_equal(fg_portrait_check_state(check), FG_PORTRAIT_LOOKING);
        wait_good(check);
        for (unsigned k = 0; k < 6; k++)
            assert_int_equal(ask(check, live[k]), k == i);
        fg_portrait_check_end(check);
        wait_ended(check, FG_PORTRAIT_FINISHED);
        free(file.at);
    }
    fg_portrait_check_destroy(check);
}

// The score is the request's: the very same face does not reach 1.1, and anybody reaches -1.1.
static void test_score_is_the_requests(void **state)
{
    static const float scores[] = {1.1f, -1.1f};
    float live[FG_WIRE_DIMENSION];
    (void)state;
    NEED_MODELS;
    struct fg_portrait_check *check = create(program, &(struct fg_portrait_options){0});
    struct dg2_bytes file = document_of(4, PLAIN_JPEG);
    live_vector(4, live);
    assert_int_equal(fg_portrait_check_request(check, file.at, file.length, 1), -EAGAIN);
    for (int i = 0; i < 2; i++) {
        start(check);
        assert_int_equal(fg_portrait_check_start(check, NULL), -EBUSY);
        assert_int_equal(fg_portrait_check_ask(check, live, 1), -EAGAIN);
        assert_int_equal(fg_portrait_check_request(check, file.at, 0, 0), -EMSGSIZE);
        assert_int_equal(fg_portrait_check_request(check, file.at, FG_PORTRAIT_BYTES + 1, 0),
                         -EMSGSIZE);
        assert_int_equal(fg_portrait_check_request(check, file.at, file.length, NAN), -EINVAL);
        // before the child is ready
        assert_int_equal(fg_portrait_check_request(check, file.at, file.length, scores[i]), 0);
        assert_int_equal(fg_portrait_check_request(check, file.at, file.length, 0), -EAGAIN);
        assert_int_equal(wait_event(check).what, FG_PORTRAIT_IS_WARM);
        assert_int_equal(fg_portrait_check_state(check), FG_PORTRAIT_LOOKING);
        assert_int_equal(fg_portrait_check_ask(check, live, 1), -EAGAIN);
        wait_good(check);
        assert_int_equal(ask(check, live), i == 1);
        fg_portrait_check_end(check);
        wait_ended(check, FG_PORTRAIT_FINISHED);
    }
    free(file.at);
    fg_portrait_check_destroy(check);
}

static void test_several_waiting(void **state)
{
    float live[FG_WIRE_DIMENSION], other[FG_WIRE_DIMENSION];
    (void)state;
    NEED_MODELS;
    struct fg_portrait_check *check = create(program, &(struct fg_portrait_options){0});
    struct dg2_bytes file = document_of(6, PLAIN_JPEG);
    live_vector(6, live);
    live_vector(9, other);
    start(check);
    assert_int_equal(fg_portrait_check_request(check, file.at, file.length, score()), 0);
    assert_int_equal(wait_event(check).what, FG_PORTRAIT_IS_WARM);
    wait_good(check);
    for (int round = 0; round < 40; round++) {
        for (unsigned i = 0; i < FG_PORTRAIT_WAITING; i++)
            assert_int_equal(fg_portrait_check_ask(check, i % 3 ? live : other, 100 + i), 0);
        assert_int_equal(fg_portrait_check_ask(check, live, 1), -EAGAIN);
        for (unsigned i = 0; i < FG_PORTRAIT_WAITING; i++) {
            struct fg_portrait_event event = wait_event(check);
            assert_int_equal(event.what, FG_PORTRAIT_HAS_SAID);
            assert_int_equal(event.id, 100 + i);
            assert_int_equal(event.match, i % 3 != 0);
        }
    }
    // what is no unit vector is refused by the child's end
    live[0] += 1;
    assert_int_equal(fg_portrait_check_ask(check, live, 1), 0);
    assert_int_equal(wait_ended(check, FG_PORTRAIT_DIED), 1);
    free(file.at);
    fg_portrait_check_destroy(check);
}

static void refused(struct fg_portrait_check *check, struct dg2_bytes file, const char *reason)
{
    start(check);
    assert_int_equal(fg_portrait_check_request(check, file.at, file.length, 0), 0);
    assert_int_equal(wait_event(check).what, FG_PORTRAIT_IS_WARM);
    const struct fg_portrait_looked looked = wait_looked(check);
    assert_string_equal(fg_portrait_reason_name(looked.reason), reason);
    wait_ended(check, FG_PORTRAIT_FINISHED);
    free(file.at);
}

static void refused_canvas(struct fg_portrait_check *check, struct canvas *c, const char *reason)
{
    refused(check, encode(c, PLAIN_JPEG), reason);
    canvas_destroy(c);
}

static struct dg2_bytes random_bytes(size_t length)
{
    struct dg2_bytes bytes = {malloc(length), length};
    for (size_t i = 0; i < length; i++)
        bytes.at[i] = (uint8_t)(random_u32() >> 16); // the lower ones repeat themselves
    return bytes;
}

static void test_portraits_refused(void **state)
{
    (void)state;
    NEED_MODELS;
    struct fg_portrait_check *check = create(program, &(struct fg_portrait_options){0});
    const struct fg_frame *photo = &photos[6].frame;
    struct canvas c = canvas_create(413, 531, 190);
    refused_canvas(check, &c, "no_face");
    c = canvas_create(600, 400, 190);
    canvas_face(&c, photo, &known_faces[18], 150, 200, 140);
    canvas_face(&c, photo, &known_faces[20], 450, 200, 140);
    refused_canvas(check, &c, "several_faces");
    c = canvas_create(200, 200, 190);
    canvas_face(&c, photo, &known_faces[18], 100, 100, 45);
    refused_canvas(check, &c, "too_small");
    c = portrait_of(18);
    for (size_t i = 0; i < (size_t)413 * 531 * 3; i++)
        c.rgb[i] = (uint8_t)(c.rgb[i] / 8);
    refused_canvas(check, &c, "too_dark");
    refused(check, random_bytes(100), "unreadable");
    refused(check, random_bytes(FG_PORTRAIT_BYTES), "unreadable"); // in many parts
    struct dg2_bytes file = document_of(0, PLAIN_JPEG);
    file.length /= 2;
    refused(check, file, "unreadable");
    file = document_of(0, DG2_JP2);
    file.length -= 1;
    refused(check, file, "unreadable");
    file = document_of(0, PLAIN_PNG);
    memset(file.at + 16, 0x10, 8); // 269 million pixels a side
    refused(check, file, "too_large");
    fg_portrait_check_destroy(check);
}

// As large as is read: the child's memory is enough for it.
static void test_largest(void **state)
{
    (void)state;
    NEED_MODELS;
    struct fg_portrait_check *check = create(program, &(struct fg_portrait_options){0});
    struct canvas c = canvas_create(4096, 4096, 190);
    struct dg2_bytes file = {0};
    jp2_make(c.rgb, 4096, 4096, &(struct jp2_form){.ratio = 100}, &file.at, &file.length);
    refused(check, file, "no_face");
    canvas_destroy(&c);
    fg_portrait_check_destroy(check);
}

static void test_killed(void **state)
{
    float live[FG_WIRE_DIMENSION];
    (void)state;
    NEED_MODELS;
    struct fg_portrait_check *check = create(program, &(struct fg_portrait_options){0});
    struct dg2_bytes file = document_of(0, PLAIN_JPEG);
    live_vector(0, live);
    for (int stage = 0; stage < 4; stage++) { // starting, ready, looking, asking
        start(check);
        if (stage > 0)
            wait_warm(check);
        if (stage > 1)
            assert_int_equal(fg_portrait_check_request(check, file.at, file.length, 0), 0);
        if (stage > 2) {
            wait_good(check);
            assert_int_equal(fg_portrait_check_ask(check, live, 1), 0);
        }
        assert_int_equal(kill(only_child(), SIGKILL), 0);
        assert_int_equal(wait_ended(check, FG_PORTRAIT_DIED), 128 + SIGKILL);
    }
    // and by a destroy in the middle
    start(check);
    wait_warm(check);
    assert_int_equal(fg_portrait_check_request(check, file.at, file.length, 0), 0);
    fg_portrait_check_destroy(check);
    assert_int_equal(children((pid_t[1]){0}, 1), 0);
    free(file.at);
}

static void test_other_model(void **state)
{
    (void)state;
    NEED_MODELS;
    const struct fg_card *card = fg_vision_embedder_card(vision);
    const uint32_t dimension = fg_card_template_dimension(card);
    const struct fg_portrait_options others[] = {
        {.model = card->id + 1, .dimension = dimension},
        {.model = card->id, .dimension = dimension / 2},
    };
    for (int i = 0; i < 2; i++) {
        struct fg_portrait_check *check = create(program, &others[i]);
        start(check);
        wait_ended(check, FG_PORTRAIT_OTHER_MODEL);
        fg_portrait_check_destroy(check);
    }
}

static void test_absent(void **state)
{
    struct fg_error err = {""};
    static const char *const nowhere[] = {"--models", "/nowhere", NULL};
    (void)state;
    struct fg_portrait_check *check =
        create("/nowhere/facegate-portrait", &(struct fg_portrait_options){0});
    assert_int_equal(fg_portrait_check_start(check, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nowhere/facegate-portrait: cannot start"));
    assert_int_equal(fg_portrait_check_state(check), FG_PORTRAIT_OFF);
    fg_portrait_check_destroy(check);
    const struct fg_portrait_options options = {
        .program = program, .arguments = nowhere, .model = 1, .dimension = 1};
    assert_int_equal(fg_portrait_check_create(&options, &check, &err), 0);
    start(check);
    assert_int_equal(wait_ended(check, FG_PORTRAIT_DIED), 78);
    fg_portrait_check_destroy(check);
}

// ---- children that are none --------------------------------------------------------------------

// A HELLO of model 7 with 128 numbers; a LOOKED of a good portrait; a VERDICT.
#define SAY_HELLO                                                                                  \
    "printf "                                                                                      \
    "'fgPO\\001\\0\\001\\0\\020\\0\\0\\0\\007\\0\\0\\0\\0\\0\\0\\0\\200\\0\\0\\0\\0\\0\\0\\0'\n"
#define SAY_LOOKED                                                                                 \
    "printf "                                                                                      \
    "'fgPO\\001\\0\\003\\0\\020\\0\\0\\0\\0\\0\\0\\0\\0\\0\\200\\102\\001\\0\\0\\0\\0\\0\\0\\0'\n"
#define SAY_VERDICT "printf 'fgPO\\001\\0\\005\\0\\010\\0\\0\\0\\001\\0\\0\\0\\0\\0\\0\\0'\n"
#define HANG        "exec /bin/sleep 1000\n"
// What a request of 100 bytes takes: 12 + 8 + 100.
#define TAKE "/bin/dd bs=1 count=120 of=/dev/null 2>/dev/null\n"

static struct fg_portrait_check *fake(const char *script, struct fg_portrait_options options)
{
    static const char path[] = "./fake";
    options.model = 7;
    options.dimension = 128;
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s", script);
    fclose(f);
    assert_int_equal(chmod(path, 0700), 0);
    struct fg_portrait_check *check = create(path, &options);
    start(check);
    return check;
}

static void end_fake(struct fg_portrait_check *check, enum fg_portrait_why why)
{
    wait_ended(check, why);
    fg_portrait_check_destroy(check);
    unlink("fake");
}

static void ends_before_warm(const char *script, enum fg_portrait_why why)
{
    const uint32_t start_ms = why == FG_PORTRAIT_TIMED_OUT ? 300 : 0;
    end_fake(fake(script, (struct fg_portrait_options){.start_ms = start_ms}), why);
}

static void test_bad_starts(void **state)
{
    (void)state;
    ends_before_warm(HANG, FG_PORTRAIT_TIMED_OUT);
    ends_before_warm("exec >&-\n" HANG, FG_PORTRAIT_TIMED_OUT); // its input is still open
    ends_before_warm("exec <&- >&-\n" HANG, FG_PORTRAIT_DIED);
    ends_before_warm("", FG_PORTRAIT_DIED);
    ends_before_warm("kill -11 $$\n", FG_PORTRAIT_DIED);
    ends_before_warm("/bin/sleep 3 &\nexit 3\n", FG_PORTRAIT_DIED); // another one has its output
    ends_before_warm("echo 'what is this? surely no frame'\n" HANG, FG_PORTRAIT_GARBLED);
    ends_before_warm("/bin/cat /dev/urandom\n", FG_PORTRAIT_GARBLED);
    ends_before_warm("printf 'fgPO\\002\\0\\001\\0\\020\\0\\0\\0'\n" HANG, FG_PORTRAIT_GARBLED);
    ends_before_warm("printf 'fgPO\\001\\0\\001\\0\\021\\0\\0\\0'\n" HANG, FG_PORTRAIT_GARBLED);
    ends_before_warm("printf 'fgPO\\001\\0\\004\\0\\0\\020\\0\\0'\n" HANG, FG_PORTRAIT_GARBLED);
    ends_before_warm(SAY_LOOKED HANG, FG_PORTRAIT_GARBLED);
    ends_before_warm(SAY_VERDICT HANG, FG_PORTRAIT_GARBLED);
    ends_before_warm("printf 'fgPO\\001'\n", FG_PORTRAIT_DIED); // in the middle of a frame
}

// With a request of 100 bytes.
static struct fg_portrait_check *looked_at(const char *script, struct fg_portrait_options options)
{
    static const uint8_t document[100] = {1};
    struct fg_portrait_check *check = fake(script, options);
    wait_warm(check);
    assert_int_equal(fg_portrait_check_request(check, document, sizeof document, 0), 0);
    return check;
}

static void test_bad_ends(void **state)
{
    const struct fg_portrait_options quick = {.look_ms = 300}, slow = {0},
                                     brief = {.check_ms = 5000};
    float vector[128] = {1};
    (void)state;
    struct fg_portrait_check *check = fake(SAY_HELLO, slow);
    assert_int_equal(wait_event(check).what, FG_PORTRAIT_IS_WARM);
    end_fake(check, FG_PORTRAIT_DIED);
    check = fake(SAY_HELLO SAY_HELLO HANG, slow);
    assert_int_equal(wait_event(check).what, FG_PORTRAIT_IS_WARM);
    end_fake(check, FG_PORTRAIT_GARBLED);
    end_fake(looked_at(SAY_HELLO HANG, quick), FG_PORTRAIT_TIMED_OUT);
    end_fake(looked_at(SAY_HELLO TAKE, slow), FG_PORTRAIT_DIED);
    end_fake(looked_at(SAY_HELLO TAKE SAY_VERDICT HANG, slow), FG_PORTRAIT_GARBLED);
    check = looked_at(SAY_HELLO TAKE SAY_LOOKED HANG, brief);
    assert_int_equal(wait_looked(check).eye_distance, 64);
    assert_int_equal(fg_portrait_check_ask(check, vector, 5), 0);
    end_fake(check, FG_PORTRAIT_TIMED_OUT);
    check = looked_at(SAY_HELLO TAKE SAY_LOOKED SAY_VERDICT HANG, slow); // nobody asked
    assert_int_equal(wait_looked(check).pictures, 1);
    end_fake(check, FG_PORTRAIT_GARBLED);
    check = looked_at(SAY_HELLO TAKE SAY_LOOKED SAY_LOOKED HANG, slow);
    wait_looked(check);
    end_fake(check, FG_PORTRAIT_GARBLED);
    // a last word is heard, whatever comes behind it
    check = looked_at(SAY_HELLO TAKE SAY_LOOKED, slow);
    wait_looked(check);
    end_fake(check, FG_PORTRAIT_DIED);
}

// A child that takes nothing: its caller never waits for it.
static void test_never_blocks(void **state)
{
    (void)state;
    struct dg2_bytes document = random_bytes(FG_PORTRAIT_BYTES);
    struct fg_portrait_check *check =
        fake(SAY_HELLO HANG, (struct fg_portrait_options){.look_ms = 300});
    struct fg_portrait_event event;
    wait_warm(check);
    assert_int_equal(fg_portrait_check_request(check, document.at, document.length, 0), 0);
    for (int i = 0; i < 100; i++)
        assert_false(fg_portrait_check_work(check, &event));
    end_fake(check, FG_PORTRAIT_TIMED_OUT);
    // and one that says it has looked before it could have
    check = fake(SAY_HELLO SAY_LOOKED HANG, (struct fg_portrait_options){0});
    assert_int_equal(wait_event(check).what, FG_PORTRAIT_IS_WARM);
    fg_portrait_check_request(check, document.at, document.length, 0);
    end_fake(check, FG_PORTRAIT_GARBLED);
    free(document.at);
}

// ---- nothing stays -----------------------------------------------------------------------------

// The limits of a child that waits, by the kernel.
static void test_confined(void **state)
{
    char path[64], line[256], folder[64];
    int zeros = 0, files = 0;
    (void)state;
    NEED_MODELS;
    struct fg_portrait_check *check = create(program, &(struct fg_portrait_options){0});
    start(check);
    wait_warm(check);
    const pid_t child = only_child();
    snprintf(path, sizeof path, "/proc/%d/limits", (int)child);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        unsigned long long soft, hard;
        const bool none = !strncmp(line, "Max core file size", 18) ||
                          !strncmp(line, "Max file size", 13) ||
                          !strncmp(line, "Max processes", 13);
        if (none && sscanf(line + 26, "%llu %llu", &soft, &hard) == 2)
            zeros += soft == 0 && hard == 0;
        if (!strncmp(line, "Max address space", 17))
            assert_null(strstr(line, "unlimited"));
    }
    fclose(f);
    assert_int_equal(zeros, 3);
    snprintf(path, sizeof path, "/proc/%d/cwd", (int)child);
    const ssize_t n = readlink(path, folder, sizeof folder);
    assert_true(n == 1 && folder[0] == '/');
    snprintf(path, sizeof path, "/proc/%d/fd", (int)child);
    for (int fd = 0; fd < 1024; fd++) {
        snprintf(line, sizeof line, "%s/%d", path, fd);
        files += readlink(line, folder, sizeof folder) > 0;
    }
    assert_int_equal(files, 3);
    fg_portrait_check_destroy(check);
}

// With a sanitizer a process is ten times as slow to start, and has memory of the sanitizer's own,
// terabytes of it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHECKS         24
#define MEMORY_IS_OURS false
#else
#define CHECKS         200
#define MEMORY_IS_OURS true
#endif

static void test_many_checks(void **state)
{
    float live[FG_WIRE_DIMENSION];
    (void)state;
    NEED_MODELS;
    struct dg2_bytes file = document_of(0, DG2_JP2);
    live_vector(0, live);
    const int fds = count_entries("/proc/self/fd"), files = count_entries(work);
    for (int i = 0; i < CHECKS; i++) {
        struct fg_portrait_check *check = create(program, &(struct fg_portrait_options){0});
        start(check);
        if (i % 4 == 0) { // all ways to leave: each stage, by end or by destroy
            wait_warm(check);
            assert_int_equal(fg_portrait_check_request(check, file.at, file.length, score()), 0);
            wait_good(check);
            assert_true(ask(check, live));
        } else if (i % 4 == 1) {
            assert_int_equal(fg_portrait_check_request(check, file.at, file.length, score()), 0);
        }
        if (i % 3 == 0) {
            fg_portrait_check_end(check);
            wait_ended(check, FG_PORTRAIT_FINISHED);
        }
        fg_portrait_check_destroy(check);
    }
    free(file.at);
    assert_int_equal(children((pid_t[1]){0}, 1), 0);
    assert_int_equal(count_entries("/proc/self/fd"), fds);
    assert_int_equal(count_entries(work), files);
}

// In no other test. A process of its own makes the picture: an encoder leaves pieces of it in freed
// memory.
#define SECRET 15
static struct dg2_bytes secret_document(void)
{
    struct dg2_bytes secret = {malloc(1u << 20), 0};
    const pid_t maker = fork();
    if (maker == 0) {
        struct dg2_bytes file = document_of(SECRET, PLAIN_JPEG);
        FILE *f = fopen("secret", "we");
        const bool ok = f && fwrite(file.at, 1, file.length, f) == file.length && fclose(f) == 0;
        _exit(ok ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(maker, &status, 0), maker);
    assert_int_equal(status, 0);
    int fd = open("secret", O_RDONLY | O_CLOEXEC);
    const ssize_t n = read(fd, secret.at, 1u << 20);
    assert_true(n > 10000);
    close(fd);
    unlink("secret");
    secret.length = (size_t)n;
    return secret;
}

// A JPEG's first kilobyte are tables that libraries have too.
#define TABLES 1000

static void test_memory_after_a_check(void **state)
{
    float live[FG_WIRE_DIMENSION];
    (void)state;
    NEED_MODELS;
    if (!MEMORY_IS_OURS)
        skip();
    live_vector(SECRET, live);
    struct fg_portrait_check *check = create(program, &(struct fg_portrait_options){0});
    struct dg2_bytes secret = secret_document();
    struct scan scan = scan_create(secret.at + TABLES, secret.length - TABLES);
    start(check);
    wait_warm(check);
    assert_int_equal(fg_portrait_check_request(check, secret.at, secret.length, score()), 0);
    assert_true(scan_finds(&scan)); // the search works: ours
    explicit_bzero(secret.at, secret.length);
    assert_true(scan_finds(&scan)); // and the check's, which was not sent yet
    wait_good(check);
    assert_true(ask(check, live)); // before a slow search: the child gives up after 30 seconds
    if (scan_finds(&scan))
        fail_msg("the portrait is at %s", scan.found);
    fg_portrait_check_end(check);
    wait_ended(check, FG_PORTRAIT_FINISHED);
    if (scan_finds(&scan))
        fail_msg("the portrait is at %s", scan.found);
    scan_destroy(&scan);
    free(secret.at);
    fg_portrait_check_destroy(check);
}

static void test_memory_after_a_failure(void **state)
{
    (void)state;
    if (!MEMORY_IS_OURS)
        skip();
    struct dg2_bytes secret = random_bytes(FG_PORTRAIT_BYTES / 4);
    struct scan scan = scan_create(secret.at, secret.length);
    struct fg_portrait_check *check =
        fake(SAY_HELLO HANG, (struct fg_portrait_options){.look_ms = 300});
    wait_warm(check);
    assert_int_equal(fg_portrait_check_request(check, secret.at, secret.length, 0), 0);
    explicit_bzero(secret.at, secret.length);
    assert_true(scan_finds(&scan));
    wait_ended(check, FG_PORTRAIT_TIMED_OUT); // most of it was never sent
    if (scan_finds(&scan))
        fail_msg("the document is at %s", scan.found);
    fg_portrait_check_destroy(check);
    unlink("fake");
    scan_destroy(&scan);
    free(secret.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_people),
        cmocka_unit_test(test_score_is_the_requests),
        cmocka_unit_test(test_several_waiting),
        cmocka_unit_test(test_portraits_refused),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_other_model),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_bad_starts),
        cmocka_unit_test(test_bad_ends),
        cmocka_unit_test(test_never_blocks),
        cmocka_unit_test(test_confined),
        cmocka_unit_test(test_many_checks),
        cmocka_unit_test(test_memory_after_a_check),
        cmocka_unit_test(test_memory_after_a_failure),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
