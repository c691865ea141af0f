/* cli/options.c - see options.h. */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "base/blank.h"
#include "base/nearest.h"

enum { LONG_OPTIONS = 256 }; /* values of long options start here, so that none is a letter */

/* The tables in the form of getopt_long. */
struct reader {
    const char *name;
    const struct cli_table *tables;
    size_t n_tables, n; /* n: options in all tables */
    struct option *longs;
    char *letters;
};

/* Finds option number i of all tables, and the settings that it fills. */
static const struct cli_option *option_at(const struct reader *reader, size_t i, void **settings) {
    const struct cli_table *table = reader->tables;

    while (i >= table->n)
        i -= (table++)->n;
    *settings = table->settings;
    return &table->options[i];
}

/* Returns the number of the first option with a letter, or n. */
static size_t by_letter(const struct reader *reader, int letter) {
    size_t i = 0;
    void *settings;

    while (i < reader->n && option_at(reader, i, &settings)->letter != letter)
        i++;
    return i;
}

static bool named_before(const struct reader *reader, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(reader->longs[i].name, name) == 0)
            return true;
    return false;
}

static bool prepare(struct reader *reader, enum cli_order order) {
    size_t n_longs = 0;
    char *letter;

    for (size_t i = 0; i < reader->n_tables; i++)
        reader->n += reader->tables[i].n;
    reader->longs = calloc(reader->n + 1, sizeof *reader->longs);
    reader->letters = calloc(2 * reader->n + 3, 1);
    if (!reader->longs || !reader->letters)
        return false;
    letter = reader->letters;
    if (order == CLI_FIRST_WORD)
        *letter++ = '+';
    *letter++ = ':'; /* makes getopt distinguish a missing value from an unknown option */
    for (size_t i = 0; i < reader->n; i++) {
        void *settings;
        const struct cli_option *option = option_at(reader, i, &settings);
        int takes = option->type == CLI_FLAG ? no_argument : required_argument;

        if (option->letter && by_letter(reader, option->letter) == i) {
            *letter++ = option->letter;
            if (takes == required_argument)
                *letter++ = ':';
        }
        if (option->name && !named_before(reader, n_longs, option->name))
            reader->longs[n_longs++] = (struct option){ option->name, takes, NULL, LONG_OPTIONS + (int)i };
    }
    return true;
}

static int append(const char *const **list, const char *value) {
    size_t n = 0;

    while (*list && (*list)[n])
        n++;
    const char **grown = realloc((void *)*list, (n + 2) * sizeof *grown);
    if (!grown) {
        cli_tell("out of memory");
        return -1;
    }
    grown[n] = value;
    grown[n + 1] = NULL;
    *list = grown;
    return 0;
}

/* Refuses a second value, since one of the two would have no effect. */
static int tell_twice(const struct reader *reader, const struct cli_option *option) {
    return cli_usage(reader->name, "--%s is given twice, with different values; it takes one", option->name);
}

static int take_count(const struct reader *reader, const struct cli_option *option, uint64_t *count, const char *value) {
    char *end;

    uint64_t before = *count;

    errno = 0;
    *count = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end || errno || *count == 0)
        return cli_usage(reader->name, "%s%.1s%s: expected a whole number from 1, found \"%s\"", option->name ? "--" : "-",
                         option->name ? "" : &option->letter, option->name ? option->name : "", value);
    return before && before != *count ? tell_twice(reader, option) : 0;
}

/* Refuses an empty value, such as a variable that is not set: no verb has a use for it. */
static int tell_empty(const struct reader *reader, const struct cli_option *option, bool by_its_letter) {
    if (by_its_letter)
        return cli_usage(reader->name, "-%c is empty; it needs a value: %s", option->letter, option->value);
    return cli_usage(reader->name, "--%s is empty; it needs a value: %s", option->name, option->value);
}

