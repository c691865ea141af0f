/* cli/typed_line.c - see typed_line.h. */
#include "cli/typed_line.h"

#include <string.h>
#include "cli/help.h"

/* ---- options ---- */

void cli_typed_options(const struct cli_typed *line, void (*each)(void *arg, const struct cli_option *), void *arg) {
    for (size_t i = 0; line->verb && line->verb->run && i < line->verb->n_options; i++)
        each(arg, &line->verb->options[i]);
    for (const struct cli_verb *const *part = line->verb ? line->verbs : NULL; part && *part && line->verb->run; part++)
        for (size_t i = 0; i < (*part)->n_options; i++) /* those of a subcommand may stand before its name */
            each(arg, &(*part)->options[i]);
    for (size_t i = 0; i < cli_n_common_options; i++)
        each(arg, &cli_common_options[i]);
}

struct search {
    const char *name; /* NULL: by letter */
    size_t len;
    char letter;
    const struct cli_option *found;
};

static void compare(void *arg, const struct cli_option *option) {
    struct search *search = arg;
    bool is_it = search->name ? option->name && strlen(option->name) == search->len &&
                                    strncmp(option->name, search->name, search->len) == 0
                              : option->letter == search->letter;

    if (is_it && !search->found)
        search->found = option;
}

static const struct cli_option *named(const struct cli_typed *line, const char *name, size_t len) {
    struct search search = { .name = name, .len = len };

    cli_typed_options(line, compare, &search);
    return search.found;
}

static const struct cli_option *lettered(const struct cli_typed *line, char letter) {
    struct search search = { .letter = letter };

    cli_typed_options(line, compare, &search);
    return search.found;
}

static void append(const char **list, const char *value) {
    size_t n = 0;

    while (list[n])
        n++;
    if (n < CLI_TYPED_MOST)
        list[n] = value;
}

static void take_value(struct cli_typed *line, const struct cli_option *option, const char *value) {
    bool common = option >= cli_common_options && option < cli_common_options + cli_n_common_options;

    if (common && option->letter == 'c')
        append(line->files, value);
    else if (common && option->letter == 'o')
        append(line->overrides, value);
    else if (option->letter == 't')
        line->topic = value;
    else if (option->name && strcmp(option->name, "broker") == 0)
        line->broker = value;
}

static void note_given(struct cli_typed *line, const struct cli_option *option) {
    if (line->n_given < CLI_TYPED_MOST)
        line->given[line->n_given++] = option;
}

/* "--name" or "--name=value"; the value of the former is the next word. */
static void take_long(struct cli_typed *line, const char *word) {
    size_t len = strcspn(word, "=");
    const struct cli_option *option = named(line, word, len);

    if (!option)
        return;
    note_given(line, option);
    if (option->type == CLI_FLAG)
        return;
    if (word[len] == '=')
        take_value(line, option, word + len + 1);
    else
        line->awaited = option;
}

/* "-x", "-xyz" or "-xVALUE". */
static void take_letters(struct cli_typed *line, const char *letters) {
    for (; *letters; letters++) {
        const struct cli_option *option = lettered(line, *letters);

        if (!option)
            return;
        note_given(line, option);
        if (option->type == CLI_FLAG)
            continue;
        if (letters[1])
            take_value(line, option, letters + 1);
        else
            line->awaited = option;
        return;
    }
}

/* ---- words ---- */

static const struct cli_verb *find(const struct cli_verb *const *verbs, const char *word) {
    while (verbs && *verbs && strcmp((*verbs)->name, word) != 0)
        verbs++;
    return verbs ? *verbs : NULL;
}

static void take_word(struct cli_typed *line, const char *word) {
    const struct cli_verb *verb = find(line->verbs, word);

    if (verb) {
        line->verb = verb;
        line->verbs = verb->parts;
        return;
    }
    line->verbs = NULL; /* an operand: no subcommand may follow; or no verb at all */
    line->n_operands++;
}

static void take(struct cli_typed *line, const char *word) {
    if (line->awaited && strcmp(word, "=") == 0)
        return; /* bash splits "--name=value" into three words */
    if (line->awaited) {
        take_value(line, line->awaited, word);
        line->awaited = NULL;
    } else if (line->only_operands || word[0] != '-' || !word[1]) {
        take_word(line, word);
    } else if (strcmp(word, "--") == 0) {
        line->only_operands = true;
    } else if (word[1] == '-') {
        take_long(line, word + 2);
    } else {
        take_letters(line, word + 1);
    }
}

/* Splits a last word "--name=VALUE": only VALUE is completed. */
static void split_last(struct cli_typed *line) {
    const char *equals = strchr(line->last, '=');

    if (line->awaited || line->only_operands || strncmp(line->last, "--", 2) != 0 || !equals)
        return;
    line->awaited = named(line, line->last + 2, (size_t)(equals - line->last - 2));
    if (!line->awaited)
        return;
    line->attached = (size_t)(equals + 1 - line->last);
    line->last = equals + 1;
}

void cli_typed_read(struct cli_typed *line, const struct cli_verb *const *verbs, const char *const *words, size_t n) {
    *line = (struct cli_typed){ .verbs = verbs };
    for (size_t i = 0; i + 1 < n; i++)
        take(line, words[i]);
    line->last = line->awaited && strcmp(words[n - 1], "=") == 0 ? "" : words[n - 1];
    split_last(line);
}
