/* tests/bench/kafka_raw.c - see kafka_sides.h: as little around librdkafka as its documentation recommends. */
#include "kafka_sides.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <librdkafka/rdkafka.h>

#include "bus.h"

enum { FRAME = 5, ROOM = 200, PATIENCE_MS = 30000 };

static const char *const producer_settings[][2] = {
    { "enable.idempotence", "true" },       { "message.timeout.ms", "0" },
    { "partitioner", "consistent_random" }, { "linger.ms", "1" },
    { "message.max.bytes", "10485760" },    { "socket.keepalive.enable", "true" },
};
static const char *const consumer_settings[][2] = {
    { "enable.auto.offset.store", "false" }, { "auto.offset.reset", "earliest" },
    { "fetch.error.backoff.ms", "100" },     { "queued.max.messages.kbytes", "8192" },
    { "socket.keepalive.enable", "true" },   { "partition.assignment.strategy", "cooperative-sticky" },
};

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char why[300];

    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        bench_die("%s", why);
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
    char why[300];
    rd_kafka_t *kafka = rd_kafka_new(type, conf, why, sizeof why);

    if (!kafka)
        bench_die("%s", why);
    return kafka;
}

/* ---- Producing ------------------------------------------------------------------------------------------------- */

static void count_report(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *arg) {
    (void)kafka;
    if (message->err)
        bench_die("raw librdkafka: %s", rd_kafka_err2str(message->err));
    ++*(long *)arg;
}

static rd_kafka_headers_t *headers_of(const struct eb_message *event) {
    /* clang-format off */
    static const char *const fixed[][2] = {
        {"ce_specversion", "1.0"}, {"content-type", "application/avro"}, {"ce_datacontenttype", "application/avro"}};
    static const char *const names[] = {"ce_type", "ce_id", "ce_source", "ce_time", "ce_minorversion", "sourcehost",
                                        "sourcelib"};
    rd_kafka_headers_t *headers = rd_kafka_headers_new(10);

    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        rd_kafka_header_add(headers, fixed[i][0], -1, fixed[i][1], -1);
    for (size_t i = 0; i < event->n_attrs; i++)
        rd_kafka_header_add(headers, names[i], -1, event->attrs[i].value.data, (ssize_t)event->attrs[i].value.len);
    return headers;
}

/* 0, the schema's id, the text as Avro; behind it the same for a key: one byte tells its length, doubled. */
static size_t frame(char *out, struct eb_text text, bool key) {
    size_t head = FRAME;

    memcpy(out, "\0\0\0\0\1", FRAME);
    if (key)
        out[head++] = (char)(2 * text.len);
    memcpy(out + head, text.data, text.len);
    return head + text.len;
}

static void produce_one(rd_kafka_t *kafka, const char *topic, long i) {
    const struct eb_message *event = bus_login(i);
    char key[ROOM], value[ROOM];
    size_t key_len = frame(key, event->key, true), value_len = frame(value, event->payload, false);
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {key, key_len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {value, value_len}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers_of(event)},
    };
    /* clang-format on */
    rd_kafka_error_t *error;

    while ((error = rd_kafka_produceva(kafka, parts, sizeof parts / sizeof *parts))) {
        if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            bench_die("raw librdkafka: %s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        rd_kafka_poll(kafka, 10);
    }
}

static void produce_all(rd_kafka_t *kafka, const char *topic, long count, long *confirmed) {
    long before = *confirmed;

    for (long i = 0; i < count; i++) {
        produce_one(kafka, topic, i);
        if (i % 100 == 0)
            rd_kafka_poll(kafka, 0);
    }
    if (rd_kafka_flush(kafka, PATIENCE_MS) || *confirmed - before != count)
        bench_die("raw librdkafka: %ld of %ld were confirmed", *confirmed - before, count);
}

void raw_produce(void *arg, struct bench_figure *figure) {
    const struct kafka_raw *raw = arg;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    long confirmed = 0;

    set(conf, "bootstrap.servers", raw->bootstrap);
    for (size_t i = 0; i < sizeof producer_settings / sizeof *producer_settings; i++)
        set(conf, producer_settings[i][0], producer_settings[i][1]);
    rd_kafka_conf_set_dr_msg_cb(conf, count_report);
    rd_kafka_conf_set_opaque(conf, &confirmed);
    rd_kafka_t *kafka = client(RD_KAFKA_PRODUCER, conf);
    produce_all(kafka, raw->topic, 1, &confirmed); /* connects, and makes the topic */
    bench_start(figure);
    produce_all(kafka, raw->topic, raw->count, &confirmed);
    bench_stop(figure, (double)raw->count);
    rd_kafka_destroy(kafka);
}

/* ---- Consuming ------------------------------------------------------------------------------------------------- */

/* What any consumer of these events has to look at. */
static size_t walk_headers(const rd_kafka_message_t *message) {
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t len, seen = 0;

    if (rd_kafka_message_headers(message, &headers))
        bench_die("raw librdkafka: a message without headers");
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++)
        seen += len;
    return seen;
}

static long consume_one(rd_kafka_t *kafka, rd_kafka_message_t *message) {
    if (!message || message->err)
        bench_die("raw librdkafka: %s", message ? rd_kafka_message_errstr(message) : "nothing comes");
    if (walk_headers(message) == 0)
        bench_die("raw librdkafka: empty headers");
    rd_kafka_resp_err_t error = rd_kafka_offset_store(message->rkt, message->partition, message->offset);
    if (error)
        bench_die("raw librdkafka: %s", rd_kafka_err2str(error));
    (void)kafka;
    rd_kafka_message_destroy(message);
    return 1;
}

void raw_consume(void *arg, struct bench_figure *figure) {
    static unsigned runs;
    const struct kafka_raw *raw = arg;
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char group[40];

    snprintf(group, sizeof group, "raw-%d-%u", (int)getpid(), runs++);
    set(conf, "bootstrap.servers", raw->bootstrap);
    set(conf, "group.id", group);
    for (size_t i = 0; i < sizeof consumer_settings / sizeof *consumer_settings; i++)
        set(conf, consumer_settings[i][0], consumer_settings[i][1]);
    rd_kafka_t *kafka = client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(kafka);
    rd_kafka_topic_partition_list_add(topics, raw->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(kafka, topics);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(kafka, PATIENCE_MS);
    bench_start(figure);
    for (long done = consume_one(kafka, message); done < raw->count;)
        done += consume_one(kafka, rd_kafka_consumer_poll(kafka, PATIENCE_MS));
    rd_kafka_commit(kafka, NULL, 0);
    bench_stop(figure, (double)raw->count);
    rd_kafka_topic_partition_list_destroy(topics);
    rd_kafka_consumer_close(kafka);
    rd_kafka_destroy(kafka);
}
