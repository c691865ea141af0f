/* eventbus/bus.h - the bus of one service: configuration, signals, plugins, producer. Compiles alone: C11, C++17. */
#ifndef EVENTBUS_BUS_H
#define EVENTBUS_BUS_H

#include <stddef.h>
#include <stdint.h>

#include <eventbus/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* FORK  A bus and all that came from it belong to the process that opened it. In a child, eb_send, eb_produce, eb_connect,
 * eb_bus_flush, eb_consumer_open and eb_consumer_run return EB_FATAL and do nothing; eb_bus_close and eb_consumer_close may be
 * called, and leave the parent's alone. Open a bus of its own after the fork. */
struct eb_bus;

/* Takes a log line: level as in syslog(3), text without a newline. Called from any thread, one call at a time. */
typedef void (*eb_log_sink)(void *arg, int level, const char *text);

/* How to open a bus; all zero is the default. */
struct eb_bus_options {
    size_t size;                    /* sizeof(struct eb_bus_options) */
    const char *const *files;       /* INI files or folders of them, later ones override; NULL-ended. NULL: searched for
                                     * in $EVENTBUS_CONFIG, ./eventbus.ini, the installed one */
    const char *const *overrides;   /* "KIND.NAME.KEY=VALUE", after all files; NULL-ended; NULL: none */
    eb_log_sink log;                /* NULL: to standard error */
    void *log_arg;
    void (*before_event)(void *arg);/* before each event consumed: reset what the last one left behind (stale database
                                     * connections, caches); in the thread that runs the receivers; NULL: nothing */
    void *before_event_arg;
};

/* Reads and checks configuration, schemas and routes, and loads the producer's plugin. Waits for no broker: one that is
 * away now is the same case as one that goes away later. *bus is the caller's, for eb_bus_close; NULL where this
 * fails. options may be NULL.
 * Kinds of failure: EB_KIND_CONFIG with file and line, EB_KIND_DATA for a schema, EB_KIND_PLUGIN for a plugin. */
enum eb_status eb_bus_open(struct eb_bus **bus, const struct eb_bus_options *options, struct eb_error *);

/* The same with one INI file, or NULL to search for it. */
enum eb_status eb_bus_open_file(struct eb_bus **bus, const char *file, struct eb_error *);

/* Waits until all that was sent so far has been delivered or given up, timeout_ms at most (-1: no limit). Any thread.
 * EB_RETRIABLE: some of it still waits; the text says how much. */
enum eb_status eb_bus_flush(struct eb_bus *, int timeout_ms, struct eb_error *);

/* Takes nothing more, delivers what waits for up to timeout_ms, writes what could not be delivered to undelivered.jsonl
 * in the state folder, frees everything. Consumers of this bus must have been closed, and no other thread may use the
 * bus or its signals any more. EB_RETRIABLE: some events were not delivered; the text says how many and where they are
 * now. The bus is gone in any case. NULL is nothing to do. */
enum eb_status eb_bus_close(struct eb_bus *, int timeout_ms, struct eb_error *);

#ifdef __cplusplus
}
#endif
#endif
