/* tests/faults/killer.c - a plugin that stands before another one: it hands everything through, ends its own process at
 * a named step, and writes down what the other one has confirmed.
 *
 * The tables are data, and here they are filled when the file is loaded: options, name and settings are the other
 * plugin's own, so that a configuration need not know. Put this file into a folder under the other's name, let
 * plugin_path begin with it, and set in the environment
 *
 *   FAULTS_PLUGIN   the other plugin's file
 *   FAULTS_KILL     STEP.before:COUNT or STEP.after:COUNT: the step, and the how-manieth message there is the last. Not
 *                   set: nobody is killed. The steps:
 *                     submit     the core gives the producer messages      receive    the core asks for messages
 *                     delivered  the producer reports one                  received   the consumer hands one over
 *                     settle     the core gives verdicts                   settled    the consumer confirms them
 *   FAULTS_WAIT     milliseconds between the step and the death, so that the other threads do what they do too early
 *   FAULTS_HISTORY  the file for the lines C (acknowledgements confirmed), D (a dead letter stored) and R (an event
 *                   reported as stored), each written as the other plugin says so: whoever dies in that call has said it
 *   FAULTS_WORKER   the name in them
 *   FAULTS_LATE     untold: the consumer claims EB_T_LATE_UNTOLD, and confirms with EB_OK what the other plugin confirms with
 *                   EB_GONE; hidden: the same without the trait
 *   FAULTS_COUNT    none: the other plugin's consumer counts no failed attempts, though it claims EB_T_DELAY
 *
 * The other plugin must have all three roles. */
#include <stddef.h>
#define eventbus_plugin as_declared_plugin /* const there; here they are filled by load() */
#define eventbus_producer as_declared_producer
#define eventbus_consumer as_declared_consumer
#define eventbus_admin as_declared_admin
#include <eventbus/plugin.h>
#undef eventbus_plugin
#undef eventbus_producer
#undef eventbus_consumer
#undef eventbus_admin

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#include "record.h"

#define SHOWN __attribute__((visibility("default")))
SHOWN extern struct eb_plugin eventbus_plugin;
SHOWN extern struct eb_producer_ops eventbus_producer;
SHOWN extern struct eb_consumer_ops eventbus_consumer;
SHOWN extern struct eb_admin_ops eventbus_admin;
struct eb_plugin eventbus_plugin;
struct eb_producer_ops eventbus_producer;
struct eb_consumer_ops eventbus_consumer;
struct eb_admin_ops eventbus_admin;

/* The other plugin's. */
static struct eb_producer_ops producer;
static struct eb_consumer_ops consumer;

enum { LINE_ROOM = 4000, PLACE_ROOM = 300 };

static int history = -1;
static bool counts = true, tells_late = true;
static const char *worker = "-";

static void complain(const char *what, const char *why) {
    fprintf(stderr, "killer: %s: %s\n", what, why);
    exit(2);
}

/* ---- Dying ---- */

enum step { SUBMIT, DELIVERED, RECEIVE, RECEIVED, SETTLE, SETTLED, STEPS };
enum side { BEFORE, AFTER };

static const char *const step_names[STEPS] = { "submit", "delivered", "receive", "received", "settle", "settled" };

/* The one that kills. left: messages until then. */
static struct {
    bool wanted;
    enum step step;
    enum side side;
    atomic_long left;
    long wait_ms;
} last;

static void reach(enum step step, enum side side, long n) {
    if (!last.wanted || step != last.step || side != last.side || n <= 0)
        return;
    long before = atomic_fetch_sub(&last.left, n);
    if (before > n || before <= 0)
        return; /* not yet, or another thread is at it */
    nanosleep(&(struct timespec){ last.wait_ms / 1000, last.wait_ms % 1000 * 1000000 }, NULL);
    kill(getpid(), SIGKILL);
}

