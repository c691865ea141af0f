/* tests/brokers/kafka_raw.c - messages as they are on the wire, to and from a real Kafka, for tests.
 *
 *   kafka_raw send BOOTSTRAP          reads lines {"topic", "partition": N or -1, "key": HEX or null, "value": HEX
 *                                     or null, "headers": [[NAME, HEX or null], ...]}; prints {"partition", "offset"}
 *   kafka_raw commit BOOTSTRAP        the same, in one transaction, which ends each partition that it touched with a marker
 *   kafka_raw dump BOOTSTRAP TOPIC    prints all of the topic as it is now, in the same form with "offset", "time_ms"
 *
 * Partition -1: chosen by consistent_random over the key, as the Python producer does it. */
#include <ctype.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <librdkafka/rdkafka.h>

enum { PATIENCE_MS = 60000 };

static void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void die(const char *format, ...) {
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

/* transaction: the transactional.id; NULL: none. */
static rd_kafka_t *client(rd_kafka_type_t type, const char *bootstrap, const char *transaction) {
    const char *const settings[][2] = { { "bootstrap.servers", bootstrap }, { "partitioner", "consistent_random" },
                                        { "group.id", "kafka_raw" },        { "enable.auto.commit", "false" },
                                        { "enable.partition.eof", "true" }, { "linger.ms", "5" },
                                        { "message.max.bytes", "10485760" } };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[300];

    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        rd_kafka_conf_set(conf, settings[i][0], settings[i][1], NULL, 0);
    if (transaction)
        rd_kafka_conf_set(conf, "transactional.id", transaction, NULL, 0);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    rd_kafka_t *kafka = rd_kafka_new(type, conf, why, sizeof why);
    if (!kafka)
        die("%s", why);
    return kafka;
}

static void say(json_t *object) {
    if (!object || json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER) < 0)
        die("cannot write JSON");
    putchar('\n');
    fflush(stdout);
    json_decref(object);
}

/* ---- Hexadecimal ------------------------------------------------------------------------------------------------ */

struct bytes {
    unsigned char *data; /* NULL: JSON's null */
    size_t len;
};

static struct bytes of_hex(const json_t *value) {
    struct bytes out = { NULL, 0 };
    const char *hex = json_string_value(value);

    if (!hex)
        return out;
    out.len = strlen(hex) / 2;
    out.data = malloc(out.len + 1);
    for (size_t i = 0; out.data && i < out.len; i++)
        if (sscanf(hex + 2 * i, "%2hhx", &out.data[i]) != 1)
            die("no hexadecimal: %s", hex);
    return out;
}

static json_t *as_hex(const void *data, size_t len) {
    char *hex = data ? malloc(2 * len + 1) : NULL;

    if (!hex)
        return json_null();
    hex[0] = 0;
    for (size_t i = 0; i < len; i++)
        sprintf(hex + 2 * i, "%02x", ((const unsigned char *)data)[i]);
    json_t *text = json_string(hex);
    free(hex);
    return text;
}

/* ---- send ------------------------------------------------------------------------------------------------------- */

static rd_kafka_headers_t *headers_of(const json_t *list) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(16);
    const json_t *pair;
    size_t i;

    json_array_foreach(list, i, pair) {
        struct bytes value = of_hex(json_array_get(pair, 1));
        rd_kafka_header_add(headers, json_string_value(json_array_get(pair, 0)), -1, value.data,
                            value.data ? (ssize_t)value.len : 0);
        free(value.data);
    }
    return headers;
}

static void await_report(rd_kafka_queue_t *queue) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, PATIENCE_MS);
    const rd_kafka_message_t *message = event ? rd_kafka_event_message_next(event) : NULL;

    if (!message || message->err)
        die("not delivered: %s", message ? rd_kafka_err2str(message->err) : "no answer");
    say(json_pack("{si sI}", "partition", (int)message->partition, "offset", (json_int_t)message->offset));
    rd_kafka_event_destroy(event);
}

