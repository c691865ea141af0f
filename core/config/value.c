/* core/config/value.c - converts the text of one value to the type of its option: see value.h and config.h. */
#include "config/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/blank.h"
#include "base/error.h"
#include "base/nearest.h"
#include "base/units.h"

enum { CHOICES_MOST = 32 };

/* A value as a message may show it: quoted, short, printable. */
struct shown {
    char text[72];
};

static struct shown show(const char *text, bool hide) {
    struct shown shown = { "***" };
    size_t len = strnlen(text, 60);

    if (hide)
        return shown;
    snprintf(shown.text, sizeof shown.text, "\"%.*s%s\"", (int)len, text, text[len] ? "..." : "");
    for (char *c = shown.text; *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            *c = '?';
    return shown;
}

static enum eb_status refuse(struct eb_error *err, const char *text, bool hide, const char *why) {
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s is %s", show(text, hide).text, why);
}

static const char *const no_duration = "not a duration; expected a number with ms, s, m, h or d, such as 250ms or 5s";
static const char *const no_size = "not a size; expected bytes, or a number with k, M, G or T, such as 64k";

/* ---- Numbers ---- */

static bool read_int(const char *text, int64_t *number) {
    bool minus = *text == '-';
    int64_t sum = 0;

    if (minus || *text == '+')
        text++;
    if (!*text)
        return false;
    for (; *text; text++) {
        int digit = *text - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, minus ? -digit : digit, &sum))
            return false;
    }
    *number = sum;
    return true;
}

static bool read_bool(const char *text, int64_t *number) {
    static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0) {
            *number = (int64_t)(i % 2);
            return true;
        }
    return false;
}

/* A bound as a user would write it. */
static void print_bound(int type, int64_t number, char *text, size_t room) {
    static const struct {
        int type;
        int64_t factor;
        const char *unit;
    } units[] = {
        { EB_OPT_MS, 86400000, "d" },   { EB_OPT_MS, 3600000, "h" },    { EB_OPT_MS, 60000, "m" },
        { EB_OPT_MS, 1000, "s" },       { EB_OPT_MS, 1, "ms" },         { EB_OPT_BYTES, INT64_C(1) << 40, "T" },
        { EB_OPT_BYTES, 1 << 30, "G" }, { EB_OPT_BYTES, 1 << 20, "M" }, { EB_OPT_BYTES, 1 << 10, "k" },
    };

    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].type == type && number != 0 && number % units[i].factor == 0) {
            snprintf(text, room, "%" PRId64 "%s", number / units[i].factor, units[i].unit);
            return;
        }
    snprintf(text, room, "%" PRId64, number);
}

static enum eb_status check_range(const struct eb_option *option, int64_t number, const char *text, bool hide,
                                  struct eb_error *err) {
    char low[32], high[32];

    if ((option->min == 0 && option->max == 0) || (number >= option->min && number <= option->max))
        return EB_OK;
    print_bound(option->type, option->min, low, sizeof low);
    print_bound(option->type, option->max, high, sizeof high);
    if (option->max == INT64_MAX)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s is out of range: at least %s", show(text, hide).text, low);
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s is out of range: %s to %s", show(text, hide).text, low, high);
}

/* ---- Choices ---- */

/* Copies the words of "a|b|c". Returns how many there are. */
static size_t split_choices(const char *choices, char room[256], const char *words[CHOICES_MOST]) {
    size_t n = 0;
    char *rest = room, *word;

    snprintf(room, 256, "%s", choices ? choices : "");
    while (n < CHOICES_MOST && (word = strsep(&rest, "|")))
        words[n++] = word;
    return n;
}

static enum eb_status read_choice(const struct eb_option *option, const char *text, bool hide, int64_t *number,
                                  struct eb_error *err) {
    const char *words[CHOICES_MOST];
    char room[256];
    size_t n = split_choices(option->choices, room, words);
    ptrdiff_t near;

    for (size_t i = 0; i < n; i++)
        if (strcmp(text, words[i]) == 0) {
            *number = (int64_t)i;
            return EB_OK;
        }
    near = hide ? -1 : ebi_nearest(text, words, n);
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s is not one of %s%s%s%s", show(text, hide).text,
                     option->choices ? option->choices : "", near < 0 ? "" : "; did you mean \"", near < 0 ? "" : words[near],
                     near < 0 ? "" : "\"?");
}

