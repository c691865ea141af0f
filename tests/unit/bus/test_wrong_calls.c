/* tests/unit/bus/test_wrong_calls.c - what programs forget: that nothing was found, that something is missing. */
#include <string.h>
#include "worker_fixture.h"

TestSuite(wrong_calls, .init = working_begin, .timeout = 120);

static struct eb_event *event;

static void begin(void) {
    open_bus_on("full", NULL, "");
    cr_assert_eq(eb_event_new(eb_signal_find(bus, LOGIN, &err), &event, &err), EB_OK, "%s", err.text);
}

static void end(void) {
    eb_event_free(event);
    close_all();
}

/* The call before was refused, and that was told. */
static void told(enum eb_status status, const char *why) {
    cr_assert_eq(status, EB_PERMANENT, "%s", why);
    cr_assert(strstr(err.text, why), "%s, and not: %s", err.text, why);
}

static enum eb_status hear(const struct eb_event *heard, void *arg, struct eb_error *why) {
    (void)heard, (void)arg, (void)why;
    return EB_OK;
}

Test(wrong_calls, a_signal_that_was_not_found_makes_no_event) {
    struct eb_event *none = (struct eb_event *)"left over";

    begin();
    cr_assert_null(eb_signal_find(bus, NULL, &err));
    told((enum eb_status)err.status, "no event type is given");
    told(eb_event_new(eb_signal_find(bus, "org.example.none.v1", NULL), &none, &err), "eb_signal_find");
    cr_assert_null(none);
    end();
}

Test(wrong_calls, fields_need_a_path_and_a_text) {
    const char *text = "";

    begin();
    told(eb_event_set_string(event, NULL, "ada", &err), "the path is NULL");
    told(eb_event_set_string(event, NULL, NULL, &err), "the text is NULL");
    told(eb_event_set_string(event, "user.pii.username", NULL, &err), "user.pii.username: the text is NULL");
    told(eb_event_set_long(event, NULL, 1, &err), "the path is NULL");
    told(eb_event_get_string(event, NULL, &text, &err), "the path is NULL");
    told(eb_event_get_string(event, "user.pii.username", &text, &err), "not set");
    end();
}

Test(wrong_calls, a_receiver_needs_a_name_and_a_function) {
    const struct eb_signal *login;

    begin();
    login = eb_signal_find(bus, LOGIN, &err);
    told(eb_connect(bus, login, "hear", NULL, NULL, &err), "the function is NULL");
    told(eb_connect(bus, login, NULL, hear, NULL, &err), "the name is missing");
    told(eb_connect(bus, login, "", hear, NULL, &err), "the name is missing");
    cr_assert_eq(eb_connect(bus, login, "hear", hear, NULL, &err), EB_OK, "%s", err.text);
    end();
}

Test(wrong_calls, sending_by_name_needs_a_topic) {
    begin();
    told(eb_produce(bus, event, NULL, NULL, NULL, NULL, &err), "no topic is given");
    told(eb_produce(bus, event, "", NULL, NULL, NULL, &err), "no topic is given");
    end();
}

Test(wrong_calls, a_consumer_that_was_not_opened_is_none) {
    struct eb_consumer_counts some = { .size = sizeof some };

    eb_consumer_stop(NULL);
    eb_consumer_count(NULL, NULL);
    eb_consumer_count(NULL, &some);
    cr_assert_eq(some.received, 0);
    told(eb_consumer_run(NULL, &err), "the consumer");
}
