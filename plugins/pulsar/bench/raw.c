/* bench/raw.c - see bench.h: as little around libpulsar as its documentation recommends, with the settings of the plugin's
 * defaults: of max_in_flight, 1000, libpulsar fetches a quarter ahead. */
#include "bench/bench.h"
#include "client/libpulsar.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PENDING = 8192, BATCH_MESSAGES = 1000, BATCH_BYTES = 128 * 1024, DELAY_MS = 5, RECEIVER_QUEUE = 250, PATIENCE_S = 120 };
enum { NAME_ROOM = 200, PROPERTIES_MAX = 32 };

/* What the library's threads count, and the bench's thread waits for. */
struct progress {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    long done, wanted;
    struct bench_figure *started; /* consuming: measured from the first message on */
    void *made;                   /* the producer or the consumer */
};

#define PROGRESS(n)                                                                                                            \
    { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .wanted = (n) }

static void must(pulsar_result result, const char *what) {
    if (result != pulsar_result_Ok)
        bench_die("raw libpulsar: %s: %s", what, pulsar_result_str(result));
}

static void count_one(struct progress *progress) {
    pthread_mutex_lock(&progress->lock);
    if (++progress->done == progress->wanted)
        pthread_cond_signal(&progress->changed);
    pthread_mutex_unlock(&progress->lock);
}

static void await(struct progress *progress) {
    struct timespec until;
    int timed_out = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&progress->lock);
    while (progress->done < progress->wanted && !timed_out)
        timed_out = pthread_cond_timedwait(&progress->changed, &progress->lock, &until);
    pthread_mutex_unlock(&progress->lock);
    if (timed_out)
        bench_die("raw libpulsar: %ld of %ld after %d s", progress->done, progress->wanted, PATIENCE_S);
}

/* ---- A client ---- */

static bool logs(pulsar_logger_level_t level, void *ctx) {
    (void)ctx;
    return level >= pulsar_ERROR;
}

static void log_line(pulsar_logger_level_t level, const char *file, int line, const char *message, void *ctx) {
    (void)level;
    (void)ctx;
    fprintf(stderr, "%s:%d: %s\n", file, line, message);
}

static pulsar_client_t *open_client(const struct bench_work *work) {
    pulsar_client_configuration_t *conf = pulsar_client_configuration_create();
    pulsar_logger_t logger = { .is_enabled = logs, .log = log_line };

    pulsar_client_configuration_set_logger_t(conf, logger);
    pulsar_client_configuration_set_io_threads(conf, 1);
    pulsar_client_configuration_set_message_listener_threads(conf, 1);
    pulsar_client_configuration_set_stats_interval_in_seconds(conf, 0);
    pulsar_client_configuration_set_memory_limit(conf, 0);
    pulsar_client_t *client = pulsar_client_create(work->url, conf);
    pulsar_client_configuration_free(conf);
    return client;
}

static void close_client(pulsar_client_t *client) {
    must(pulsar_client_close(client), "close");
    pulsar_client_free(client);
}

static void full_name(const struct bench_work *work, char *name) {
    snprintf(name, NAME_ROOM, "persistent://public/default/%s", work->topic);
}

/* ---- What raw_produce sends: the first event of the topic, as the event bus has sent it ---- */

static struct {
    char *names[PROPERTIES_MAX], *values[PROPERTIES_MAX], *payload;
    int n;
    size_t payload_len;
    uint64_t event_time;
} sample;

static void keep_sample(pulsar_message_t *message) {
    pulsar_string_map_t *properties = pulsar_message_get_properties(message);

    sample.n = pulsar_string_map_size(properties);
    if (sample.n > PROPERTIES_MAX)
        bench_die("an event with %d properties", sample.n);
    for (int i = 0; i < sample.n; i++) {
        sample.names[i] = strdup(pulsar_string_map_get_key(properties, i));
        sample.values[i] = strdup(pulsar_string_map_get_value(properties, i));
    }
    sample.payload_len = pulsar_message_get_length(message);
    sample.payload = malloc(sample.payload_len);
    memcpy(sample.payload, pulsar_message_get_data(message), sample.payload_len);
    sample.event_time = pulsar_message_get_event_timestamp(message);
    pulsar_string_map_free(properties);
}

/* ---- Consuming ---- */

struct receiving {
    struct progress acknowledged;
    long received; /* the library's listener thread alone */
    bool keep;     /* the first message is what raw_produce sends */
    size_t bytes;  /* of what was looked at, so that looking is not optimized away */
};

static void on_acknowledged(pulsar_result result, void *arg) {
    must(result, "acknowledge");
    count_one(arg);
}

/* Looks at each property, as whoever reads an event has to. */
static size_t look_at(pulsar_message_t *message) {
    pulsar_string_map_t *properties = pulsar_message_get_properties(message);
    size_t bytes = pulsar_message_get_length(message);

    for (int i = 0, n = pulsar_string_map_size(properties); i < n; i++)
        bytes += strlen(pulsar_string_map_get_key(properties, i)) + strlen(pulsar_string_map_get_value(properties, i));
    pulsar_string_map_free(properties);
    return bytes;
}

static void on_message(pulsar_consumer_t *consumer, pulsar_message_t *message, void *arg) {
    struct receiving *receiving = arg;

    if (receiving->received++ == 0)
        bench_start(receiving->acknowledged.started);
    if (receiving->received <= receiving->acknowledged.wanted) {
        pulsar_message_id_t *id = pulsar_message_get_message_id(message);

        if (receiving->keep)
            keep_sample(message);
        receiving->bytes += look_at(message);
        pulsar_consumer_acknowledge_async_id(consumer, id, on_acknowledged, &receiving->acknowledged);
        pulsar_message_id_free(id);
    }
    pulsar_message_free(message);
}