static void send_one(rd_kafka_t *kafka, const json_t *line) {
    struct bytes key = of_hex(json_object_get(line, "key")), value = of_hex(json_object_get(line, "value"));
    const json_t *partition = json_object_get(line, "partition");
    const rd_kafka_vu_t parts[] = {
        { .vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = json_string_value(json_object_get(line, "topic")) },
        { .vtype = RD_KAFKA_VTYPE_PARTITION,
          .u.i32 = partition ? (int32_t)json_integer_value(partition) : RD_KAFKA_PARTITION_UA },
        { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { key.data, key.len } },
        { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { value.data, value.len } },
        { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
        { .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers_of(json_object_get(line, "headers")) },
    };
    rd_kafka_error_t *error = rd_kafka_produceva(kafka, parts, sizeof parts / sizeof *parts);

    if (error)
        die("cannot send: %s", rd_kafka_error_string(error));
    free(key.data);
    free(value.data);
}

static void done(rd_kafka_error_t *error) {
    if (error)
        die("transaction: %s", rd_kafka_error_string(error));
}

static void send_all(const char *bootstrap, const char *transaction) {
    rd_kafka_t *kafka = client(RD_KAFKA_PRODUCER, bootstrap, transaction);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(kafka);
    char *line = NULL;
    size_t room = 0;

    if (transaction) {
        done(rd_kafka_init_transactions(kafka, PATIENCE_MS));
        done(rd_kafka_begin_transaction(kafka));
    }
    while (getline(&line, &room, stdin) > 0) {
        json_error_t why;
        json_t *object = json_loads(line, 0, &why);
        if (!object)
            die("no JSON: %s", why.text);
        send_one(kafka, object);
        json_decref(object);
        await_report(queue);
    }
    if (transaction)
        done(rd_kafka_commit_transaction(kafka, PATIENCE_MS));
    free(line);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(kafka);
}

/* ---- dump ------------------------------------------------------------------------------------------------------- */

static json_t *headers_as_json(const rd_kafka_message_t *message) {
    json_t *list = json_array();
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t len;

    if (rd_kafka_message_headers(message, &headers))
        return list;
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++)
        json_array_append_new(list, json_pack("[so]", name, as_hex(value, len)));
    return list;
}

static void dump_partition(rd_kafka_t *kafka, const char *topic, int32_t partition) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    bool more = true;

    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(kafka, list);
    while (more) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(kafka, PATIENCE_MS);
        if (!message)
            die("%s [%d]: no answer", topic, (int)partition);
        more = message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (more && message->err)
            die("%s [%d]: %s", topic, (int)partition, rd_kafka_message_errstr(message));
        if (more)
            say(json_pack("{si sI sI so so so}", "partition", (int)partition, "offset", (json_int_t)message->offset, "time_ms",
                          (json_int_t)rd_kafka_message_timestamp(message, NULL), "key", as_hex(message->key, message->key_len),
                          "value", as_hex(message->payload, message->len), "headers", headers_as_json(message)));
        rd_kafka_message_destroy(message);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void dump(const char *bootstrap, const char *topic) {
    rd_kafka_t *kafka = client(RD_KAFKA_CONSUMER, bootstrap, NULL);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(kafka, topic, NULL);
    const struct rd_kafka_metadata *metadata;

    rd_kafka_poll_set_consumer(kafka);
    rd_kafka_resp_err_t error = rd_kafka_metadata(kafka, 0, handle, &metadata, PATIENCE_MS);
    if (error || metadata->topic_cnt != 1 || metadata->topics[0].err)
        die("%s: %s", topic, rd_kafka_err2str(error ? error : metadata->topics[0].err));
    for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
        dump_partition(kafka, topic, i);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    rd_kafka_consumer_close(kafka);
    rd_kafka_destroy(kafka);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "send") == 0)
        send_all(argv[2], NULL);
    else if (argc == 3 && strcmp(argv[1], "commit") == 0)
        send_all(argv[2], "kafka_raw");
    else if (argc == 4 && strcmp(argv[1], "dump") == 0)
        dump(argv[2], argv[3]);
    else
        die("kafka_raw send BOOTSTRAP | commit BOOTSTRAP | dump BOOTSTRAP TOPIC");
    return 0;
}
