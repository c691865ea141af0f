/* service-b.c - a service that hears what happened elsewhere: its worker, with two receivers.
 *
 *   service-b [FILE.ini]      ends when it has seen all that the topics hold; a real worker leaves exit_at_end out */
#include <stdio.h>
#include <eventbus/eventbus.h>

static enum eb_status greet(const struct eb_event *event, void *arg, struct eb_error *err) {
    const char *name;
    enum eb_status status = eb_event_get_string(event, "user.pii.username", &name, err);

    (void)arg;
    if (status == EB_OK)
        printf("%s logged in\n", name);
    return status;
}

static enum eb_status open_course(const struct eb_event *event, void *arg, struct eb_error *err) {
    const char *name, *course;
    enum eb_status status = eb_event_get_string(event, "enrollment.user.pii.username", &name, err);

    (void)arg;
    if (status == EB_OK)
        status = eb_event_get_string(event, "enrollment.course.course_key", &course, err);
    if (status == EB_OK)
        printf("%s enrolled in %s\n", name, course);
    return status; /* EB_RETRIABLE would bring the event again, EB_PERMANENT make it a dead letter */
}

static int connect_to(struct eb_bus *bus, const char *type, const char *what, eb_receiver receiver, struct eb_error *err) {
    const struct eb_signal *signal = eb_signal_find(bus, type, err);

    return signal && eb_connect(bus, signal, what, receiver, NULL, err) == EB_OK;
}

int main(int argc, char **argv) {
    const struct eb_consumer_options options = { .size = sizeof options, .section = "service-b", .exit_at_end = 1 };
    struct eb_consumer *consumer = NULL;
    struct eb_bus *bus;
    struct eb_error err;

    if (eb_bus_open_file(&bus, argc > 1 ? argv[1] : NULL, &err) != EB_OK) {
        fprintf(stderr, "service-b: %s\n", err.text);
        return 1;
    }
    int done = connect_to(bus, "org.openedx.learning.auth.session.login.completed.v1", "greet", greet, &err) &&
               connect_to(bus, "org.openedx.learning.course.enrollment.created.v1", "open course", open_course, &err) &&
               eb_consumer_open(&consumer, bus, &options, &err) == EB_OK && eb_consumer_run(consumer, &err) == EB_OK;
    if (!done)
        fprintf(stderr, "service-b: %s\n", err.text);
    eb_consumer_close(consumer);
    eb_bus_close(bus, 0, NULL);
    return done ? 0 : 1;
}
