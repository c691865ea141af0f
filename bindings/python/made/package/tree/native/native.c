/* native.c - what stands between Python and libeventbus: the gate that keeps the library's threads out of an interpreter that
 * is ending, the queue of log lines, and sending in one call.
 *
 * cffi puts this in front of the code that it generates. Every function here is called without the GIL; ebpy_event and
 * ebpy_delivered, which Python implements, take it. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <eventbus/eventbus.h>

static int ebpy_event(void *handle, const struct eb_event *event, struct eb_error *err);
static void ebpy_delivered(void *handle, const struct eb_receipt *receipt);

static struct timespec deadline_of(int timeout_ms) {
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += timeout_ms / 1000;
    at.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (at.tv_nsec >= 1000000000L) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000L;
    }
    return at;
}

static void init_cond(pthread_cond_t *cond) {
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

/* ---- The gate: which of the library's threads are in Python, and whether more may enter ---- */

static struct {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t left;  /* a thread has left */
    size_t inside;
    bool closed;
} gate;

static void gate_reset(void) {
    pthread_mutex_init(&gate.lock, NULL);
    init_cond(&gate.left);
    gate.inside = 0;
    gate.closed = false;
}

/* Also in the child of a fork: it has none of its parent's threads, one of which may have held the lock. */
__attribute__((constructor)) static void gate_make(void) {
    gate_reset();
    pthread_atfork(NULL, NULL, gate_reset);
}

static bool gate_enter(void) {
    pthread_mutex_lock(&gate.lock);
    bool open = !gate.closed;
    if (open)
        gate.inside++;
    pthread_mutex_unlock(&gate.lock);
    return open;
}

static void gate_leave(void) {
    pthread_mutex_lock(&gate.lock);
    gate.inside--;
    pthread_cond_broadcast(&gate.left);
    pthread_mutex_unlock(&gate.lock);
}

/* Lets no thread in any more, and waits timeout_ms at most until those inside have left. Returns how many are still inside. */
static int ebpy_gate_close(int timeout_ms) {
    struct timespec until = deadline_of(timeout_ms);

    pthread_mutex_lock(&gate.lock);
    gate.closed = true;
    while (gate.inside > 0 && pthread_cond_timedwait(&gate.left, &gate.lock, &until) != ETIMEDOUT)
        continue;
    int inside = (int)gate.inside;
    pthread_mutex_unlock(&gate.lock);
    return inside;
}

/* For an interpreter that starts after another one has ended in this process. */
static void ebpy_gate_open(void) {
    pthread_mutex_lock(&gate.lock);
    gate.closed = false;
    pthread_mutex_unlock(&gate.lock);
}

static enum eb_status receive(const struct eb_event *event, void *handle, struct eb_error *err) {
    if (!gate_enter()) {
        snprintf(err->text, sizeof err->text, "the Python interpreter is ending, so its receivers do not run");
        err->kind = EB_KIND_SYSTEM;
        return EB_RETRIABLE;
    }
    int status = ebpy_event(handle, event, err);
    gate_leave();
    return (enum eb_status)status;
}

/* For the callback of a consumer: what this program sends itself is not for it. */
static enum eb_status receive_from_bus(const struct eb_event *event, void *handle, struct eb_error *err) {
    return eb_event_metadata(event)->from_event_bus ? receive(event, handle, err) : EB_OK;
}

static void delivered(void *handle, const struct eb_receipt *receipt) {
    if (!gate_enter())
        return;
    ebpy_delivered(handle, receipt);
    gate_leave();
}

/* ---- Log lines: the library's threads put them into a queue, and never wait for the GIL. A thread of Python takes them ---- */

struct ebpy_line {
    int level;
    char *text;
};

struct ebpy_log {
    pthread_mutex_t lock;  /* guards the rest */
    pthread_cond_t filled; /* there is a line, or it was closed */
    size_t room, first, n, dropped;
    bool closed;
    struct ebpy_line lines[];
};

