/* conform/host/settle.c - gives the plugin verdicts and waits for their settled calls. */
#include "host/consumer.h"

#include <string.h>

uint32_t ebc_group_bit(struct ebc_test *t, const char *group) {
    size_t room = sizeof t->groups / sizeof *t->groups, i = 0;

    while (i < t->n_groups && strcmp(t->groups[i], group) != 0)
        i++;
    if (i == t->n_groups && i < room)
        t->groups[t->n_groups++] = group;
    return i < room ? UINT32_C(1) << i : 0;
}

size_t ebc_count_not_settled(struct ebc_consumer *c) {
    size_t n = 0;

    pthread_mutex_lock(&c->in.t->lock);
    for (size_t i = c->n_closed; i < c->n_got; i++)
        n += c->got[i]->verdict && c->got[i]->settled == EBC_NOT_SETTLED;
    pthread_mutex_unlock(&c->in.t->lock);
    return n;
}

void ebc_settle_mixed(struct ebc_consumer *c, struct ebc_received **got, const struct eb_verdict *kinds, size_t n) {
    struct ebc_test *t = c->in.t;
    struct eb_verdict *verdicts = ebc_alloc(t, (n + 1) * sizeof *verdicts);
    struct eb_error err = { 0 };
    int32_t status;

    if (n == 0)
        return;
    assert(c->in.open);
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < n; i++) {
        assert(got[i]->by == c && got[i]->settled == EBC_NOT_SETTLED);
        verdicts[i] = (struct eb_verdict){ got[i]->message->token, kinds[i].delay_ms, kinds[i].kind };
        if (kinds[i].kind != EB_EXTEND)
            got[i]->verdict = kinds[i].kind;
        else if (ebc_monotonic_ms() - got[i]->leased_ms <= got[i]->message->lease_ms) /* else it is over, and stays so */
            got[i]->leased_ms = ebc_monotonic_ms();
    }
    pthread_mutex_unlock(&t->lock);
    ebc_op_begins(t, 0, "settle of %zu verdicts of %s", n, c->in.name);
    status = c->ops->settle(c->in.self, verdicts, n, &err);
    ebc_op_ended(t);
    memset(verdicts, 0xA5, n * sizeof *verdicts); /* the plugin must have copied them */
    ebc_instance_worked(&c->in, "settle", status, &err);
}

void ebc_settle_each(struct ebc_consumer *c, struct ebc_received **got, size_t n, enum eb_verdict_kind kind) {
    struct eb_verdict *kinds = ebc_alloc(c->in.t, (n + 1) * sizeof *kinds);

    for (size_t i = 0; i < n; i++)
        kinds[i].kind = kind;
    ebc_settle_mixed(c, got, kinds, n);
}

void ebc_settle(struct ebc_received *got, enum eb_verdict_kind kind, uint32_t delay_ms) {
    struct eb_verdict verdict = { .kind = kind, .delay_ms = delay_ms };

    ebc_settle_mixed(got->by, &got, &verdict, 1);
}

void ebc_wait_settled(struct ebc_consumer *c) {
    struct ebc_test *t = c->in.t;
    int64_t end = ebc_monotonic_ms() + t->patience_ms;
    size_t left;

    while ((left = ebc_count_not_settled(c)) > 0) {
        if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_SETTLED_ONCE, "expected settled for each final verdict within %lld ms; it did not come for %zu",
                      (long long)t->patience_ms, left);
        ebc_receive(c, 0, 20);
    }
}

void ebc_watch_settled(struct ebc_consumer *c, void (*watch)(struct ebc_test *, const struct ebc_event *)) {
    c->watch = watch;
}

void ebc_wake_consumer(struct ebc_consumer *c) {
    c->ops->wake(c->in.self);
}

void ebc_pause(struct ebc_consumer *c, uint32_t partition, int32_t on) {
    ebc_op_begins(c->in.t, 0, "pause(partition %u, %d) of %s", partition, on, c->in.name);
    c->ops->pause(c->in.self, partition, on);
    ebc_op_ended(c->in.t);
}

void ebc_forget_acknowledged(struct ebc_test *t, const char *group) {
    uint32_t bit = ebc_group_bit(t, group);

    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->n_events; i++)
        t->events[i]->acked_by &= ~bit;
    pthread_mutex_unlock(&t->lock);
}
