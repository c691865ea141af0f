/* tests/fuzz/avro.c - Avro bytes to data and JSON: two bytes choose the schema, the rest is the body. What we take
 * avro-c takes as well, to the last byte. */
#include "fuzz.h"
#include "schema/key_field.h"

#include <avro.h>
#include <stdlib.h>

/* What avro-c needs to read bodies of one schema. */
struct peer {
    avro_schema_t schema;
    avro_value_iface_t *iface;
};

static const struct peer *peer_of(const struct eb_signal *signal) {
    static struct peer *peers;
    struct eb_text text = ebi_schema_public(signal->schema)->json;
    struct peer *peer;

    if (!peers)
        peers = calloc(signal->all->n, sizeof *peers);
    fuzz_promise(peers != NULL, "memory");
    peer = &peers[signal->number];
    if (peer->iface)
        return peer;
    fuzz_promise(avro_schema_from_json_length(text.data, text.len, &peer->schema) == 0, "%s", avro_strerror());
    peer->iface = avro_generic_class_from_schema(peer->schema);
    fuzz_promise(peer->iface != NULL, "%s", avro_strerror());
    return peer;
}

static void ask_peer(const struct eb_signal *signal, struct eb_text body) {
    avro_reader_t reader = avro_reader_memory(body.data, (int64_t)body.len);
    avro_value_t value;
    char left;

    fuzz_promise(avro_generic_value_new(peer_of(signal)->iface, &value) == 0, "%s", avro_strerror());
    fuzz_promise(avro_value_read(reader, &value) == 0, "avro-c refuses what we take: %s", avro_strerror());
    fuzz_promise(avro_read(reader, &left, 1) != 0, "avro-c leaves bytes that we have read");
    avro_value_decref(&value);
    avro_reader_free(reader);
}

/* Any path may be asked for; a value that is there may be a key. */
static void ask_key(const struct ebi_data *data, const char *path, const char *type, bool optional) {
    struct ebi_key_field *field = NULL;
    struct ebi_bytes text = { 0 }, avro = { 0 };
    struct eb_error err = { 0 };
    enum eb_status status = ebi_key_field_new(ebi_data_schema(data), path, &field, &err);

    (void)type, (void)optional;
    if (status == EB_OK)
        status = ebi_data_key(data, field, &text, &avro, &err);
    if (status != EB_OK)
        fuzz_refused(status, &err);
    ebi_key_field_free(field);
    ebi_bytes_free(&text);
    ebi_bytes_free(&avro);
}

static void each_field(void *arg, const char *path, const char *type, bool optional) {
    ask_key(arg, path, type, optional);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct fuzz_in in = { bytes, len };
    const struct eb_signal *signal = fuzz_signal(&in);
    struct eb_text body = fuzz_rest(&in);
    struct ebi_data *data = ebi_data_new(signal->schema);
    struct eb_error err = { 0 };
    enum eb_status status = ebi_data_from_avro(data, body.data, body.len, &err);

    if (status == EB_OK) {
        ask_peer(signal, body);
        fuzz_promise(fuzz_round_trip(data), "a whole body, but data that is not complete");
        ebi_schema_fields(signal->schema, each_field, data);
    } else {
        fuzz_refused(status, &err);
    }
    ebi_data_free(data);
    return 0;
}
