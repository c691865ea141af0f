/* core/plugin/describe.c - see describe.h. */
#include "plugin/describe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/version.h>
#include "base/error.h"
#include "base/printable.h"

/* Bounds that no plugin comes near, but garbage exceeds. */
enum { NAME_LIMIT = 64, LINE_LIMIT = 512, OPTIONS_LIMIT = 1000, OPTION_SIZE_LIMIT = 4096, SETTINGS_LIMIT = 1 << 20 };

/* The size that each table has in every plugin of this major version, since 1.0 had it: up to its last required member. */
static const size_t about_least = offsetof(struct eb_plugin, check);
static const size_t option_least = offsetof(struct eb_option, offset) + sizeof(size_t);

/* The size and the ABI numbers, whose place never changes. */
static const size_t about_head = offsetof(struct eb_plugin, name);

void ebi_copy_sized(void *to, size_t to_size, const void *from, size_t from_size) {
    memset(to, 0, to_size);
    memcpy(to, from, from_size < to_size ? from_size : to_size);
}

static enum eb_status refuse(struct eb_error *err, const char *file, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum eb_status refuse(struct eb_error *err, const char *file, const char *format, ...) {
    char why[EB_ERROR_ROOM];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    return ebi_error(err, EB_PERMANENT, EB_KIND_PLUGIN, "plugin %s %s", file, why);
}

/* ---- Texts ---- */

/* Whether a text exists and ends within so many bytes. */
static bool ends(const char *text, size_t limit) {
    return text && memchr(text, '\0', limit);
}

/* Whether a text is a line, not empty, that may be shown as it is. */
static bool is_line(const char *text) {
    enum ebi_printable what = EBI_SHOW;
    uint32_t character;

    if (!ends(text, LINE_LIMIT) || !*text)
        return false;
    for (size_t len = strlen(text), step; len > 0 && what == EBI_SHOW; text += step, len -= step)
        step = ebi_printable_step(text, len, &what, &character);
    return what == EBI_SHOW;
}

/* Whether a text is a name of letters, digits and the given characters. */
static bool is_name(const char *text, const char *others) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    if (!ends(text, NAME_LIMIT) || !*text)
        return false;
    for (; *text; text++)
        if (!strchr(letters, *text) && !strchr(others, *text))
            return false;
    return true;
}

/* ---- Who it is ---- */

static enum eb_status check_major(const struct eb_plugin *head, const char *file, struct eb_error *err) {
    if (head->abi_major == EB_ABI_MAJOR)
        return EB_OK;
    return refuse(err, file, "is built for ABI %u.%u; eventbus %s supports %u.%u and every other %u.x: %s", head->abi_major,
                  head->abi_minor, EB_VERSION, EB_ABI_MAJOR, EB_ABI_MINOR, EB_ABI_MAJOR,
                  head->abi_major > EB_ABI_MAJOR ? "use a newer eventbus, or an older build of the plugin"
                                                 : "build it again with this version's eventbus/plugin.h");
}

static enum eb_status read_about(struct ebi_module *module, const char *file, struct eb_plugin *about, struct eb_error *err) {
    struct ebi_symbol symbol;
    struct eb_plugin head;

    if (!ebi_module_find(module, "eventbus_plugin", &symbol))
        return refuse(err, file, "is a shared object, but no plugin of the event bus: it exports no eventbus_plugin");
    if (symbol.function)
        return refuse(err, file, "exports eventbus_plugin as a function; it must be the data: const struct eb_plugin");
    if (symbol.room < about_head)
        return refuse(err, file, "has an eventbus_plugin of %zu bytes, which is not a struct eb_plugin", symbol.room);
    ebi_copy_sized(&head, sizeof head, symbol.address, about_head);
    if (head.size < about_head || head.size > symbol.room)
        return refuse(err, file,
                      "has an eventbus_plugin that gives its size as %zu bytes; set it to "
                      "sizeof(struct eb_plugin)",
                      head.size);
    enum eb_status status = check_major(&head, file, err);
    if (status != EB_OK)
        return status;
    if (head.size < about_least)
        return refuse(err, file, "has an eventbus_plugin of %zu bytes; in ABI %u.%u it has at least %zu", head.size,
                      head.abi_major, head.abi_minor, about_least);
    ebi_copy_sized(about, sizeof *about, symbol.address, head.size);
    return EB_OK;
}

