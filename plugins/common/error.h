/* plugins/common/error.h - fills in struct eb_error: a class, a kind, a number and one line of text.
 *
 * Each function accepts NULL for err and fills nothing then. Those that return a status return the one they were given,
 * so that a caller can write `return ebp_error(err, EB_RETRIABLE, 0, "...")`. A text that is too long is cut. */
#ifndef EBP_ERROR_H
#define EBP_ERROR_H

#include <stdarg.h>
#include <stdint.h>
#include <eventbus/error.h>

/* An error of kind EB_KIND_BROKER, the usual one in a plugin. `native` is the broker client's own number; 0: none. */
int32_t ebp_error(struct eb_error *err, int32_t status, int64_t native, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* An error of another kind. */
int32_t ebp_error_of_kind(struct eb_error *err, int32_t status, int32_t kind, int64_t native, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
int32_t ebp_error_of_kind_v(struct eb_error *err, int32_t status, int32_t kind, int64_t native, const char *format, va_list)
    __attribute__((format(printf, 5, 0)));

/* Like ebp_error, with errno as `native` and its description as the cause. */
int32_t ebp_errno(struct eb_error *err, int32_t status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* EB_FATAL, EB_KIND_SYSTEM, ENOMEM: "out of memory". */
int32_t ebp_no_memory(struct eb_error *err);

/* Changes the text to "CONTEXT: text", for a caller that knows more about what was tried. */
void ebp_error_context(struct eb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Changes the text to "text: CAUSE". */
void ebp_error_cause(struct eb_error *err, const char *cause);

#endif
