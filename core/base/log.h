/* core/base/log.h - writes lines for people: text or JSON, to standard error or a callback. */
#ifndef EBI_LOG_H
#define EBI_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <eventbus/bus.h>

enum ebi_level { EBI_ERROR = 3, EBI_WARNING = 4, EBI_INFO = 6, EBI_DEBUG = 7 }; /* as in syslog(3) */

/* A value that goes with a line: " name=value" in text, a member in JSON. A value of NULL is left out. */
struct ebi_log_field {
    const char *name, *value;
};

/* The time in front of a line of text on standard error. The journal has the time itself, JSON has a member for it, and the owner of
 * a sink has a clock. */
enum ebi_log_time { EBI_LOG_UTC, EBI_LOG_LOCAL, EBI_LOG_NO_TIME };

struct ebi_log;

/* A log with its own level and form. Returns NULL: no memory. sink NULL: standard error, each line in one write. The sink gets a line
 * without its newline, by one thread at a time; it must not log itself, since it would wait for itself. */
struct ebi_log *ebi_log_new(enum ebi_level most, bool json, eb_log_sink sink, void *arg);
void ebi_log_free(struct ebi_log *);
void ebi_log_set(struct ebi_log *, enum ebi_level most, bool json);
void ebi_log_set_time(struct ebi_log *, enum ebi_log_time); /* EBI_LOG_UTC when it is new */

/* Any thread. Control characters in texts and values are escaped, so that a line stays a line; a text of more than 4,000 bytes and a
 * value of more than 500 are cut, and end in an ellipsis. A log of NULL takes nothing. */
bool ebi_log_takes(const struct ebi_log *, enum ebi_level);
void ebi_log_line(struct ebi_log *, enum ebi_level, const char *format, ...) __attribute__((format(printf, 3, 4)));
void ebi_log_fields(struct ebi_log *, enum ebi_level, const char *text, const struct ebi_log_field *, size_t n);

#endif
