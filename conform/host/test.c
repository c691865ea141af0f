/* conform/host/test.c - what ends with a test: its memory and its names. */
#include "host/instance.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory that ends with the test ---- */

/* Lists have room for 1, 3, 7, ... items. Returns whether n items fill one. */
static bool is_full(size_t n) {
    return (n & (n + 1)) == 0;
}

void *ebc_alloc(struct ebc_test *t, size_t size) {
    void *memory = calloc(1, size ? size : 1), **more;

    pthread_mutex_lock(&t->memory);
    more = is_full(t->n_held) ? realloc(t->held, (2 * t->n_held + 1) * sizeof *more) : t->held;
    if (!memory || !more) {
        t->observer->skip(t, "no memory left on this machine");
        abort();
    }
    t->held = more;
    t->held[t->n_held++] = memory;
    t->held_bytes += malloc_usable_size(memory) + sizeof(size_t);
    pthread_mutex_unlock(&t->memory);
    return memory;
}

char *ebc_format(struct ebc_test *t, const char *format, ...) {
    va_list args, again;
    char *text;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    text = ebc_alloc(t, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

void *ebc_grow(struct ebc_test *t, void *list, size_t n) {
    void **more;

    if (!is_full(n))
        return list;
    more = ebc_alloc(t, (2 * n + 1) * sizeof *more);
    if (n > 0)
        memcpy(more, list, n * sizeof *more);
    return more;
}

void ebc_test_free(struct ebc_test *t) {
    ebc_unload(&t->plugin);
    for (size_t i = 0; i < t->n_held; i++)
        free(t->held[i]);
    free(t->held);
}

/* ---- names ---- */

const char *ebc_topic_name(struct ebc_test *t, const char *suffix) {
    return ebc_format(t, "conform-%s-%zu-%s", t->run, t->number, suffix);
}

const char *ebc_topic(struct ebc_test *t, const char *suffix) {
    const char *name = ebc_topic_name(t, suffix);
    struct eb_error err = { 0 };
    int32_t status;

    if (!t->plugin.admin || !t->plugin.admin->create)
        return name;
    status = ebc_admin_create(t, name, 0, &err);
    if (status < 0)
        ebc_break(t, EBC_CREATE, "expected topic %s to be made; came %d: %s", name, status, err.text);
    return name;
}

/* Where a group cannot start in the past: sends one event after the other until the group sees the newest. */
static void begin_group(struct ebc_test *t, const char *topic, const char *group) {
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    struct ebc_producer *p = ebc_producer(t);
    int64_t end = ebc_monotonic_ms() + t->patience_ms;

    while (ebc_count(c) == 0) {
        if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_MISSING, "expected a new group to see events sent after it began; came none for %lld ms",
                      (long long)t->patience_ms);
        ebc_receive(c, 1, 20);
        ebc_send(p, ebc_new_events(t, topic, 1, 1));
    }
    ebc_settle_each(c, ebc_all(c), ebc_count(c), EB_ACK);
    ebc_receive_rest(c, SIZE_MAX);
    ebc_close_producer(p, 1000);
    ebc_close_consumer(c);
}

const char *ebc_group(struct ebc_test *t, const char *topic, const char *suffix) {
    const char *group = ebc_format(t, "conform-%s-%zu-%s", t->run, t->number, suffix);

    if (t->plugin.consumer && !(t->plugin.consumer->traits & EB_T_HISTORY) && !t->joins_late)
        begin_group(t, topic, group);
    return group;
}
