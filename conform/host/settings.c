/* conform/host/settings.c - see settings.h. */
#include "host/settings.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t times;
};

static const struct unit durations[] = {
    { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
};
static const struct unit sizes[] = {
    { "", 1 }, { "k", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { NULL, 0 },
};
static const struct unit plain[] = { { "", 1 }, { NULL, 0 } };

static bool read_number(const char *text, const struct unit *unit, int64_t *number) {
    char *end;
    long long value;

    if ((*text < '0' || *text > '9') && *text != '-')
        return false;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno || end == text)
        return false;
    while (unit->name && strcmp(unit->name, end) != 0)
        unit++;
    if (unit->name)
        return !__builtin_mul_overflow((int64_t)value, unit->times, number);
    *number = 0;
    return value == 0 && *end == '\0'; /* a plain 0 needs no unit */
}

static bool read_bool(const char *text, int64_t *number) {
    static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0) {
            *number = i & 1;
            return true;
        }
    return false;
}

static bool read_choice(const char *text, const char *choices, int64_t *number) {
    size_t len = strlen(text);

    for (*number = 0; choices; (*number)++) {
        size_t word = strcspn(choices, "|");
        if (word == len && memcmp(choices, text, len) == 0)
            return true;
        choices = choices[word] ? choices + word + 1 : NULL;
    }
    return false;
}

static const char *expected(const struct eb_option *option) {
    switch (option->type) {
    case EB_OPT_BOOL:
        return "yes or no";
    case EB_OPT_INT:
        return "a whole number";
    case EB_OPT_MS:
        return "a duration such as 250ms, 5s, 2m, 1h or 7d";
    case EB_OPT_BYTES:
        return "a size such as 512, 64k, 10M or 1G";
    case EB_OPT_CHOICE:
        return option->choices ? option->choices : "one of no choices";
    default:
        return "a text";
    }
}

static bool read_value(const struct eb_option *option, const char *text, int64_t *number, char why[EBC_WHY_ROOM]) {
    bool read = option->type == EB_OPT_BOOL     ? read_bool(text, number)
                : option->type == EB_OPT_CHOICE ? read_choice(text, option->choices, number)
                                                : read_number(text,
                                                              option->type == EB_OPT_MS      ? durations
                                                              : option->type == EB_OPT_BYTES ? sizes
                                                                                             : plain,
                                                              number);
    bool limited = option->min != 0 || option->max != 0;

    if (!read)
        snprintf(why, EBC_WHY_ROOM, "%s is not %s", option->flags & EB_OPT_SECRET ? "the value" : text, expected(option));
    else if (limited && (*number < option->min || *number > option->max)) {
        snprintf(why, EBC_WHY_ROOM, "%s is out of its range, %lld to %lld%s", text, (long long)option->min,
                 (long long)option->max, option->type == EB_OPT_MS ? " ms" : "");
        read = false;
    }
    return read;
}

/* Takes over `memory`, which may be NULL. Returns it; NULL: no memory left. */
static void *hold(struct ebc_settings *settings, void *memory) {
    void **more = memory ? realloc(settings->held, (settings->n_held + 1) * sizeof *more) : NULL;

    if (!more) {
        free(memory);
        return NULL;
    }
    settings->held = more;
    more[settings->n_held++] = memory;
    return memory;
}

static void place(struct ebc_settings *settings, const struct eb_option *option, const void *value, size_t size) {
    memcpy((char *)settings->data + option->offset, value, size);
}

/* ---- ${...} ---- */

enum { FILE_MOST = 65536 };

struct text {
    char *data;
    size_t len;
};

static bool append(struct text *text, const char *data, size_t len) {
    char *more = realloc(text->data, text->len + len + 1);

    if (!more)
        return false;
    memcpy(more + text->len, data, len);
    text->data = more;
    text->len += len;
    more[text->len] = '\0';
    return true;
}

/* Appends a file's contents without the last line end: the way to give a secret that the process list must not show. */
static bool append_file(struct text *text, const char *path, char why[EBC_WHY_ROOM]) {
    char *held = malloc(FILE_MOST + 1);
    FILE *file = fopen(path, "re");
    size_t len = held && file ? fread(held, 1, FILE_MOST + 1, file) : 0;
    bool done = false;

    if (!held)
        snprintf(why, EBC_WHY_ROOM, "no memory left");
    else if (!file || ferror(file))
        snprintf(why, EBC_WHY_ROOM, "${file:%s}: %s", path, strerror(errno));
    else if (len > FILE_MOST || memchr(held, '\0', len))
        snprintf(why, EBC_WHY_ROOM, "${file:%s}: longer than %d bytes, or no text", path, FILE_MOST);
    else if (!append(text, held, len > 0 && held[len - 1] == '\n' ? len - 1 : len))
        snprintf(why, EBC_WHY_ROOM, "no memory left");
    else
        done = true;
    if (file)
        fclose(file);
    free(held);
    return done;
}

