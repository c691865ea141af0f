/* tests/unit/consume/dispatch_fixture.c - see dispatch_fixture.h. */
#include "dispatch_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ebi_dispatch dispatch;

void dispatch_begin(void) {
    ebi_dispatch_init(&dispatch);
}

void dispatch_end(void) {
    for (struct ebi_inflight *inflight = dispatch.all; inflight; inflight = inflight->all_next)
        inflight->state = EBI_SETTLING; /* the test had those at work, and ends */
    ebi_dispatch_free(&dispatch);
}

struct ebi_inflight *take_message(const struct eb_message *message, const char *key) {
    struct ebi_inflight *inflight = ebi_inflight_new(message, NULL, NULL, NULL);

    cr_assert_not_null(inflight);
    cr_assert(ebi_dispatch_add(&dispatch, inflight, *key ? key : NULL, strlen(key), 1000));
    return inflight;
}

struct ebi_inflight *take(uint64_t token, const char *key) {
    char position[24];
    size_t len = (size_t)snprintf(position, sizeof position, "%llu", (unsigned long long)token);

    return take_message(
        &(struct eb_message){
            .size = sizeof(struct eb_message), .token = token, .topic = { "t", 1 }, .position = { position, len } },
        key);
}

struct ebi_inflight *take_alone(uint64_t token, const char *key) {
    return take_message(
        &(struct eb_message){ .size = sizeof(struct eb_message), .token = token, .topic = { "t", 1 }, .deliveries = 5 }, key);
}

const char *gathered(void) {
    static const char *const names[] = { "?", "ACK", "RETRY", "RETURN", "EXTEND" };
    static char text[60000];
    struct eb_verdict *verdicts;
    uint64_t batch;
    size_t n = ebi_verdicts_take(&dispatch.verdicts, &verdicts, &batch), len = 0;
    bool acked, late;

    text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s %u", i ? ", " : "", names[verdicts[i].kind],
                                (unsigned)verdicts[i].token);
    if (n > 0)
        ebi_dispatch_given(&dispatch, batch);
    for (size_t i = 0; i < n; i++)
        if (verdicts[i].kind != EB_EXTEND)
            cr_assert(ebi_dispatch_settled(&dispatch, verdicts[i].token, 0, &acked, &late));
    free(verdicts);
    return text;
}

uint64_t next(void) {
    struct ebi_inflight *inflight = ebi_dispatch_next(&dispatch);

    return inflight ? inflight->message.token : 0;
}
