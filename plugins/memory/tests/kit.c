/* plugins/memory/tests/kit.c - see kit.h. */
#include "kit.h"

#include <fnmatch.h>
#include <stdio.h>
#include <time.h>
#include "host/load.h"
#include "host/quiet.h"

const struct eb_producer_ops *producer;
const struct eb_consumer_ops *consumer;
const struct eb_admin_ops *admin;
struct kit_settings settings = { "default", 100000, 256 << 20 };

void kit_load(void) {
    static struct ebc_plugin plugin;
    char file[4096], why[EBC_WHY_ROOM];

    snprintf(file, sizeof file, "%s/.libs/memory.so", getenv("top_builddir"));
    cr_assert(ebc_load(file, &plugin, why), "%s", why);
    producer = plugin.producer;
    consumer = plugin.consumer;
    admin = plugin.admin;
    cr_assert(producer && consumer && admin);
    cr_assert_eq(plugin.about.settings_size, sizeof settings);
    cr_assert_str_eq(plugin.options[0].key, "name");
    cr_assert_eq(plugin.options[1].offset, offsetof(struct kit_settings, max_messages));
    cr_assert_eq(plugin.options[2].offset, offsetof(struct kit_settings, max_bytes));
}

int64_t kit_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct eb_text text(const char *chars) {
    return (struct eb_text){ chars, chars ? strlen(chars) : 0 };
}

static void keep(char *to, size_t room, struct eb_text from) {
    snprintf(to, room, "%.*s", (int)from.len, from.data ? from.data : "");
}

static void kit_link(const struct eb_host *host, int32_t up, const struct eb_error *why) {
    (void)why;
    ((struct kit *)host->core)->links += up ? 1 : -100;
}

static void kit_delivered(const struct eb_host *host, const struct eb_delivery *d) {
    struct kit *kit = host->core;
    size_t i = kit->n_delivered++ % KIT_ROOM;

    kit->delivered[i].token = d->token;
    kit->delivered[i].status = d->status;
    keep(kit->delivered[i].position, sizeof kit->delivered[i].position, d->position);
    snprintf(kit->delivered[i].why, sizeof kit->delivered[i].why, "%s", d->error ? d->error->text : "");
}

static int32_t kit_received(const struct eb_host *host, const struct eb_message *m) {
    struct kit *kit = host->core;

    if (kit->takes-- == 0) {
        kit->takes = SIZE_MAX;
        return EB_FULL;
    }
    if (kit->look)
        kit->look(m);
    size_t i = kit->n_got++ % KIT_ROOM;
    kit->got[i].token = m->token;
    kit->got[i].deliveries = m->deliveries;
    kit->got[i].failures = m->failures;
    keep(kit->got[i].topic, sizeof kit->got[i].topic, m->topic);
    keep(kit->got[i].key, sizeof kit->got[i].key, m->key);
    keep(kit->got[i].payload, sizeof kit->got[i].payload, m->payload);
    keep(kit->got[i].position, sizeof kit->got[i].position, m->position);
    return EB_OK;
}

static void kit_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    struct kit *kit = host->core;

    for (size_t i = 0; i < n; i++, kit->n_settled++) {
        kit->settled[kit->n_settled % KIT_ROOM].token = tokens[i];
        kit->settled[kit->n_settled % KIT_ROOM].status = status;
    }
}

static int32_t kit_matches(const struct eb_host *host, const char *topic) {
    const struct eb_subscription *subscription = ((const struct kit *)host->core)->subscription;

    for (size_t i = 0; i < subscription->n_topics; i++)
        if (fnmatch(subscription->topics[i], topic, FNM_NOESCAPE) == 0)
            return 1;
    return 0;
}

struct kit *kit_new(void) {
    struct kit *kit = calloc(1, sizeof *kit);

    cr_assert(kit);
    kit->takes = SIZE_MAX;
    kit->host = ebc_quiet_host(kit, "test");
    kit->host.link = kit_link;
    kit->host.delivered = kit_delivered;
    kit->host.received = kit_received;
    kit->host.settled = kit_settled;
    kit->host.matches = kit_matches;
    return kit;
}

/* ---- Sending ---- */

