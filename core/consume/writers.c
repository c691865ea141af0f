/* core/consume/writers.c - see writers.h. */
#include "consume/writers.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "plugin/message.h"

enum { MOST_WRITERS = 10000, MOST_RESOLVERS = 1000, MOST_BYTES = 1 << 20 };

/* ---- Writers ---- */

struct writer {
    struct eb_schema schema;            /* the registry's own where the text is the same: then nothing was copied */
    uint64_t their_id;
    struct writer *next;                /* among all ever taken */
    UT_hash_handle hh;                  /* by their_id */
    char texts[];
};

struct ebi_writers {
    const struct ebi_signals *signals;
    struct writer *by_id, *all;
    size_t n;
};

struct ebi_writers *ebi_writers_new(const struct ebi_signals *signals) {
    struct ebi_writers *writers = calloc(1, sizeof *writers);

    if (writers)
        writers->signals = signals;
    return writers;
}

void ebi_writers_forget_ids(struct ebi_writers *writers) {
    HASH_CLEAR(hh, writers->by_id);
}

void ebi_writers_free(struct ebi_writers *writers) {
    if (!writers)
        return;
    ebi_writers_forget_ids(writers);
    while (writers->all) {
        struct writer *writer = writers->all;

        writers->all = writer->next;
        free(writer);
    }
    free(writers);
}

static bool same(const struct eb_schema *a, const struct eb_schema *b) {
    return a->json.len == b->json.len && memcmp(a->json.data, b->json.data, a->json.len) == 0;
}

/* The schema of ours with the same text: bodies need no resolution, and producers have cached its id. */
static const struct eb_schema *ours(const struct ebi_writers *writers, const struct eb_schema *theirs) {
    for (size_t i = 0; i < writers->signals->n; i++)
        if (same(ebi_schema_public(writers->signals->items[i].schema), theirs))
            return ebi_schema_public(writers->signals->items[i].schema);
    return NULL;
}

static const struct eb_schema *taken_before(const struct ebi_writers *writers, const struct eb_schema *theirs) {
    for (const struct writer *writer = writers->all; writer; writer = writer->next)
        if (same(&writer->schema, theirs))
            return &writer->schema;
    return NULL;
}

static struct eb_text put_text(struct eb_text text, char **room) {
    char *to = *room;

    if (text.len)
        memcpy(to, text.data, text.len);
    to[text.len] = '\0';
    *room = to + text.len + 1;
    return (struct eb_text){to, text.len};
}

static struct writer *writer_new(const struct ebi_writers *writers, const struct eb_schema *theirs) {
    const struct eb_schema *known = ours(writers, theirs);
    size_t texts = 0;

    if (!known)
        known = taken_before(writers, theirs);
    if (!known)
        texts = theirs->name.len + theirs->json.len + 2;
    struct writer *writer = calloc(1, sizeof *writer + texts);
    if (!writer)
        return NULL;
    writer->their_id = theirs->id;
    if (known) {
        writer->schema = *known;
        return writer;
    }
    char *room = writer->texts;
    writer->schema = (struct eb_schema){.size = sizeof writer->schema, .id = ebi_schema_new_id()};
    writer->schema.name = put_text(theirs->name, &room);
    writer->schema.json = put_text(theirs->json, &room);
    return writer;
}

