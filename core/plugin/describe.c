/* core/plugin/describe.c - see describe.h. */
#include "plugin/describe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/version.h>
#include "base/error.h"
#include "base/printable.h"
#include "config/value.h"

/* Bounds that no plugin comes near, but garbage exceeds. */
enum {
    NAME_LIMIT = 64,
    LINE_LIMIT = 512,
    HELP_LIMIT = 2048,
    CHOICES_LIMIT = 256,
    OPTIONS_LIMIT = 1000,
    OPTION_SIZE_LIMIT = 4096,
    SETTINGS_LIMIT = 1 << 20,
    WHY_ROOM = 400
};

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
        return refuse(err, file,
                      "is a shared object, but no plugin of the event bus: it exports no eventbus_plugin; remove it from the "
                      "plugin folder, or let its author export that symbol");
    if (symbol.function)
        return refuse(err, file, "exports eventbus_plugin as a function; it must be the data: const struct eb_plugin");
    if (symbol.room < about_head)
        return refuse(err, file,
                      "has an eventbus_plugin of %zu bytes, which is not a struct eb_plugin; build it with eventbus/plugin.h",
                      symbol.room);
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
        return refuse(err, file,
                      "has an eventbus_plugin of %zu bytes; in ABI %u.%u it has at least %zu: set its size to "
                      "sizeof(struct eb_plugin)",
                      head.size, head.abi_major, head.abi_minor, about_least);
    ebi_copy_sized(about, sizeof *about, symbol.address, head.size);
    return EB_OK;
}

static enum eb_status check_texts(const struct eb_plugin *about, const char *file, struct eb_error *err) {
    if (!about->name)
        return refuse(err, file, "has no name; set name of eventbus_plugin to its file's name without .so");
    if (!is_name(about->name, "-_"))
        return refuse(err, file,
                      "has a name that no plugin may have; set name of eventbus_plugin to at most %d letters, digits, - and _",
                      NAME_LIMIT - 1);
    if (!is_line(about->version))
        return refuse(err, file, "has no version, or one that is not a line of text; set version of eventbus_plugin");
    if (!is_line(about->summary))
        return refuse(err, file, "has no summary, or one that is not a line of text; set summary of eventbus_plugin");
    return EB_OK;
}

/* ---- Options ---- */

static bool is_number(const struct eb_option *option) {
    return option->type >= EB_OPT_BOOL && option->type <= EB_OPT_CHOICE;
}

/* Says in why what is wrong with an option's type and its place in the settings. False: nothing. */
static bool has_wrong_place(const struct eb_option *option, const struct eb_plugin *about, char why[WHY_ROOM]) {
    size_t settings_size = about->settings_size, size = ebi_value_size(option);

    if (size == 0) /* a newer type is refused where the option is given */
        return about->abi_minor <= EB_ABI_MINOR && snprintf(why, WHY_ROOM, "it is of type %d, which ABI %u.%u does not have",
                                                            option->type, about->abi_major, about->abi_minor) > 0;
    if (option->offset % sizeof(int64_t) == 0 && option->offset <= settings_size && settings_size - option->offset >= size)
        return false;
    snprintf(why, WHY_ROOM,
             "its offset, %zu of %zu bytes, lies outside of the settings or is no multiple of 8; use offsetof, and sizeof for "
             "settings_size",
             option->offset, settings_size);
    return true;
}

/* Whether an option's default has no end, or is a value that the option itself does not take; says in why which. A default
 * with ${...} is not known before it is used. */
static bool has_wrong_default(const struct eb_option *option, char why[WHY_ROOM]) {
    struct eb_error err;
    int64_t number;

    if (!option->fallback)
        return false;
    if (!ends(option->fallback, SETTINGS_LIMIT))
        return snprintf(why, WHY_ROOM, "its default has no end; end it with NUL") > 0;
    if (option->flags & EB_OPT_REQUIRED)
        return snprintf(why, WHY_ROOM, "it is required and has a default; leave out one of them") > 0;
    if (!is_number(option) || strstr(option->fallback, "${") ||
        ebi_value_read(NULL, option, option->fallback, false, &number, &err) == EB_OK)
        return false;
    snprintf(why, WHY_ROOM, "it does not take its own default: %.300s", err.text);
    return true;
}