struct kit *sender(void) {
    struct kit *kit = kit_new();
    struct eb_error err = { 0 };

    cr_assert_eq(producer->open(&kit->host, &settings, &kit->self, &err), EB_OK, "%s", err.text);
    return kit;
}

void sender_close(struct kit *kit) {
    producer->close(kit->self, 1000);
    free(kit);
}

int32_t try_post(struct kit *kit, const char *topic, const char *key, const char *payload) {
    struct eb_message message = { .size = sizeof message,
                                  .token = kit->n_delivered + 1,
                                  .topic = text(topic),
                                  .id = text("id"),
                                  .key = text(key),
                                  .payload = text(payload) };
    const struct eb_message *one = &message;
    size_t before = kit->n_delivered;

    cr_assert_eq(producer->submit(kit->self, &one, 1, NULL), 1);
    cr_assert_eq(producer->poll(kit->self, 1000, NULL), EB_OK);
    cr_assert_eq(kit->n_delivered, before + 1, "reported %zu times", kit->n_delivered - before);
    cr_assert_eq(kit->delivered[before % KIT_ROOM].token, message.token);
    return kit->delivered[before % KIT_ROOM].status;
}

void post(struct kit *kit, const char *topic, const char *key, const char *payload) {
    cr_assert_eq(try_post(kit, topic, key, payload), EB_OK);
}

/* ---- Receiving ---- */

struct eb_subscription subscription_to(const char *const *topic, const char *group) {
    return (struct eb_subscription){ .size = sizeof(struct eb_subscription),
                                     .topics = topic,
                                     .n_topics = 1,
                                     .group = group,
                                     .consumer = "c",
                                     .order = EB_ORDER_KEY,
                                     .max_messages = 1000,
                                     .max_bytes = 1 << 20 };
}

struct kit *receiver(const struct eb_subscription *subscription) {
    struct kit *kit = kit_new();
    struct eb_error err = { 0 };

    kit->subscription = subscription;
    cr_assert_eq(consumer->open(&kit->host, &settings, subscription, &kit->self, &err), EB_OK, "%s", err.text);
    return kit;
}

void receiver_close(struct kit *kit) {
    consumer->close(kit->self, 1000);
    free(kit);
}

size_t receive(struct kit *kit, uint32_t max, int32_t timeout_ms) {
    kit->n_got = 0;
    int32_t status = consumer->receive(kit->self, max, timeout_ms, NULL);
    cr_assert_eq(status, kit->n_got ? EB_OK : EB_EMPTY, "status %d with %zu messages", status, kit->n_got);
    return kit->n_got;
}

const char *come(struct kit *kit, uint32_t max, int32_t timeout_ms) {
    static _Thread_local char all[KIT_ROOM];

    all[0] = '\0';
    receive(kit, max, timeout_ms);
    for (size_t i = 0; i < kit->n_got; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), i ? " %s" : "%s", kit->got[i].payload);
    return all;
}

void settle_all(struct kit *kit, const struct eb_verdict *verdicts, size_t n) {
    size_t before = kit->n_settled;

    cr_assert_eq(consumer->settle(kit->self, verdicts, n, NULL), EB_OK);
    if (kit->n_settled == before)
        consumer->receive(kit->self, 0, 0, NULL);
    cr_assert_eq(kit->n_settled, before + n);
}

int32_t settle(struct kit *kit, uint64_t token, uint32_t kind, uint32_t delay_ms) {
    struct eb_verdict verdict = { .token = token, .delay_ms = delay_ms, .kind = kind };
    size_t before = kit->n_settled;

    settle_all(kit, &verdict, 1);
    cr_assert_eq(kit->settled[before % KIT_ROOM].token, token);
    return kit->settled[before % KIT_ROOM].status;
}

void ack_all(struct kit *kit) {
    for (size_t i = 0; i < kit->n_got; i++)
        cr_assert_eq(settle(kit, kit->got[i].token, EB_ACK, 0), EB_OK);
}

/* ---- Looking after ---- */

void *admin_open(void) {
    static struct kit *kit;
    void *self;

    kit = kit ? kit : kit_new();
    cr_assert_eq(admin->open(&kit->host, &settings, &self, NULL), EB_OK);
    return self;
}
