/* service-a.c - a service that tells the others what happened: a learner logged in, another enrolled.
 *
 *   service-a [FILE.ini]      (without a file it is searched for, as for the eventbus command) */
#include <stdio.h>
#include <eventbus/eventbus.h>

static int failed(const struct eb_error *err) {
    fprintf(stderr, "service-a: %s\n", err->text);
    return 1;
}

/* Each call says by its status whether it worked; && goes on while they do. */
static int login(struct eb_bus *bus, const char *name, struct eb_error *err) {
    const struct eb_signal *signal = eb_signal_find(bus, "org.openedx.learning.auth.session.login.completed.v1", err);
    struct eb_event *event = NULL;

    int sent = signal && eb_event_new(signal, &event, err) == EB_OK && eb_event_set_long(event, "user.id", 42, err) == EB_OK &&
               eb_event_set_bool(event, "user.is_active", 1, err) == EB_OK &&
               eb_event_set_string(event, "user.pii.username", name, err) == EB_OK &&
               eb_event_set_string(event, "user.pii.email", "learner@example.com", err) == EB_OK &&
               eb_event_set_string(event, "user.pii.name", "A Learner", err) == EB_OK && eb_send(event, NULL, err) == EB_OK;
    eb_event_free(event);
    return sent;
}

/* Where the data is at hand as JSON, it is taken as it is. */
static int enroll(struct eb_bus *bus, struct eb_error *err) {
    static const char data[] =
        "{\"enrollment\":{\"user\":{\"id\":42,\"is_active\":true,\"pii\":{\"username\":\"ada\",\"email\":\"ada@example.com\","
        "\"name\":\"Ada\"}},\"course\":{\"course_key\":\"course-v1:edX+DemoX+Demo_Course\",\"display_name\":\"Demo\","
        "\"start\":null,\"end\":null},\"mode\":\"verified\",\"is_active\":true,"
        "\"creation_date\":\"2026-11-24T08:00:00+00:00\",\"created_by\":null}}";
    const struct eb_signal *signal = eb_signal_find(bus, "org.openedx.learning.course.enrollment.created.v1", err);
    struct eb_event *event = NULL;

    int sent = signal && eb_event_new(signal, &event, err) == EB_OK &&
               eb_event_set_json(event, data, sizeof data - 1, err) == EB_OK && eb_send(event, NULL, err) == EB_OK;
    eb_event_free(event);
    return sent;
}

int main(int argc, char **argv) {
    struct eb_bus *bus;
    struct eb_error err;

    if (eb_bus_open_file(&bus, argc > 1 ? argv[1] : NULL, &err) != EB_OK)
        return failed(&err);
    int sent = login(bus, "ada", &err) && login(bus, "grace", &err) && enroll(bus, &err);
    if (!sent)
        failed(&err);
    if (eb_bus_close(bus, 10000, &err) != EB_OK) /* delivers what waits, for 10 s at most */
        return failed(&err);
    return sent ? 0 : 1;
}
