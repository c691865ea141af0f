/* tests/bench/sqlite_crowd.h - figures of the plugin sqlite that have no raw side: see sqlite_crowd.c. */
#ifndef SQLITE_CROWD_H
#define SQLITE_CROWD_H

/* Each measures, and tells by bench_value, unless --only wants others. */
void sqlite_crowd(void);
void sqlite_sleeper(void);

#endif
