/* conform/host/consumer.h - a consumer of the plugin under test, for the host's files that are one: consumer.c opens and
 * receives, deliver.c has the host calls, settle.c the verdicts. */
#ifndef EBC_CONSUMER_H
#define EBC_CONSUMER_H

#include "host/instance.h"

/* Driven by the test's thread; host calls come from any thread, so what they touch is guarded by the test's lock. */
struct ebc_consumer {
    struct ebc_instance in;
    const struct eb_consumer_ops *ops;
    struct eb_subscription sub;
    const char *unwanted;
    uint32_t group_bit;
    struct ebc_received **got;
    size_t n_got, accept_only;
    size_t n_closed; /* the first n of `got` are settled: there is nothing to compare with them any more */
    bool lean;
    void (*watch)(struct ebc_test *, const struct ebc_event *);
    /* of the current receive */
    bool inside, refused; /* receive runs; a message was refused in it */
    uint32_t max, handed;
};

/* Gives the consumer's host table its calls. */
void ebc_consumer_listen(struct ebc_consumer *);
/* The bit that stands for the group in ebc_event.acked_by; 0: more groups than bits. */
uint32_t ebc_group_bit(struct ebc_test *, const char *group);
/* How many final verdicts are not settled yet. */
size_t ebc_count_not_settled(struct ebc_consumer *);

#endif