enum eb_status ebi_writers_take(struct ebi_writers *writers, const struct eb_schema *theirs,
                                const struct eb_schema **out, struct eb_error *err) {
    struct eb_schema schema;
    struct writer *writer = NULL;

    *out = NULL;
    if (!theirs)
        return EB_OK;
    ebi_sized_copy(&schema, sizeof schema, theirs);
    HASH_FIND(hh, writers->by_id, &schema.id, sizeof schema.id, writer);
    if (!writer) {
        if (writers->n >= MOST_WRITERS || schema.json.len > MOST_BYTES || schema.name.len > MOST_BYTES)
            return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "the writer's schema is not taken: it is one of more than "
                             "%d different ones, or larger than %d bytes", MOST_WRITERS, MOST_BYTES);
        writer = writer_new(writers, &schema);
        if (!writer)
            return ebi_error(err, EB_RETRIABLE, EB_KIND_SYSTEM, "out of memory");
        HASH_ADD(hh, writers->by_id, their_id, sizeof writer->their_id, writer);
        if (!EBI_HASHED(writer)) {
            free(writer);
            return ebi_error(err, EB_RETRIABLE, EB_KIND_SYSTEM, "out of memory");
        }
        writers->n++;
        writer->next = writers->all;
        writers->all = writer;
    }
    *out = &writer->schema;
    return EB_OK;
}

/* ---- Decoding ---- */

struct pair {
    uint64_t writer, reader;            /* ids of schemas */
};

struct resolver {
    struct pair pair;
    struct ebi_schema *schema;          /* the writer's, parsed */
    struct ebi_resolver *resolver;
    UT_hash_handle hh;
};

struct ebi_decoder {
    struct resolver *resolvers;
    size_t n;
};

struct ebi_decoder *ebi_decoder_new(void) {
    return calloc(1, sizeof(struct ebi_decoder));
}

static void resolver_free(struct resolver *resolver) {
    ebi_resolver_free(resolver->resolver);
    ebi_schema_free(resolver->schema);
    free(resolver);
}

static void drop_resolvers(struct ebi_decoder *decoder) {
    struct resolver *resolver, *next;

    HASH_ITER(hh, decoder->resolvers, resolver, next) {
        HASH_DEL(decoder->resolvers, resolver);
        resolver_free(resolver);
    }
    decoder->n = 0;
}

void ebi_decoder_free(struct ebi_decoder *decoder) {
    if (!decoder)
        return;
    drop_resolvers(decoder);
    free(decoder);
}

static enum eb_status make_resolver(struct ebi_decoder *decoder, const struct pair *pair, const struct eb_schema *writer,
                                    const struct ebi_schema *reader, struct resolver **out, struct eb_error *err) {
    struct resolver *resolver = calloc(1, sizeof *resolver);
    enum eb_status status;

    if (!resolver)
        return ebi_error_memory(err);
    resolver->pair = *pair;
    status = ebi_schema_parse(writer->json.data, writer->json.len, &resolver->schema, err);
    if (status == EB_OK)
        status = ebi_resolver_new(resolver->schema, reader, &resolver->resolver, err);
    if (status != EB_OK) {
        ebi_error_context(err, "the writer's schema");
        resolver_free(resolver);
        return status;
    }
    if (decoder->n >= MOST_RESOLVERS)
        drop_resolvers(decoder);
    HASH_ADD(hh, decoder->resolvers, pair, sizeof resolver->pair, resolver);
    if (!EBI_HASHED(resolver)) {
        resolver_free(resolver);
        return ebi_error_memory(err);
    }
    decoder->n++;
    *out = resolver;
    return EB_OK;
}

enum eb_status ebi_decoder_read(struct ebi_decoder *decoder, struct ebi_data *data, const struct eb_schema *writer,
                                struct eb_text body, struct eb_error *err) {
    const struct ebi_schema *reader = ebi_data_schema(data);
    struct pair pair = {writer ? writer->id : 0, ebi_schema_public(reader)->id};
    struct resolver *resolver = NULL;

    if (!writer || pair.writer == pair.reader)
        return ebi_data_from_avro(data, body.data, body.len, err);
    HASH_FIND(hh, decoder->resolvers, &pair, sizeof pair, resolver);
    if (!resolver) {
        enum eb_status status = make_resolver(decoder, &pair, writer, reader, &resolver, err);

        if (status != EB_OK)
            return status;
    }
    return ebi_data_from_avro_of(data, resolver->resolver, body.data, body.len, err);
}
