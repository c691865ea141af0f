/* core/produce/producer.c - see producer.h. */
#include "produce/producer.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/folders.h"
#include "produce/producer_state.h"
#include "produce/undelivered.h"
#include "schema/key_field.h"

enum { ASK_MS = 100 }; /* between two looks at whether to go on waiting for room */

/* ---- The way to the broker ---- */

/* Makes the state folder, which holds the file of undelivered events and, by default, a plugin's own files. Without it sending
 * works all the same with a broker on another machine. */
static void make_state_folder(const struct ebi_producer_deps *deps) {
    struct eb_error err;

    if (ebi_make_folders_for(deps->undelivered, &err) != EB_OK || ebi_check_folder_of(deps->undelivered, &err) != EB_OK)
        ebi_log_line(deps->log, EBI_WARNING, "%s; what cannot be delivered would be lost: set STATE_DIRECTORY", err.text);
}

static enum eb_status open_sender(struct ebi_producer *producer, struct eb_error *err) {
    const struct ebi_producer_deps *deps = &producer->deps;
    struct ebi_sender_limits limits = ebi_sender_limits_of(deps->settings);
    struct ebi_sender *sender = NULL;
    enum eb_status status = EB_OK;

    pthread_mutex_lock(&producer->lock);
    if (!atomic_load(&producer->sender)) {
        make_state_folder(deps);
        status = ebi_sender_open(deps->broker, deps->service, &limits, deps->log, &sender, err);
        if (status == EB_OK)
            atomic_store(&producer->sender, sender);
    }
    pthread_mutex_unlock(&producer->lock);
    return status;
}

enum eb_status ebi_producer_sender(struct ebi_producer *producer, struct ebi_sender **sender, struct eb_error *err) {
    enum eb_status status = EB_OK;

    if (!producer->deps.broker)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "no producer is configured; set producer in [eventbus]");
    if (!atomic_load(&producer->sender))
        status = open_sender(producer, err);
    *sender = atomic_load(&producer->sender);
    return status;
}

enum eb_status ebi_producer_new(const struct ebi_producer_deps *deps, struct ebi_producer **out, struct eb_error *err) {
    struct ebi_producer *producer = calloc(1, sizeof *producer);
    bool routed = ebi_routes_any(deps->routes);
    enum eb_status status = EB_OK;

    if (!producer)
        return ebi_error_memory(err);
    producer->deps = *deps;
    atomic_init(&producer->queue_wait_ms, deps->settings->queue_wait);
    pthread_mutex_init(&producer->lock, NULL);
    if (routed && deps->broker && !deps->opens_late)
        status = open_sender(producer, err);
    else if (routed && !deps->broker)
        ebi_log_line(deps->log, EBI_WARNING,
                     "routes are enabled but no producer is configured, so signals stay local; set producer in [eventbus]");
    if (status != EB_OK) {
        pthread_mutex_destroy(&producer->lock);
        free(producer);
        return status;
    }
    *out = producer;
    return EB_OK;
}

void ebi_producer_close(struct ebi_producer *producer, int64_t timeout_ms, size_t *kept, size_t *lost) {
    *kept = *lost = 0;
    if (!producer)
        return;
    ebi_sender_close(atomic_load(&producer->sender), timeout_ms);
    *kept = atomic_load(&producer->kept);
    *lost = atomic_load(&producer->lost);
    pthread_mutex_destroy(&producer->lock);
    free(producer);
}

enum eb_status ebi_producer_flush(struct ebi_producer *producer, int64_t timeout_ms, struct eb_error *err) {
    struct ebi_sender *sender = atomic_load(&producer->sender);

    return sender ? ebi_sender_flush(sender, timeout_ms, err) : EB_OK;
}

void ebi_producer_on_delivery(struct ebi_producer *producer, eb_delivered delivered, void *arg) {
    pthread_mutex_lock(&producer->lock);
    producer->on_delivery = delivered;
    producer->on_delivery_arg = arg;
    atomic_store_explicit(&producer->calls_back, delivered != NULL, memory_order_release);
    pthread_mutex_unlock(&producer->lock);
}

void ebi_producer_queue_wait(struct ebi_producer *producer, int64_t wait_ms) {
    atomic_store(&producer->queue_wait_ms, wait_ms);
}

