/* plugins/memory/tests/kit.h - a host without the core: opens memory.so's roles and remembers what they tell it. */
#ifndef MEMORY_KIT_H
#define MEMORY_KIT_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin.h>

enum { KIT_ROOM = 1024 };

/* What a host was told, in this order. One instance, one thread. */
struct kit {
    struct eb_host host;
    const struct eb_subscription *subscription; /* of a receiver */
    void *self;
    int links;
    size_t n_got, n_delivered, n_settled, takes; /* takes: how many `received` accepts before it is full */
    struct {
        uint64_t token;
        uint32_t deliveries, failures;
        char topic[64], key[64], payload[64], position[24];
    } got[KIT_ROOM];
    struct {
        uint64_t token;
        int32_t status;
        char position[24], why[EB_ERROR_ROOM];
    } delivered[KIT_ROOM];
    struct {
        uint64_t token;
        int32_t status;
    } settled[KIT_ROOM];
    void (*look)(const struct eb_message *); /* at each message received; may be NULL */
};

/* As the plugin's own settings; the plugin's table says so, and the kit checks it. */
struct kit_settings {
    const char *name;
    int64_t max_messages, max_bytes;
};

/* Of memory.so, by kit_load. */
extern const struct eb_producer_ops *producer;
extern const struct eb_consumer_ops *consumer;
extern const struct eb_admin_ops *admin;
extern struct kit_settings settings; /* what instances are opened with: the defaults, until a test changes them */

void kit_load(void);
int64_t kit_ms(void);              /* monotonic */
struct eb_text text(const char *); /* NULL: absent */

struct kit *kit_new(void); /* a host, nothing open */
struct kit *sender(void);
void sender_close(struct kit *);
int32_t try_post(struct kit *, const char *topic, const char *key, const char *payload); /* how it is reported */
void post(struct kit *, const char *topic, const char *key, const char *payload);        /* it must be stored */

/* One topic or pattern, in order by key, up to 1000 messages. */
struct eb_subscription subscription_to(const char *const *topic, const char *group);
struct kit *receiver(const struct eb_subscription *);
void receiver_close(struct kit *);
size_t receive(struct kit *, uint32_t max, int32_t timeout_ms);   /* how many came; earlier ones are forgotten */
const char *come(struct kit *, uint32_t max, int32_t timeout_ms); /* the payloads, blanks between; until the next call */
int32_t settle(struct kit *, uint64_t token, uint32_t what, uint32_t delay_ms); /* what it is reported with */
void settle_all(struct kit *, const struct eb_verdict *, size_t n);             /* in one call */
void ack_all(struct kit *);                                                     /* what came last; must be EB_OK */

void *admin_open(void);

#endif
