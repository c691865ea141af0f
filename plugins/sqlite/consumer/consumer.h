/* plugins/sqlite/consumer/consumer.h - the consumer role. */
#ifndef SQ_CONSUMER_H
#define SQ_CONSUMER_H

#include <eventbus/plugin.h>

int32_t sq_consumer_open(const struct eb_host *, const void *settings, const struct eb_subscription *, void **self,
                         struct eb_error *);
int32_t sq_consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *);
int32_t sq_consumer_settle(void *self, const struct eb_verdict *, size_t n, struct eb_error *);
void sq_consumer_wake(void *self);
void sq_consumer_close(void *self, int32_t timeout_ms);

#endif
