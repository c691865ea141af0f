/* plugins/common/registry/fail.h - filling in an error of this library's. */
#ifndef SR_FAIL_H
#define SR_FAIL_H

#include <stddef.h>
#include <stdint.h>
#include <eventbus/error.h>

/* Fills err, which may be NULL, and answers the status. */
int32_t sr_fail(struct eb_error *err, enum eb_status, enum eb_kind, int64_t native, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

int32_t sr_no_memory(struct eb_error *);

/* Puts "CONTEXT: " before what err tells. */
void sr_context(struct eb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Copies what a stranger wrote into room bytes (NUL included), as one line of UTF-8: control characters become blanks,
 * broken bytes '?', and what is too long ends in "...". */
void sr_clean(char *out, size_t room, const char *text, size_t len);

#endif