/* Appends the value of what stands between "${" and "}". */
static bool append_variable(struct text *text, const char *name, size_t len, const char *state, char why[EBC_WHY_ROOM]) {
    char *copy = strndup(name, len);
    char *fallback = copy ? strstr(copy, ":-") : NULL;
    const char *value;
    bool done = false;

    if (!copy) {
        snprintf(why, EBC_WHY_ROOM, "no memory left");
        return false;
    }
    if (strncmp(copy, "file:", 5) == 0) {
        done = append_file(text, copy + 5, why);
        free(copy);
        return done;
    }
    if (fallback) {
        *fallback = '\0';
        fallback += 2;
    }
    value = strcmp(copy, "STATE") == 0 ? state : getenv(copy);
    if (!value)
        value = fallback;
    if (!value)
        snprintf(why, EBC_WHY_ROOM,
                 "${%s}: there is no environment variable of that name; set it, or write "
                 "${%s:-default}",
                 copy, copy);
    else if (!append(text, value, strlen(value)))
        snprintf(why, EBC_WHY_ROOM, "no memory left");
    else
        done = true;
    free(copy);
    return done;
}

/* Returns a malloced copy of `from` with its variables replaced; NULL, with why. */
static char *replaced(const char *from, const char *state, char why[EBC_WHY_ROOM]) {
    struct text text = { 0 };
    bool done = append(&text, "", 0);

    while (done && *from) {
        size_t len = strcspn(from, "$");

        done = append(&text, from, len);
        from += len;
        if (!done || !*from)
            break;
        if (strncmp(from, "$${", 3) == 0) {
            done = append(&text, "${", 2);
            from += 3;
        } else if (from[1] == '{' && strchr(from, '}')) {
            len = (size_t)(strchr(from, '}') - from);
            if (!append_variable(&text, from + 2, len - 2, state, why)) {
                free(text.data);
                return NULL;
            }
            from += len + 1;
        } else {
            done = append(&text, from++, 1);
        }
    }
    if (!done) {
        snprintf(why, EBC_WHY_ROOM, "no memory left");
        free(text.data);
        return NULL;
    }
    return text.data;
}

/* ---- one option ---- */

/* "a, b c" to { "a", "b", "c", NULL }; the words stay in `text`, which is cut. */
static bool place_list(struct ebc_settings *settings, const struct eb_option *option, char *text) {
    size_t n = 0, room = strlen(text) / 2 + 2;
    const char **list = hold(settings, calloc(room, sizeof *list));
    char *rest = NULL;

    if (!list)
        return false;
    for (char *word = strtok_r(text, " \t,", &rest); word; word = strtok_r(NULL, " \t,", &rest))
        list[n++] = word;
    place(settings, option, &list, sizeof list);
    return true;
}

/* `value` is held by the settings and may be cut. */
static bool set_option(struct ebc_settings *settings, const struct eb_option *option, char *value, char why[EBC_WHY_ROOM]) {
    int64_t number;

    if (option->type == EB_OPT_TEXT) {
        place(settings, option, &value, sizeof value);
    } else if (option->type == EB_OPT_LIST) {
        if (!place_list(settings, option, value)) {
            snprintf(why, EBC_WHY_ROOM, "no memory left");
            return false;
        }
    } else if (!read_value(option, value, &number, why)) {
        return false;
    } else {
        place(settings, option, &number, sizeof number);
    }
    return true;
}

static char *held_value(struct ebc_settings *settings, const char *from, const char *state, char why[EBC_WHY_ROOM]) {
    char *value = replaced(from, state, why);

    if (value && !hold(settings, value)) {
        snprintf(why, EBC_WHY_ROOM, "no memory left");
        return NULL;
    }
    return value;
}

/* Returns the text after KEY= among the given settings; NULL: the key is not given. *times: how often it is given. */
static const char *given_value(const char *key, const char *const *given, size_t n, size_t *times) {
    size_t len = strlen(key);
    const char *value = NULL;

    *times = 0;
    for (size_t i = 0; i < n; i++)
        if (strncmp(given[i], key, len) == 0 && given[i][len] == '=') {
            value = given[i] + len + 1;
            ++*times;
        }
    return value;
}