static void on_consumer(pulsar_result result, pulsar_consumer_t *consumer, void *arg) {
    struct progress *progress = arg;

    must(result, "subscribe");
    progress->made = consumer;
    count_one(progress);
}

static pulsar_consumer_t *subscribe(pulsar_client_t *client, const struct bench_work *work, struct receiving *receiving) {
    static unsigned runs;
    pulsar_consumer_configuration_t *conf = pulsar_consumer_configuration_create();
    struct progress made = PROGRESS(1);
    char name[NAME_ROOM], group[40];

    pulsar_consumer_configuration_set_consumer_type(conf, pulsar_ConsumerKeyShared);
    pulsar_consumer_configuration_set_message_listener(conf, on_message, receiving);
    pulsar_consumer_configuration_set_receiver_queue_size(conf, RECEIVER_QUEUE);
    pulsar_consumer_set_subscription_initial_position(conf, initial_position_earliest);
    pulsar_configure_set_ack_grouping_time_ms(conf, DELAY_MS);
#ifdef HAVE_PULSAR_BATCH_INDEX_ACK
    pulsar_consumer_configuration_set_batch_index_ack_enabled(conf, 1);
#endif
    pl_cxx_ack_receipt(conf);
    full_name(work, name);
    snprintf(group, sizeof group, "raw-%d-%u", (int)getpid(), runs++);
    pulsar_client_subscribe_async(client, name, group, conf, on_consumer, &made);
    await(&made);
    pulsar_consumer_configuration_free(conf);
    return made.made;
}

void raw_consume(const struct bench_work *work, struct bench_figure *figure) {
    pulsar_client_t *client = open_client(work);
    struct receiving receiving = { .acknowledged = PROGRESS(work->count) };

    receiving.acknowledged.started = figure;
    pulsar_consumer_t *consumer = subscribe(client, work, &receiving);
    await(&receiving.acknowledged);
    bench_stop(figure, work->count);
    close_client(client);
    pulsar_consumer_free(consumer);
}

/* Reads the first event of the topic. */
static void read_sample(const struct bench_work *work) {
    pulsar_client_t *client = open_client(work);
    struct bench_figure ignored;
    struct receiving receiving = { .acknowledged = PROGRESS(1), .keep = true };

    receiving.acknowledged.started = &ignored;
    pulsar_consumer_t *consumer = subscribe(client, work, &receiving);
    await(&receiving.acknowledged);
    close_client(client);
    pulsar_consumer_free(consumer);
}

/* ---- Producing ---- */

static void on_producer(pulsar_result result, pulsar_producer_t *producer, void *arg) {
    struct progress *progress = arg;

    must(result, "producer");
    progress->made = producer;
    count_one(progress);
}

static pulsar_producer_t *open_producer(pulsar_client_t *client, const struct bench_work *work) {
    pulsar_producer_configuration_t *conf = pulsar_producer_configuration_create();
    struct progress made = PROGRESS(1);
    char name[NAME_ROOM];

    if (strcmp(work->batching, "key") == 0 && !pl_cxx_batch_by_key(conf))
        bench_die("this libpulsar makes no batch for each key");
    pulsar_producer_configuration_set_batching_enabled(conf, 1);
    pulsar_producer_configuration_set_batching_max_messages(conf, BATCH_MESSAGES);
    pulsar_producer_configuration_set_batching_max_allowed_size_in_bytes(conf, BATCH_BYTES);
    pulsar_producer_configuration_set_batching_max_publish_delay_ms(conf, DELAY_MS);
    pulsar_producer_configuration_set_hashing_scheme(conf, pulsar_JavaStringHash);
    pulsar_producer_configuration_set_partitions_routing_mode(conf, pulsar_RoundRobinDistribution);
    pulsar_producer_configuration_set_send_timeout(conf, 0);
    pulsar_producer_configuration_set_block_if_queue_full(conf, 1);
    pulsar_producer_configuration_set_max_pending_messages(conf, PENDING);
    full_name(work, name);
    pulsar_client_create_producer_async(client, name, conf, on_producer, &made);
    await(&made);
    pulsar_producer_configuration_free(conf);
    return made.made;
}

static void on_sent(pulsar_result result, pulsar_message_id_t *id, void *arg) {
    must(result, "send");
    pulsar_message_id_free(id);
    count_one(arg);
}

static void send_one(pulsar_producer_t *producer, long i, struct progress *sent) {
    pulsar_message_t *message = pulsar_message_create();

    for (int p = 0; p < sample.n; p++)
        pulsar_message_set_property(message, sample.names[p], sample.values[p]);
    pulsar_message_set_partition_key(message, bench_key(i));
    pulsar_message_set_event_timestamp(message, sample.event_time);
    pulsar_message_set_allocated_content(message, sample.payload, sample.payload_len);
    pulsar_producer_send_async(producer, message, on_sent, sent);
    pulsar_message_free(message);
}

static void on_flushed(pulsar_result result, void *arg) {
    must(result, "flush");
    count_one(arg);
}

void raw_produce(const struct bench_work *work, struct bench_figure *figure) {
    struct progress sent = PROGRESS(work->count), flushed = PROGRESS(1);

    if (!sample.n)
        read_sample(work);
    pulsar_client_t *client = open_client(work);
    pulsar_producer_t *producer = open_producer(client, work);
    bench_start(figure);
    for (long i = 0; i < work->count; i++)
        send_one(producer, i, &sent);
    pulsar_producer_flush_async(producer, on_flushed, &flushed);
    await(&sent);
    bench_stop(figure, work->count);
    await(&flushed);
    pulsar_producer_free(producer);
    close_client(client);
}
