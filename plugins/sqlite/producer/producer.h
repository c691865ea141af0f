/* plugins/sqlite/producer/producer.h - the producer role. */
#ifndef SQ_PRODUCER_H
#define SQ_PRODUCER_H

#include <eventbus/plugin.h>

int32_t sq_producer_open(const struct eb_host *, const void *settings, void **self, struct eb_error *);
int64_t sq_producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *);
int32_t sq_producer_poll(void *self, int32_t timeout_ms, struct eb_error *);
void sq_producer_wake(void *self);
void sq_producer_close(void *self, int32_t timeout_ms);

#endif
