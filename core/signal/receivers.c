/* core/signal/receivers.c - see receivers.h.
 *
 * A change copies the list. A list counts its users, so that a run takes the lock only to get hold of it. A receiver
 * counts its runs, so that its removal can wait for those of other threads. */
#include "signal/receivers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/thread.h"

struct receiver {
    eb_receiver call;
    void *arg;
    atomic_uint lists; /* how many lists it is in */
    atomic_uint running;
    atomic_bool removed;
    char name[];
};

struct list {
    atomic_uint users; /* how many runs use it, plus 1 while it is the current one */
    size_t n;
    struct receiver *items[];
};

struct ebi_receivers {
    pthread_mutex_t lock; /* guards current */
    pthread_cond_t idle;  /* a removed receiver has stopped running */
    struct list *current; /* NULL: none */
};

/* The receivers that this thread is running, innermost first. */
struct frame {
    const struct receiver *receiver;
    const struct frame *outer;
};
static _Thread_local const struct frame *frames;

struct ebi_receivers *ebi_receivers_new(void) {
    struct ebi_receivers *all = calloc(1, sizeof *all);

    if (!all)
        return NULL;
    pthread_mutex_init(&all->lock, NULL);
    ebi_cond_init(&all->idle);
    return all;
}

static void release(struct list *list) {
    if (!list || atomic_fetch_sub(&list->users, 1) > 1)
        return;
    for (size_t i = 0; i < list->n; i++)
        if (atomic_fetch_sub(&list->items[i]->lists, 1) == 1)
            free(list->items[i]);
    free(list);
}

void ebi_receivers_free(struct ebi_receivers *all) {
    if (!all)
        return;
    release(all->current);
    pthread_cond_destroy(&all->idle);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

static struct list *list_of(size_t n) {
    struct list *list = malloc(sizeof *list + n * sizeof(struct receiver *));

    if (list) {
        atomic_init(&list->users, 1);
        list->n = 0;
    }
    return list;
}

static void append(struct list *list, struct receiver *receiver) {
    atomic_fetch_add(&receiver->lists, 1);
    list->items[list->n++] = receiver;
}

static struct receiver *named(const struct list *list, const char *name) {
    for (size_t i = 0; list && i < list->n; i++)
        if (strcmp(list->items[i]->name, name) == 0)
            return list->items[i];
    return NULL;
}

static struct receiver *receiver_new(const char *name, eb_receiver call, void *arg) {
    size_t len = strlen(name) + 1;
    struct receiver *receiver = calloc(1, sizeof *receiver + len);

    if (receiver) {
        receiver->call = call;
        receiver->arg = arg;
        memcpy(receiver->name, name, len);
    }
    return receiver;
}

enum eb_status ebi_receivers_add(struct ebi_receivers *all, const char *name, eb_receiver call, void *arg,
                                 struct eb_error *err) {
    enum eb_status status = EB_OK;

    pthread_mutex_lock(&all->lock);
    struct list *old = all->current;
    if (named(old, name)) {
        status = ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                           "a receiver named \"%s\" is connected already; disconnect it first or take another name", name);
        goto done;
    }
    struct list *list = list_of((old ? old->n : 0) + 1);
    struct receiver *receiver = receiver_new(name, call, arg);
    if (!list || !receiver) {
        free(list);
        free(receiver);
        status = ebi_error_memory(err);
        goto done;
    }
    for (size_t i = 0; old && i < old->n; i++)
        append(list, old->items[i]);
    append(list, receiver);
    all->current = list;
    release(old);
done:
    pthread_mutex_unlock(&all->lock);
    return status;
}

static unsigned own_runs(const struct receiver *receiver) {
    unsigned runs = 0;

    for (const struct frame *frame = frames; frame; frame = frame->outer)
        runs += frame->receiver == receiver;
    return runs;
}

enum eb_status ebi_receivers_remove(struct ebi_receivers *all, const char *name) {
    enum eb_status status = EB_GONE;