/* A queue for at most `room` lines. Returns NULL: no memory. */
static struct ebpy_log *ebpy_log_new(size_t room) {
    struct ebpy_log *log = calloc(1, sizeof *log + room * sizeof log->lines[0]);

    if (!log)
        return NULL;
    log->room = room;
    pthread_mutex_init(&log->lock, NULL);
    init_cond(&log->filled);
    return log;
}

/* The sink of a bus. It drops the line when the queue is full or when there is no memory, and counts the lines that it dropped for
 * the reader. */
static void log_put(void *arg, int level, const char *text) {
    struct ebpy_log *log = arg;
    char *copy = strdup(text);

    pthread_mutex_lock(&log->lock);
    if (copy && log->n < log->room) {
        log->lines[(log->first + log->n++) % log->room] = (struct ebpy_line){ level, copy };
        copy = NULL;
    } else
        log->dropped++;
    pthread_cond_signal(&log->filled);
    pthread_mutex_unlock(&log->lock);
    free(copy);
}

/* Takes the oldest line and cuts it to `room`. Returns 1: a line; 0: none in timeout_ms; -1: none, and the log is closed. */
static int ebpy_log_take(struct ebpy_log *log, int timeout_ms, int *level, char *text, size_t room) {
    struct timespec until = deadline_of(timeout_ms);
    int took = 1;

    pthread_mutex_lock(&log->lock);
    while (log->n == 0 && log->dropped == 0 && !log->closed &&
           pthread_cond_timedwait(&log->filled, &log->lock, &until) != ETIMEDOUT)
        continue;
    if (log->n > 0) {
        struct ebpy_line *line = &log->lines[log->first];

        *level = line->level;
        snprintf(text, room, "%s", line->text);
        free(line->text);
        log->first = (log->first + 1) % log->room;
        log->n--;
    } else if (log->dropped > 0) {
        *level = 4; /* LOG_WARNING */
        snprintf(text, room, "%zu log lines were dropped: they came faster than the handlers of logging took them",
                 log->dropped);
        log->dropped = 0;
    } else
        took = log->closed ? -1 : 0;
    pthread_mutex_unlock(&log->lock);
    return took;
}

/* Wakes the reader, whom ebpy_log_take tells after the last line. */
static void ebpy_log_close(struct ebpy_log *log) {
    pthread_mutex_lock(&log->lock);
    log->closed = true;
    pthread_cond_broadcast(&log->filled);
    pthread_mutex_unlock(&log->lock);
}

