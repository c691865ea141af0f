/* core/produce/producer.c - see producer.h. */
#include "produce/producer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fingerprint.h"
#include "base/folders.h"
#include "produce/undelivered.h"
#include "schema/key_field.h"
#include "signal/attrs.h"

struct ebi_producer {
    struct ebi_producer_parts parts;
    atomic_llong queue_wait_ms;
    bool (*asked_to_end)(void);         /* ends a wait for room; NULL: nothing does */
    atomic_size_t kept, lost;
    _Atomic(struct ebi_sender *) sender;/* NULL until it is needed */
    pthread_mutex_t lock;               /* guards opening the sender, and the two below */
    eb_delivered on_delivery;
    void *on_delivery_arg;
    atomic_bool calls_back;             /* on_delivery is set: looked at without the lock */
};

/* Where one event goes. */
struct target {
    const char *topic, *full_topic;
    const struct ebi_key_field *key;    /* NULL: none, or: */
    struct eb_text key_text;            /* data NULL: none */
};

/* Who keeps an event that is not delivered. */
enum { ASK_MS = 100 };                  /* between two looks at whether to go on waiting for room */
enum keeper { PRODUCER_KEEPS, CALLER_KEEPS };

/* One call of eb_produce, from put to report. */
struct request {
    struct ebi_producer *producer;
    const struct ebi_key_field *key;
    enum keeper keeper;
    eb_delivered delivered;
    void *arg;
};

/* ---- The way to the broker ---- */

/* The state folder, where events go that cannot be delivered, and a plugin's own files by default. Sending needs it only
 * then: a broker elsewhere works without. */
static void make_state_folder(const struct ebi_producer_parts *parts) {
    struct eb_error err;

    if (ebi_make_folders_for(parts->undelivered, &err) != EB_OK || ebi_check_folder_of(parts->undelivered, &err) != EB_OK)
        ebi_log_line(parts->log, EBI_WARNING, "%s; what cannot be delivered would be lost: set STATE_DIRECTORY", err.text);
}

static enum eb_status open_sender(struct ebi_producer *producer, struct eb_error *err) {
    const struct ebi_producer_parts *parts = &producer->parts;
    struct ebi_sender_limits limits = ebi_sender_limits_of(parts->settings);
    struct ebi_sender *sender = NULL;
    enum eb_status status = EB_OK;

    pthread_mutex_lock(&producer->lock);
    if (!atomic_load(&producer->sender)) {
        make_state_folder(parts);
        status = ebi_sender_open(parts->broker, parts->service, &limits, parts->log, &sender, err);
        if (status == EB_OK)
            atomic_store(&producer->sender, sender);
    }
    pthread_mutex_unlock(&producer->lock);
    return status;
}

enum eb_status ebi_producer_sender(struct ebi_producer *producer, struct ebi_sender **sender, struct eb_error *err) {
    enum eb_status status = EB_OK;

    if (!producer->parts.broker)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "no producer is configured; set producer in [eventbus]");
    if (!atomic_load(&producer->sender))
        status = open_sender(producer, err);
    *sender = atomic_load(&producer->sender);
    return status;
}

