/* core/consume/decode.c - see decode.h. */
#include "consume/decode.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/topic.h"
#include "consume/dead_letter_message.h"
#include "consume/oldest.h"
#include "schema/resolve.h"
#include "signal/attrs.h"
#include "signal/event.h"

enum {
    MAX_RESOLVERS = 1000,
    MAX_RESOLVED = 2 << 20 /* bytes of the writers' schemas of one decoder's resolvers */
};

/* ---- Bodies ---- */

struct pair {
    uint64_t writer, reader; /* ids of schemas */
};

struct resolver {
    struct pair pair;
    struct ebi_schema *schema;         /* the writer's, parsed */
    struct ebi_resolution *resolution; /* NULL: the two do not fit, or the writer's text is not a schema */
    struct eb_error *why;              /* why resolution is NULL */
    size_t bytes;                      /* of the writer's text */
    uint64_t used;
    UT_hash_handle hh;
};

struct ebi_decoder {
    struct resolver *resolvers;
    size_t bytes; /* of all writers' texts */
    uint64_t clock;
};

struct ebi_decoder *ebi_decoder_new(void) {
    return calloc(1, sizeof(struct ebi_decoder));
}

static void resolver_free(struct resolver *resolver) {
    ebi_resolution_free(resolver->resolution);
    ebi_schema_free(resolver->schema);
    free(resolver->why);
    free(resolver);
}

static void drop_resolver(struct ebi_decoder *decoder, struct resolver *resolver) {
    HASH_DEL(decoder->resolvers, resolver);
    decoder->bytes -= resolver->bytes;
    resolver_free(resolver);
}

void ebi_decoder_free(struct ebi_decoder *decoder) {
    struct resolver *resolver, *next;

    if (!decoder)
        return;
    HASH_ITER(hh, decoder->resolvers, resolver, next)
    drop_resolver(decoder, resolver);
    free(decoder);
}

static void drop_oldest_resolvers(struct ebi_decoder *decoder) {
    uint64_t stamps[MAX_RESOLVERS], oldest;
    struct resolver *resolver, *next;
    size_t n = 0;

    for (resolver = decoder->resolvers; resolver; resolver = resolver->hh.next)
        stamps[n++] = resolver->used;
    oldest = ebi_oldest_eighth(stamps, n);
    HASH_ITER(hh, decoder->resolvers, resolver, next)
    if (resolver->used <= oldest)
        drop_resolver(decoder, resolver);
}

/* Makes the resolution, or notes why there can be none. An error means no memory. */
static enum eb_status fill_resolver(struct resolver *resolver, const struct eb_schema *writer, const struct ebi_schema *reader,
                                    struct eb_error *err) {
    struct eb_error why;
    enum eb_status status = ebi_schema_parse(writer->json.data, writer->json.len, &resolver->schema, &why);

    if (status == EB_OK)
        status = ebi_resolution_new(resolver->schema, reader, &resolver->resolution, &why);
    if (status == EB_OK)
        return EB_OK;
    if (status == EB_PERMANENT && (resolver->why = malloc(sizeof *resolver->why))) {
        ebi_error_context(&why, "the writer's schema");
        *resolver->why = why;
        ebi_schema_free(resolver->schema);
        resolver->schema = NULL;
        return EB_OK;
    }
    return ebi_error_memory(err);
}

static enum eb_status make_resolver(struct ebi_decoder *decoder, const struct pair *pair, const struct eb_schema *writer,
                                    const struct ebi_schema *reader, struct resolver **out, struct eb_error *err) {
    struct resolver *resolver = calloc(1, sizeof *resolver);
    enum eb_status status = EB_OK;

    if (!resolver)
        return ebi_error_memory(err);
    resolver->pair = *pair;
    resolver->bytes = writer->json.len;
    status = fill_resolver(resolver, writer, reader, err);
    if (status != EB_OK) {
        resolver_free(resolver);
        return status;
    }
    while (decoder->resolvers &&
           (HASH_COUNT(decoder->resolvers) >= MAX_RESOLVERS || decoder->bytes + resolver->bytes > MAX_RESOLVED))
        drop_oldest_resolvers(decoder);
    HASH_ADD(hh, decoder->resolvers, pair, sizeof resolver->pair, resolver);
    if (!EBI_HASHED(resolver)) {
        resolver_free(resolver);
        return ebi_error_memory(err);
    }
    decoder->bytes += resolver->bytes;
    *out = resolver;
    return EB_OK;
}

