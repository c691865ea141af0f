/* core/base/uuid.h - event ids: UUID version 1, as Python's uuid1() makes them. */
#ifndef EBI_UUID_H
#define EBI_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EBI_UUID_ROOM = 37 };

/* Makes a new UUID, NUL-ended. Any thread. Never the same twice on one machine, also across forks and clock steps. Returns the time of
 * the clock that is part of it, in microseconds since 1970. */
int64_t ebi_uuid_new(char text[EBI_UUID_ROOM]);

/* Whether a text is 8-4-4-4-12 hex digits; any version. */
bool ebi_uuid_valid(const char *text, size_t len);

#endif