static enum eb_status check_texts(const struct eb_plugin *about, const char *file, struct eb_error *err) {
    if (!is_name(about->name, "-_"))
        return refuse(err, file, "has no name, or one with other characters than letters, digits, - and _");
    if (!is_line(about->version))
        return refuse(err, file, "has no version, or one that is not a line of text");
    if (!is_line(about->summary))
        return refuse(err, file, "has no summary, or one that is not a line of text");
    return EB_OK;
}

/* ---- Options ---- */

/* Returns why an option is refused; NULL: it is not. */
static const char *option_mistake(const struct eb_option *option, const struct eb_plugin *about) {
    size_t settings_size = about->settings_size;

    if (!ends(option->help, LINE_LIMIT * 4))
        return "has no help";
    if (option->type < EB_OPT_TEXT || option->type > EB_OPT_CHOICE)
        return about->abi_minor > EB_ABI_MINOR ? NULL : "is of no type"; /* a newer type: refused where the option is given */
    if (option->offset % sizeof(int64_t) != 0 || option->offset > settings_size ||
        settings_size - option->offset < (option->type < EB_OPT_BOOL ? sizeof(char *) : sizeof(int64_t)))
        return "has its place outside of the settings, or across two places";
    if (option->type == EB_OPT_CHOICE && !is_line(option->choices))
        return "has no choices";
    if (option->type == EB_OPT_PAIRS && option->key[strlen(option->key) - 1] != '.')
        return "takes pairs; then its key is a prefix that ends with a dot";
    if (option->min > option->max)
        return "has a least value above its greatest";
    if (option->fallback && !ends(option->fallback, SETTINGS_LIMIT))
        return "has a default without an end";
    return NULL;
}

static enum eb_status check_options(const struct eb_plugin *about, const char *file, struct eb_error *err) {
    const struct eb_option *options = about->options;

    for (size_t i = 0; i < about->n_options; i++) {
        if (!is_name(options[i].key, "-_."))
            return refuse(err, file,
                          "has an option, number %zu, without a key, or with one of other characters than "
                          "letters, digits, -, _ and dots",
                          i + 1);
        const char *mistake = option_mistake(&options[i], about);
        if (mistake)
            return refuse(err, file, "has an option %s that %s", options[i].key, mistake);
        for (size_t j = 0; j < i; j++)
            if (strcmp(options[i].key, options[j].key) == 0)
                return refuse(err, file, "has an option %s twice", options[i].key);
    }
    return EB_OK;
}

/* Replaces the plugin's own table by a copy with this core's stride. */
static enum eb_status read_options(struct eb_plugin *about, const char *file, struct eb_error *err) {
    const char *theirs = (const char *)about->options;
    size_t n = about->n_options, stride = about->option_size;

    about->options = NULL; /* from here on the copy is freed by ebi_describe_free */
    if (about->settings_size > SETTINGS_LIMIT)
        return refuse(err, file, "wants %zu bytes for its settings; at most %d are given", about->settings_size,
                      SETTINGS_LIMIT);
    if (n > OPTIONS_LIMIT)
        return refuse(err, file, "speaks of %zu options; at most %d are read", n, OPTIONS_LIMIT);
    if (n && !theirs)
        return refuse(err, file, "speaks of %zu options, but has no table of them", n);
    if (n && (stride < option_least || stride > OPTION_SIZE_LIMIT || stride % _Alignof(struct eb_option) != 0))
        return refuse(err, file, "gives the size of an option as %zu bytes; set option_size to sizeof(struct eb_option)",
                      stride);
    struct eb_option *options = calloc(n ? n : 1, sizeof *options);
    if (!options)
        return ebi_error_memory(err);
    for (size_t i = 0; i < n; i++)
        ebi_copy_sized(&options[i], sizeof options[i], theirs + i * stride, stride);
    about->options = options;
    about->option_size = sizeof *options;
    return check_options(about, file, err);
}

/* ---- Roles ---- */