/* Logs the first body of that kind, so that somebody finds out that a newer schema is in use. */
static void log_surplus(const struct eb_signal *signal, size_t known, size_t len) {
    if (!(atomic_fetch_or(signal->switches, EBI_TOLD_SURPLUS) & EBI_TOLD_SURPLUS))
        ebi_log_line(signal->all->log, EBI_WARNING,
                     "events of %s hold more than the schema here knows (%zu of %zu bytes; logged once): new fields are "
                     "left out; install the newer schema",
                     ebi_schema_type(signal->schema), known, len);
}

/* Reads a body that came without the writer's schema, and that the signal's own schema does not fit. */
static enum eb_status read_other_version(const struct eb_signal *signal, struct ebi_data *data, struct eb_text body) {
    size_t known = 0;

    for (size_t i = 0; i < signal->n_versions; i++) {
        enum eb_status status = ebi_data_from_avro_of(data, signal->versions[i].resolver, body.data, body.len, NULL);

        if (status != EB_PERMANENT)
            return status;
    }
    enum eb_status status = ebi_data_from_avro_first(data, body.data, body.len, &known, NULL);
    if (status == EB_OK)
        log_surplus(signal, known, body.len);
    return status;
}

static enum eb_status read_without_writer(const struct eb_signal *signal, struct ebi_data *data, struct eb_text body,
                                          struct eb_error *err) {
    enum eb_status status = ebi_data_from_avro(data, body.data, body.len, err);

    if (status != EB_PERMANENT)
        return status;
    status = read_other_version(signal, data, body);
    if (status == EB_PERMANENT && signal->n_versions > 0)
        ebi_error_context(err, "neither this schema nor %zu earlier version(s) of it fit", signal->n_versions);
    else if (status != EB_OK && status != EB_PERMANENT)
        ebi_error_memory(err);
    return status;
}

enum eb_status ebi_decoder_read(struct ebi_decoder *decoder, const struct eb_signal *signal, struct ebi_data *data,
                                const struct eb_schema *writer, struct eb_text body, struct eb_error *err) {
    const struct ebi_schema *reader = ebi_data_schema(data);
    struct pair pair = { writer ? writer->id : 0, ebi_schema_public(reader)->id };
    struct resolver *resolver = NULL;

    if (!writer)
        return read_without_writer(signal, data, body, err);
    if (pair.writer == pair.reader)
        return ebi_data_from_avro(data, body.data, body.len, err);
    HASH_FIND(hh, decoder->resolvers, &pair, sizeof pair, resolver);
    if (!resolver) {
        enum eb_status status = make_resolver(decoder, &pair, writer, reader, &resolver, err);

        if (status != EB_OK)
            return status;
    }
    resolver->used = ++decoder->clock;
    if (!resolver->why)
        return ebi_data_from_avro_of(data, resolver->resolution, body.data, body.len, err);
    if (err)
        *err = *resolver->why;
    return EB_PERMANENT;
}

/* ---- Messages ---- */

static bool has_type(const struct eb_signal *signal, struct eb_text type) {
    const char *its = ebi_schema_type(signal->schema);

    return strlen(its) == type.len && memcmp(its, type.data, type.len) == 0;
}

/* last: the signal of the event before, which is mostly the same; NULL: none. */
static const struct eb_signal *find_signal(const struct ebi_signals *signals, const struct eb_signal *last, struct eb_text type,
                                           struct ebi_run *run) {
    if (last && has_type(last, type) && !atomic_load(&signals->added)) /* an added signal may have taken its place */
        return last;
    if (!type.data || type.len == 0) {
        run->status = ebi_error(&run->error, EB_PERMANENT, EB_KIND_DATA, "the message has no event type");
        return NULL;
    }
    if (strlen(type.data) != type.len || type.len > 255) {
        run->status = ebi_error(&run->error, EB_PERMANENT, EB_KIND_DATA, "the message's event type is not a name");
        return NULL;
    }
    const struct eb_signal *signal = ebi_signals_find(signals, type.data, &run->error);
    if (!signal)
        run->status = EB_PERMANENT;
    return signal;
}

