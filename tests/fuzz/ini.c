/* tests/fuzz/ini.c - configuration: an INI file, then, with a byte 0x1e before each, overrides. What is taken says the
 * same when it is written out plainly; what a table accepts is within its limits; secrets are not shown. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/ini.h"
#include "config/settings.h"

enum { MARK = 0x1e, MOST_OVERRIDES = 8, MOST_LINE = 150 };

/* ---- The reader: what it says, written out, is read as the same ---- */

/* What was told, as text; and the same as an INI file. */
struct told {
    struct ebi_bytes events, plain;
    bool lines_fit;
};

static enum eb_status tell_section(void *arg, const char *kind, const char *name, unsigned line, struct eb_error *err) {
    struct told *told = arg;

    (void)line, (void)err;
    fuzz_promise(ebi_bytes_add_format(&told->events, "[%s][%s]\n", kind, name) &&
                     ebi_bytes_add_format(&told->plain, "[%s%s%s]\n", kind, *name ? " " : "", name),
                 "memory");
    return EB_OK;
}

static enum eb_status tell_key(void *arg, const char *key, const char *value, unsigned line, struct eb_error *err) {
    struct told *told = arg;

    (void)line, (void)err;
    fuzz_promise(ebi_bytes_add_format(&told->events, "%s=%s\n", key, value) &&
                     ebi_bytes_add_format(&told->plain, "%s=%s\n", key, value),
                 "memory");
    told->lines_fit = told->lines_fit && strlen(key) + strlen(value) < MOST_LINE;
    return EB_OK;
}

static enum eb_status read_ini(const char *text, size_t len, struct told *told, struct eb_error *err) {
    const struct ebi_ini_visitor visitor = { told, tell_section, tell_key };

    *told = (struct told){ .lines_fit = true };
    return ebi_ini_read("fuzz.ini", text, len, &visitor, err);
}

static void forget(struct told *told) {
    ebi_bytes_free(&told->events);
    ebi_bytes_free(&told->plain);
}

static void read_twice(struct eb_text ini) {
    struct told told, again = { 0 };
    struct eb_error err = { 0 };
    enum eb_status status = read_ini(ini.data, ini.len, &told, &err);

    if (status != EB_OK) {
        fuzz_refused(status, &err);
    } else if (told.lines_fit && told.plain.len > 0) {
        fuzz_done(read_ini(told.plain.data, told.plain.len, &again, &err), &err, told.plain.data);
        fuzz_promise(fuzz_same(&told.events, &again.events), "%s\nbecame\n%s", told.events.data, again.events.data);
    }
    forget(&told);
    forget(&again);
}

/* ---- Tables: one like a plugin's, with all types ---- */

struct settings {
    const char *url, *password;
    const char *const *hosts, *const *pairs;
    int64_t yes, number, secret_number, wait, room, choice;
};

static const struct eb_option options[] = {
    { .key = "url", .type = EB_OPT_TEXT, .fallback = "x://${STATE}/y", .offset = offsetof(struct settings, url) },
    { .key = "password", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET, .offset = offsetof(struct settings, password) },
    { .key = "hosts", .type = EB_OPT_LIST, .flags = EB_OPT_REQUIRED, .offset = offsetof(struct settings, hosts) },
    { .key = "native.", .type = EB_OPT_PAIRS, .offset = offsetof(struct settings, pairs) },
    { .key = "yes", .type = EB_OPT_BOOL, .fallback = "yes", .offset = offsetof(struct settings, yes) },
    { .key = "number", .type = EB_OPT_INT, .min = -5, .max = 5, .offset = offsetof(struct settings, number) },
    { .key = "pin", .type = EB_OPT_INT, .flags = EB_OPT_SECRET, .offset = offsetof(struct settings, secret_number) },
    { .key = "wait",
      .type = EB_OPT_MS,
      .fallback = "5s",
      .min = 1,
      .max = INT64_MAX,
      .offset = offsetof(struct settings, wait) },
    { .key = "room", .type = EB_OPT_BYTES, .fallback = "64k", .max = 1 << 30, .offset = offsetof(struct settings, room) },
    { .key = "choice", .type = EB_OPT_CHOICE, .choices = "one|two|three", .offset = offsetof(struct settings, choice) },
};

static void check_limits(const struct settings *s) {
    fuzz_promise(s->hosts && s->hosts[0], "a list that is required, without an item");
    fuzz_promise(s->yes == 0 || s->yes == 1, "neither yes nor no");
    fuzz_promise(s->number >= -5 && s->number <= 5, "a number beyond its limits");
    fuzz_promise(s->wait >= 1, "a wait beyond its limits");
    fuzz_promise(s->room >= 0 && s->room <= 1 << 30, "a size beyond its limits");
    fuzz_promise(s->choice >= 0 && s->choice < 3, "none of the choices");
    for (size_t i = 0; s->pairs && s->pairs[i]; i++)
        fuzz_promise(s->pairs[i][0] || i % 2, "a pair without a name");
}

