/* plugins/sqlite/error.c - see error.h. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(struct eb_error *err, int32_t status, int64_t native, const char *format, va_list args) {
    if (!err)
        return;
    *err = (struct eb_error){ .status = status, .kind = EB_KIND_BROKER, .native = native };
    vsnprintf(err->text, sizeof err->text, format, args);
}

int32_t sq_error(struct eb_error *err, int32_t status, int64_t native, const char *format, ...) {
    va_list args;

    va_start(args, format);
    fill(err, status, native, format, args);
    va_end(args);
    return status;
}

int32_t sq_errno(struct eb_error *err, int32_t status, const char *format, ...) {
    int number = errno;
    char why[128];
    va_list args;
    size_t end;

    va_start(args, format);
    fill(err, status, number, format, args);
    va_end(args);
    if (err) {
        end = strlen(err->text);
        snprintf(err->text + end, sizeof err->text - end, ": %s", strerror_r(number, why, sizeof why));
    }
    return status;
}

int32_t sq_no_memory(struct eb_error *err) {
    int32_t status = sq_error(err, EB_FATAL, ENOMEM, "out of memory");

    if (err)
        err->kind = EB_KIND_SYSTEM;
    return status;
}