/* Whether on_unknown applies to a type that has no signal: not where only its schema file is bad. */
static bool is_unknown(const struct ebi_signals *signals, struct eb_text type) {
    return type.data && type.len && !ebi_signals_bad(signals, type.data);
}

/* Makes an empty event of a signal, from the given event if it is of that signal. */
static enum eb_status make_event(const struct eb_signal *signal, const struct eb_message *message, struct eb_event **event,
                                 struct eb_error *err) {
    if (!*event || (*event)->signal != signal) {
        eb_event_free(*event);
        *event = NULL;
        return eb_event_new(signal, event, err);
    }
    if (!ebi_attr(message, "id").data || !ebi_attr(message, "time").data)
        return eb_event_reset(*event, err);
    ebi_event_clear(*event);
    return EB_OK;
}

/* The error of a dead letter that had to go without its data. */
static enum ebi_outcome explain_missing_data(const struct eb_message *message, struct ebi_run *run) {
    static const char *const names[] = { "dlq_topic", "dlq_position", "dlq_size", "dlq_sha256", "dlq_reason" };
    const char *texts[5];

    for (size_t i = 0; i < 5; i++) {
        texts[i] = ebi_message_header(message, names[i]).data;
        texts[i] = texts[i] ? texts[i] : "?";
    }
    run->status = ebi_error(&run->error, EB_PERMANENT, EB_KIND_DATA,
                            "a dead letter without its data, which did not fit: the original is at %s %s, %s bytes with "
                            "SHA-256 %s; it was given up since: %s",
                            texts[0], texts[1], texts[2], texts[3], texts[4]);
    return EBI_UNUSABLE;
}

enum ebi_outcome ebi_decode_message(const struct ebi_signals *signals, struct ebi_decoder *decoder,
                                    const struct eb_message *message, struct eb_event **event, struct ebi_run *run) {
    struct eb_text type = ebi_attr(message, "type");

    strcpy(run->receiver, "decoding");
    if (ebi_dead_letter_lacks_data(message))
        return explain_missing_data(message, run);
    if (message->decode_error.data) {
        run->status = ebi_error(&run->error, EB_PERMANENT, EB_KIND_DATA, "%s", message->decode_error.data);
        return EBI_UNUSABLE;
    }
    const struct eb_signal *signal = find_signal(signals, *event ? (*event)->signal : NULL, type, run);
    if (!signal)
        return is_unknown(signals, type) ? EBI_UNKNOWN : EBI_UNUSABLE;
    run->status = make_event(signal, message, event, &run->error);
    if (run->status == EB_OK)
        run->status = ebi_attrs_take(*event, message, &run->error);
    if (run->status == EB_OK)
        run->status = ebi_decoder_read(decoder, signal, (*event)->data, message->schema, message->payload, &run->error);
    if (run->status == EB_OK)
        return EBI_SUCCEEDED;
    eb_event_free(*event);
    *event = NULL;
    if (run->status == EB_PERMANENT)
        return EBI_UNUSABLE;
    run->cause = EBI_OWN_TROUBLE; /* no memory */
    return EBI_FAILED;
}

void ebi_event_set_origin(struct eb_event *event, const struct eb_message *message, const char *prefix, uint32_t failures) {
    struct eb_metadata *meta = &event->meta;

    meta->from_event_bus = 1;
    meta->topic = ebi_short_topic(prefix, message->topic.data);
    meta->position = message->position.data;
    if (message->key.data) {
        meta->key = message->key.data;
        meta->key_len = message->key.len;
    }
    meta->attempt = (int32_t)failures + 1;
    event->headers = message->headers;
    event->n_headers = message->n_headers;
}
