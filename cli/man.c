/* cli/man.c - writes the man pages in the language of man(7), from the tables of --help. */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>
#include "cli/man_keys.h"
#include "cli/roff.h"

static const char prefix[] = "eventbus-";

static void options(const struct cli_option *table, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char letter[] = { '-', table[i].letter, '\0' };

        cli_outf(".TP\n");
        if (table[i].letter)
            cli_roff_bold(letter);
        if (table[i].letter && table[i].name)
            cli_outf(", ");
        if (table[i].name) {
            cli_roff_bold("--");
            cli_roff_bold(table[i].name);
        }
        if (table[i].value) {
            cli_outf(" \\fI");
            cli_roff_text(table[i].value);
            cli_outf("\\fR");
        }
        cli_outf("\n");
        cli_roff_text(table[i].help);
        cli_outf("\n");
    }
}

static void synopsis(const struct cli_verb *verb, const char *name) {
    for (const char *const *usage = verb->usage; *usage; usage++) {
        if (usage != verb->usage)
            cli_outf(".br\n");
        cli_roff_bold(name);
        if (**usage)
            cli_outf(" ");
        cli_roff_text(*usage);
        cli_outf("\n");
    }
}

static void description(const struct cli_verb *verb) {
    cli_roff_text(verb->summary);
    cli_outf(".\n");
    if (verb->about) {
        cli_outf(".PP\n");
        cli_roff_paragraphs(verb->about);
    }
}

static void examples(const struct cli_verb *verb) {
    cli_outf(".EX\n");
    for (const char *const *example = verb->examples; *example; example++) {
        cli_roff_text(*example);
        cli_outf("\n");
    }
    cli_outf(".EE\n");
}

static void exit_statuses(void) {
    cli_outf(".SH EXIT STATUS\n");
    for (size_t i = 0; i < cli_n_exit_texts; i++) {
        cli_outf(".TP\n%s\n", cli_exit_texts[i].status);
        cli_roff_text(cli_exit_texts[i].meaning);
        cli_outf("\n");
    }
}

static void environment(void) {
    static const struct {
        const char *name, *meaning;
    } all[] = {
        { "EVENTBUS_CONFIG", "the configuration where no -c is given: a file, or a folder of them" },
        { "STATE_DIRECTORY, XDG_STATE_HOME, HOME", "the first that is set says where the state folder is" },
        { "NO_COLOR", "no colour in what is logged to a terminal" },
    };

    cli_outf(".SH ENVIRONMENT\n");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        cli_outf(".TP\n\\fB%s\\fR\n%s\n", all[i].name, all[i].meaning);
    cli_outf(".PP\nThe configuration can use further variables as ${NAME}, see ");
    cli_roff_reference("eventbus.ini", "5");
    cli_outf(".\n");
}

static void files(void) {
    cli_outf(".SH FILES\n.TP\n");
    cli_roff_italic(CLI_DOCDIR "/docs");
    cli_outf("\nThe guides: operations.md for whoever runs it, delivery.md, plugin\\-authors.md.\n.TP\n");
    cli_roff_italic(CLI_DOCDIR "/conf");
    cli_outf("\nExamples of other brokers' configuration.\n.TP\n");
    cli_roff_italic(CLI_DOCDIR "/examples");
    cli_outf("\nTwo services in C, and a plugin with its Makefile.\n");
}

/* Every other page. */
static void see_also(const struct cli_verb *const *verbs, const char *const *plugins) {
    char page[128];

    cli_outf(".SH SEE ALSO\n");
    for (; *verbs; verbs++) {
        snprintf(page, sizeof page, "%s%s", prefix, (*verbs)->name);
        cli_roff_reference(page, "1");
        cli_outf(",\n");
    }
    cli_roff_reference("eventbus.ini", "5");
    for (; *plugins; plugins++) {
        snprintf(page, sizeof page, "%s%s", prefix, *plugins);
        cli_outf(",\n");
        cli_roff_reference(page, "5");
    }
    cli_outf("\n");
}

static void page_of_command(const struct cli_verb *const *verbs, const char *const *plugins) {
    cli_roff_title("eventbus", "1", "the Open edX event bus on the command line");
    cli_outf(".SH SYNOPSIS\n\\fBeventbus\\fR [\\fB\\-c\\fR \\fIFILE\\fR]... [\\fB\\-o\\fR "
             "\\fIKIND.NAME.KEY=VALUE\\fR]... \\fIVERB\\fR ...\n.SH DESCRIPTION\n"
             "Sends, receives and looks after events. Each verb has a page of its own.\n");
    for (const struct cli_verb *const *verb = verbs; *verb; verb++) {
        cli_outf(".TP\n\\fBeventbus\\-%s\\fR(1)\n", (*verb)->name);
        cli_roff_text((*verb)->summary);
        cli_outf("\n");
    }
    cli_outf(".SH OPTIONS\n");
    options(cli_common_options, cli_n_common_options);
    cli_outf(".SH CONFIGURATION\n");
    cli_roff_paragraphs(cli_about_configuration);
    cli_outf(".PP\nIts keys are described in ");
    cli_roff_reference("eventbus.ini", "5");
    cli_outf(".\n");
    exit_statuses();
    environment();
    files();
    see_also(verbs, plugins);
}

static void page_of_part(const struct cli_verb *part) {
    cli_roff_heading(part->name);
    description(part);
    options(part->options, part->n_options);
    cli_outf(".PP\nExample:\n.PP\n");
    examples(part);
}

static void page_of_verb(const struct cli_verb *verb, const char *page) {
    char name[128];

    cli_roff_title(page, "1", verb->summary);
    cli_roff_heading("synopsis");
    snprintf(name, sizeof name, "eventbus %s", verb->name);
    if (verb->run)
        synopsis(verb, name);
    for (const struct cli_verb *const *part = verb->parts; part && *part; part++) {
        snprintf(name, sizeof name, "eventbus %s %s", verb->name, (*part)->name);
        if (part != verb->parts || verb->run)
            cli_outf(".br\n");
        synopsis(*part, name);
    }
    if (verb->run) {
        cli_roff_heading("description");
        description(verb);
        if (verb->n_options > 0)
            cli_roff_heading("options");
        options(verb->options, verb->n_options);
        cli_roff_heading("examples");
        examples(verb);
    }
    for (const struct cli_verb *const *part = verb->parts; part && *part; part++)
        page_of_part(*part);
    cli_outf(
        ".PP\nThe options of every verb, \\fB\\-c\\fR and \\fB\\-o\\fR, and the meaning of the exit status are described in "
        "\\fBeventbus\\fR(1).\n.SH SEE ALSO\n\\fBeventbus\\fR(1), \\fBeventbus.ini\\fR(5)\n");
}

int cli_man(const struct cli_verb *const *verbs, const char *page, const char *const *more) {
    struct eb_error err;

    if (strcmp(page, "eventbus") == 0) {
        page_of_command(verbs, more);
        return CLI_EXIT_DONE;
    }
    if (strcmp(page, "eventbus.ini") == 0)
        return cli_man_configuration(more[0], more[0] ? more + 1 : more, &err) == EB_OK ? CLI_EXIT_DONE : cli_failed(&err);
    for (; *verbs; verbs++)
        if (strncmp(page, prefix, sizeof prefix - 1) == 0 && strcmp(page + sizeof prefix - 1, (*verbs)->name) == 0) {
            page_of_verb(*verbs, page);
            return CLI_EXIT_DONE;
        }
    return cli_usage("", "there is no page \"%s\"", page);
}
