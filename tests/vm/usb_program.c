// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/usb_program.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/vm/usb_redir.h"

#define LINE    512
#define IDLE_MS 500

struct stand {
    const struct fg_usb_program *program;
    struct fg_usb_device device;
    struct fg_usb_redir *redir; // NULL: QEMU is not connected
    const char *socket, *fifo;
    int listener, control;
    bool plugged, quit;
    char line[LINE];
    size_t line_length;
};

static int usage(const char *name, FILE *out, int code)
{
    fprintf(out, "usage: %s [--unplugged] --socket PATH --serial TEXT --control FIFO\n", name);
    return code;
}

// ---- commands ----------------------------------------------------------------------------------

static int obey(struct stand *stand, char *line, struct fg_error *err)
{
    char *words[FG_USB_WORDS], *rest = NULL;
    unsigned count = 0;
    for (char *word = strtok_r(line, " ", &rest); word && count < FG_USB_WORDS;
         word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    if (count == 0)
        return 0;
    if (count == 1 && strcmp(words[0], "quit") == 0)
        stand->quit = true;
    else if (count == 1 && (strcmp(words[0], "plug") == 0 || strcmp(words[0], "unplug") == 0))
        stand->plugged = words[0][0] == 'p';
    else
        return stand->program->obey(stand->program->context, words, count, err);
    return 0;
}

static void read_commands(struct stand *stand)
{
    ssize_t n = read(stand->control, stand->line + stand->line_length,
                     sizeof stand->line - 1 - stand->line_length);
    if (n <= 0)
        return;
    stand->line_length += (size_t)n;
    stand->line[stand->line_length] = '\0';
    char *at = stand->line, *end;
    while ((end = strpbrk(at, "\r\n"))) {
        struct fg_error err = {""};
        *end = '\0';
        fprintf(stderr, "%s: %s: %s\n", stand->program->name, stand->device.serial, at);
        if (obey(stand, at, &err) < 0)
            fprintf(stderr, "%s: %s\n", stand->program->name, err.text);
        at = end + 1;
    }
    stand->line_length = strlen(at);
    memmove(stand->line, at, stand->line_length);
    if (stand->line_length == sizeof stand->line - 1)
        stand->line_length = 0;
    if (stand->redir)
        fg_usb_redir_plug(stand->redir, stand->plugged);
}

// Reading and writing: a FIFO whose last writer went away would be readable for ever.
static int open_control(const char *path, int *ret, struct fg_error *err)
{
    if (mkfifo(path, 0600) < 0 && errno != EEXIST)
        return fg_fail(err, -errno, "%s: can not make it: %s", path, strerror(errno));
    *ret = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return *ret < 0 ? fg_fail(err, -errno, "%s: %s", path, strerror(errno)) : 0;
}

// ---- QEMU --------------------------------------------------------------------------------------

static int listen_at(const char *path, int *ret, struct fg_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return fg_fail(err, -ENAMETOOLONG, "%s: too long for a socket", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    unlink(path);
    *ret = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*ret < 0 || bind(*ret, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(*ret, 1) < 0)
        return fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    return 0;
}

static void take_connection(struct stand *stand)
{
    struct fg_error err = {""};
    int fd = accept4(stand->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (fg_usb_redir_open(fd, &stand->device, stand->program->name, &stand->redir, &err) < 0)
        fprintf(stderr, "%s: %s\n", stand->program->name, err.text);
    else
        fg_usb_redir_plug(stand->redir, stand->plugged);
}

static void run(struct stand *stand)
{
    while (!stand->quit) {
        struct pollfd polled[2] = {{stand->control, POLLIN, 0},
                                   {stand->redir ? fg_usb_redir_fd(stand->redir) : stand->listener,
                                    stand->redir ? fg_usb_redir_events(stand->redir) : POLLIN, 0}};
        int wait = stand->redir ? fg_usb_redir_wait_ms(stand->redir) : IDLE_MS;
        if (poll(polled, 2, wait) < 0 && errno != EINTR)
            return;
        if (polled[0].revents & POLLIN)
            read_commands(stand);
        if (!stand->redir) {
            if (polled[1].revents & POLLIN)
                take_connection(stand);
        } else if (fg_usb_redir_work(stand->redir, polled[1].revents) < 0) {
            fg_usb_redir_close(stand->redir);
            stand->redir = NULL;
        }
    }
}

// ------------------------------------------------------------------------------------------------

// 1: the help was asked for; -EINVAL: the command line is off.
static int read_options(int argc, char **argv, struct stand *ret)
{
    static const struct option options[] = {
        {"unplugged", no_argument, NULL, 'u'},    {"socket", required_argument, NULL, 's'},
        {"serial", required_argument, NULL, 'n'}, {"control", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},         {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'h':
            return 1;
        case 'u':
            ret->plugged = false;
            break;
        case 's':
            ret->socket = optarg;
            break;
        case 'n':
            ret->device.serial = optarg;
            break;
        case 'c':
            ret->fifo = optarg;
            break;
        default:
            return -EINVAL;
        }
    }
    return ret->socket && ret->device.serial && ret->fifo && optind == argc ? 0 : -EINVAL;
}

int fg_usb_program_run(const struct fg_usb_program *program, int argc, char **argv)
{
    struct stand stand = {.program = program,
                          .device = {.kind = program->kind, .context = program->context},
                          .listener = -1,
                          .control = -1,
                          .plugged = true};
    struct fg_error err = {""};
    int r = read_options(argc, argv, &stand);
    if (r != 0)
        return usage(program->name, r > 0 ? stdout : stderr, r > 0 ? 0 : 2);
    signal(SIGPIPE, SIG_IGN);
    if (open_control(stand.fifo, &stand.control, &err) < 0 ||
        listen_at(stand.socket, &stand.listener, &err) < 0) {
        fprintf(stderr, "%s: %s\n", program->name, err.text);
        return 1;
    }
    run(&stand);
    fg_usb_redir_close(stand.redir);
    unlink(stand.socket);
    return 0;
}
