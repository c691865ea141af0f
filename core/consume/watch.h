/* core/consume/watch.h - names the events whose receivers take long, where others wait for them or nothing will end them. */
#ifndef EBI_WATCH_H
#define EBI_WATCH_H

#include "consume/state.h"

/* Logs what has been at work for so long that others wait for it, or that nobody may know of it. Lock held; the loop's. */
void ebi_watch(struct eb_consumer *, int64_t now_ms);

/* Logs all that is at work or on its way to a dead-letter topic; the first ones by name. Lock held. */
void ebi_watch_log_unfinished(struct eb_consumer *, const char *what);

#endif
