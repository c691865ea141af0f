/* conform/cases/load.c - a plugin under load: a backlog, many topics, wakes from many threads, instances that come and go. */
#include "cases/case.h"

#include <string.h>
#include <unistd.h>

/* ---- a backlog ---- */

enum { BACKLOG = 20000, FLOW_MESSAGES = 200, FLOW_CLASSES = 7 };
#define FLOW_BYTES (UINT64_C(512) << 10)

/* Payloads of these sizes, and how many of a hundred have each: most are small, few are large. */
static const struct {
    size_t share, size;
} classes[FLOW_CLASSES] = { { 1, 256 << 10 }, { 4, 32 << 10 }, { 10, 4096 }, { 25, 700 }, { 58, 60 }, { 1, 1 }, { 1, 0 } };

static size_t class_of(size_t i) {
    size_t place = i * 37 % 100, class = 0; /* 37: large ones stand apart */

    while (place >= classes[class].share)
        place -= classes[class ++].share;
    return class;
}

/* New events of all sizes; those of one size share their bytes. */
static struct ebc_range mixed_events(struct ebc_test *t, const char *topic, size_t n, uint64_t *bytes) {
    struct ebc_range span = ebc_new_events(t, topic, n, 50);
    const struct ebc_event *first[FLOW_CLASSES] = { 0 };

    *bytes = 0;
    for (size_t i = 0; i < n; i++) {
        struct ebc_event *event = ebc_event(t, span, i);
        size_t class = class_of(i);

        if (classes[class].size == 0)
            ebc_set_empty(event);
        else if (first[class])
            event->message.payload = first[class]->message.payload;
        else
            ebc_set_payload_size(t, event, classes[class].size);
        first[class] = event;
        *bytes += event->message.payload.len;
    }
    return span;
}

/* Some brokers have no place for a message without bytes: then the smallest has one byte. */
static void replace_refused_empty(struct ebc_test *t, const char *topic, struct ebc_range span) {
    struct ebc_event *probe = ebc_new_event(t, topic, "probe"), *byte = ebc_new_event(t, topic, "byte");
    struct ebc_producer *p = ebc_producer(t);

    ebc_set_empty(probe);
    ebc_set_payload_size(t, byte, 1);
    ebc_submit_and_wait(p, ebc_range_of(probe));
    for (size_t i = 0; i < span.n && probe->status == EB_PERMANENT; i++) {
        struct ebc_event *event = ebc_event(t, span, i);

        if (event->message.payload.len == 0) {
            event->message.payload = byte->message.payload;
            event->message.schema = byte->message.schema;
        }
    }
    ebc_close_producer(p, 1000);
}

static void send_in_parts(struct ebc_test *t, struct ebc_range sent) {
    struct ebc_producer *p = ebc_producer(t);

    for (struct ebc_range part = { sent.first, 0 }; part.first < sent.first + sent.n; part.first += part.n) {
        size_t left = sent.first + sent.n - part.first;

        part.n = left < 500 ? left : 500;
        ebc_send(p, part);
    }
    ebc_close_producer(p, 1000);
}

/* Takes all, and acknowledges what it has in pieces of random size, so that there is seldom much room. */
static void take_all(struct ebc_test *t, struct ebc_consumer *c, size_t n) {
    int64_t end = ebc_monotonic_ms() + t->patience_ms;
    size_t acked = 0;

    while (acked < n) {
        size_t had = ebc_count(c), some;

        ebc_receive(c, 100, had > acked ? 0 : 50);
        some = ebc_count(c) > had ? ebc_random_below(&t->random, ebc_count(c) - acked + 1) : ebc_count(c) - acked;
        ebc_settle_each(c, ebc_all(c) + acked, some, EB_ACK);
        acked += some;
        if (ebc_count(c) > had)
            end = ebc_monotonic_ms() + t->patience_ms;
        else if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_STALL,
                      "expected a message at least each %lld ms of a backlog of %zu, with max_messages %d and max_bytes %llu; "
                      "came %zu, then none",
                      (long long)t->patience_ms, n, FLOW_MESSAGES, (unsigned long long)FLOW_BYTES, ebc_count(c));
    }
    ebc_wait_settled(c);
}