/* Not while a thread takes lines, or a bus puts them. */
static void ebpy_log_free(struct ebpy_log *log) {
    for (size_t i = 0; i < log->n; i++)
        free(log->lines[(log->first + i) % log->room].text);
    pthread_cond_destroy(&log->filled);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

/* ---- The bus ---- */

/* What an older library has not: its address is NULL there. */
extern const struct eb_signal *eb_signal_add(struct eb_bus *, const char *, size_t, struct eb_error *) __attribute__((weak));
extern enum eb_status eb_keep_undelivered(struct eb_bus *, const struct eb_event *, const char *, const char *,
                                          struct eb_error *) __attribute__((weak));

/* The version of the headers that this was built with. */
static const char *ebpy_built_with(void) {
    return EB_VERSION;
}

static enum eb_status too_old(const char *lacks, struct eb_error *err) {
    snprintf(err->text, sizeof err->text,
             "the libeventbus that is loaded is older than the one that this package was built with: it has no %s; install "
             "libeventbus %s or later",
             lacks, EB_VERSION);
    err->status = EB_PERMANENT;
    err->kind = EB_KIND_SYSTEM;
    return EB_PERMANENT;
}

static enum eb_status ebpy_open(struct eb_bus **bus, const char *const *files, const char *const *overrides,
                                const char *const *defaults, struct ebpy_log *log, struct eb_error *err) {
    const struct eb_bus_options options = {
        .size = sizeof options, .files = files, .overrides = overrides, .defaults = defaults, .log = log_put, .log_arg = log
    };

    if (defaults && !eb_signal_add) /* both came at once */
        return too_old("eb_bus_options.defaults", err);
    return eb_bus_open(bus, &options, err);
}

static const struct eb_signal *ebpy_signal_add(struct eb_bus *bus, const char *schema, size_t len, struct eb_error *err) {
    if (eb_signal_add)
        return eb_signal_add(bus, schema, len, err);
    too_old("eb_signal_add", err);
    return NULL;
}

/* handle NULL: no callback. */
static void ebpy_on_delivery(struct eb_bus *bus, void *handle) {
    eb_bus_on_delivery(bus, handle ? delivered : NULL, handle);
}

static enum eb_status ebpy_connect(struct eb_bus *bus, const struct eb_signal *signal, const char *name, void *handle,
                                   int only_from_bus, struct eb_error *err) {
    return eb_connect(bus, signal, name, only_from_bus ? receive_from_bus : receive, handle, err);
}

/* The metadata that the caller gives; the rest is the event's own. */
struct ebpy_origin {
    const char *id, *source, *sourcehost, *sourcelib; /* NULL: not given */
    int64_t time_us;
    int32_t minorversion;
    int32_t has_time, has_minorversion;
};

enum { ID_ROOM = 64 };

/* Makes an event of JSON data, and copies its id to `id`, which has ID_ROOM bytes. */
static enum eb_status make_event(const struct eb_signal *signal, const char *json, size_t len, const struct ebpy_origin *origin,
                                 struct eb_event **event, char *id, struct eb_error *err) {
    enum eb_status status = eb_event_new(signal, event, err);

    if (status == EB_OK)
        status = eb_event_set_json(*event, json, len, err);
    if (status == EB_OK && origin) {
        struct eb_metadata meta = *eb_event_metadata(*event);

        meta.id = origin->id;
        meta.source = origin->source;
        meta.sourcehost = origin->sourcehost;
        meta.sourcelib = origin->sourcelib;
        if (origin->has_time)
            meta.time_us = origin->time_us;
        if (origin->has_minorversion)
            meta.minorversion = origin->minorversion;
        status = eb_event_set_metadata(*event, &meta, err);
    }
    if (status == EB_OK)
        snprintf(id, ID_ROOM, "%s", eb_event_metadata(*event)->id);
    return status;
}

/* Sends an event as a signal; eb_send says what it returns. */
static enum eb_status ebpy_send(const struct eb_signal *signal, const char *json, size_t len, const struct ebpy_origin *origin,
                                char *id, struct eb_error *err) {
    struct eb_event *event = NULL;
    enum eb_status status = make_event(signal, json, len, origin, &event, id, err);

    if (status == EB_OK)
        status = eb_send(event, NULL, err);
    eb_event_free(event);
    return status;
}

/* Puts an event into the producer's queue; handle NULL: no callback. eb_produce says what it returns. keep: what a full queue does not
 * take goes to the file of undelivered events; EB_END then. */
static enum eb_status ebpy_produce(struct eb_bus *bus, const struct eb_signal *signal, const char *json, size_t len,
                                   const struct ebpy_origin *origin, const char *topic, const char *key_field, int keep,
                                   void *handle, char *id, struct eb_error *err) {
    struct eb_event *event = NULL;
    enum eb_status status = make_event(signal, json, len, origin, &event, id, err);

    if (status == EB_OK)
        status = eb_produce(bus, event, topic, key_field, handle ? delivered : NULL, handle, err);
    if (status == EB_FULL && keep && eb_keep_undelivered) {
        status = eb_keep_undelivered(bus, event, topic, key_field, err);
        status = status == EB_OK ? EB_END : status;
    }
    eb_event_free(event);
    return status;
}
