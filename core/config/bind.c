/* core/config/bind.c - checks sections against option tables, and fills their settings structs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/nearest.h"
#include "config/redact.h"
#include "config/replace.h"
#include "config/store.h"
#include "config/value.h"

enum { NAMES_MOST = 256 };

/* A section that is being bound to tables. */
struct binding {
    struct ebi_config *config;
    const char *kind, *name;
    const struct ebi_section *section; /* NULL: it does not exist */
    const struct ebi_table *tables;
    size_t n;
    struct eb_error *err;
};

/* Copies an option as this version knows it, from a table whose author may have known more or fewer members. */
static struct eb_option option_at(const struct ebi_table *table, size_t i) {
    struct eb_option option = { 0 };

    memcpy(&option, (const char *)table->options + i * table->stride,
           table->stride < sizeof option ? table->stride : sizeof option);
    return option;
}

static bool is_for(const struct eb_option *option, const char *key) {
    size_t len = strlen(option->key);

    if (option->type == EB_OPT_PAIRS)
        return strncmp(key, option->key, len) == 0 && key[len];
    return strcmp(key, option->key) == 0;
}

/* Whether a key is secret. Pairs go to a client library: only their names say which of its options are secret. */
static bool is_secret(const struct eb_option *option, const char *key) {
    static const char *const words[] = { "password", "secret", "token", "passphrase", "pem" };

    if (option->flags & EB_OPT_SECRET)
        return true;
    for (size_t i = 0; option->type == EB_OPT_PAIRS && i < sizeof words / sizeof *words; i++)
        if (strcasestr(key, words[i]))
            return true;
    return false;
}

/* ---- Errors: where, which section, which key, what ---- */

static enum eb_status in_front(const struct binding *b, enum eb_status status, const char *where, const char *key) {
    if (status == EB_PERMANENT)
        ebi_error_context(b->err, "%s: %s %s", where, ebi_section_title(b->kind, b->name).text, key);
    return status;
}

/* The ${...} of a value could not be replaced. */
static enum eb_status tell_fault(const struct binding *b, const struct ebi_value *value) {
    return in_front(b, ebi_error(b->err, EB_PERMANENT, EB_KIND_CONFIG, "%s", value->fault), value->where, value->key);
}

static size_t known_names(const struct binding *b, const char *names[NAMES_MOST]) {
    size_t n = 0;

    for (size_t t = 0; t < b->n; t++)
        for (size_t i = 0; i < b->tables[t].n && n < NAMES_MOST; i++)
            names[n++] = option_at(&b->tables[t], i).key;
    return n;
}

/* Writes "its keys are a, b, c", as far as a message has room. */
static void list_names(const char *const *names, size_t n, char *text, size_t room) {
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < n && len + strlen(names[i]) + 8 < room; i++)
        len += (size_t)snprintf(text + len, room - len, "%s%s", i ? ", " : "", names[i]);
}

static enum eb_status unknown_key(const struct binding *b, const struct ebi_value *value) {
    const char *names[NAMES_MOST] = { 0 };
    size_t n = known_names(b, names);
    ptrdiff_t near = ebi_nearest(value->key, names, n);
    struct ebi_title title = ebi_section_title(b->kind, b->name);
    char all[600];

    if (near >= 0 && strcmp(names[near], value->key) == 0) /* of pairs */
        return ebi_error(b->err, EB_PERMANENT, EB_KIND_CONFIG, "%s: %s %s needs a name behind the dot", value->where,
                         title.text, value->key);
    if (near >= 0)
        return ebi_error(b->err, EB_PERMANENT, EB_KIND_CONFIG, "%s: %s has no key \"%s\"; did you mean \"%s\"?", value->where,
                         title.text, value->key, names[near]);
    list_names(names, n, all, sizeof all);
    return ebi_error(b->err, EB_PERMANENT, EB_KIND_CONFIG, "%s: %s has no key \"%s\"; its keys are %s", value->where,
                     title.text, value->key, all);
}

/* ---- Filling ---- */

static void *place(const struct ebi_table *table, const struct eb_option *option) {
    return (char *)table->settings + option->offset;
}

