/* core/consume/inflight.c - see inflight.h. */
#include "consume/inflight.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/message.h"

/* A block of up to USUAL_SIZE gets that size, so that any message of that size can use it again; MAX_SPARES are kept: 1.5 MiB. */
enum { USUAL_SIZE = 1536, MAX_SPARES = 1024 };

struct ebi_inflight *ebi_inflight_new(const struct eb_message *message, const struct eb_schema *key_schema,
                                      const struct eb_schema *schema, struct ebi_inflight *spare) {
    size_t room = ebi_message_room(message), head = (sizeof(struct ebi_inflight) + 15) & ~(size_t)15;
    struct ebi_inflight *inflight = spare;

    if (!room || head + room > USUAL_SIZE) {
        free(spare);
        inflight = room ? malloc(head + room) : NULL;
    } else if (!spare) {
        inflight = malloc(USUAL_SIZE);
    }
    if (!inflight)
        return NULL;
    ebi_message_copy(&inflight->message, message, (char *)inflight + head);
    inflight->message.key_schema = key_schema;
    inflight->message.schema = schema;
    memset(&inflight->queue, 0, offsetof(struct ebi_inflight, receiver) - offsetof(struct ebi_inflight, queue));
    inflight->receiver[0] = '\0';
    inflight->bytes = head + room;
    inflight->failures = inflight->message.failures;
    return inflight;
}

static void free_contents(struct ebi_inflight *inflight) {
    eb_event_free(inflight->event);
    free(inflight->why);
    free(inflight->detail);
    free(inflight->dead_letter_send_id);
}

void ebi_inflight_free(struct ebi_inflight *inflight) {
    if (!inflight)
        return;
    free_contents(inflight);
    free(inflight);
}

void ebi_inflight_recycle(struct ebi_inflight_pool *pool, struct ebi_inflight *inflight) {
    if (inflight->bytes > USUAL_SIZE || pool->n == MAX_SPARES) {
        ebi_inflight_free(inflight);
        return;
    }
    free_contents(inflight);
    inflight->next = pool->first;
    pool->first = inflight;
    pool->n++;
}

struct ebi_inflight *ebi_inflight_spare(struct ebi_inflight_pool *pool) {
    struct ebi_inflight *spare = pool->first;

    if (spare) {
        pool->first = spare->next;
        pool->n--;
    }
    return spare;
}

void ebi_inflight_pool_refill(struct ebi_inflight_pool *to, struct ebi_inflight_pool *from) {
    if (to->first)
        return;
    *to = *from;
    *from = (struct ebi_inflight_pool){ 0 };
}

void ebi_inflight_pool_free(struct ebi_inflight_pool *pool) {
    while (pool->first)
        free(ebi_inflight_spare(pool));
}