static enum eb_status read_number(const struct eb_option *option, const char *text, bool hide, int64_t *number,
                                  struct eb_error *err) {
    switch (option->type) {
    case EB_OPT_BOOL:
        return read_bool(text, number) ? EB_OK : refuse(err, text, hide, "neither yes nor no");
    case EB_OPT_CHOICE:
        return read_choice(option, text, hide, number, err);
    case EB_OPT_MS:
        if (!ebi_units_ms(text, strlen(text), number))
            return refuse(err, text, hide, no_duration);
        break;
    case EB_OPT_BYTES:
        if (!ebi_units_bytes(text, strlen(text), number))
            return refuse(err, text, hide, no_size);
        break;
    default:
        if (!read_int(text, number))
            return refuse(err, text, hide, "not a whole number of 64 bits");
    }
    return check_range(option, *number, text, hide, err);
}

/* ---- Texts and lists ---- */

static const char list_separators[] = " \t\r\n,";

static const char *const *split_list(struct ebi_config *config, const char *text) {
    char *copy = ebi_config_keep_text(config, text, strlen(text)), *rest = copy, *item;
    const char **list = ebi_config_keep(config, (strlen(text) / 2 + 2) * sizeof *list);
    size_t n = 0;

    if (!copy || !list)
        return NULL;
    while ((item = strsep(&rest, list_separators)))
        if (*item)
            list[n++] = item;
    return list;
}

bool ebi_value_is_empty(const struct eb_option *option, const char *text) {
    return option->type == EB_OPT_LIST ? !text[strspn(text, list_separators)] : ebi_is_blank(text);
}

static enum eb_status read_text(struct ebi_config *config, const struct eb_option *option, const char *text, void *to,
                                struct eb_error *err) {
    bool list = option->type == EB_OPT_LIST, empty = ebi_value_is_empty(option, text);
    const void *result = NULL;

    if (empty && !list && option->fallback && !ebi_is_blank(option->fallback))
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "is empty; give it a value, or leave the key out for the default");
    if (!empty || option->fallback) {
        text = empty ? "" : text;
        result = list ? (const void *)split_list(config, text) : ebi_config_keep_text(config, text, strlen(text));
        if (!result)
            return ebi_error_memory(err);
    }
    memcpy(to, &result, sizeof result);
    return EB_OK;
}

/* ---- All ---- */

size_t ebi_value_size(const struct eb_option *option) {
    switch (option->type) {
    case EB_OPT_TEXT:
    case EB_OPT_LIST:
    case EB_OPT_PAIRS:
        return sizeof(const void *);
    case EB_OPT_BOOL:
    case EB_OPT_INT:
    case EB_OPT_MS:
    case EB_OPT_BYTES:
    case EB_OPT_CHOICE:
        return sizeof(int64_t);
    default:
        return 0;
    }
}

enum eb_status ebi_value_read(struct ebi_config *config, const struct eb_option *option, const char *text, bool hide, void *to,
                              struct eb_error *err) {
    enum eb_status status;
    int64_t number;

    if (option->type == EB_OPT_TEXT || option->type == EB_OPT_LIST)
        return read_text(config, option, text, to, err);
    if (ebi_is_blank(text))
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "is empty; give it a value, or leave the key out");
    status = read_number(option, text, hide, &number, err);
    if (status == EB_OK)
        memcpy(to, &number, sizeof number);
    return status;
}

enum eb_status ebi_read_duration(const char *text, int64_t *ms, struct eb_error *err) {
    return ebi_units_ms(text, strlen(text), ms) ? EB_OK : refuse(err, text, false, no_duration);
}

enum eb_status ebi_read_size(const char *text, int64_t *bytes, struct eb_error *err) {
    return ebi_units_bytes(text, strlen(text), bytes) ? EB_OK : refuse(err, text, false, no_size);
}

/* Reads digits and a point, in any locale of the program. Up to 15 digits divide without a further rounding, so that 0.2 is the number
 * that a compiler makes of 0.2. */
enum eb_status ebi_read_share(const char *text, double *share, struct eb_error *err) {
    double number = 0, scale = 1;
    size_t digits = 0;
    bool point = false;

    for (const char *c = text; *c; c++) {
        if (*c >= '0' && *c <= '9' && digits++ < 15) {
            number = number * 10 + (*c - '0');
            scale *= point ? 10 : 1;
        } else if (*c == '.' && !point) {
            point = true;
        } else {
            digits = 0;
            break;
        }
    }
    if (digits == 0 || number > scale)
        return refuse(err, text, false, "no share; expected a number from 0 to 1, such as 0.2");
    *share = number / scale;
    return EB_OK;
}
