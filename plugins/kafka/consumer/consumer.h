/* plugins/kafka/consumer/consumer.h - the consumer's operations; see eventbus/plugin.h. */
#ifndef KF_CONSUMER_H
#define KF_CONSUMER_H

#include <eventbus/plugin.h>

int32_t kf_consumer_open(const struct eb_host *, const void *settings, const struct eb_subscription *, void **self,
                         struct eb_error *);
int32_t kf_consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *);
int32_t kf_consumer_settle(void *self, const struct eb_verdict *, size_t n, struct eb_error *);
void kf_consumer_wake(void *self);
void kf_consumer_pause(void *self, uint32_t partition, int32_t on);
void kf_consumer_close(void *self, int32_t timeout_ms);

#endif
