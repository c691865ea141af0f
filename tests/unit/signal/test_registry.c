/* tests/unit/signal/test_registry.c - schema files become signals; one that cannot be used leaves out itself alone. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "signal/registry.h"

#define RECORD(space, fields)                                                                                                  \
    "{\"type\":\"record\",\"name\":\"CloudEvent\",\"namespace\":\"" space "\",\"fields\":[" fields "]}"
#define FIELD "{\"name\":\"a\",\"type\":\"string\"}"
#define GOOD "org.example.good.v1"
#define BAD "org.example.bad.v1"

static char top[] = "/tmp/eventbus-registry-XXXXXX";
static char path[200], said[4096];
static struct ebi_log *log_;
static struct ebi_signals *signals;
static struct eb_error err;

static void hear(void *arg, int level, const char *line) {
    (void)arg;
    (void)level;
    snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", line);
}

static const char *in(const char *name) {
    static char full[300];

    snprintf(full, sizeof full, "%s/%s", top, name);
    return full;
}

static void put(const char *name, const char *text) {
    FILE *file = fopen(in(name), "w");

    cr_assert_not_null(file, "%s", in(name));
    fputs(text, file);
    fclose(file);
}

static void begin(void) {
    cr_assert_not_null(mkdtemp(top));
    cr_assert_eq(mkdir(in("one"), 0700), 0);
    cr_assert_eq(mkdir(in("one/history"), 0700), 0);
    cr_assert_eq(mkdir(in("two"), 0700), 0);
    snprintf(path, sizeof path, "%s/one:%s/two", top, top);
    log_ = ebi_log_new(EBI_INFO, false, hear, NULL);
}

static void end(void) {
    char command[200];

    ebi_signals_free(signals);
    ebi_log_free(log_);
    snprintf(command, sizeof command, "rm -r %s", top);
    cr_assert_eq(system(command), 0);
}

TestSuite(registry, .init = begin, .fini = end);

static void load(void) {
    cr_assert_eq(ebi_signals_load(path, 1 << 20, "test", log_, &signals, &err), EB_OK, "%s", err.text);
}

static const struct eb_signal *get(const char *type) {
    return ebi_signals_get(signals, type, strlen(type));
}

Test(registry, a_file_that_cannot_be_used_leaves_out_its_signal_alone) {
    static const struct {
        const char *text, *why;
    } table[] = {
        { "{", "not JSON" },
        { "", "not JSON" },
        { "{\"type\":\"record\",\"name\":\"CloudEvent\",\"fields\":[]}", "has no namespace" },
        { RECORD(BAD, FIELD "," FIELD), "two fields of this name" },
        { RECORD(BAD, "{\"name\":\"a\",\"type\":\"strng\"}"), "strng" },
    };

    put("one/" GOOD ".avsc", RECORD(GOOD, FIELD));
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        said[0] = '\0';
        put("one/" BAD ".avsc", table[i].text);
        load();
        cr_expect_not_null(get(GOOD), "%s", table[i].text);
        cr_expect_null(get(BAD), "%s", table[i].text);
        cr_expect(strstr(said, BAD ".avsc") && strstr(said, table[i].why), "%s: %s", table[i].text, said);
        cr_expect_eq(strchr(said, '\n') + 1, said + strlen(said), "said more than once: %s", said);
        cr_expect_null(ebi_signals_find(signals, BAD, &err));
        cr_expect(strstr(err.text, "cannot be used") && strstr(err.text, table[i].why), "%s", err.text);
        ebi_signals_free(signals);
    }
    signals = NULL;
}

Test(registry, what_cannot_be_read_at_all_leaves_out_its_signal_alone) {
    put("one/" GOOD ".avsc", RECORD(GOOD, FIELD));
    cr_assert_eq(mkdir(in("one/" BAD ".avsc"), 0700), 0);
    cr_assert_eq(symlink("nowhere", in("one/org.example.gone.v1.avsc")), 0);
    cr_assert_eq(mkfifo(in("one/org.example.pipe.v1.avsc"), 0600), 0);
    load();
    cr_assert_not_null(get(GOOD));
    cr_assert_eq(signals->n, 1);
    cr_assert_eq(signals->n_bad, 3);
}

Test(registry, no_other_schema_stands_in_for_one_that_cannot_be_used) {
    put("one/" BAD ".avsc", "{");
    put("two/" BAD ".avsc", RECORD(BAD, FIELD));
    put("two/" GOOD ".avsc", RECORD(GOOD, FIELD));
    load();
    cr_assert_null(get(BAD), "the installed one may differ from the one that was meant");
    cr_assert_not_null(get(GOOD));
}

Test(registry, without_any_usable_schema_nothing_starts) {
    put("one/" BAD ".avsc", "{");
    cr_assert_eq(ebi_signals_load(path, 1 << 20, "test", log_, &signals, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "no schema can be used") && strstr(err.text, BAD), "%s", err.text);
}

Test(registry, a_byte_order_mark_is_no_part_of_a_schema) {
    put("one/" GOOD ".avsc", "\xef\xbb\xbf" RECORD(GOOD, FIELD));
    load();
    cr_assert_not_null(get(GOOD));
    cr_assert_str_empty(said);
}

Test(registry, an_earlier_version_that_cannot_be_used_leaves_out_itself_alone) {
    put("one/" GOOD ".avsc", RECORD(GOOD, FIELD));
    put("one/history/" GOOD ".1.avsc", "{");
    put("one/history/" GOOD ".2.avsc", RECORD(GOOD, "{\"name\":\"a\",\"type\":\"int\"}"));
    put("one/history/" BAD ".3.avsc", RECORD(BAD, FIELD));
    put("one/history/" GOOD ".4.avsc", RECORD(GOOD, FIELD));
    put("one/history/" GOOD ".5.avsc", RECORD(GOOD, FIELD ",{\"name\":\"gone\",\"type\":\"int\"}"));
    load();
    cr_assert_eq(signals->n, 1);
    cr_assert_eq(get(GOOD)->n_versions, 1, "the present one again is none, a field that was taken away is one");
    cr_assert_eq(signals->n_bad, 3);
    cr_assert(strstr(said, GOOD ".1.avsc") && strstr(said, "cannot be read as string") && strstr(said, BAD ".3.avsc"), "%s",
              said);
    cr_assert_null(ebi_signals_bad(signals, BAD), "there is no such type, whatever an earlier version says");
}
