/* plugins/kafka/client/wakeup.h - what an instance's thread waits on: rung from any thread, never missed. */
#ifndef KF_WAKEUP_H
#define KF_WAKEUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct kf_bell {
    int fd;                     /* readable while it is rung */
    atomic_bool rung;
    atomic_bool woken;          /* rung by the host's wake */
};

int64_t kf_ticks_ms(void);      /* monotonic */

bool kf_bell_open(struct kf_bell *);            /* false: no descriptor, errno tells */
void kf_bell_close(struct kf_bell *);

/* [any] */
void kf_bell_ring(struct kf_bell *);
void kf_bell_wake(struct kf_bell *);

/* The owner's. Take what was rung, before looking at what it was rung for. */
void kf_bell_take(struct kf_bell *);
bool kf_bell_take_wake(struct kf_bell *);

/* Until it is rung, `other` (-1: none) becomes readable, or the time has come. */
void kf_bell_wait(struct kf_bell *, int other, int64_t until_ms);

#endif
