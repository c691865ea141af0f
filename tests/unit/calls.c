/* tests/unit/calls.c - system calls that fail when a test says so: see calls.h. The linker leads them here (--wrap), those of
 * the code under test included. */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

const char *const failing_calls[] = { "open",   "fstat", "flock",     "pread",  "pwrite", "write",
                                      "rename", "fsync", "fdatasync", "fchmod", "unlink", NULL };

static _Thread_local const char *failing;
static _Thread_local unsigned left;
static _Thread_local int with;
static _Thread_local bool failed;

void fail_call(const char *name, unsigned n, int error) {
    failed = false;
    failing = name;
    left = n;
    with = error;
}

bool call_failed(void) {
    failing = NULL;
    return failed;
}

static bool fails_now(const char *name) {
    if (!failing || strcmp(failing, name) != 0 || --left > 0)
        return false;
    failing = NULL;
    failed = true;
    errno = with;
    return true;
}

#define WRAP(type, name, parameters, ...)                                                                                      \
    type __real_##name parameters;                                                                                             \
    type __wrap_##name parameters;                                                                                             \
    type __wrap_##name parameters {                                                                                            \
        return fails_now(#name) ? -1 : __real_##name(__VA_ARGS__);                                                             \
    }

WRAP(int, fstat, (int fd, struct stat *out), fd, out)
WRAP(int, flock, (int fd, int operation), fd, operation)
WRAP(ssize_t, pread, (int fd, void *to, size_t n, off_t at), fd, to, n, at)
WRAP(ssize_t, pwrite, (int fd, const void *from, size_t n, off_t at), fd, from, n, at)
WRAP(ssize_t, write, (int fd, const void *from, size_t n), fd, from, n)
WRAP(int, rename, (const char *from, const char *to), from, to)
WRAP(int, fsync, (int fd), fd)
WRAP(int, fdatasync, (int fd), fd)
WRAP(int, fchmod, (int fd, mode_t mode), fd, mode)
WRAP(int, unlink, (const char *path), path)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

int __wrap_open(const char *path, int flags, ...) {
    mode_t mode = 0;

    if (flags & O_CREAT) {
        va_list rest;

        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    return fails_now("open") ? -1 : __real_open(path, flags, mode);
}