static void read_last(const char *text) {
    for (unsigned i = 0; i < 2 * STEPS; i++) {
        char name[32];
        size_t len = (size_t)snprintf(name, sizeof name, "%s.%s:", step_names[i / 2], i % 2 ? "after" : "before");
        if (strncmp(text, name, len) != 0)
            continue;
        last.wanted = true;
        last.step = i / 2;
        last.side = i % 2 ? AFTER : BEFORE;
        atomic_store(&last.left, atol(text + len));
    }
    if (!last.wanted || atomic_load(&last.left) <= 0)
        complain("FAULTS_KILL is no step", text);
    last.wait_ms = getenv("FAULTS_WAIT") ? atol(getenv("FAULTS_WAIT")) : 0;
}

/* ---- What is under way ---- */

/* A message that a verdict or a report will come for. Tokens are each giver's own: they are told apart by instance. */
struct under_way {
    struct {
        const void *instance;
        uint64_t token;
    } id;
    bool acked, letter;
    UT_hash_handle hh;
    char place[PLACE_ROOM]; /* "TOPIC POSITION" of what was received, or of what a dead letter is of; "ID TOPIC"
                                         * of another event that is sent */
};

static struct under_way *all;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct under_way *find(const void *instance, uint64_t token) {
    struct under_way *found, wanted;

    memset(&wanted.id, 0, sizeof wanted.id);
    wanted.id.instance = instance;
    wanted.id.token = token;
    HASH_FIND(hh, all, &wanted.id, sizeof wanted.id, found);
    return found;
}

static void add(const void *instance, uint64_t token, bool letter, struct eb_text first, struct eb_text second) {
    struct under_way *new = calloc(1, sizeof *new);

    if (!new)
        complain("the messages under way", "out of memory");
    new->id.instance = instance;
    new->id.token = token;
    new->letter = letter;
    snprintf(new->place, sizeof new->place, "%.*s %.*s", (int)first.len, first.data, (int)second.len, second.data);
    pthread_mutex_lock(&lock);
    HASH_ADD(hh, all, id, sizeof new->id, new);
    pthread_mutex_unlock(&lock);
}

static void forget(struct under_way *gone) {
    HASH_DEL(all, gone);
    free(gone);
}

static void forget_all_of(const void *instance) {
    struct under_way *one, *next;

    pthread_mutex_lock(&lock);
    HASH_ITER(hh, all, one, next)
    if (one->id.instance == instance)
        forget(one);
    pthread_mutex_unlock(&lock);
}

/* ---- Instances ---- */

struct instance {
    struct eb_host host;          /* what the other plugin sees as its host */
    const struct eb_host *theirs; /* the core */
    void *inner;
};

static const struct eb_host *core_of(const struct eb_host *host) {
    return ((const struct instance *)host->core)->theirs;
}

static void on_log(const struct eb_host *host, int32_t level, const char *text) {
    core_of(host)->log(core_of(host), level, text);
}

static void on_metric(const struct eb_host *host, const char *name, double value) {
    core_of(host)->metric(core_of(host), name, value);
}

static void on_link(const struct eb_host *host, int32_t up, const struct eb_error *why) {
    core_of(host)->link(core_of(host), up, why);
}

static void on_revoke(const struct eb_host *host, const uint64_t *tokens, size_t n, uint32_t grace_ms) {
    core_of(host)->revoke(core_of(host), tokens, n, grace_ms);
}

static int32_t on_matches(const struct eb_host *host, const char *topic) {
    return core_of(host)->matches(core_of(host), topic);
}

/* ---- Sending ---- */

static struct eb_text header(const struct eb_message *message, const char *name) {
    for (const struct eb_header *one = message->headers; one < message->headers + message->n_headers; one++)
        if (one->name.len == strlen(name) && memcmp(one->name.data, name, one->name.len) == 0)
            return one->value;
    return (struct eb_text){ NULL, 0 };
}

