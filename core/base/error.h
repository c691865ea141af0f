/* core/base/error.h - filling a struct eb_error: the reason first, context in front of it on the way up. */
#ifndef EBI_ERROR_H
#define EBI_ERROR_H

#include <stdbool.h>
#include <eventbus/error.h>

/* err may be NULL in all functions here: then they fill nothing. They cut a text that does not fit at a whole character, and put "?" for
 * each byte of what may not be shown (see eventbus/printable.h). */

/* Fills err and returns status, so that a caller can return it. */
enum eb_status ebi_error(struct eb_error *err, enum eb_status status, enum eb_kind kind, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same with native = errno and ": " and its text at the end. */
enum eb_status ebi_error_errno(struct eb_error *err, enum eb_status status, enum eb_kind kind, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether an argument of a public function is NULL that must not be. Then err is EB_PERMANENT, EB_KIND_CONFIG, "`what` is NULL". */
bool ebi_is_null(const void *argument, const char *what, struct eb_error *err);

/* Fills err with EB_FATAL, "out of memory". */
enum eb_status ebi_error_memory(struct eb_error *err);

/* Puts "context: " in front of the text of err. */
void ebi_error_context(struct eb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
