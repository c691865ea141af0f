/* tests/unit/played/forward.h - a plugin whose calls are led to the test program: its only setting is the address of what the
 * program does. The plugins beside it include it after saying what they promise. */
#include "ops.h"

static const struct played_ops *ops;

static const struct eb_option options[] = {
    {.key = "ops", .type = EB_OPT_INT, .flags = EB_OPT_REQUIRED, .offset = offsetof(struct settings, ops),
     .help = "Address of the test's operations"},
};

static inline void take(const void *settings) {
    ops = (const struct played_ops *)(intptr_t)((const struct settings *)settings)->ops;
}

#ifdef PRODUCES
static int32_t open_producer(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    take(settings);
    return ops->producer.open(host, settings, self, err);
}

static int64_t submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    return ops->producer.submit(self, batch, n, err);
}

static int32_t poll_producer(void *self, int32_t timeout_ms, struct eb_error *err) {
    return ops->producer.poll(self, timeout_ms, err);
}

static void wake_producer(void *self) {
    ops->producer.wake(self);
}

static void close_producer(void *self, int32_t timeout_ms) {
    ops->producer.close(self, timeout_ms);
}

const struct eb_producer_ops eventbus_producer = {
    .size = sizeof eventbus_producer, .traits = TRAITS, .open = open_producer, .submit = submit, .poll = poll_producer,
    .wake = wake_producer, .close = close_producer,
};
#endif

#ifndef RECEIVES_NOTHING
static int32_t open_consumer(const struct eb_host *host, const void *settings, const struct eb_subscription *to, void **self,
                             struct eb_error *err) {
    take(settings);
    return ops->consumer.open(host, settings, to, self, err);
}

static int32_t receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    return ops->consumer.receive(self, max, timeout_ms, err);
}

static int32_t settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    return ops->consumer.settle(self, verdicts, n, err);
}

static void wake_consumer(void *self) {
    ops->consumer.wake(self);
}

static void close_consumer(void *self, int32_t timeout_ms) {
    ops->consumer.close(self, timeout_ms);
}

const struct eb_consumer_ops eventbus_consumer = {
    .size = sizeof eventbus_consumer, .traits = TRAITS, .open = open_consumer, .receive = receive, .settle = settle,
    .wake = wake_consumer, .close = close_consumer,
};
#endif

#ifdef ADMINISTERS
static int32_t open_admin(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    take(settings);
    return ops->admin.open(host, settings, self, err);
}

static void close_admin(void *self) {
    ops->admin.close(self);
}

#ifndef CREATES_NOTHING
#define CREATE create
static int32_t create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms, struct eb_error *err) {
    return ops->admin.create(self, topic, partitions, flags, timeout_ms, err);
}
#else
#define CREATE NULL
#endif

const struct eb_admin_ops eventbus_admin = {
    .size = sizeof eventbus_admin, .open = open_admin, .create = CREATE, .close = close_admin,
};
#endif

const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin, .abi_major = EB_ABI_MAJOR, .abi_minor = EB_ABI_MINOR, .name = NAME, .version = "1",
    .summary = "Does what the test wants", .options = options, .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0], .settings_size = sizeof(struct settings),
};