enum eb_status ebi_producer_new(const struct ebi_producer_parts *parts, struct ebi_producer **out,
                                struct eb_error *err) {
    struct ebi_producer *producer = calloc(1, sizeof *producer);
    bool routed = ebi_routes_any(parts->routes);
    enum eb_status status = EB_OK;

    if (!producer)
        return ebi_error_memory(err);
    producer->parts = *parts;
    atomic_init(&producer->queue_wait_ms, parts->settings->queue_wait);
    pthread_mutex_init(&producer->lock, NULL);
    if (routed && parts->broker && !parts->opens_late)
        status = open_sender(producer, err);
    else if (routed && !parts->broker)
        ebi_log_line(parts->log, EBI_WARNING,
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

/* ---- What became of it ---- */

static bool is_personal(const struct ebi_key_field *field) {
    const char *path = field ? ebi_key_field_path(field) : "pii";       /* unknown: better not shown */

    for (const char *at = path; (at = strstr(at, "pii")); at += 3)
        if ((at == path || at[-1] == '.') && (at[3] == '\0' || at[3] == '.'))
            return true;
    return false;
}

/* What the lines about one message say of it. */
struct shown {
    const char *topic;
    struct ebi_log_field fields[5];
    char key[9];
};

static void show(struct shown *shown, const struct eb_message *message, const char *topic, const char *position,
                 const struct ebi_key_field *field) {
    const char *key = message->key.data;

    if (key && is_personal(field)) {
        ebi_fingerprint(key, message->key.len, shown->key);
        key = shown->key;
    }
    shown->topic = topic;
    shown->fields[0] = (struct ebi_log_field){"topic", topic};
    shown->fields[1] = (struct ebi_log_field){"event_id", message->id.data};
    shown->fields[2] = (struct ebi_log_field){"type", ebi_attr(message, "type").data};
    shown->fields[3] = (struct ebi_log_field){"position", position};
    shown->fields[4] = (struct ebi_log_field){"key", key};
}

/* Puts an event that will not be delivered into the file; it is counted either way. */
static void keep(struct ebi_producer *producer, const struct eb_event *event, const struct ebi_key_field *key,
                 const struct shown *shown) {
    struct eb_error err;

    if (ebi_undelivered_add(producer->parts.undelivered, event, shown->topic, key ? ebi_key_field_path(key) : NULL,
                            &err) == EB_OK) {
        atomic_fetch_add(&producer->kept, 1);
        return;
    }
    atomic_fetch_add(&producer->lost, 1);
    ebi_error_context(&err, "the event is lost, since it could not be kept either");
    ebi_log_fields(producer->parts.log, EBI_ERROR, err.text, shown->fields, 5);
}

static void tell_key(struct eb_event *event, const struct eb_message *message) {
    event->meta.key = message->key.data;
    event->meta.key_len = message->key.len;
}

/* The event that a message was made of. */
static enum eb_status event_of(const struct eb_signal *signal, const struct eb_message *message,
                               struct eb_event **out, struct eb_error *err) {
    struct eb_event *event;
    enum eb_status status = eb_event_new(signal, &event, err);

    if (status != EB_OK)
        return status;
    status = ebi_attrs_take(event, message, err);
    if (status == EB_OK)
        status = ebi_data_from_avro(event->data, message->payload.data, message->payload.len, err);
    tell_key(event, message);
    if (status != EB_OK) {
        eb_event_free(event);
        return status;
    }
    *out = event;
    return EB_OK;
}

static void keep_message(struct ebi_producer *producer, const struct eb_signal *signal,
                         const struct eb_message *message, const struct ebi_key_field *key,
                         const struct shown *shown) {
    struct eb_event *event = NULL;
    struct eb_error err;

    if (event_of(signal, message, &event, &err) == EB_OK) {
        keep(producer, event, key, shown);
        eb_event_free(event);
        return;
    }
    atomic_fetch_add(&producer->lost, 1);
    ebi_error_context(&err, "the event is lost, since it cannot be read back");
    ebi_log_fields(producer->parts.log, EBI_ERROR, err.text, shown->fields, 5);
}

static bool calls_back(const struct ebi_producer *producer) {
    return atomic_load_explicit(&producer->calls_back, memory_order_acquire);
}

static void call_back(struct ebi_producer *producer, const struct eb_receipt *receipt) {
    if (!calls_back(producer))
        return;
    pthread_mutex_lock(&producer->lock);
    eb_delivered delivered = producer->on_delivery;
    void *arg = producer->on_delivery_arg;
    pthread_mutex_unlock(&producer->lock);
    if (delivered)
        delivered(arg, receipt);
}

static const struct ebi_key_field *routed_key(const struct ebi_producer *producer, const struct eb_message *message) {
    struct eb_text type = ebi_attr(message, "type");
    const struct eb_signal *signal = ebi_signals_get(producer->parts.signals, type.data, type.len);

    return ebi_routes_key(producer->parts.routes, signal, message->topic.data);
}

/* Says what a report means in the log, and saves what was not delivered. */
static void note(struct ebi_producer *producer, const struct ebi_report *said, const char *topic,
                 const struct ebi_key_field *key, enum keeper keeper) {
    const struct ebi_producer_parts *parts = &producer->parts;
    struct eb_text type = ebi_attr(said->message, "type");
    struct shown shown;

    show(&shown, said->message, topic, said->position, key);
    if (said->status == EB_OK) {
        ebi_log_fields(parts->log, EBI_INFO, "delivered", shown.fields, 5);
        return;
    }
    struct eb_error why = *said->error;

    ebi_error_context(&why, "not delivered");
    ebi_log_fields(parts->log, EBI_ERROR, why.text, shown.fields, 5);
    if (keeper == PRODUCER_KEEPS)
        keep_message(producer, ebi_signals_get(parts->signals, type.data, type.len), said->message, key, &shown);
}

/* Most are delivered, and nobody wants a line about it. */
static bool noteworthy(const struct ebi_producer *producer, const struct ebi_report *said) {
    return said->status != EB_OK ||
           (producer->parts.settings->audit_delivered && ebi_log_takes(producer->parts.log, EBI_INFO));
}

static struct eb_receipt receipt_of(const struct ebi_report *said, const char *topic) {
    return (struct eb_receipt){
        .size = sizeof(struct eb_receipt),
        .id = said->message->id.data,
        .type = ebi_attr(said->message, "type").data,
        .topic = topic,
        .position = said->position,
        .error = said->error,
        .maybe_stored = said->maybe_stored,
    };
}

/* The report of an event that the general handler sent. */
static void on_routed(void *arg, const struct ebi_report *said) {
    struct ebi_producer *producer = arg;
    bool told = noteworthy(producer, said);

    if (!told && !calls_back(producer))
        return;                         /* nobody asks for the message, which has left the cache long ago */
    const char *topic = ebi_short_topic(producer->parts.settings->topic_prefix, said->message->topic.data);
    if (told)
        note(producer, said, topic, said->message->key.data ? routed_key(producer, said->message) : NULL, PRODUCER_KEEPS);
    struct eb_receipt receipt = receipt_of(said, topic);
    call_back(producer, &receipt);
}

/* The report of an event that a call of ebi_produce sent. */
static void on_requested(void *arg, const struct ebi_report *said) {
    struct request *request = arg;
    const char *topic = ebi_short_topic(request->producer->parts.settings->topic_prefix, said->message->topic.data);

    if (noteworthy(request->producer, said))
        note(request->producer, said, topic, request->key, request->keeper);
    struct eb_receipt receipt = receipt_of(said, topic);
    if (request->delivered)
        request->delivered(request->arg, &receipt);
    call_back(request->producer, &receipt);
    free(request);
}

/* ---- Sending ---- */

/* What of an event is the same for each of its topics. */
struct encoded {
    struct ebi_attrs attrs;
    struct ebi_encoding *bytes;         /* the event's */
};

static enum eb_status encode(struct encoded *encoded, const struct eb_event *event, struct eb_error *err) {
    encoded->bytes = event->encoding;
    ebi_attrs_of(event, &encoded->attrs);
    ebi_bytes_clear(&encoded->bytes->payload);
    ebi_bytes_clear(&encoded->bytes->key);              /* of the event that was encoded before */
    ebi_bytes_clear(&encoded->bytes->key_avro);
    return ebi_data_to_avro(event->data, &encoded->bytes->payload, err);
}

static enum eb_status encode_key(struct encoded *encoded, const struct eb_event *event, const struct target *target,
                                 struct eb_error *err) {
    struct ebi_encoding *bytes = encoded->bytes;

    ebi_bytes_clear(&bytes->key);
    ebi_bytes_clear(&bytes->key_avro);
    if (target->key)
        return ebi_data_key(event->data, target->key, &bytes->key, &bytes->key_avro, err);
    if (target->key_text.data && !ebi_bytes_add(&bytes->key, target->key_text.data, target->key_text.len))
        return ebi_error_memory(err);
    return EB_OK;
}

static struct eb_text text_of(const struct ebi_bytes *bytes) {
    return (struct eb_text){bytes->data ? bytes->data : "", bytes->len};
}

static struct eb_message message_of(const struct encoded *encoded, const struct eb_event *event,
                                    const struct target *target) {
    struct eb_message message = {
        .size = sizeof message,
        .topic = {target->full_topic, strlen(target->full_topic)},
        .id = {event->meta.id, strlen(event->meta.id)},
        .payload = text_of(&encoded->bytes->payload),
        .schema = ebi_schema_public(event->signal->schema),
        .attrs = encoded->attrs.items,
        .n_attrs = EBI_N_ATTRS,
    };

    if (target->key) {
        message.key = text_of(&encoded->bytes->key);
        message.key_avro = text_of(&encoded->bytes->key_avro);
        message.key_schema = ebi_key_field_schema(target->key);
    } else if (target->key_text.data) {
        message.key = text_of(&encoded->bytes->key);           /* of an event sent again: no field, so no schema, is known */
    }
    return message;
}

static enum eb_status put(struct ebi_producer *producer, struct encoded *encoded, const struct eb_event *event,
                          const struct target *target, ebi_reported reported, void *arg, struct eb_error *err) {
    struct ebi_sender *sender;
    enum eb_status status = encode_key(encoded, event, target, err);

    if (status == EB_OK)
        status = ebi_producer_sender(producer, &sender, err);
    if (status != EB_OK)
        return status;
    struct eb_message message = message_of(encoded, event, target);
    if (!producer->asked_to_end)
        return ebi_sender_put(sender, &message, atomic_load(&producer->queue_wait_ms), reported, arg, err);
    do
        status = ebi_sender_put(sender, &message, ASK_MS, reported, arg, err);
    while (status == EB_FULL && !producer->asked_to_end());
    return status;
}

/* An event that did not even get into the queue: said, kept in the file, reported to the service's callback. */
static void refuse(struct ebi_producer *producer, const struct encoded *encoded, const struct eb_event *event,
                   const struct target *target, const struct eb_error *said) {
    struct eb_message message = message_of(encoded, event, target);
    struct eb_event addressed = *event; /* borrows all from it */
    struct eb_error why = *said;
    struct shown shown;

    if (message.key_avro.len == 0)      /* it could not be made, which is why the event is refused */
        message.key = (struct eb_text){0};
    tell_key(&addressed, &message);
    ebi_error_context(&why, "not sent");
    show(&shown, &message, target->topic, NULL, target->key);
    ebi_log_fields(producer->parts.log, EBI_ERROR, why.text, shown.fields, 5);
    keep(producer, &addressed, target->key, &shown);
    struct eb_receipt receipt = {
        .size = sizeof receipt, .id = event->meta.id, .type = event->meta.type, .topic = target->topic, .error = &why};
    call_back(producer, &receipt);
}

enum eb_status ebi_general_handler(const struct eb_event *event, void *arg, struct eb_error *err) {
    struct ebi_producer *producer = arg;
    const struct ebi_route *const *routes;
    struct encoded encoded;
    struct eb_error why;
    size_t n;

    (void)err;
    if (event->meta.from_event_bus || !producer->parts.broker)
        return EB_OK;
    routes = ebi_routes_of(producer->parts.routes, event->signal, &n);
    if (n == 0)
        return EB_OK;
    enum eb_status status = encode(&encoded, event, &why);
    for (size_t i = 0; i < n; i++) {
        struct target target = {routes[i]->topic, routes[i]->full_topic, routes[i]->key, {0}};

        if (status != EB_OK || put(producer, &encoded, event, &target, on_routed, producer, &why) != EB_OK)
            refuse(producer, &encoded, event, &target, &why);
    }
    return EB_OK;                       /* what became of each is told, kept and reported */
}

/* Whether the field makes this very key of the event. */
static bool makes_key(const struct ebi_key_field *field, const struct eb_event *event, struct eb_text text) {
    struct ebi_bytes key = {0}, avro = {0};
    struct eb_error err;
    bool same = ebi_data_key(event->data, field, &key, &avro, &err) == EB_OK && key.len == text.len &&
                (text.len == 0 || memcmp(key.data, text.data, text.len) == 0);

    ebi_bytes_free(&key);
    ebi_bytes_free(&avro);
    return same;
}

/* Of an event that is sent again the key's text is known, and perhaps the path of its field. Where that field, or the one of
 * a route, makes the same key of the event, it has the schema, so that the key goes out as it did the first time. */
static const struct ebi_key_field *field_of(const struct ebi_producer *producer, const struct eb_event *event,
                                            const char *full_topic, const struct ebi_key *key) {
    const struct ebi_key_field *field = NULL;
    struct eb_error err;

    if (key->field && ebi_routes_key_field(producer->parts.routes, event->signal, key->field, &field, &err) == EB_OK &&
        makes_key(field, event, key->text))
        return field;
    field = ebi_routes_key(producer->parts.routes, event->signal, full_topic);
    return field && makes_key(field, event, key->text) ? field : NULL;
}

/* What key the event gets at this target. */
static enum eb_status choose_key(struct ebi_producer *producer, const struct eb_event *event, const struct ebi_key *key,
                                 struct target *target, struct eb_error *err) {
    if (key->text.data) {
        target->key_text = key->text;
        target->key = field_of(producer, event, target->full_topic, key);
        return EB_OK;
    }
    if (!key->field || !*key->field)
        return EB_OK;
    return ebi_routes_key_field(producer->parts.routes, event->signal, key->field, &target->key, err);
}

static enum eb_status produce(struct ebi_producer *producer, const struct eb_event *event, const char *topic,
                              const struct ebi_key *key, enum keeper keeper, eb_delivered delivered, void *arg,
                              struct eb_error *err) {
    char *full = ebi_full_topic(producer->parts.settings->topic_prefix, topic);
    struct request *request = malloc(sizeof *request);
    struct target target = {.topic = topic, .full_topic = full};
    struct encoded encoded;
    enum eb_status status = EB_OK;

    if (!full || !request)
        status = ebi_error_memory(err);
    if (status == EB_OK)
        status = choose_key(producer, event, key, &target, err);
    if (status != EB_OK)
        goto done;
    *request = (struct request){producer, target.key, keeper, delivered, arg};
    status = encode(&encoded, event, err);
    if (status == EB_OK)
        status = put(producer, &encoded, event, &target, on_requested, request, err);
    if (status == EB_OK)
        request = NULL;                 /* the report frees it */
done:
    free(request);
    free(full);
    return status;
}

enum eb_status ebi_produce(struct ebi_producer *producer, const struct eb_event *event, const char *topic,
                           const struct ebi_key *key, eb_delivered delivered, void *arg, struct eb_error *err) {
    return produce(producer, event, topic, key, PRODUCER_KEEPS, delivered, arg, err);
}

enum eb_status ebi_produce_kept(struct ebi_producer *producer, const struct eb_event *event, const char *topic,
                                const struct ebi_key *key, eb_delivered delivered, void *arg, struct eb_error *err) {
    return produce(producer, event, topic, key, CALLER_KEEPS, delivered, arg, err);
}

static enum eb_status keep_for(struct ebi_producer *producer, const struct encoded *encoded, const struct eb_event *event,
                               const struct target *target, struct eb_error *err) {
    struct encoded keyed = *encoded;
    struct eb_event addressed = *event; /* borrows all from it */
    enum eb_status status = encode_key(&keyed, event, target, err);

    if (status != EB_OK)
        return status;
    struct eb_message message = message_of(&keyed, event, target);
    tell_key(&addressed, &message);
    status = ebi_undelivered_add(producer->parts.undelivered, &addressed, target->topic,
                                 target->key ? ebi_key_field_path(target->key) : NULL, err);
    atomic_fetch_add(status == EB_OK ? &producer->kept : &producer->lost, 1);
    return status;
}

enum eb_status ebi_producer_keep(struct ebi_producer *producer, const struct eb_event *event, const char *topic,
                                 const struct ebi_key *key, struct eb_error *err) {
    char *full = topic ? ebi_full_topic(producer->parts.settings->topic_prefix, topic) : NULL;
    struct target target = {.topic = topic, .full_topic = full};
    struct encoded encoded;
    enum eb_status status = encode(&encoded, event, err);

    if (status == EB_OK && topic && !full)
        status = ebi_error_memory(err);
    if (status == EB_OK && topic)
        status = choose_key(producer, event, key, &target, err);
    if (status == EB_OK && topic)
        status = keep_for(producer, &encoded, event, &target, err);
    free(full);
    if (topic)
        return status;
    size_t n;
    const struct ebi_route *const *routes = ebi_routes_of(producer->parts.routes, event->signal, &n);
    for (size_t i = 0; i < n && status == EB_OK; i++) {
        target = (struct target){routes[i]->topic, routes[i]->full_topic, routes[i]->key, {0}};
        status = keep_for(producer, &encoded, event, &target, err);
    }
    return status;
}