/* Sets an option of type pairs to all PREFIXname=value that are given: name, value, ..., NULL. */
static bool set_pairs(struct ebc_settings *settings, const struct eb_option *option, const char *const *given, size_t n,
                      const char *state, char why[EBC_WHY_ROOM]) {
    size_t prefix = strlen(option->key), k = 0;
    const char **pairs = hold(settings, calloc(2 * n + 1, sizeof *pairs));
    char inner[EBC_WHY_ROOM] = "no memory left";

    for (size_t i = 0; pairs && i < n; i++) {
        const char *name = given[i] + prefix, *equals = strchr(given[i], '=');
        if (strncmp(given[i], option->key, prefix) != 0 || !equals || equals <= name)
            continue;
        pairs[k] = hold(settings, strndup(name, (size_t)(equals - name)));
        pairs[k + 1] = held_value(settings, equals + 1, state, inner);
        if (!pairs[k] || !pairs[k + 1]) {
            snprintf(why, EBC_WHY_ROOM, "-o %.*s: %.1900s", (int)(equals - given[i]), given[i], inner);
            return false;
        }
        k += 2;
    }
    if (!pairs) {
        snprintf(why, EBC_WHY_ROOM, "no memory left");
        return false;
    }
    place(settings, option, &pairs, sizeof pairs);
    return true;
}

static bool set_one(struct ebc_settings *settings, const struct eb_option *option, const char *const *given, size_t n,
                    const char *state, char why[EBC_WHY_ROOM]) {
    size_t times;
    const char *text = given_value(option->key, given, n, &times);
    char inner[EBC_WHY_ROOM];
    char *value;

    if (times > 1) {
        snprintf(why, EBC_WHY_ROOM, "-o %.200s is given twice", option->key);
        return false;
    }
    if (!text && !option->fallback && option->flags & EB_OPT_REQUIRED) {
        snprintf(why, EBC_WHY_ROOM, "the plugin needs -o %.200s=...: %.1000s", option->key, option->help ? option->help : "");
        return false;
    }
    if (!text && !option->fallback)
        return true;
    value = held_value(settings, text ? text : option->fallback, state, inner);
    if (value && set_option(settings, option, value, inner))
        return true;
    snprintf(why, EBC_WHY_ROOM, "%s %.200s: %.1700s", text ? "-o" : "the default of", option->key, inner);
    return false;
}

static bool known_key(const struct eb_plugin *about, const char *text) {
    size_t len = strcspn(text, "=");

    for (size_t i = 0; i < about->n_options; i++) {
        const struct eb_option *option = &about->options[i];
        size_t key = option->key ? strlen(option->key) : 0;
        if (option->type == EB_OPT_PAIRS ? len > key && memcmp(text, option->key, key) == 0
                                         : len == key && memcmp(text, option->key, key) == 0)
            return true;
    }
    return false;
}

static bool all_known(const struct eb_plugin *about, const char *const *given, size_t n, char why[EBC_WHY_ROOM]) {
    for (size_t i = 0; i < n; i++) {
        size_t at;

        if (!strchr(given[i], '=')) {
            snprintf(why, EBC_WHY_ROOM, "-o %.200s: expected KEY=VALUE", given[i]);
            return false;
        }
        if (known_key(about, given[i]))
            continue;
        at = (size_t)snprintf(why, EBC_WHY_ROOM, "-o %.200s: plugin %.100s has no such option; it has%s", given[i], about->name,
                              about->n_options ? "" : " none");
        for (size_t k = 0; k < about->n_options && at < EBC_WHY_ROOM - 1; k++)
            at += (size_t)snprintf(why + at, EBC_WHY_ROOM - at, "%s %s", k ? "," : "", about->options[k].key);
        return false;
    }
    return true;
}

/* ---- all of them ---- */

bool ebc_settings_fill(const struct eb_plugin *about, const char *const *given, size_t n, const char *state,
                       struct ebc_settings *settings, char why[EBC_WHY_ROOM]) {
    bool filled;

    memset(settings, 0, sizeof *settings);
    if (about->settings_size > 0 && !(settings->data = calloc(1, about->settings_size))) {
        snprintf(why, EBC_WHY_ROOM, "no memory left for the settings, %zu bytes", about->settings_size);
        return false;
    }
    filled = all_known(about, given, n, why);
    for (size_t i = 0; filled && i < about->n_options; i++) {
        const struct eb_option *option = &about->options[i];
        if (option->offset > about->settings_size || about->settings_size - option->offset < sizeof(int64_t)) {
            snprintf(why, EBC_WHY_ROOM, "option %.200s lies outside the settings struct: offset %zu, settings_size %zu",
                     option->key, option->offset, about->settings_size);
            filled = false;
        } else if (option->type == EB_OPT_PAIRS) {
            filled = set_pairs(settings, option, given, n, state, why);
        } else {
            filled = set_one(settings, option, given, n, state, why);
        }
    }
    return filled;
}

void ebc_settings_free(struct ebc_settings *settings) {
    for (size_t i = 0; i < settings->n_held; i++)
        free(settings->held[i]);
    free(settings->held);
    free(settings->data);
    memset(settings, 0, sizeof *settings);
}

bool ebc_default_fits(const struct eb_option *option, char why[EBC_WHY_ROOM]) {
    int64_t number;

    if (!option->fallback || option->type == EB_OPT_TEXT || option->type == EB_OPT_LIST || option->type == EB_OPT_PAIRS)
        return true;
    return read_value(option, option->fallback, &number, why);
}