    pthread_mutex_lock(&all->lock);
    struct list *old = all->current;
    struct receiver *receiver = named(old, name);
    if (!receiver)
        goto done;
    struct list *list = list_of(old->n - 1);
    if (!list) {
        status = EB_FATAL;
        goto done;
    }
    for (size_t i = 0; i < old->n; i++)
        if (old->items[i] != receiver)
            append(list, old->items[i]);
    atomic_fetch_add(&receiver->lists, 1); /* this call's, while it waits */
    all->current = list;
    atomic_store(&receiver->removed, true);
    release(old);
    while (atomic_load(&receiver->running) > own_runs(receiver))
        ebi_cond_wait_until(&all->idle, &all->lock, INT64_MAX);
    if (atomic_fetch_sub(&receiver->lists, 1) == 1)
        free(receiver);
    status = EB_OK;
done:
    pthread_mutex_unlock(&all->lock);
    return status;
}

bool ebi_receivers_any(struct ebi_receivers *all, eb_receiver but) {
    bool any = false;

    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; all->current && i < all->current->n && !any; i++)
        any = all->current->items[i]->call != but;
    pthread_mutex_unlock(&all->lock);
    return any;
}

static enum eb_status note_failure(struct eb_outcome *outcome, const char *receiver, const struct eb_error *err) {
    struct eb_failure *failures = realloc(outcome->failures, (outcome->failed + 1) * sizeof *failures);

    if (!failures)
        return EB_FATAL;
    outcome->failures = failures;
    char *name = strdup(receiver); /* it may be disconnected before the outcome is read */
    if (!name)
        return EB_FATAL;
    failures[outcome->failed].receiver = name;
    failures[outcome->failed].error = *err;
    outcome->failed++;
    return EB_OK;
}

void eb_outcome_free(struct eb_outcome *outcome) {
    if (!outcome)
        return;
    for (size_t i = 0; i < outcome->failed; i++)
        free((char *)outcome->failures[i].receiver);
    free(outcome->failures);
    *outcome = (struct eb_outcome){ 0 };
}

/* Makes sure that a failure has a text, so that no log line is empty: a receiver may fail without giving a reason. */
static void explain(struct eb_error *err, enum eb_status status) {
    if (err->text[0] == '\0')
        ebi_error(err, status, EB_KIND_NONE, "failed and gave no reason");
    err->status = status;
}

/* Runs a receiver. Returns false: it has been removed and did not run. */
static bool call(struct ebi_receivers *all, struct receiver *receiver, const struct eb_event *event, enum eb_status *answer,
                 struct eb_error *err) {
    struct frame frame = { receiver, frames };
    bool ran = false;

    atomic_fetch_add(&receiver->running, 1); /* before looking at removed: see ebi_receivers_remove */
    if (!atomic_load(&receiver->removed)) {
        frames = &frame;
        *answer = receiver->call(event, receiver->arg, err);
        frames = frame.outer;
        ran = true;
    }
    atomic_fetch_sub(&receiver->running, 1);
    if (atomic_load(&receiver->removed)) {
        pthread_mutex_lock(&all->lock);
        pthread_cond_broadcast(&all->idle);
        pthread_mutex_unlock(&all->lock);
    }
    return ran;
}

enum eb_status ebi_receivers_run(struct ebi_receivers *all, const struct eb_event *event, bool stop_at_failure,
                                 struct eb_outcome *outcome, struct eb_error *err) {
    enum eb_status status = EB_OK;
    struct eb_error own;

    pthread_mutex_lock(&all->lock);
    struct list *list = all->current;
    if (list)
        atomic_fetch_add(&list->users, 1);
    pthread_mutex_unlock(&all->lock);
    for (size_t i = 0; list && i < list->n && status == EB_OK; i++) {
        enum eb_status answer = EB_OK;

        own.kind = EB_KIND_NONE; /* not the whole error: its text is long, and mostly not needed */
        own.native = 0;
        own.text[0] = '\0';
        if (!call(all, list->items[i], event, &answer, &own))
            continue;
        outcome->receivers++;
        if (answer >= EB_OK)
            continue;
        explain(&own, answer);
        if (note_failure(outcome, list->items[i]->name, &own) != EB_OK)
            status = ebi_error_memory(err);
        else if (stop_at_failure) {
            status = answer;
            if (err)
                *err = own;
        }
    }
    release(list);
    return status;
}