/* Says in why what is wrong with an option. False: nothing. */
static bool has_mistake(const struct eb_option *option, const struct eb_plugin *about, char why[WHY_ROOM]) {
    const char *mistake = NULL;

    if (!ends(option->help, HELP_LIMIT))
        mistake = "it has no help, or one of more than 2 KiB; give it a sentence";
    else if (option->type == EB_OPT_CHOICE && !is_line(option->choices))
        mistake = "it has no choices; name them, as in \"fast|safe\"";
    else if (option->type == EB_OPT_CHOICE && !ends(option->choices, CHOICES_LIMIT))
        mistake = "its choices are longer than 255 bytes together; shorten them";
    else if (option->type == EB_OPT_PAIRS && option->key[strlen(option->key) - 1] != '.')
        mistake = "it takes pairs, so that its key is a prefix; end it with a dot";
    if (mistake)
        return snprintf(why, WHY_ROOM, "%s", mistake) > 0;
    if (option->min > option->max)
        return snprintf(why, WHY_ROOM, "its min, %lld, is above its max, %lld", (long long)option->min,
                        (long long)option->max) > 0;
    return has_wrong_place(option, about, why) || has_wrong_default(option, why);
}

/* Refuses an option that has the key, or the place in the settings, of one before it. */
static enum eb_status check_clash(const struct eb_option *options, size_t n, const char *file, struct eb_error *err) {
    const struct eb_option *option = &options[n];

    for (size_t i = 0; i < n; i++) {
        if (strcmp(option->key, options[i].key) == 0)
            return refuse(err, file, "has the option \"%s\" twice; rename one", option->key);
        if (option->offset == options[i].offset && ebi_value_size(option) && ebi_value_size(&options[i]))
            return refuse(err, file,
                          "has the options \"%s\" and \"%s\" at one place of its settings; give each an offset of its own",
                          options[i].key, option->key);
    }
    return EB_OK;
}

static enum eb_status check_options(const struct eb_plugin *about, const char *file, struct eb_error *err) {
    const struct eb_option *options = about->options;
    enum eb_status status = EB_OK;
    char why[WHY_ROOM];

    for (size_t i = 0; i < about->n_options && status == EB_OK; i++) {
        if (!is_name(options[i].key, "-_."))
            return refuse(err, file,
                          "has a wrong option, number %zu: it has no key, or one with other characters than letters, digits, "
                          "-, _ and dots",
                          i + 1);
        if (has_mistake(&options[i], about, why))
            return refuse(err, file, "has a wrong option \"%s\": %s", options[i].key, why);
        status = check_clash(options, i, file, err);
    }
    return status;
}

/* Replaces the plugin's own table by a copy with this core's stride. */
static enum eb_status read_options(struct eb_plugin *about, const char *file, struct eb_error *err) {
    const char *theirs = (const char *)about->options;
    size_t n = about->n_options, stride = about->option_size;

    about->options = NULL; /* from here on the copy is freed by ebi_describe_free */
    if (about->settings_size > SETTINGS_LIMIT)
        return refuse(err, file, "wants %zu bytes for its settings; at most %d are given: set settings_size",
                      about->settings_size, SETTINGS_LIMIT);
    if (n > OPTIONS_LIMIT)
        return refuse(err, file, "says that it has %zu options; at most %d are read: set n_options", n, OPTIONS_LIMIT);
    if (n && !theirs)
        return refuse(err, file, "says that it has %zu options, but has no table of them: set options", n);
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
        return refuse(err, file, "exports an %s that is not a table of ops; it must be data, which begins with its size",
                      role->symbol);
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
            return refuse(err, file, "has no %s in its %s role, which cannot do without: set it in %s", role->required[i].name,
                          role->name, role->symbol);
    return EB_OK;
}

/* Refuses a consumer whose traits contradict each other. */
static enum eb_status check_traits(const struct eb_consumer_ops *consumer, const char *file, struct eb_error *err) {
    if (!consumer || !(consumer->traits & EB_T_DELAY_ORDER) || (consumer->traits & EB_T_DELAY))
        return EB_OK;
    return refuse(err, file, "claims EB_T_DELAY_ORDER for its consumer without EB_T_DELAY: claim both or neither");
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
    if (status == EB_OK)
        status = check_traits(consumer, file, err);
    if (status == EB_OK && !producer && !consumer && !admin)
        status = refuse(err, file,
                        "has no role: it exports none of eventbus_producer, eventbus_consumer and eventbus_admin; export the "
                        "table of ops of one");
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
