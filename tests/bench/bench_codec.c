/* tests/bench/bench_codec.c - how fast core/schema is beside avro-c and jansson, in one run, turn by turn.
 * Each figure is the median of seven; a ratio is ours to theirs, and has a limit that it should keep. Ends 1 if not. */
#include <avro.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "schema/data.h"

enum { ROUNDS = 7, ROUND_MS = 30 };

/* One event in all the forms that it is brought to and from. */
struct subject {
    const char *name, *type;
    struct ebi_schema *schema;
    struct ebi_data *data;
    struct ebi_bytes json, avro, out;
    avro_schema_t avro_schema;
    avro_value_iface_t *iface;
    avro_value_t value;
    avro_writer_t writer;
    avro_reader_t reader;
    char room[65536];
};

static void die(const char *what, const char *why) {
    fprintf(stderr, "bench_codec: %s: %s\n", what, why);
    exit(2);
}

static void must(enum eb_status status, const struct eb_error *err) {
    if (status != EB_OK)
        die("failed", err->text);
}

/* ---- What is measured: ours ---- */

static void login_by_path(struct subject *s) {
    struct eb_error err;

    ebi_data_clear(s->data);
    s->out.len = 0;
    must(ebi_data_set_text(s->data, "user.pii.username", "foobob", 6, &err), &err);
    must(ebi_data_set_text(s->data, "user.pii.email", "bob@foo.example", 15, &err), &err);
    must(ebi_data_set_text(s->data, "user.pii.name", "Bob Foo", 7, &err), &err);
    must(ebi_data_set_long(s->data, "user.id", 1, &err), &err);
    must(ebi_data_set_bool(s->data, "user.is_active", 1, &err), &err);
    must(ebi_data_to_avro(s->data, &s->out, &err), &err);
}

static void json_to_bytes(struct subject *s) {
    struct eb_error err;

    s->out.len = 0;
    must(ebi_data_from_json(s->data, "data", s->json.data, s->json.len, &err), &err);
    must(ebi_data_to_avro(s->data, &s->out, &err), &err);
}

static void bytes_to_json(struct subject *s) {
    struct eb_error err;

    s->out.len = 0;
    must(ebi_data_from_avro(s->data, s->avro.data, s->avro.len, &err), &err);
    must(ebi_data_to_json(s->data, &s->out, &err), &err);
}

static void bytes_to_fields(struct subject *s) {
    struct eb_error err;

    must(ebi_data_from_avro(s->data, s->avro.data, s->avro.len, &err), &err);
}

/* ---- and theirs ---- */

static void avro_c_write(struct subject *s) {
    avro_writer_reset(s->writer);
    if (avro_value_write(s->writer, &s->value))
        die("avro-c", avro_strerror());
}

static void avro_c_read(struct subject *s) {
    avro_reader_reset(s->reader);
    if (avro_value_read(s->reader, &s->value))
        die("avro-c", avro_strerror());
}

static void avro_c_to_json(struct subject *s) {
    char *json;

    avro_c_read(s);
    if (avro_value_to_json(&s->value, 1, &json))
        die("avro-c", avro_strerror());
    free(json);
}

static void jansson_parse(struct subject *s) {
    json_t *json = json_loadb(s->json.data, s->json.len, JSON_ALLOW_NUL, NULL);

    if (!json)
        die("jansson", "cannot parse");
    json_decref(json);
}

/* ---- Measuring ---- */

/* This thread's own time: others on the machine do not count. */
static int64_t now_ns(void) {
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ns a call */
static double once(void (*run)(struct subject *), struct subject *s) {
    int64_t start = now_ns(), end = start;
    size_t calls = 0;

    while (end - start < ROUND_MS * 1000000) {
        for (int i = 0; i < 256; i++)
            run(s);
        calls += 256;
        end = now_ns();
    }
    return (double)(end - start) / (double)calls;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *figures) {
    qsort(figures, ROUNDS, sizeof *figures, by_size);
    return figures[ROUNDS / 2];
}

struct match {
    const char *what;
    void (*ours)(struct subject *), (*theirs)(struct subject *);
    const char *against;
    double limit;               /* of ours to theirs */
};

static int compare(const struct match *match, struct subject *s) {
    double ours[ROUNDS], theirs[ROUNDS], ratio;

    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = once(match->ours, s);
        theirs[i] = once(match->theirs, s);
    }
    ratio = median(ours) / median(theirs);
    printf("%-9s %-28s %8.0f ns   %-34s %8.0f ns   %5.3f (at most %g)%s\n", s->name, match->what, median(ours),
           match->against, median(theirs), ratio, match->limit, ratio > match->limit ? "  TOO SLOW" : "");
    return ratio > match->limit;
}

/* ---- Subjects ---- */