static struct eb_text whole; /* the input */

/* Whether a value stands just once in the input: then nothing else can have brought it into a message. */
static bool stands_once(const char *value) {
    const char *first = memmem(whole.data, whole.len, value, strlen(value)), *end = whole.data + whole.len;

    return first && !memmem(first + 1, (size_t)(end - first - 1), value, strlen(value));
}

/* No message of ours holds a "~": where one stands, it came from a value. */
static void check_secret(const struct ebi_config *config, const char *name, const struct eb_error *err) {
    static const char *const keys[] = { "password", "pin" };

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *value = ebi_config_text(config, "broker", name, keys[i]);

        fuzz_promise(!value || !strchr(value, '~') || !strstr(err->text, value) || !stands_once(value), "shows a secret: %s",
                     err->text);
    }
}

static void show(void *arg, const struct eb_option *option, const char *key, const char *value, const char *where) {
    (void)arg, (void)key;
    fuzz_promise(*where, "a value from nowhere");
    fuzz_promise(!(option->flags & EB_OPT_SECRET) || (option->flags & EB_OPT_URL) || !*value || strcmp(value, "***") == 0,
                 "shows a secret: %s", value);
}

static void bind(struct ebi_config *config, const char *kind, const char *name, struct ebi_table *tables, size_t n) {
    struct eb_error err = { 0 };
    enum eb_status status = ebi_config_bind(config, kind, name, tables, n, &err);

    if (status != EB_OK) {
        fuzz_refused(status, &err);
        check_secret(config, name, &err);
    } else if (n == 2) {
        check_limits(tables[1].settings);
    }
    status = ebi_config_walk(config, kind, name, tables, n, show, NULL, &err);
    if (status != EB_OK)
        fuzz_refused(status, &err);
}

static void bind_all(struct ebi_config *config) {
    struct ebi_bus_settings bus = { 0 };
    struct ebi_table table = ebi_bus_table(&bus);
    const char *name;

    bind(config, "eventbus", "", &table, 1);
    for (name = NULL; (name = ebi_config_next(config, "broker", name));) {
        struct ebi_broker_settings core = { 0 };
        struct settings own = { 0 };
        struct ebi_table tables[] = { ebi_broker_table(&core),
                                      { options, sizeof options / sizeof *options, sizeof *options, &own } };

        bind(config, "broker", name, tables, 2);
    }
    for (name = NULL; (name = ebi_config_next(config, "route", name));) {
        struct ebi_route_settings route = { 0 };

        table = ebi_route_table(&route);
        bind(config, "route", name, &table, 1);
    }
    for (name = NULL; (name = ebi_config_next(config, "consume", name));) {
        struct ebi_consume_settings consume = { 0 };

        table = ebi_consume_table(&consume);
        bind(config, "consume", name, &table, 1);
    }
}

/* ---- All of it ---- */

static void load(struct eb_text ini, const char *const *overrides) {
    const char *files[] = { fuzz_file(ini.data, ini.len), NULL };
    struct ebi_config *config = NULL;
    struct eb_error err = { 0 };
    enum eb_status status = ebi_config_load(files, overrides, &config, &err);

    if (status != EB_OK) {
        fuzz_refused(status, &err);
        return;
    }
    if (ebi_config_check_sections(config, &err) != EB_OK)
        fuzz_refused(EB_PERMANENT, &err);
    bind_all(config);
    ebi_config_free(config);
}

/* What values may ask for: fixed, so that an input means the same each time. */
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    clearenv();
    setenv("STATE_DIRECTORY", "/state", 1);
    setenv("SOME", "thing", 1);
    setenv("NONE", "", 1);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    const char *overrides[MOST_OVERRIDES + 1] = { 0 };
    char *copy = malloc(len + 1), *mark;
    struct eb_text ini = { copy, len };

    fuzz_promise(copy != NULL, "memory");
    whole = (struct eb_text){ (const char *)bytes, len };
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    mark = memchr(copy, MARK, len);
    if (mark)
        ini.len = (size_t)(mark - copy);
    for (int n = 0; mark && n < MOST_OVERRIDES; n++) {
        *mark++ = '\0';
        overrides[n] = mark;
        mark = strchr(mark, MARK);
    }
    read_twice(ini);
    load(ini, overrides);
    free(copy);
    return 0;
}
