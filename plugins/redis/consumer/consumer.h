/* plugins/redis/consumer/consumer.h - the consumer role. */
#ifndef RD_CONSUMER_CONSUMER_H
#define RD_CONSUMER_CONSUMER_H

#include <eventbus/plugin.h>

int32_t rd_consumer_open(const struct eb_host *, const void *settings, const struct eb_subscription *, void **self,
                         struct eb_error *);
int32_t rd_consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *);
int32_t rd_consumer_settle(void *self, const struct eb_verdict *, size_t n, struct eb_error *);
void rd_consumer_wake(void *self);
void rd_consumer_close(void *self, int32_t timeout_ms);

#endif