void ebi_producer_wait_unless(struct ebi_producer *producer, bool (*asked)(void)) {
    producer->asked_to_end = asked;
}

/* ---- Sending ---- */

static struct ebi_target target_of(const struct ebi_route *route) {
    return (struct ebi_target){ .topic = route->topic, .full_topic = route->full_topic, .key = route->key };
}

static enum eb_status put(struct ebi_producer *producer, struct ebi_encoded *encoded, const struct eb_event *event,
                          const struct ebi_target *target, ebi_reported reported, void *arg, struct eb_error *err) {
    struct ebi_sender *sender;
    enum eb_status status = ebi_encode_key(encoded, event, target, err);

    if (status == EB_OK)
        status = ebi_producer_sender(producer, &sender, err);
    if (status != EB_OK)
        return status;
    struct eb_message message = ebi_message_of(encoded, event, target);
    if (!producer->asked_to_end)
        return ebi_sender_put(sender, &message, atomic_load(&producer->queue_wait_ms), reported, arg, err);
    do
        status = ebi_sender_put(sender, &message, ASK_MS, reported, arg, err);
    while (status == EB_FULL && !producer->asked_to_end());
    return status;
}

enum eb_status ebi_general_handler(const struct eb_event *event, void *arg, struct eb_error *err) {
    struct ebi_producer *producer = arg;
    const struct ebi_route *const *routes;
    struct ebi_encoded encoded;
    struct eb_error why;
    size_t n;

    (void)err;
    if (event->meta.from_event_bus || !producer->deps.broker)
        return EB_OK;
    routes = ebi_routes_of(producer->deps.routes, event->signal, &n);
    if (n == 0)
        return EB_OK;
    enum eb_status status = ebi_encode_event(&encoded, event, &why);
    for (size_t i = 0; i < n; i++) {
        struct ebi_target target = target_of(routes[i]);

        if (status != EB_OK || put(producer, &encoded, event, &target, ebi_producer_on_routed, producer, &why) != EB_OK)
            ebi_producer_not_queued(producer, &encoded, event, &target, &why);
    }
    return EB_OK; /* what became of each message is logged, kept and reported */
}

/* Whether the field makes this key of the event. */
static bool makes_key(const struct ebi_key_field *field, const struct eb_event *event, struct eb_text text) {
    struct ebi_bytes key = { 0 }, avro = { 0 };
    struct eb_error err;
    bool same = ebi_data_key(event->data, field, &key, &avro, &err) == EB_OK && key.len == text.len &&
                (text.len == 0 || memcmp(key.data, text.data, text.len) == 0);

    ebi_bytes_free(&key);
    ebi_bytes_free(&avro);
    return same;
}

/* The key field of an event that is sent again, whose key is known as a text, and perhaps the path of its field. Returns that
 * field, or the one of a route, where it makes the same key of the event: it has the key's schema, so that the key is sent as it
 * was the first time. NULL: neither does. */
static const struct ebi_key_field *find_key_field(const struct ebi_producer *producer, const struct eb_event *event,
                                                  const char *full_topic, const struct ebi_key *key) {
    const struct ebi_key_field *field = NULL;
    struct eb_error err;

    if (key->field && ebi_routes_key_field(producer->deps.routes, event->signal, key->field, &field, &err) == EB_OK &&
        makes_key(field, event, key->text))
        return field;
    field = ebi_routes_key(producer->deps.routes, event->signal, full_topic);
    return field && makes_key(field, event, key->text) ? field : NULL;
}

/* Sets the key that the event has for this target. */
static enum eb_status choose_key(struct ebi_producer *producer, const struct eb_event *event, const struct ebi_key *key,
                                 struct ebi_target *target, struct eb_error *err) {
    if (key->text.data) {
        target->key_text = key->text;
        target->key = find_key_field(producer, event, target->full_topic, key);
        return EB_OK;
    }
    if (!key->field || !*key->field)
        return EB_OK;
    return ebi_routes_key_field(producer->deps.routes, event->signal, key->field, &target->key, err);
}

