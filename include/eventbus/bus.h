/* eventbus/bus.h - the bus of one service: configuration, signals, plugins, producer. Compiles alone: C11, C++17. */
#ifndef EVENTBUS_BUS_H
#define EVENTBUS_BUS_H

#include <stddef.h>
#include <stdint.h>

#include <eventbus/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* FORK  A bus, and every object made from it, belongs to the process that opened it. In the child of a fork, eb_send,
 * eb_produce, eb_connect, eb_bus_flush, eb_consumer_open and eb_consumer_run return EB_FATAL and do nothing. The child may
 * call eb_bus_close and eb_consumer_close, which do not touch the parent's bus. A child opens its own bus after the fork. On
 * SQLite it can only if no bus of its parent was open on SQLite when it was forked: SQLite's locks do not survive that. */
struct eb_bus;

/* Takes a log line: level as in syslog(3), text without a newline. Called from any thread, one call at a time. */
typedef void (*eb_log_sink)(void *arg, int level, const char *text);

/* How to open a bus. All fields zero give the defaults. */
struct eb_bus_options {
    size_t size;                  /* sizeof(struct eb_bus_options) */
    const char *const *files;     /* INI files, or folders of them; later ones override earlier ones; ends with NULL. NULL:
                                     * the first of $EVENTBUS_CONFIG, ./eventbus.ini and the installed file */
    const char *const *overrides; /* "KIND.NAME.KEY=VALUE", applied after all files; ends with NULL; NULL: none */
    eb_log_sink log;              /* where log lines go; NULL: to standard error */
    void *log_arg;
    void (*before_event)(void *arg); /* called before each consumed event in the thread that runs the receivers, to reset what
                                     * the last event left behind (stale database connections, caches); NULL: no call */
    void *before_event_arg;
    const char *const
        *defaults; /* "KIND.NAME.KEY=VALUE", each for a key that no file sets; ends with NULL; NULL: none. With files
                                  * that are only /dev/null, they and the overrides are the whole configuration */
};

/* Reads and checks the configuration, the schemas and the routes, and loads the producer's plugin. It does not wait for
 * the broker: a broker that is away now is the same case as one that goes away later. The caller closes *bus with
 * eb_bus_close; *bus is NULL if this fails. options may be NULL.
 * Kinds of errors: EB_KIND_CONFIG with file and line, EB_KIND_DATA for a schema, EB_KIND_PLUGIN for a plugin. */
enum eb_status eb_bus_open(struct eb_bus **bus, const struct eb_bus_options *options, struct eb_error *);

/* Opens a bus with one INI file, or with file NULL by the search of eb_bus_options. */
enum eb_status eb_bus_open_file(struct eb_bus **bus, const char *file, struct eb_error *);

/* Waits, timeout_ms at most (-1: no limit), until all events sent so far are delivered or given up. Any thread.
 * EB_RETRIABLE: some events still wait; the text says how many. */
enum eb_status eb_bus_flush(struct eb_bus *, int timeout_ms, struct eb_error *);

/* Refuses new events, delivers waiting ones for up to timeout_ms, writes what it could not deliver to undelivered.jsonl in
 * the state folder, and frees the bus, also when it returns an error. Close all consumers of this bus before; no other
 * thread may use the bus or its signals any more. EB_RETRIABLE: some events were not delivered; the text says how many and
 * where they are now. A bus of NULL does nothing and returns EB_OK. */
enum eb_status eb_bus_close(struct eb_bus *, int timeout_ms, struct eb_error *);

#ifdef __cplusplus
}
#endif
#endif