static enum eb_status set_given(const struct binding *b, const struct ebi_table *table, const struct eb_option *option,
                                const struct ebi_value *value) {
    enum eb_status status;

    if (!value->text)
        return tell_fault(b, value);
    if (ebi_value_size(option) == 0)
        status = ebi_error(b->err, EB_PERMANENT, EB_KIND_CONFIG,
                           "is of a type that this version does not know; leave it out, or upgrade eventbus");
    else if ((option->flags & EB_OPT_REQUIRED) && !option->fallback && ebi_value_is_empty(option, value->text))
        status = ebi_error(b->err, EB_PERMANENT, EB_KIND_CONFIG, "is empty; it needs a value: %s",
                           option->help ? option->help : "");
    else
        status = ebi_value_read(b->config, option, value->text, value->secret || is_secret(option, value->key),
                                place(table, option), b->err);
    return in_front(b, status, value->where, option->key);
}

/* Returns the default as text, with ${...} replaced; it lives as long as the configuration. */
static enum eb_status default_text(struct ebi_config *config, const struct eb_option *option, const char **result,
                                   struct eb_error *err) {
    struct ebi_bytes text = { 0 };
    bool secret = false;
    enum eb_status status = ebi_replace(option->fallback, config->state, &text, &secret, err);

    if (status == EB_OK) {
        *result = ebi_config_keep_text(config, text.data, text.len);
        status = *result ? EB_OK : ebi_error_memory(err);
    }
    ebi_bytes_free(&text);
    return status;
}

static enum eb_status set_default(const struct binding *b, const struct ebi_table *table, const struct eb_option *option) {
    const char *text;
    enum eb_status status;

    if (option->flags & EB_OPT_REQUIRED)
        return ebi_error(b->err, EB_PERMANENT, EB_KIND_CONFIG, "%s: %s needs \"%s\": %s",
                         ebi_config_where(b->config, b->kind, b->name, NULL), ebi_section_title(b->kind, b->name).text,
                         option->key, option->help ? option->help : "");
    if (!option->fallback || ebi_value_size(option) == 0)
        return EB_OK; /* zero, as the settings are */
    status = default_text(b->config, option, &text, b->err);
    if (status == EB_OK)
        status = ebi_value_read(b->config, option, text, is_secret(option, option->key), place(table, option), b->err);
    return in_front(b, status, "default", option->key);
}

static size_t count_pairs(const struct binding *b, const struct eb_option *option) {
    size_t n = 0;

    for (const struct ebi_value *value = b->section ? b->section->values : NULL; value; value = value->next)
        n += is_for(option, value->key);
    return n;
}

/* Returns name, value, name, value, ..., NULL; the names without their prefix. NULL: there are none. */
static enum eb_status set_pairs(const struct binding *b, const struct ebi_table *table, const struct eb_option *option) {
    size_t n = count_pairs(b, option), at = 0, prefix = strlen(option->key);
    const char **pairs;

    if (n == 0)
        return option->flags & EB_OPT_REQUIRED ? set_default(b, table, option) : EB_OK;
    pairs = ebi_config_keep(b->config, (2 * n + 1) * sizeof *pairs);
    if (!pairs)
        return ebi_error_memory(b->err);
    for (const struct ebi_value *value = b->section->values; value; value = value->next) {
        if (!is_for(option, value->key))
            continue;
        if (!value->text)
            return tell_fault(b, value);
        pairs[at++] = value->key + prefix;
        pairs[at++] = value->text;
    }
    memcpy(place(table, option), &pairs, sizeof pairs);
    return EB_OK;
}

/* Stores one value in each option that has its key. */
static enum eb_status bind_value(const struct binding *b, const struct ebi_value *value) {
    enum eb_status status = EB_OK;
    bool known = false;

    for (size_t t = 0; t < b->n; t++)
        for (size_t i = 0; i < b->tables[t].n && status == EB_OK; i++) {
            struct eb_option option = option_at(&b->tables[t], i);

            if (!is_for(&option, value->key))
                continue;
            known = true;
            if (option.type != EB_OPT_PAIRS)
                status = set_given(b, &b->tables[t], &option, value);
        }
    return known ? status : unknown_key(b, value);
}

static enum eb_status bind_rest(const struct binding *b, const struct ebi_table *table) {
    enum eb_status status = EB_OK;

    for (size_t i = 0; i < table->n && status == EB_OK; i++) {
        struct eb_option option = option_at(table, i);

        if (option.type == EB_OPT_PAIRS)
            status = set_pairs(b, table, &option);
        else if (!ebi_section_value(b->section, option.key))
            status = set_default(b, table, &option);
    }
    return status;
}