static int64_t submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct instance *instance = self;

    reach(SUBMIT, BEFORE, (long)n);
    for (size_t i = 0; history >= 0 && i < n; i++) /* before: another thread may report it at once */
        if (header(batch[i], "dlq_position").data)
            add(instance, batch[i]->token, true, header(batch[i], "dlq_topic"), header(batch[i], "dlq_position"));
        else
            add(instance, batch[i]->token, false, batch[i]->id, batch[i]->topic);
    int64_t taken = producer.submit(instance->inner, batch, n, err);
    pthread_mutex_lock(&lock);
    for (size_t i = taken < 0 ? 0 : (size_t)taken; all && i < n; i++) {
        struct under_way *left = find(instance, batch[i]->token);
        if (left)
            forget(left);
    }
    pthread_mutex_unlock(&lock);
    reach(SUBMIT, AFTER, taken);
    return taken;
}

static void on_delivered(const struct eb_host *host, const struct eb_delivery *report) {
    char line[2 * PLACE_ROOM + 100];
    int len = 0;

    pthread_mutex_lock(&lock);
    struct under_way *sent = all ? find(host->core, report->token) : NULL;
    if (sent && sent->letter && report->status == EB_OK)
        len = snprintf(line, sizeof line, "\nD %s %s ;", worker, sent->place);
    else if (sent && report->status == EB_OK && report->position.data)
        len = snprintf(line, sizeof line, "\nR %s %s %.*s ;", worker, sent->place, (int)report->position.len,
                       report->position.data);
    if (sent)
        forget(sent);
    pthread_mutex_unlock(&lock);
    if (len > 0)
        record_write(history, line, (size_t)len);
    reach(DELIVERED, BEFORE, 1);
    core_of(host)->delivered(core_of(host), report);
    reach(DELIVERED, AFTER, 1);
}

static int32_t poll_producer(void *self, int32_t timeout_ms, struct eb_error *err) {
    return producer.poll(((struct instance *)self)->inner, timeout_ms, err);
}

static void wake_producer(void *self) {
    producer.wake(((struct instance *)self)->inner);
}

static void close_producer(void *self, int32_t timeout_ms) {
    producer.close(((struct instance *)self)->inner, timeout_ms);
    forget_all_of(self);
    free(self);
}

/* ---- Receiving ---- */

static int32_t on_received(const struct eb_host *host, const struct eb_message *message) {
    struct eb_message uncounted = *message;

    reach(RECEIVED, BEFORE, 1);
    uncounted.failures = 0;
    int32_t status = core_of(host)->received(core_of(host), counts ? message : &uncounted);
    if (status == EB_OK && history >= 0)
        add(host->core, message->token, false, message->topic, message->position);
    reach(RECEIVED, AFTER, 1);
    return status;
}

static int32_t receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    reach(RECEIVE, BEFORE, 1);
    int32_t status = consumer.receive(((struct instance *)self)->inner, max, timeout_ms, err);
    reach(RECEIVE, AFTER, 1);
    return status;
}

static int32_t settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct instance *instance = self;
    struct under_way *event;

    reach(SETTLE, BEFORE, (long)n);
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < n; i++)
        if (verdicts[i].kind == EB_ACK && (event = find(instance, verdicts[i].token)))
            event->acked = true;
    pthread_mutex_unlock(&lock);
    int32_t status = consumer.settle(instance->inner, verdicts, n, err);
    reach(SETTLE, AFTER, (long)n);
    return status;
}

/* Lines "C WORKER TOPIC POSITION TOPIC POSITION ... ;", as many as it takes. */
static void write_confirmed(const void *instance, const uint64_t *tokens, size_t n, int32_t status) {
    char line[LINE_ROOM];
    size_t start = (size_t)snprintf(line, sizeof line, "\nC %s", worker), len = start;

    for (size_t i = 0; i < n; i++) {
        struct under_way *event = find(instance, tokens[i]);

        if (event && event->acked && status == EB_OK)
            len += (size_t)snprintf(line + len, sizeof line - len, " %s", event->place);
        if (event)
            forget(event);
        if (len > start && (i + 1 == n || len > sizeof line - PLACE_ROOM - 4)) {
            record_write(history, line, len + (size_t)snprintf(line + len, sizeof line - len, " ;"));
            len = start;
        }
    }
}

