// SPDX-License-Identifier: Apache-2.0
#include "matcher/master.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matcher/seal.h"

#define CREDENTIAL "facegate-master"

static int parse_master(const char *path, const uint8_t *text, size_t length, uint8_t *ret,
                        struct fg_error *err)
{
    if (length == FG_SEAL_KEY) {
        memcpy(ret, text, FG_SEAL_KEY);
        return 0;
    }
    if (length == 2 * FG_SEAL_KEY + 1 && text[length - 1] == '\n')
        length--;
    if (fg_seal_from_hex((const char *)text, length, ret, FG_SEAL_KEY) < 0)
        return fg_fail(err, -EINVAL,
                       "%s holds no master key: it must be 64 hex digits or 32 raw bytes", path);
    return 0;
}

static int check_master_file(int fd, const char *path, struct fg_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fg_fail(err, -EINVAL, "the master key file %s is not a regular file", path);
    if (st.st_mode & 077)
        return fg_fail(err, -EPERM,
                       "the master key file %s can be used by group or others: chmod 600 %s", path,
                       path);
    return 0;
}

static int load_master(int fd, const char *path, uint8_t *ret, struct fg_error *err)
{
    size_t most = 2 * FG_SEAL_KEY + 2; // one more than the longest, to notice a longer one
    uint8_t *text = fg_seal_alloc(most);
    if (!text)
        return fg_fail(err, -ENOMEM, "out of memory for the master key");
    ssize_t n = pread(fd, text, most, 0);
    int r = n < 0 ? fg_fail(err, -errno, "%s: %s", path, strerror(errno))
                  : parse_master(path, text, (size_t)n, ret, err);
    fg_seal_free(text);
    return r;
}

static int sync_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    int fd = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int r = fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
    if (fd >= 0)
        close(fd);
    free(parent);
    return r;
}

static int write_master(int fd, const uint8_t *master)
{
    size_t length = 2 * FG_SEAL_KEY + 1;
    char *text = fg_seal_alloc(length);
    if (!text)
        return -ENOMEM;
    fg_seal_to_hex(master, FG_SEAL_KEY, text);
    text[length - 1] = '\n';
    ssize_t n = write(fd, text, length);
    int r = n < 0 ? -errno : n == (ssize_t)length ? 0 : -ENOSPC;
    fg_seal_free(text);
    return r == 0 && fsync(fd) < 0 ? -errno : r;
}

static int make_master(const char *path, uint8_t *ret, struct fg_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fg_fail(err, -errno, "making the master key file %s: %s", path, strerror(errno));
    fg_seal_random(ret, FG_SEAL_KEY);
    int r = write_master(fd, ret);
    close(fd);
    if (r == 0)
        r = sync_parent(path);
    if (r < 0) {
        unlink(path); // no record is sealed under it yet
        return fg_fail(err, r, "making the master key file %s: %s", path, strerror(-r));
    }
    return 0;
}

static int read_master_file(const char *path, bool make, uint8_t *ret, struct fg_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return make ? make_master(path, ret, err)
                    : fg_fail(err, -ENOKEY,
                              "there is no master key file %s: restore it from your backup, or "
                              "for a new gallery have one made with --make-key",
                              path);
    if (fd < 0)
        return fg_fail(err, -errno, "the master key file %s: %s", path, strerror(errno));
    int r = check_master_file(fd, path, err);
    if (r == 0)
        r = load_master(fd, path, ret, err);
    close(fd);
    return r;
}

// systemd sets the mode of a credential for its unit alone; with an access list the group bits are
// its mask, so they say nothing here.
static int read_credential(uint8_t *ret, struct fg_error *err)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    char path[4096];
    int n = directory ? snprintf(path, sizeof path, "%s/" CREDENTIAL, directory) : -1;
    int fd = n > 0 && n < (int)sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return fg_fail(err, -ENOKEY,
                       "there is no master key: name a key file, or give the unit the credential "
                       "%s (LoadCredential= or LoadCredentialEncrypted=)",
                       CREDENTIAL);
    int r = load_master(fd, path, ret, err);
    close(fd);
    return r;
}

int fg_master_read(const char *file, bool make, uint8_t **ret_key, struct fg_error *err)
{
    if (fg_seal_init() < 0)
        return fg_fail(err, -EIO, "the system gives no random bytes");
    uint8_t *key = fg_seal_alloc(FG_SEAL_KEY);
    if (!key)
        return fg_fail(err, -ENOMEM, "out of memory for the master key");
    int r = file ? read_master_file(file, make, key, err) : read_credential(key, err);
    if (r < 0) {
        fg_seal_free(key);
        return r;
    }
    *ret_key = key;
    return 0;
}