struct role {
    const char *symbol, *name;
    size_t size; /* of its table of ops, here */
    struct {
        const char *name;
        size_t offset;
    } required[6]; /* up to one without a name */
};

static const struct role producer_role = { "eventbus_producer",
                                           "producer",
                                           sizeof(struct eb_producer_ops),
                                           { { "open", offsetof(struct eb_producer_ops, open) },
                                             { "submit", offsetof(struct eb_producer_ops, submit) },
                                             { "poll", offsetof(struct eb_producer_ops, poll) },
                                             { "wake", offsetof(struct eb_producer_ops, wake) },
                                             { "close", offsetof(struct eb_producer_ops, close) } } };
static const struct role consumer_role = { "eventbus_consumer",
                                           "consumer",
                                           sizeof(struct eb_consumer_ops),
                                           { { "open", offsetof(struct eb_consumer_ops, open) },
                                             { "receive", offsetof(struct eb_consumer_ops, receive) },
                                             { "settle", offsetof(struct eb_consumer_ops, settle) },
                                             { "wake", offsetof(struct eb_consumer_ops, wake) },
                                             { "close", offsetof(struct eb_consumer_ops, close) } } };
static const struct role admin_role = { "eventbus_admin",
                                        "admin",
                                        sizeof(struct eb_admin_ops),
                                        { { "open", offsetof(struct eb_admin_ops, open) },
                                          { "close", offsetof(struct eb_admin_ops, close) } } };

static bool is_null(const void *ops, size_t offset) {
    void (*op)(void);

    memcpy(&op, (const char *)ops + offset, sizeof op);
    return !op;
}

/* Returns a copy of a role's table, or NULL where the plugin lacks that role. */
static enum eb_status read_role(struct ebi_module *module, const struct role *role, const char *file, const void **ops,
                                struct eb_error *err) {
    struct ebi_symbol symbol;
    size_t size = 0;

    if (!ebi_module_find(module, role->symbol, &symbol))
        return EB_OK;
    if (symbol.function || symbol.room < sizeof size)
        return refuse(err, file, "exports an %s that is not a table of ops", role->symbol);
    memcpy(&size, symbol.address, sizeof size);
    if (size < sizeof size || size > symbol.room)
        return refuse(err, file, "has an %s that gives its size as %zu bytes; set it to sizeof %s", role->symbol, size,
                      role->symbol);
    void *copy = calloc(1, role->size);
    if (!copy)
        return ebi_error_memory(err);
    *ops = copy;
    ebi_copy_sized(copy, role->size, symbol.address, size);
    for (size_t i = 0; role->required[i].name; i++)
        if (is_null(copy, role->required[i].offset))
            return refuse(err, file, "has no %s in its %s role, which cannot do without", role->required[i].name, role->name);
    return EB_OK;
}

enum eb_status ebi_describe(struct ebi_module *module, const char *file, struct ebi_plugin *plugin, struct eb_error *err) {
    const void *producer = NULL, *consumer = NULL, *admin = NULL;
    struct eb_plugin about = { 0 };
    enum eb_status status = read_about(module, file, &about, err);

    if (status == EB_OK)
        status = check_texts(&about, file, err);
    if (status != EB_OK)
        return status;
    status = read_options(&about, file, err);
    if (status == EB_OK)
        status = read_role(module, &producer_role, file, &producer, err);
    if (status == EB_OK)
        status = read_role(module, &consumer_role, file, &consumer, err);
    if (status == EB_OK)
        status = read_role(module, &admin_role, file, &admin, err);
    if (status == EB_OK && !producer && !consumer && !admin)
        status = refuse(err, file,
                        "has no role: it exports none of eventbus_producer, eventbus_consumer and "
                        "eventbus_admin");
    *plugin = (struct ebi_plugin){ .about = about, .producer = producer, .consumer = consumer, .admin = admin };
    if (status != EB_OK)
        ebi_describe_free(plugin);
    return status;
}

void ebi_describe_free(struct ebi_plugin *plugin) {
    free((void *)plugin->about.options);
    free((void *)plugin->producer);
    free((void *)plugin->consumer);
    free((void *)plugin->admin);
    *plugin = (struct ebi_plugin){ 0 };
}