static void on_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    if (!tells_late)
        status = EB_OK;
    pthread_mutex_lock(&lock);
    write_confirmed(host->core, tokens, n, status);
    pthread_mutex_unlock(&lock);
    reach(SETTLED, BEFORE, (long)n);
    core_of(host)->settled(core_of(host), tokens, n, status);
    reach(SETTLED, AFTER, (long)n);
}

static void wake_consumer(void *self) {
    consumer.wake(((struct instance *)self)->inner);
}

static void pause_consumer(void *self, uint32_t partition, int32_t on) {
    consumer.pause(((struct instance *)self)->inner, partition, on);
}

static void close_consumer(void *self, int32_t timeout_ms) {
    consumer.close(((struct instance *)self)->inner, timeout_ms);
    forget_all_of(self);
    free(self);
}

/* ---- Opening ---- */

static struct instance *new_instance(const struct eb_host *host) {
    struct instance *instance = calloc(1, sizeof *instance);

    if (!instance)
        complain("an instance", "out of memory");
    instance->theirs = host;
    instance->host = (struct eb_host){
        .size = sizeof instance->host,
        .core = instance,
        .instance = host->instance,
        .service = host->service,
        .log = on_log,
        .metric = on_metric,
        .link = on_link,
        .delivered = on_delivered,
        .received = on_received,
        .settled = on_settled,
        .revoke = on_revoke,
        .matches = on_matches,
    };
    return instance;
}

static int32_t opened(struct instance *instance, int32_t status, void **self) {
    if (status == EB_OK)
        *self = instance;
    else
        free(instance);
    return status;
}

static int32_t open_producer(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct instance *instance = new_instance(host);

    return opened(instance, producer.open(&instance->host, settings, &instance->inner, err), self);
}

static int32_t open_consumer(const struct eb_host *host, const void *settings, const struct eb_subscription *sub, void **self,
                             struct eb_error *err) {
    struct instance *instance = new_instance(host);

    return opened(instance, consumer.open(&instance->host, settings, sub, &instance->inner, err), self);
}

/* ---- Loading ---- */

/* A table of the other plugin's, as far as both know it. */
static void take(void *file, const char *name, void *to, size_t size) {
    const void *from = dlsym(file, name);
    size_t theirs;

    if (!from)
        complain(getenv("FAULTS_PLUGIN"), dlerror());
    memcpy(&theirs, from, sizeof theirs);
    memcpy(to, from, theirs < size ? theirs : size);
    memcpy(to, &size, sizeof size);
}

__attribute__((constructor)) static void load(void) {
    const char *path = getenv("FAULTS_PLUGIN");
    void *file = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;

    if (!file)
        complain("FAULTS_PLUGIN", path ? dlerror() : "not set");
    take(file, "eventbus_plugin", &eventbus_plugin, sizeof eventbus_plugin);
    take(file, "eventbus_producer", &producer, sizeof producer);
    take(file, "eventbus_consumer", &consumer, sizeof consumer);
    take(file, "eventbus_admin", &eventbus_admin, sizeof eventbus_admin);
    eventbus_producer = (struct eb_producer_ops){
        sizeof eventbus_producer, producer.traits, 0, open_producer, submit, poll_producer, wake_producer, close_producer
    };
    eventbus_consumer = (struct eb_consumer_ops){ sizeof eventbus_consumer,
                                                  consumer.traits,
                                                  0,
                                                  open_consumer,
                                                  receive,
                                                  settle,
                                                  wake_consumer,
                                                  consumer.pause ? pause_consumer : NULL,
                                                  close_consumer };
    if (getenv("FAULTS_KILL"))
        read_last(getenv("FAULTS_KILL"));
    if (getenv("FAULTS_WORKER"))
        worker = getenv("FAULTS_WORKER");
    counts = !getenv("FAULTS_COUNT");
    tells_late = !getenv("FAULTS_LATE");
    if (!tells_late && strcmp(getenv("FAULTS_LATE"), "untold") == 0)
        eventbus_consumer.traits |= EB_T_LATE_UNTOLD;
    history = record_open();
}
