/* plugins/kafka/producer/producer.h - the producer's operations; see eventbus/plugin.h. */
#ifndef KF_PRODUCER_H
#define KF_PRODUCER_H

#include <eventbus/plugin.h>

int32_t kf_producer_open(const struct eb_host *, const void *settings, void **self, struct eb_error *);
int64_t kf_producer_submit(void *self, const struct eb_message *const *, size_t, struct eb_error *);
int32_t kf_producer_poll(void *self, int32_t timeout_ms, struct eb_error *);
void kf_producer_wake(void *self);
void kf_producer_close(void *self, int32_t timeout_ms);

#endif