enum eb_status ebi_config_bind(struct ebi_config *config, const char *kind, const char *name, struct ebi_table *tables,
                               size_t n, struct eb_error *err) {
    /* clang-format off */
    const struct binding b = {
        .config = config, .kind = kind, .name = name, .section = ebi_config_section(config, kind, name),
        .tables = tables, .n = n, .err = err,
    };
    /* clang-format on */
    enum eb_status status = EB_OK;

    for (const struct ebi_value *value = b.section ? b.section->values : NULL; value && status == EB_OK; value = value->next)
        status = bind_value(&b, value);
    for (size_t t = 0; t < n && status == EB_OK; t++)
        status = bind_rest(&b, &tables[t]);
    return status;
}

/* ---- Showing ---- */

typedef void (*each_value)(void *arg, const struct eb_option *, const char *key, const char *value, const char *where);

struct walk {
    struct binding b;
    each_value each;
    void *arg;
};

/* Shows a value: a secret as "***", a URL without its password. from_file: it has content of ${file:...} in it, and is shown as it is
 * written, `raw`, if at all. */
static enum eb_status show(const struct walk *walk, const struct eb_option *option, const char *key, const char *text,
                           bool from_file, const char *raw, const char *where) {
    struct ebi_bytes shown = { 0 };
    bool url = (option->flags & EB_OPT_URL) &&
               (option->type == EB_OPT_TEXT || (option->type == EB_OPT_LIST && !(option->flags & EB_OPT_SECRET)));
    bool hide = !url && (from_file || is_secret(option, key)), added;

    if (hide || !*text)
        added = ebi_bytes_add_text(&shown, *text ? "***" : "");
    else if (url && option->type == EB_OPT_TEXT)
        added = ebi_redact_url(&shown, from_file ? raw : text);
    else
        added = ebi_redact_text(&shown, from_file ? raw : text);
    if (added)
        walk->each(walk->arg, option, key, shown.data, where);
    ebi_bytes_free(&shown);
    return added ? EB_OK : ebi_error_memory(walk->b.err);
}

static enum eb_status show_given(const struct walk *walk, const struct eb_option *option, const struct ebi_value *value) {
    if (!value->text)
        return tell_fault(&walk->b, value);
    return show(walk, option, value->key, value->text, value->secret, value->raw, value->where);
}

static enum eb_status show_pairs(const struct walk *walk, const struct eb_option *option) {
    enum eb_status status = EB_OK;

    for (const struct ebi_value *value = walk->b.section ? walk->b.section->values : NULL; value && status == EB_OK;
         value = value->next)
        if (is_for(option, value->key))
            status = show_given(walk, option, value);
    return status;
}

static enum eb_status show_default(const struct walk *walk, const struct eb_option *option) {
    const char *text = "";
    enum eb_status status = EB_OK;

    if (option->fallback && !(option->flags & EB_OPT_REQUIRED))
        status = default_text(walk->b.config, option, &text, walk->b.err);
    if (status != EB_OK)
        return in_front(&walk->b, status, "default", option->key);
    return show(walk, option, option->key, text, false, text, "default");
}

static enum eb_status show_option(const struct walk *walk, const struct eb_option *option) {
    const struct ebi_value *value = ebi_section_value(walk->b.section, option->key);

    if (option->type == EB_OPT_PAIRS)
        return show_pairs(walk, option);
    return value ? show_given(walk, option, value) : show_default(walk, option);
}

/* Whether a table before `table`, or an option before number i in it, has the same key. */
static bool was_shown(const struct binding *b, size_t table, size_t i, const char *key) {
    for (size_t t = 0; t <= table; t++)
        for (size_t j = 0; j < (t < table ? b->tables[t].n : i); j++)
            if (strcmp(option_at(&b->tables[t], j).key, key) == 0)
                return true;
    return false;
}

enum eb_status ebi_config_walk(struct ebi_config *config, const char *kind, const char *name, const struct ebi_table *tables,
                               size_t n, each_value each, void *arg, struct eb_error *err) {
    /* clang-format off */
    const struct walk walk = {
        .b = { .config = config, .kind = kind, .name = name, .section = ebi_config_section(config, kind, name),
               .tables = tables, .n = n, .err = err },
        .each = each, .arg = arg,
    };
    /* clang-format on */
    enum eb_status status = EB_OK;

    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < tables[t].n && status == EB_OK; i++) {
            struct eb_option option = option_at(&tables[t], i);

            if (!was_shown(&walk.b, t, i, option.key))
                status = show_option(&walk, &option);
        }
    return status;
}

