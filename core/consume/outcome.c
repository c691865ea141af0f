/* core/consume/outcome.c - see outcome.h. */
#include "consume/outcome.h"

#include "base/clock.h"
#include "consume/failures.h"

bool ebi_outcome_apply(struct eb_consumer *consumer, struct ebi_inflight *inflight, enum ebi_outcome outcome,
                       const struct ebi_run *run) {
    int64_t now = ebi_ticks_ms();
    bool dead_letter = false;

    if (!inflight->queue) { /* its instance is closed, and the next one delivers it again */
        ebi_dispatch_return(&consumer->dispatch, inflight, now);
        return false;
    }
    switch (outcome) {
    case EBI_SUCCEEDED:
        ebi_failures_note_run(consumer);
        consumer->consecutive_errors = 0;
        atomic_fetch_add(&consumer->counters.succeeded, 1);
        ebi_dispatch_ack(&consumer->dispatch, inflight, now);
        break;
    case EBI_FAILED:
        if (run->cause == EBI_OWN_TROUBLE) {
            ebi_failure_of_worker(consumer, inflight, run);
        } else if (run->cause == EBI_TOLD_TO_END && atomic_load(&consumer->stops) > 0) {
            ebi_dispatch_return(&consumer->dispatch, inflight, now);
        } else {
            ebi_failures_note_run(consumer);
            dead_letter = ebi_failure_of_receiver(consumer, inflight, run);
        }
        break;
    case EBI_UNUSABLE:
        dead_letter = ebi_failure_unusable(consumer, inflight, run);
        break;
    case EBI_UNKNOWN:
        dead_letter = ebi_failure_unknown(consumer, inflight, run);
        break;
    case EBI_NO_RECEIVER:
        ebi_failure_no_receiver(consumer, inflight);
        break;
    case EBI_CANCELLED:
        ebi_dispatch_return(&consumer->dispatch, inflight, now);
        break;
    }
    ebi_consumer_nudge(consumer, now);
    return dead_letter;
}