static void a_backlog_of_mixed_sizes_flows(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer_options wish = {
        .topic = topic, .group = group, .max_messages = FLOW_MESSAGES, .max_bytes = FLOW_BYTES, .lean = true
    };
    size_t n = BACKLOG;
    int64_t before, grown, limit = 16 << 20;
    struct ebc_range sent;
    struct ebc_consumer *c = ebc_consumer(t, &wish);
    uint64_t bytes;

    ebc_receive(c, 0, 20); /* the group is there: a broker that trims by number keeps what it has not read */
    ebc_close_consumer(c);
    sent = mixed_events(t, topic, n, &bytes);
    replace_refused_empty(t, ebc_topic(t, "probe"), sent);
    send_in_parts(t, sent);
    before = ebc_resident(t); /* a broker inside the process has stored them by now */
    c = ebc_consumer(t, &wish);
    take_all(t, c, n);
    grown = ebc_resident(t) - before;
    if (before != EBC_UNKNOWN && grown > limit)
        ebc_break(t, EBC_BOUNDS,
                  "expected at most %lld MiB more of resident memory for a backlog of %llu MiB with max_bytes %llu KiB; came "
                  "%lld MiB",
                  (long long)limit >> 20, (unsigned long long)bytes >> 20, (unsigned long long)FLOW_BYTES >> 10,
                  (long long)grown >> 20);
    for (size_t i = 0; i < n; i++)
        if (!ebc_event(t, sent, i)->acked_by)
            ebc_break(t, EBC_RECEIVED, "expected each of %zu events; event %zu did not come", n, ebc_event(t, sent, i)->number);
}

/* ---- many topics ---- */

enum { TOPICS = 20, BUSY = 100 };

static void idle_topics_starve_no_busy_one(struct ebc_test *t) {
    const char *topics[TOPICS], *group = NULL;
    struct ebc_producer *p = ebc_producer(t);
    struct ebc_consumer *c;
    size_t due = BUSY + TOPICS - 1, before;
    int64_t most_ms = 2 * t->patience_ms, end;

    for (size_t i = 0; i < TOPICS; i++) {
        topics[i] = ebc_topic(t, ebc_format(t, "t%zu", i));
        group = ebc_group(t, topics[i], "g");
    }
    c = ebc_consumer(t,
                     &(struct ebc_consumer_options){ .topics = topics, .n_topics = TOPICS, .group = group, .max_messages = 1 });
    ebc_send(p, ebc_new_events(t, topics[TOPICS / 2], 1, 1));
    ebc_receive_and_ack(c, 1); /* the group has begun */
    before = ebc_count(c);
    ebc_send(p, ebc_new_events(t, topics[TOPICS / 2], BUSY, 1));
    for (size_t i = 0; i < TOPICS; i++)
        if (i != TOPICS / 2)
            ebc_send(p, ebc_new_events(t, topics[i], 1, 1)); /* nor does the busy one starve these */
    end = ebc_monotonic_ms() + most_ms;
    while (ebc_count(c) < before + due && ebc_monotonic_ms() < end) {
        size_t had = ebc_count(c);

        ebc_receive(c, 1, (int32_t)(end - ebc_monotonic_ms()));
        ebc_settle_each(c, ebc_all(c) + had, ebc_count(c) - had, EB_ACK);
    }
    if (ebc_count(c) < before + due)
        ebc_break(t, EBC_TURNS,
                  "expected %d messages of a busy topic and one of each of %d others within %lld ms, one in flight at a time; "
                  "came %zu of %zu",
                  BUSY, TOPICS - 1, (long long)most_ms, ebc_count(c) - before, due);
}

/* ---- wakes ---- */

enum { WAKERS = 4, STORM = 300 };

struct storm {
    struct ebc_producer *producer;
    struct ebc_consumer *consumer;
    _Atomic bool over;
};

static void *wake_both(void *arg) {
    struct storm *storm = arg;

    while (!storm->over) {
        ebc_wake_producer(storm->producer);
        ebc_wake_consumer(storm->consumer);
        usleep(50);
    }
    return NULL;
}

/* Expects that waits last again, once nobody wakes. */
static void expect_calm(struct ebc_test *t, const struct storm *storm) {
    int64_t end = ebc_monotonic_ms() + t->patience_ms, began;
    bool waited = false;

    while (!waited) {
        began = ebc_monotonic_ms();
        ebc_receive(storm->consumer, 1, 60);
        waited = ebc_monotonic_ms() - began >= 50;
        began = ebc_monotonic_ms();
        ebc_poll(storm->producer, 60);
        waited = waited && ebc_monotonic_ms() - began >= 50;
        if (!waited && ebc_monotonic_ms() > end)
            ebc_break(t, EBC_POLL_WAITS,
                      "expected poll(60 ms) and receive(60 ms) to wait once no thread wakes them; came back early for %lld ms",
                      (long long)t->patience_ms);
    }
}