static void read_schema(struct subject *s) {
    const char *source = getenv("top_srcdir");
    struct eb_error err;
    const struct eb_schema *shown;
    char path[1024];

    snprintf(path, sizeof path, "%s/conf/schemas/%s.avsc", source ? source : ".", s->type);
    must(ebi_schema_read_file(path, 1 << 20, &s->schema, &err), &err);
    shown = ebi_schema_public(s->schema);
    if (avro_schema_from_json_length(shown->json.data, shown->json.len, &s->avro_schema))
        die(path, avro_strerror());
    s->iface = avro_generic_class_from_schema(s->avro_schema);
    if (!s->iface || avro_generic_value_new(s->iface, &s->value))
        die(path, avro_strerror());
}

static void prepare(struct subject *s) {
    struct eb_error err;

    read_schema(s);
    s->data = ebi_data_new(s->schema);
    if (!s->data)
        die(s->name, "out of memory");
    must(ebi_data_from_json(s->data, "data", s->json.data, s->json.len, &err), &err);
    must(ebi_data_to_avro(s->data, &s->avro, &err), &err);
    s->writer = avro_writer_memory(s->room, sizeof s->room);
    s->reader = avro_reader_memory(s->avro.data, (int64_t)s->avro.len);
    if (!s->writer || !s->reader)
        die("avro-c", "out of memory");
    avro_c_read(s);             /* the ready value */
    printf("%-9s %zu bytes of Avro, %zu of JSON\n", s->name, s->avro.len, s->json.len);
}

static void finish(struct subject *s) {
    avro_writer_free(s->writer);
    avro_reader_free(s->reader);
    avro_value_decref(&s->value);
    avro_value_iface_decref(s->iface);
    avro_schema_decref(s->avro_schema);
    ebi_data_free(s->data);
    ebi_schema_free(s->schema);
    ebi_bytes_free(&s->json);
    ebi_bytes_free(&s->avro);
    ebi_bytes_free(&s->out);
}

/* A tracking log entry of about 2 KB, as problem_check events are: JSON as text within JSON. */
static void make_tracking(struct ebi_bytes *json) {
    struct ebi_bytes event = { 0 };
    bool good = ebi_bytes_add_text(&event,
                                   "{\"grade\": 1, \"max_grade\": 1, \"success\": \"correct\", \"answers\": {");

    for (int i = 1; i <= 9 && good; i++)
        good = ebi_bytes_add_format(&event,
                                    "%s\"0a1b2c3d4e5f60718293a4b5c6d7e8f9_%d_1\": {\"answer\": \"the second of them\","
                                    " \"correct\": true, \"input_type\": \"choicegroup\", \"question\": \"Which of "
                                    "these is a prime number?\", \"response_type\": \"multiplechoiceresponse\", "
                                    "\"variant\": \"\"}",
                                    i > 1 ? ", " : "", i);
    good = good && ebi_bytes_add_text(&event, "}}") &&
           ebi_bytes_add_text(json, "{\"tracking_log\":{\"name\":\"problem_check\",\"timestamp\":"
                                    "\"2026-01-15T09:30:00.123456+00:00\",\"data\":") &&
           ebi_bytes_add_json_string(json, event.data, event.len) &&
           ebi_bytes_add_text(json, ",\"context\":\"{\\\"course_id\\\": \\\"course-v1:edX+DemoX+Demo_Course\\\", "
                                    "\\\"org_id\\\": \\\"edX\\\", \\\"path\\\": \\\"/courses/problem_check\\\"}\"}}");
    if (!good)
        die("tracking", "out of memory");
    ebi_bytes_free(&event);
}

static const char login_json[] = "{\"user\":{\"id\":1,\"is_active\":true,\"pii\":{\"username\":\"foobob\","
                                 "\"email\":\"bob@foo.example\",\"name\":\"Bob Foo\"}}}";

int main(void) {
    static struct subject login = { .name = "login", .type = "org.openedx.learning.auth.session.login.completed.v1" };
    static struct subject tracking = { .name = "tracking", .type = "org.openedx.analytics.tracking.event.emitted.v1" };
    static const struct match fields = { "fields to bytes", login_by_path, avro_c_write, "avro-c, ready value to bytes",
                                         2 };
    static const struct match decode = { "bytes to fields", bytes_to_fields, avro_c_read, "avro-c, bytes to value", 1 };
    static const struct match parse = { "JSON to bytes", json_to_bytes, jansson_parse, "jansson, parsing alone", 0.2 };
    static const struct match parse_long = { "JSON to bytes", json_to_bytes, jansson_parse, "jansson, parsing alone",
                                             0.1 };
    static const struct match print = { "bytes to JSON", bytes_to_json, avro_c_to_json, "avro-c, bytes to JSON", 0.1 };
    int slow;

    if (!ebi_bytes_add_text(&login.json, login_json))
        die("login", "out of memory");
    make_tracking(&tracking.json);
    prepare(&login);
    prepare(&tracking);
    slow = compare(&fields, &login) + compare(&decode, &login) + compare(&parse, &login) + compare(&print, &login);
    slow += compare(&decode, &tracking) + compare(&parse_long, &tracking) + compare(&print, &tracking);
    finish(&login);
    finish(&tracking);
    return slow > 0;
}