static enum eb_status produce(struct ebi_producer *producer, const struct eb_event *event, const char *topic,
                              const struct ebi_key *key, struct eb_text send_id, enum ebi_keeper keeper, eb_delivered delivered,
                              void *arg, struct eb_error *err) {
    char *full = ebi_full_topic(producer->deps.settings->topic_prefix, topic);
    struct ebi_request *request = malloc(sizeof *request);
    struct ebi_target target = { .topic = topic, .full_topic = full, .send_id = send_id };
    struct ebi_encoded encoded;
    enum eb_status status = EB_OK;

    if (!full || !request)
        status = ebi_error_memory(err);
    if (status == EB_OK)
        status = choose_key(producer, event, key, &target, err);
    if (status != EB_OK)
        goto done;
    *request = (struct ebi_request){ producer, target.key, keeper, delivered, arg };
    status = ebi_encode_event(&encoded, event, err);
    if (status == EB_OK)
        status = put(producer, &encoded, event, &target, ebi_producer_on_requested, request, err);
    if (status == EB_OK)
        request = NULL; /* the report frees it */
done:
    free(request);
    free(full);
    return status;
}

enum eb_status ebi_produce(struct ebi_producer *producer, const struct eb_event *event, const char *topic,
                           const struct ebi_key *key, eb_delivered delivered, void *arg, struct eb_error *err) {
    return produce(producer, event, topic, key, (struct eb_text){ 0 }, EBI_PRODUCER_KEEPS, delivered, arg, err);
}

enum eb_status ebi_produce_kept(struct ebi_producer *producer, const struct eb_event *event, const char *topic,
                                const struct ebi_key *key, struct eb_text send_id, eb_delivered delivered, void *arg,
                                struct eb_error *err) {
    return produce(producer, event, topic, key, send_id, EBI_CALLER_KEEPS, delivered, arg, err);
}

/* Adds an event to the file of undelivered events, for one target. */
static enum eb_status keep_for(struct ebi_producer *producer, const struct ebi_encoded *encoded, const struct eb_event *event,
                               const struct ebi_target *target, struct eb_error *err) {
    struct ebi_encoded keyed = *encoded;
    struct eb_event addressed = *event; /* borrows everything from it */
    enum eb_status status = ebi_encode_key(&keyed, event, target, err);

    if (status != EB_OK)
        return status;
    struct eb_message message = ebi_message_of(&keyed, event, target);
    ebi_event_borrow_key(&addressed, &message);
    status = ebi_undelivered_add(producer->deps.undelivered, &addressed, target->topic,
                                 target->key ? ebi_key_field_path(target->key) : NULL, err);
    atomic_fetch_add(status == EB_OK ? &producer->kept : &producer->lost, 1);
    return status;
}

static enum eb_status keep_for_topic(struct ebi_producer *producer, const struct ebi_encoded *encoded,
                                     const struct eb_event *event, const char *topic, const struct ebi_key *key,
                                     struct eb_error *err) {
    char *full = ebi_full_topic(producer->deps.settings->topic_prefix, topic);
    struct ebi_target target = { .topic = topic, .full_topic = full };
    enum eb_status status = full ? choose_key(producer, event, key, &target, err) : ebi_error_memory(err);

    if (status == EB_OK)
        status = keep_for(producer, encoded, event, &target, err);
    free(full);
    return status;
}

static enum eb_status keep_for_routes(struct ebi_producer *producer, const struct ebi_encoded *encoded,
                                      const struct eb_event *event, struct eb_error *err) {
    size_t n;
    const struct ebi_route *const *routes = ebi_routes_of(producer->deps.routes, event->signal, &n);
    enum eb_status status = EB_OK;

    for (size_t i = 0; i < n && status == EB_OK; i++) {
        const struct ebi_target target = target_of(routes[i]);

        status = keep_for(producer, encoded, event, &target, err);
    }
    return status;
}

enum eb_status ebi_producer_keep(struct ebi_producer *producer, const struct eb_event *event, const char *topic,
                                 const struct ebi_key *key, struct eb_error *err) {
    struct ebi_encoded encoded;
    enum eb_status status = ebi_encode_event(&encoded, event, err);

    if (status != EB_OK)
        return status;
    return topic ? keep_for_topic(producer, &encoded, event, topic, key, err) : keep_for_routes(producer, &encoded, event, err);
}