static void a_storm_of_wakes_loses_nothing(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_range sent = ebc_new_events(t, topic, STORM, 10);
    struct storm storm = { .producer = ebc_producer(t) };
    pthread_t wakers[WAKERS];

    storm.consumer = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    for (size_t i = 0; i < WAKERS; i++)
        if (pthread_create(&wakers[i], NULL, wake_both, &storm) != 0)
            ebc_skip(t, "no thread can be started on this machine");
    for (size_t i = 0; i < STORM; i += 20) {
        ebc_send(storm.producer, (struct ebc_range){ sent.first + i, 20 });
        if (i > 0) /* 20 are always on their way: a wake that cuts a read short must not lose what it brings */
            ebc_receive_and_ack(storm.consumer, 20);
    }
    ebc_receive_and_ack(storm.consumer, 20);
    ebc_wait_settled(storm.consumer);
    storm.over = true;
    for (size_t i = 0; i < WAKERS; i++)
        pthread_join(wakers[i], NULL);
    expect_calm(t, &storm);
    ebc_receive_for_quiet_ms(storm.consumer);
    ebc_expect_events(t, EBC_STORM, ebc_all(storm.consumer), ebc_count(storm.consumer), ebc_listed(t, sent), sent.n);
}

/* ---- instances that come and go ---- */

/* A client library may open some connections late, and threads of it end late: so many descriptors more say nothing. Of a plugin
 * that forgets one an instance, or one in ten, there are more. */
enum { LATE_FILES = 8, HEAP_EACH = 4096 };

/* Opens and closes an instance of each role, each after a call or two. */
static void open_and_close(struct ebc_test *t, const char *topic, const char *group) {
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .member = "m2" });
    struct ebc_producer *p = ebc_producer(t);

    ebc_receive(c, 0, 0);
    ebc_poll(p, 0);
    ebc_close_producer(p, 1000);
    ebc_close_consumer(c);
}

static void reopening_beside_others_leaves_nothing(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g"), *other = ebc_group(t, topic, "h");
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    struct ebc_producer *p = ebc_producer(t);
    int rounds = ebc_at_full_size() ? 1000 : 60;
    size_t files = 0, threads = 0, now;
    int64_t heap = EBC_UNKNOWN, left;

    for (int i = -20; i < rounds; i++) {
        if (i == 0) { /* now exists what the plugin makes once a process */
            files = ebc_count_descriptors();
            threads = ebc_count_threads();
            heap = ebc_heap_in_use(t);
        }
        if (i % 10 == 0) {
            ebc_send(p, ebc_new_events(t, topic, 1, 1));
            ebc_receive_and_ack(c, 1); /* an instance that stays open works on */
        }
        open_and_close(t, topic, other);
    }
    if ((now = ebc_await_count(t, ebc_count_descriptors, files + LATE_FILES)) > files + LATE_FILES)
        ebc_break(t, EBC_THREADS_END,
                  "expected %zu open descriptors as before %d more instances, or up to %d more of connections that a client "
                  "library opens late; came %zu",
                  files, 2 * rounds, LATE_FILES, now);
    if ((now = ebc_await_count(t, ebc_count_threads, threads)) > threads)
        ebc_break(t, EBC_THREADS_END, "expected %zu threads as before %d more instances; came %zu", threads, 2 * rounds, now);
    if (heap != EBC_UNKNOWN && (left = ebc_await_heap(t, heap + HEAP_EACH * rounds)) > heap + HEAP_EACH * rounds)
        ebc_break(t, EBC_THREADS_END,
                  "expected at most %d bytes of the heap for each producer and consumer that was opened and closed; %lld bytes "
                  "stay in use for each",
                  HEAP_EACH, (long long)((left - heap) / rounds));
}

/* clang-format off */
const struct ebc_case ebc_load_cases[] = {
    { .group = "load", .name = "a-backlog-of-mixed-sizes-flows",
      .about = "a backlog of 20,000 messages of 0 bytes to 256 KiB flows without a stall, in bounded memory",
      .roles = EBC_SEND_AND_RECEIVE, .consumer = EB_T_HISTORY,
      .run = a_backlog_of_mixed_sizes_flows },
    { .group = "load", .name = "idle-topics-starve-no-busy-one",
      .about = "with max_messages 1, 19 idle topics do not slow a busy one down, nor does it starve them",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = idle_topics_starve_no_busy_one },
    { .group = "load", .name = "a-storm-of-wakes-loses-nothing",
      .about = "threads that wake all the time lose no message, and waits last again after them",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = a_storm_of_wakes_loses_nothing },
    { .group = "load", .name = "reopening-beside-others-leaves-nothing",
      .about = "instances that are opened and closed beside an open one leave no descriptor, thread or memory",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = reopening_beside_others_leaves_nothing },
    { 0 },
};
/* clang-format on */
