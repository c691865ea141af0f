/* tests/unit/bus/test_adding.c - signals that a program adds while its bus is open; an event that is kept for later. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../memory.h"
#include "bus/bus.h"
#include "worker_fixture.h"

#define SITE_TYPE "org.example.site.thing.v1"
#define SCHEMA(type, fields)                                                                                                   \
    "{\"type\": \"record\", \"name\": \"CloudEvent\", \"namespace\": \"" type "\", \"fields\": [" fields "]}"
#define A "{\"name\": \"a\", \"type\": \"string\"}"
#define B "{\"name\": \"b\", \"type\": [\"null\", \"string\"], \"default\": null}"

static const char one_field[] = SCHEMA(SITE_TYPE, A), two_fields[] = SCHEMA(SITE_TYPE, A ", " B);

TestSuite(adding, .init = working_begin, .timeout = 120);

static const struct eb_signal *add(const char *schema) {
    const struct eb_signal *signal = eb_signal_add(bus, schema, strlen(schema), &err);

    cr_assert_not_null(signal, "%s", err.text);
    return signal;
}

static struct eb_event *event_of(const struct eb_signal *signal, const char *json) {
    struct eb_event *event;

    cr_assert_eq(eb_event_new(signal, &event, &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_event_set_json(event, json, strlen(json), &err), EB_OK, "%s", err.text);
    return event;
}

static int count(void *n, const struct eb_signal *signal) {
    *(int *)n += strcmp(eb_signal_type(signal), SITE_TYPE) == 0;
    return 0;
}

Test(adding, an_added_signal_is_found_and_sent) {
    int n = 0;

    open_bus_on("full", NULL, "");
    cr_assert_null(eb_signal_find(bus, SITE_TYPE, NULL));
    const struct eb_signal *signal = add(one_field);
    cr_assert_eq(eb_signal_find(bus, SITE_TYPE, &err), signal);
    cr_assert_eq(add(one_field), signal, "the same schema is the same signal");
    struct eb_event *event = event_of(signal, "{\"a\": \"x\"}");
    cr_assert_eq(eb_produce(bus, event, "t", "a", NULL, NULL, &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_send(event, NULL, &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_bus_flush(bus, 60000, &err), EB_OK, "%s", err.text);
    cr_assert(fixture_logged("delivered"), "it went out");
    eb_event_free(event);
    eb_signal_each(bus, count, &n);
    cr_assert_eq(n, 1);
    close_all();
}

Test(adding, what_is_no_schema_of_an_event_is_refused) {
    static const char *const bad[] = { "", "{", "\"string\"",
                                       "{\"type\": \"record\", \"name\": \"CloudEvent\", \"fields\": []}",
                                       SCHEMA(SITE_TYPE, A ", " A) };

    open_bus_on("full", NULL, "");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_null(eb_signal_add(bus, bad[i], strlen(bad[i]), &err), "%s", bad[i]);
        cr_assert_eq(err.status, EB_PERMANENT, "%s", bad[i]);
        cr_assert(strstr(err.text, "the signal is not added"), "%s", err.text);
    }
    cr_assert_null(eb_signal_find(bus, SITE_TYPE, NULL));
    close_all();
}

Test(adding, another_schema_takes_the_place_and_what_was_made_before_stays) {
    int n = 0;

    open_bus_on("full", NULL, "");
    const struct eb_signal *old = add(one_field);
    struct eb_event *before = event_of(old, "{\"a\": \"x\"}");
    const struct eb_signal *new = add(two_fields);
    cr_assert_neq(new, old);
    cr_assert_eq(eb_signal_find(bus, SITE_TYPE, &err), new);
    cr_assert_eq(new->n_versions, 1, "bodies of the earlier schema are read");
    struct eb_event *after = event_of(new, "{\"a\": \"x\", \"b\": \"y\"}");
    cr_assert_eq(eb_send(before, NULL, &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_send(after, NULL, &err), EB_OK, "%s", err.text);
    eb_event_free(before);
    eb_event_free(after);
    eb_signal_each(bus, count, &n);
    cr_assert_eq(n, 1, "each type once");
    close_all();
}

#define ENROLLMENT "org.openedx.learning.course.enrollment.created.v1"
#define ROUTES                                                                                                                 \
    "[route login]\nevent = " LOGIN "\ntopic = logins\nkey_field = user.pii.username\n"                                        \
    "[route off]\nevent = " LOGIN "\ntopic = off\nkey_field =\nenabled = no\n"                                                 \
    "[route enrollment]\nevent = " ENROLLMENT "\ntopic = enrollments\nkey_field =\n"

/* The schema of a type with one field more, in front. The caller frees it. */
static char *wider(const char *type, const char *field) {
    const char *schema = eb_signal_schema(eb_signal_find(bus, type, &err));
    const char *fields = strstr(schema, "\"fields\": [") + strlen("\"fields\": [");
    char *wide = NULL;

    cr_assert_gt(asprintf(&wide, "%.*s%s, %s", (int)(fields - schema), schema, field, fields), 0);
    return wide;
}

