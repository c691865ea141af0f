/* plugins/sqlite/error.h - what went wrong, in one line, with its class. */
#ifndef SQ_ERROR_H
#define SQ_ERROR_H

#include <eventbus/plugin.h>

/* Fills err (which may be NULL) as trouble of the broker and answers status. */
int32_t sq_error(struct eb_error *err, int32_t status, int64_t native, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same with errno as native, and its text behind ": ". */
int32_t sq_errno(struct eb_error *err, int32_t status, const char *format, ...) __attribute__((format(printf, 3, 4)));

int32_t sq_no_memory(struct eb_error *err);

#endif
