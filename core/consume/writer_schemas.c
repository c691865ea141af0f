/* core/consume/writer_schemas.c - see writer_schemas.h. */
#include "consume/writer_schemas.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "consume/oldest.h"
#include "plugin/message.h"

enum {
    MAX_WRITERS = 10000,
    MAX_BYTES = 1 << 20,  /* of one schema */
    MAX_COPIED = 64 << 20 /* of all copies, but for those that messages need */
};

/* ---- Copies of schemas ---- */

/* A copy of a schema, shared by all ids that name the same text. */
struct copy {
    struct eb_schema schema;
    size_t bytes;
    uint64_t used; /* when an id of it was looked up last */
    bool kept;     /* set while room is made: a message refers to it */
    UT_hash_handle by_json, by_own_id;
    char texts[];
};

/* The schema that one of the plugin's ids names. */
struct writer {
    uint64_t their_id;
    uint64_t used;
    const struct eb_schema *schema; /* of the copy, or the signal's own schema where its text is the same */
    struct copy *copy;              /* NULL: it is the signal's own schema */
    UT_hash_handle hh;
};

struct ebi_writer_schemas {
    const struct ebi_signals *signals;
    ebi_writer_schemas_in_use in_use;
    void *in_use_arg;
    struct writer *writers;
    struct copy *by_json, *by_own_id; /* both hold all copies */
    size_t bytes;                     /* of all copies */
    uint64_t clock;                   /* counts uses, which get its value as their stamp */
};

struct ebi_writer_schemas *ebi_writer_schemas_new(const struct ebi_signals *signals, ebi_writer_schemas_in_use in_use,
                                                  void *arg) {
    struct ebi_writer_schemas *writers = calloc(1, sizeof *writers);

    if (writers)
        *writers = (struct ebi_writer_schemas){ .signals = signals, .in_use = in_use, .in_use_arg = arg };
    return writers;
}

static void drop_writer(struct ebi_writer_schemas *writers, struct writer *writer) {
    HASH_DEL(writers->writers, writer);
    free(writer);
}

static void drop_copy(struct ebi_writer_schemas *writers, struct copy *copy) {
    HASH_DELETE(by_json, writers->by_json, copy);
    HASH_DELETE(by_own_id, writers->by_own_id, copy);
    writers->bytes -= copy->bytes;
    free(copy);
}

void ebi_writer_schemas_forget_ids(struct ebi_writer_schemas *writers) {
    struct writer *writer, *next;

    HASH_ITER(hh, writers->writers, writer, next)
    drop_writer(writers, writer);
}

void ebi_writer_schemas_free(struct ebi_writer_schemas *writers) {
    struct copy *copy, *next;

    if (!writers)
        return;
    ebi_writer_schemas_forget_ids(writers);
    HASH_ITER(by_json, writers->by_json, copy, next)
    drop_copy(writers, copy);
    free(writers);
}

/* ---- Making room ---- */

/* Forgets the ids that were not used for longest. False: no memory to find them. */
static bool drop_writers(struct ebi_writer_schemas *writers) {
    size_t n = HASH_COUNT(writers->writers), i = 0;
    uint64_t *stamps = malloc(n * sizeof *stamps), oldest;
    struct writer *writer, *next;

    if (!stamps)
        return false;
    for (writer = writers->writers; writer; writer = writer->hh.next)
        stamps[i++] = writer->used;
    oldest = ebi_oldest_eighth(stamps, n);
    free(stamps);
    HASH_ITER(hh, writers->writers, writer, next)
    if (writer->used <= oldest)
        drop_writer(writers, writer);
    return true;
}

void ebi_writer_schemas_keep(struct ebi_writer_schemas *writers, const struct eb_schema *schema) {
    struct copy *copy = NULL;

    if (schema)
        HASH_FIND(by_own_id, writers->by_own_id, &schema->id, sizeof schema->id, copy);
    if (copy)
        copy->kept = true;
}

/* Marks the copies that messages refer to. Returns how many others there are, and their stamps. */
static size_t find_idle(struct ebi_writer_schemas *writers, uint64_t *stamps) {
    size_t n = 0;

    for (struct copy *copy = writers->by_json; copy; copy = copy->by_json.next)
        copy->kept = copy->used == writers->clock; /* the message that is coming in refers to it */
    if (writers->in_use)
        writers->in_use(writers->in_use_arg, writers);
    for (struct copy *copy = writers->by_json; copy; copy = copy->by_json.next)
        if (!copy->kept)
            stamps[n++] = copy->used;
    return n;
}

static void drop_idle(struct ebi_writer_schemas *writers, uint64_t oldest) {
    struct writer *writer, *next_writer;
    struct copy *copy, *next;

    HASH_ITER(hh, writers->writers, writer, next_writer)
    if (writer->copy && !writer->copy->kept && writer->copy->used <= oldest)
        drop_writer(writers, writer);
    HASH_ITER(by_json, writers->by_json, copy, next)
    if (!copy->kept && copy->used <= oldest)
        drop_copy(writers, copy);
}

static bool has_room(const struct ebi_writer_schemas *writers, size_t bytes) {
    return HASH_CNT(by_json, writers->by_json) < MAX_WRITERS && writers->bytes + bytes <= MAX_COPIED;
}

