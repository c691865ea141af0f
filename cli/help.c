/* cli/help.c - see help.h. */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 79, GAP = 26 }; /* columns of a line, and the column at which an option's help starts */

const struct cli_option cli_common_options[] = {
    { .name = "config",
      .letter = 'c',
      .type = CLI_LIST,
      .offset = offsetof(struct cli_common, files),
      .value = "FILE",
      .help = "an INI file, or a folder of them; later ones override single keys" },
    { .name = "option",
      .letter = 'o',
      .type = CLI_LIST,
      .offset = offsetof(struct cli_common, overrides),
      .value = "KIND.NAME.KEY=VALUE",
      .help = "one key of the configuration, after all files; ${file:PATH} in VALUE keeps a secret out of the process list" },
    { .name = "quiet",
      .letter = 'q',
      .type = CLI_FLAG,
      .offset = offsetof(struct cli_common, quiet),
      .help = "log warnings and errors only, and print no summaries; -o eventbus.log_level goes before" },
    { .name = "verbose",
      .letter = 'v',
      .type = CLI_FLAG,
      .offset = offsetof(struct cli_common, verbose),
      .help = "log everything; -o eventbus.log_level goes before" },
    { .name = "help", .letter = 'h', .type = CLI_FLAG, .offset = offsetof(struct cli_common, help), .help = "this text" },
    { .name = "version",
      .letter = 'V',
      .type = CLI_FLAG,
      .offset = offsetof(struct cli_common, version),
      .help = "the version of the command and of its plugin interface" },
};
const size_t cli_n_common_options = sizeof cli_common_options / sizeof cli_common_options[0];

const struct cli_exit_text cli_exit_texts[] = {
    { "0", "done" },
    { "1", "some done and some not; each was named" },
    { "2", "called wrongly, or the configuration is wrong" },
    { "3", "broker, registry or this machine: not reachable, or gave up" },
    { "4", "bad data: JSON, Avro, schema" },
    { "5", "a plugin was refused" },
    { "128+N", "ended by signal N before it was done" },
};
const size_t cli_n_exit_texts = sizeof cli_exit_texts / sizeof cli_exit_texts[0];

const char cli_about_configuration[] =
    "The configuration is each -c FILE in order, else $EVENTBUS_CONFIG, else ./eventbus.ini, else the installed "
    "eventbus.ini, else what is built in: SQLite in the state folder. -c and -o stand before or after the verb.";

/* Prints text wrapped at words, from `column`; further lines start at `indent`. */
static void wrap(const char *text, size_t column, size_t indent) {
    while (*text) {
        size_t len = strcspn(text, " \n");

        if (column > indent && column + 1 + len > WIDTH) {
            cli_outf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            cli_out(" ", 1);
            column++;
        }
        cli_out(text, len);
        column += len;
        text += len;
        if (strncmp(text, "\n\n", 2) == 0) {
            cli_outf("\n\n%*s", (int)indent, "");
            column = indent;
        }
        text += strspn(text, " \n");
    }
    cli_out("\n", 1);
}

/* "-c, --config FILE", "--json", "-n COUNT" */
static int name_option(const struct cli_option *option, char *text, size_t room) {
    char letter[] = { '-', option->letter, '\0' };

    return snprintf(text, room, "  %s%s%s%s%s%s", option->letter ? letter : "", option->letter && option->name ? ", " : "",
                    option->name ? "--" : "", option->name ? option->name : "", option->value ? " " : "",
                    option->value ? option->value : "");
}

static void print_option(const struct cli_option *option) {
    char left[128];
    int len = name_option(option, left, sizeof left);

    if (len + 2 > GAP)
        cli_outf("%s\n%*s", left, GAP, "");
    else
        cli_outf("%-*s", GAP, left);
    wrap(option->help, GAP, GAP);
}

static void print_options(const struct cli_option *options, size_t n) {
    for (size_t i = 0; i < n; i++)
        print_option(&options[i]);
}

static void print_verbs(const struct cli_verb *const *verbs) {
    for (; *verbs; verbs++) {
        cli_outf("  %-12s", (*verbs)->name);
        wrap((*verbs)->summary, 14, 14);
    }
}

void cli_help(const struct cli_verb *const *verbs) {
    cli_outf("Usage: eventbus [-c FILE]... [-o KIND.NAME.KEY=VALUE]... VERB ...\n\n"
             "The Open edX event bus: sends, receives and looks after events.\n\nVerbs:\n");
    print_verbs(verbs);
    cli_outf("\nOptions before or after every verb:\n");
    print_options(cli_common_options, cli_n_common_options);
    cli_outf("\n");
    wrap(cli_about_configuration, 0, 0);
    cli_outf("\nExit status:\n");
    for (size_t i = 0; i < cli_n_exit_texts; i++)
        cli_outf("  %-5s  %s\n", cli_exit_texts[i].status, cli_exit_texts[i].meaning);
    cli_outf("\neventbus VERB --help tells more of a verb, with an example.\n");
}

static void print_summary(const struct cli_verb *verb) {
    char text[256];

    snprintf(text, sizeof text, "%s.", verb->summary);
    wrap(text, 0, 0);
}

static void print_examples(const struct cli_verb *verb) {
    cli_outf("\nExamples:\n");
    for (const char *const *example = verb->run ? verb->examples : NULL; example && *example; example++)
        cli_outf("  %s\n", *example);
    for (const struct cli_verb *const *part = verb->parts; part && *part; part++)
        cli_outf("  %s\n", (*part)->examples[0]);
}

void cli_help_verb(const struct cli_verb *verb, const char *name) {
    static const char *const none[] = { NULL };
    const char *before = "Usage:";

    for (const char *const *usage = verb->run ? verb->usage : none; *usage; usage++, before = "      ")
        cli_outf("%s eventbus %s%s%s\n", before, name, **usage ? " " : "", *usage);
    if (verb->parts)
        cli_outf("%s eventbus %s WHAT ...\n", before, name);
    cli_outf("\n");
    print_summary(verb);
    if (verb->about) {
        cli_outf("\n");
        wrap(verb->about, 0, 0);
    }
    if (verb->parts) {
        cli_outf("\nWhat:\n");
        print_verbs(verb->parts);
    }
    if (verb->run) {
        cli_outf("\nOptions:\n");
        print_options(verb->options, verb->n_options);
        print_options(cli_common_options, cli_n_common_options);
    }
    print_examples(verb);
    if (verb->parts)
        cli_outf("\neventbus %s WHAT --help tells more.\n", name);
}