static void check_routes(const struct eb_signal *signal) {
    size_t n;
    const struct ebi_route *const *routes = ebi_routes_of(bus->routes, signal, &n);

    cr_assert_eq(n, 1);
    cr_assert_str_eq(routes[0]->full_topic, "logins");
    cr_assert_eq(routes[0]->signal, signal);
    cr_assert_not_null(ebi_routes_key(bus->routes, signal, "logins"));
    cr_assert_null(ebi_routes_key(bus->routes, signal, "off"));
    cr_assert_null(ebi_routes_key(bus->routes, signal, "elsewhere"));
}

Test(adding, the_new_signal_has_the_routes_of_the_earlier_one) {
    static const char lacks[] = SCHEMA(LOGIN, A);
    size_t n = 1;

    open_bus_on("full", NULL, ROUTES);
    cr_assert_null(eb_signal_add(bus, lacks, sizeof lacks - 1, &err));
    cr_assert(strstr(err.text, "[route login] key_field"), "%s", err.text);
    char *wide = wider(LOGIN, A);
    const struct eb_signal *first = add(wide);
    check_routes(first);
    free(wide);
    wide = wider(LOGIN, B);
    const struct eb_signal *second = add(wide);
    check_routes(second); /* whose earlier one was an added one, too */
    check_routes(first);
    free(wide);
    ebi_routes_of(bus->routes, add(one_field), &n);
    cr_assert_eq(n, 0);
    cr_assert_null(ebi_routes_key(bus->routes, eb_signal_find(bus, SITE_TYPE, &err), "logins"));
    close_all();
}

Test(adding, without_memory_nothing_is_added) {
    unsigned n = 0;
    bool failed = true;

    open_bus_on("full", NULL, ROUTES);
    char *wide = wider(LOGIN, B);
    const struct eb_signal *before = eb_signal_find(bus, LOGIN, &err), *signal = NULL;
    while (failed && !signal) {
        fail_allocation(++n);
        signal = eb_signal_add(bus, wide, strlen(wide), &err);
        failed = allocation_failed();
        cr_assert(signal || (failed && err.kind == EB_KIND_SYSTEM), "allocation %u: %s", n, err.text);
        cr_assert(signal || eb_signal_find(bus, LOGIN, NULL) == before, "allocation %u", n);
    }
    cr_assert_gt(n, 10);
    check_routes(signal);
    free(wide);
    close_all();
}

Test(adding, a_worker_goes_on_with_other_signals_and_reads_the_added_one) {
    events(6, NULL);
    open_on("full", TASK);
    char *wide = wider(LOGIN, B);
    add(wide); /* what the fake broker has was written by the earlier schema, and it does not say so */
    add(one_field);
    free(wide);
    run();
    cr_assert_eq(counts().succeeded, 6);
    close_all();
}

Test(adding, an_event_that_was_not_taken_is_kept_for_later) {
    open_bus_on("full", NULL, "");
    struct eb_event *event = fixture_login(bus, 1, "ada");

    cr_assert_eq(eb_keep_undelivered(bus, event, "t", "user.pii.username", &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_keep_undelivered(bus, event, "t", "user.pii.nick", &err), EB_PERMANENT);
    cr_assert_eq(eb_keep_undelivered(bus, event, " ", NULL, &err), EB_PERMANENT);
    cr_assert_eq(fixture_undelivered("\"partitionkey\":\"ada\""), 1);
    cr_assert_eq(fixture_undelivered("\"topic\":\"t\""), 1);
    eb_event_free(event);
    cr_assert_eq(eb_bus_close(bus, 60000, &err), EB_RETRIABLE, "closing tells of it");
    cr_assert(strstr(err.text, "1 event(s) were not delivered"), "%s", err.text);
    bus = NULL;
    close_all();
}
