/* eventbus/plugin-help/error.h - fills in struct eb_error: a class, a kind, a number and one line of text.
 *
 * Each function accepts NULL for err and fills nothing then. Those that return a status return the one they were given,
 * so that a caller can write `return ebp_error(err, EB_RETRIABLE, 0, "...")`. A text that is too long is cut. Any thread. */
#ifndef EBP_ERROR_H
#define EBP_ERROR_H

#include <eventbus/plugin-help/base.h>

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <eventbus/error.h>

/* An error of any kind (enum eb_kind). `native` is the broker client's own number; 0: none. */
EBP_PRINTF(5, 0)
static inline int32_t ebp_error_of_kind_v(struct eb_error *err, int32_t status, int32_t kind, int64_t native,
                                          const char *format, va_list args) {
    if (!err)
        return status;
    memset(err, 0, sizeof *err);
    err->status = status;
    err->kind = kind;
    err->native = native;
    vsnprintf(err->text, sizeof err->text, format, args);
    return status;
}

EBP_PRINTF(5, 6)
static inline int32_t ebp_error_of_kind(struct eb_error *err, int32_t status, int32_t kind, int64_t native, const char *format,
                                        ...) {
    va_list args;

    va_start(args, format);
    ebp_error_of_kind_v(err, status, kind, native, format, args);
    va_end(args);
    return status;
}

/* An error of kind EB_KIND_BROKER, the usual one in a plugin. */
EBP_PRINTF(4, 5)
static inline int32_t ebp_error(struct eb_error *err, int32_t status, int64_t native, const char *format, ...) {
    va_list args;

    va_start(args, format);
    ebp_error_of_kind_v(err, status, EB_KIND_BROKER, native, format, args);
    va_end(args);
    return status;
}

/* Changes the text to "text: CAUSE". */
static inline void ebp_error_cause(struct eb_error *err, const char *cause) {
    size_t end = err ? strlen(err->text) : 0;

    if (err)
        snprintf(err->text + end, sizeof err->text - end, ": %s", cause);
}

/* Changes the text to "CONTEXT: text", for a caller that knows more about what was tried. */
EBP_PRINTF(2, 3)
static inline void ebp_error_context(struct eb_error *err, const char *format, ...) {
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

/* Returns the system's description of an errno, in `room` or as a constant; for any thread, which strerror(3) is not. */
static inline const char *ebp_errno_text(int number, char *room, size_t size) {
#if defined(__GLIBC__) && defined(_GNU_SOURCE)
    return strerror_r(number, room, size);
#else
    if (strerror_r(number, room, size) != 0)
        snprintf(room, size, "error %d", number);
    return room;
#endif
}

/* Like ebp_error, with errno as `native` and its description as the cause. */
EBP_PRINTF(3, 4)
static inline int32_t ebp_errno(struct eb_error *err, int32_t status, const char *format, ...) {
    int number = errno;
    char why[128];
    va_list args;

    va_start(args, format);
    ebp_error_of_kind_v(err, status, EB_KIND_BROKER, number, format, args);
    va_end(args);
    ebp_error_cause(err, ebp_errno_text(number, why, sizeof why));
    return status;
}

/* EB_FATAL, EB_KIND_SYSTEM, ENOMEM: "out of memory". */
static inline int32_t ebp_no_memory(struct eb_error *err) {
    return ebp_error_of_kind(err, EB_FATAL, EB_KIND_SYSTEM, ENOMEM, "out of memory");
}

#endif