/* Drops copies until there is room for one more, or until messages refer to all that are left; the messages in flight bound how many
 * those can be. False: no memory to find them. */
static bool make_room(struct ebi_writer_schemas *writers, size_t bytes) {
    size_t n = HASH_CNT(by_json, writers->by_json);

    if (has_room(writers, bytes))
        return true;
    uint64_t *stamps = malloc(n * sizeof *stamps);
    if (!stamps)
        return false;
    while (!has_room(writers, bytes) && (n = find_idle(writers, stamps)) > 0)
        drop_idle(writers, ebi_oldest_eighth(stamps, n));
    free(stamps);
    return true;
}

/* ---- Taking ---- */

struct same {
    const struct eb_schema *theirs, *own; /* own: NULL until it is found */
};

static int is_same(void *arg, const struct eb_signal *signal) {
    const struct eb_schema *own = ebi_schema_public(signal->schema);
    struct same *same = arg;

    if (own->json.len != same->theirs->json.len || memcmp(own->json.data, same->theirs->json.data, own->json.len) != 0)
        return 0;
    same->own = own;
    return 1;
}

/* Returns the signal's own schema of the same text, or NULL. Bodies then need no resolution, and producers have cached its id. */
static const struct eb_schema *own_schema(const struct ebi_writer_schemas *writers, const struct eb_schema *theirs) {
    struct same same = { .theirs = theirs };

    ebi_signals_each(writers->signals, is_same, &same);
    return same.own;
}

static struct eb_text put_text(struct eb_text text, char **room) {
    char *to = *room;

    if (text.len)
        memcpy(to, text.data, text.len);
    to[text.len] = '\0';
    *room = to + text.len + 1;
    return (struct eb_text){ to, text.len };
}

/* Returns NULL without memory. */
static struct copy *add_copy(struct ebi_writer_schemas *writers, const struct eb_schema *theirs) {
    size_t bytes = sizeof(struct copy) + theirs->name.len + theirs->json.len + 2;
    struct copy *copy = make_room(writers, bytes) ? calloc(1, bytes) : NULL;
    char *room;

    if (!copy)
        return NULL;
    room = copy->texts;
    copy->bytes = bytes;
    copy->schema = (struct eb_schema){ .size = sizeof copy->schema, .id = ebi_schema_new_id() };
    copy->schema.name = put_text(theirs->name, &room);
    copy->schema.json = put_text(theirs->json, &room);
    HASH_ADD_KEYPTR(by_json, writers->by_json, copy->schema.json.data, copy->schema.json.len, copy);
    if (!copy->by_json.tbl) {
        free(copy);
        return NULL;
    }
    HASH_ADD(by_own_id, writers->by_own_id, schema.id, sizeof copy->schema.id, copy);
    if (!copy->by_own_id.tbl) {
        HASH_DELETE(by_json, writers->by_json, copy);
        free(copy);
        return NULL;
    }
    writers->bytes += bytes;
    return copy;
}

/* Returns NULL without memory. */
static struct writer *add_writer(struct ebi_writer_schemas *writers, const struct eb_schema *theirs, size_t *copied) {
    const struct eb_schema *own = own_schema(writers, theirs);
    struct copy *copy = NULL;
    struct writer *writer;

    if (HASH_COUNT(writers->writers) >= MAX_WRITERS && !drop_writers(writers))
        return NULL;
    if (!own)
        HASH_FIND(by_json, writers->by_json, theirs->json.data, theirs->json.len, copy);
    if (!own && !copy) {
        copy = add_copy(writers, theirs);
        if (!copy)
            return NULL;
        *copied += copy->bytes;
    }
    writer = calloc(1, sizeof *writer);
    if (!writer)
        return NULL; /* the copy stays, for the next attempt */
    *writer = (struct writer){ .their_id = theirs->id, .schema = own ? own : &copy->schema, .copy = copy };
    HASH_ADD(hh, writers->writers, their_id, sizeof writer->their_id, writer);
    if (!EBI_HASHED(writer)) {
        free(writer);
        return NULL;
    }
    return writer;
}

enum eb_status ebi_writer_schemas_take(struct ebi_writer_schemas *writers, const struct eb_schema *theirs,
                                       const struct eb_schema **out, size_t *copied, struct eb_error *err) {
    struct eb_schema schema;
    struct writer *writer = NULL;

    *out = NULL;
    if (!theirs)
        return EB_OK;
    ebi_sized_copy(&schema, sizeof schema, theirs);
    if (!schema.json.data)
        schema.json = (struct eb_text){ "", 0 };
    HASH_FIND(hh, writers->writers, &schema.id, sizeof schema.id, writer);
    if (!writer) {
        if (schema.json.len > MAX_BYTES || schema.name.len > MAX_BYTES)
            return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "the writer's schema is larger than %d bytes", MAX_BYTES);
        writer = add_writer(writers, &schema, copied);
        if (!writer)
            return ebi_error(err, EB_RETRIABLE, EB_KIND_SYSTEM, "out of memory");
    }
    writer->used = ++writers->clock;
    if (writer->copy)
        writer->copy->used = writers->clock;
    *out = writer->schema;
    return EB_OK;
}
