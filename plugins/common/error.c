/* plugins/common/error.c - see error.h. */
#include "error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int32_t ebp_error_of_kind_v(struct eb_error *err, int32_t status, int32_t kind, int64_t native, const char *format,
                            va_list args) {
    if (!err)
        return status;
    *err = (struct eb_error){ .status = status, .kind = kind, .native = native };
    vsnprintf(err->text, sizeof err->text, format, args);
    return status;
}

int32_t ebp_error_of_kind(struct eb_error *err, int32_t status, int32_t kind, int64_t native, const char *format, ...) {
    va_list args;

    va_start(args, format);
    ebp_error_of_kind_v(err, status, kind, native, format, args);
    va_end(args);
    return status;
}

int32_t ebp_error(struct eb_error *err, int32_t status, int64_t native, const char *format, ...) {
    va_list args;

    va_start(args, format);
    ebp_error_of_kind_v(err, status, EB_KIND_BROKER, native, format, args);
    va_end(args);
    return status;
}

int32_t ebp_errno(struct eb_error *err, int32_t status, const char *format, ...) {
    int number = errno;
    char why[128];
    va_list args;

    va_start(args, format);
    ebp_error_of_kind_v(err, status, EB_KIND_BROKER, number, format, args);
    va_end(args);
    ebp_error_cause(err, strerror_r(number, why, sizeof why));
    return status;
}

int32_t ebp_no_memory(struct eb_error *err) {
    return ebp_error_of_kind(err, EB_FATAL, EB_KIND_SYSTEM, ENOMEM, "out of memory");
}

void ebp_error_context(struct eb_error *err, const char *format, ...) {
    char cause[EB_ERROR_ROOM];
    va_list args;

    if (!err)
        return;
    memcpy(cause, err->text, sizeof cause);
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    ebp_error_cause(err, cause);
}

void ebp_error_cause(struct eb_error *err, const char *cause) {
    size_t end = err ? strlen(err->text) : 0;

    if (err)
        snprintf(err->text + end, sizeof err->text - end, ": %s", cause);
}