static int take(const struct reader *reader, size_t i, bool by_its_letter, const char *value) {
    void *settings;
    const struct cli_option *option = option_at(reader, i, &settings);
    void *place = (char *)settings + option->offset;

    if (option->type != CLI_FLAG && ebi_is_blank(value))
        return tell_empty(reader, option, by_its_letter);
    switch (option->type) {
    case CLI_FLAG:
        *(bool *)place = true;
        return 0;
    case CLI_TEXT:
        if (*(const char **)place && strcmp(*(const char **)place, value) != 0)
            return tell_twice(reader, option);
        *(const char **)place = value;
        return 0;
    case CLI_LIST:
        return append(place, value);
    case CLI_COUNT:
        return take_count(reader, option, place, value);
    }
    return 0;
}

/* Reports "--name" or "--name=value" that fits no option, or several. */
static int tell_unknown(const struct reader *reader, const char *given) {
    size_t len = strcspn(given + 2, "="), n = 0;
    const char **names = calloc(reader->n + 1, sizeof *names);
    char *word = strndup(given + 2, len);
    ptrdiff_t near = -1;
    int status;

    for (const struct option *known = reader->longs; names && known->name; known++)
        names[n++] = known->name;
    if (names && word)
        near = ebi_nearest(word, names, n);
    for (size_t i = 0; near < 0 && names && i < n; i++) /* an abbreviation of several options */
        if (strncmp(names[i], given + 2, len) == 0)
            near = (ptrdiff_t)i;
    if (near >= 0)
        status = cli_usage(reader->name, "unknown option --%.*s; did you mean --%s?", (int)len, given + 2, names[near]);
    else
        status = cli_usage(reader->name, "unknown option --%.*s", (int)len, given + 2);
    free(names);
    free(word);
    return status;
}

static int tell_wrong(const struct reader *reader, int answer, char **argv) {
    void *settings;

    if (answer == ':' && optopt >= LONG_OPTIONS) {
        const struct cli_option *option = option_at(reader, (size_t)(optopt - LONG_OPTIONS), &settings);
        return cli_usage(reader->name, "--%s needs a value: %s", option->name, option->value);
    }
    if (answer == ':')
        return cli_usage(reader->name, "-%c needs a value: %s", optopt,
                         option_at(reader, by_letter(reader, optopt), &settings)->value);
    if (optopt >= LONG_OPTIONS)
        return cli_usage(reader->name, "--%s takes no value",
                         option_at(reader, (size_t)(optopt - LONG_OPTIONS), &settings)->name);
    if (optopt)
        return cli_usage(reader->name, "unknown option -%c", optopt);
    return tell_unknown(reader, argv[optind - 1]);
}

int cli_options_read(const char *name, const struct cli_table *tables, size_t n_tables, enum cli_order order, int argc,
                     char **argv) {
    struct reader reader = { .name = name, .tables = tables, .n_tables = n_tables };
    int answer, wrong = 0;

    if (!prepare(&reader, order)) {
        cli_tell("out of memory");
        wrong = -1;
        goto done;
    }
    optind = 0; /* GNU getopt starts anew */
    opterr = 0;
    while (!wrong && (answer = getopt_long(argc, argv, reader.letters, reader.longs, NULL)) != -1) {
        if (answer == '?' || answer == ':')
            wrong = tell_wrong(&reader, answer, argv);
        else if (answer < LONG_OPTIONS)
            wrong = take(&reader, by_letter(&reader, answer), true, optarg);
        else
            wrong = take(&reader, (size_t)(answer - LONG_OPTIONS), false, optarg);
    }
done:
    free(reader.longs);
    free(reader.letters);
    return wrong ? -1 : optind;
}

int cli_options_first_word(const struct cli_table *tables, size_t n_tables, int argc, char **argv) {
    struct reader reader = { .tables = tables, .n_tables = n_tables };
    int answer = '?';

    if (prepare(&reader, CLI_FIRST_WORD)) {
        optind = 0;
        opterr = 0;
        do
            answer = getopt_long(argc, argv, reader.letters, reader.longs, NULL);
        while (answer != -1 && answer != '?' && answer != ':');
    }
    free(reader.longs);
    free(reader.letters);
    return answer == -1 ? optind : argc;
}

void cli_options_free(const struct cli_table *tables, size_t n_tables) {
    for (size_t i = 0; i < n_tables; i++)
        for (size_t k = 0; k < tables[i].n; k++)
            if (tables[i].options[k].type == CLI_LIST)
                free(*(void **)((char *)tables[i].settings + tables[i].options[k].offset));
}