enum eb_status ebi_read_number(const struct ebi_table *table, const char *key, const char *text, int64_t *number,
                               struct eb_error *err) {
    for (size_t i = 0; i < table->n; i++) {
        struct eb_option option = option_at(table, i);

        if (strcmp(option.key, key) == 0 && ebi_value_size(&option) == sizeof *number)
            return ebi_value_read(NULL, &option, text, is_secret(&option, key), number, err); /* keeps nothing */
    }
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "there is no key %s with a number", key);
}

/* ---- Sections as a whole ---- */

/* Lists up to `room` names of a kind's sections, except for one. Returns how many exist. */
static size_t list_sections(const struct ebi_config *config, const char *kind, const char *but, const char **names,
                            size_t room) {
    size_t n = 0;

    for (const char *name = NULL; (name = ebi_config_next(config, kind, name));) {
        if (strcmp(name, but) == 0)
            continue;
        if (n < room)
            names[n] = name;
        n++;
    }
    return n;
}

static enum eb_status say_no_section(const char *kind, const char *name, const char *const *names, size_t n,
                                     struct eb_error *err) {
    ptrdiff_t near = ebi_nearest(name, names, n);
    struct ebi_bytes text = { 0 };
    bool added = ebi_bytes_add_format(&text, "there is no section [%s %s]; ", kind, name) &&
                 (near < 0 ? ebi_bytes_add_text(&text, n ? "add it, or take one of: " : "there are none; add it")
                           : ebi_bytes_add_format(&text, "did you mean %s?", names[near]));

    for (size_t i = 0; near < 0 && i < n && added; i++)
        added = ebi_bytes_add_format(&text, "%s%s", i ? ", " : "", names[i]);
    enum eb_status status = added ? ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s", text.data) : ebi_error_memory(err);
    ebi_bytes_free(&text);
    return status;
}

enum eb_status ebi_config_no_section(const struct ebi_config *config, const char *kind, const char *name,
                                     struct eb_error *err) {
    size_t n = list_sections(config, kind, name, NULL, 0);
    const char **names = calloc(n + 1, sizeof *names);

    if (!names)
        return ebi_error_memory(err);
    list_sections(config, kind, name, names, n);
    enum eb_status status = say_no_section(kind, name, names, n, err);
    free(names);
    return status;
}

static const struct kind {
    const char *word;
    bool named;
} kinds[] = { { "eventbus", false }, { "broker", true }, { "route", true }, { "consume", true } };
enum { KINDS = sizeof kinds / sizeof *kinds };

static enum eb_status unknown_kind(const struct ebi_section *section, struct eb_error *err) {
    static const char all[] = "there are [eventbus], [broker NAME], [route NAME] and [consume NAME]";
    const char *words[KINDS];
    ptrdiff_t near;

    for (size_t i = 0; i < KINDS; i++)
        words[i] = kinds[i].word;
    near = ebi_nearest(section->kind, words, KINDS);
    if (near < 0)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s: no section is of the kind \"%s\"; %s", section->where,
                         section->kind, all);
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s: no section is of the kind \"%s\"; did you mean \"%s\"?",
                     section->where, section->kind, words[near]);
}

static enum eb_status check_section(const struct ebi_section *section, struct eb_error *err) {
    for (size_t i = 0; i < KINDS; i++) {
        if (strcmp(section->kind, kinds[i].word) != 0)
            continue;
        if (kinds[i].named && !*section->name)
            return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s: [%s] needs a name: [%s NAME]", section->where,
                             section->kind, section->kind);
        if (!kinds[i].named && *section->name)
            return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s: [%s] takes no name, but has \"%s\"", section->where,
                             section->kind, section->name);
        return EB_OK;
    }
    return unknown_kind(section, err);
}

enum eb_status ebi_config_check_sections(const struct ebi_config *config, struct eb_error *err) {
    enum eb_status status = EB_OK;

    for (const struct ebi_section *section = config->sections; section && status == EB_OK; section = section->next)
        status = check_section(section, err);
    return status;
}
