/* cli/man.c - the man pages, in man(7)'s language, from the tables that --help shows. */
#include "cli/help.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <eventbus/version.h>

static const char prefix[] = "eventbus-";

/* Text as troff shows it unchanged: no line of it is a request, and hyphens can be copied into a shell. */
static void plain_part(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if ((i == 0 || text[i - 1] == '\n') && (text[i] == '.' || text[i] == '\''))
            cli_out("\\&", 2);
        if (text[i] == '\\')
            cli_out("\\e", 2);
        else if (text[i] == '-')
            cli_out("\\-", 2);
        else
            cli_out(&text[i], 1);
    }
}

static void plain(const char *text) {
    plain_part(text, strlen(text));
}

static void bold(const char *text) {
    cli_outf("\\fB");
    plain(text);
    cli_outf("\\fR");
}

/* Paragraphs with an empty line between them. */
static void paragraphs(const char *text) {
    const char *end;

    for (; (end = strstr(text, "\n\n")) != NULL; text = end + 2) {
        plain_part(text, (size_t)(end - text));
        cli_outf("\n.PP\n");
    }
    plain(text);
    cli_outf("\n");
}

static void title(const char *page, const char *summary) {
    cli_outf(".TH \"");
    for (const char *c = page; *c; c++)
        cli_outf("%c", toupper((unsigned char)*c));
    cli_outf("\" 1 \"\" \"eventbus %s\" \"eventbus\"\n.SH NAME\n", EB_VERSION);
    plain(page);
    cli_outf(" \\- ");
    plain(summary);
    cli_outf("\n");
}

static void options(const struct cli_option *table, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char letter[] = {'-', table[i].letter, '\0'};

        cli_outf(".TP\n");
        if (table[i].letter)
            bold(letter);
        if (table[i].letter && table[i].name)
            cli_outf(", ");
        if (table[i].name) {
            bold("--");
            bold(table[i].name);
        }
        if (table[i].value) {
            cli_outf(" \\fI");
            plain(table[i].value);
            cli_outf("\\fR");
        }
        cli_outf("\n");
        plain(table[i].help);
        cli_outf("\n");
    }
}

static void synopsis(const struct cli_verb *verb, const char *name) {
    for (const char *const *usage = verb->usage; *usage; usage++) {
        cli_outf(".br\n");
        bold(name);
        cli_outf(" ");
        plain(*usage);
        cli_outf("\n");
    }
}

static void description(const struct cli_verb *verb) {
    plain(verb->summary);
    cli_outf(".\n");
    if (verb->about) {
        cli_outf(".PP\n");
        paragraphs(verb->about);
    }
}

static void examples(const struct cli_verb *verb) {
    cli_outf(".EX\n");
    for (const char *const *example = verb->examples; *example; example++) {
        plain(*example);
        cli_outf("\n");
    }
    cli_outf(".EE\n");
}

static void exit_statuses(void) {
    cli_outf(".SH EXIT STATUS\n");
    for (size_t i = 0; i < cli_n_exit_texts; i++) {
        cli_outf(".TP\n%d\n", cli_exit_texts[i].status);
        plain(cli_exit_texts[i].meaning);
        cli_outf("\n");
    }
}

static void page_of_command(const struct cli_verb *const *verbs) {
    title("eventbus", "the Open edX event bus on the command line");
    cli_outf(".SH SYNOPSIS\n\\fBeventbus\\fR [\\fB\\-c\\fR \\fIFILE\\fR]... [\\fB\\-o\\fR "
             "\\fIKIND.NAME.KEY=VALUE\\fR]... \\fIVERB\\fR ...\n.SH DESCRIPTION\n"
             "Sends, receives and looks after events. Each verb has a page of its own.\n");
    for (const struct cli_verb *const *verb = verbs; *verb; verb++) {
        cli_outf(".TP\n\\fBeventbus\\-%s\\fR(1)\n", (*verb)->name);
        plain((*verb)->summary);
        cli_outf("\n");
    }
    cli_outf(".SH OPTIONS\n");
    options(cli_common_options, cli_n_common_options);
    cli_outf(".SH CONFIGURATION\n");
    paragraphs(cli_about_configuration);
    exit_statuses();
}

/* A heading in capitals. */
static void heading(const char *text) {
    cli_outf(".SH \"");
    for (; *text; text++)
        cli_outf("%c", toupper((unsigned char)*text));
    cli_outf("\"\n");
}

static void page_of_part(const struct cli_verb *part) {
    heading(part->name);
    description(part);
    options(part->options, part->n_options);
    cli_outf(".PP\nExample:\n.PP\n");
    examples(part);
}

static void page_of_verb(const struct cli_verb *verb, const char *page) {
    char name[128];

    title(page, verb->summary);
    heading("synopsis");
    snprintf(name, sizeof name, "eventbus %s", verb->name);
    if (!verb->parts)
        synopsis(verb, name);
    for (const struct cli_verb *const *part = verb->parts; part && *part; part++) {
        snprintf(name, sizeof name, "eventbus %s %s", verb->name, (*part)->name);
        synopsis(*part, name);
    }
    for (const struct cli_verb *const *part = verb->parts; part && *part; part++)
        page_of_part(*part);
    if (!verb->parts) {
        heading("description");
        description(verb);
        heading("options");
        options(verb->options, verb->n_options);
        heading("examples");
        examples(verb);
    }
    cli_outf(
        ".PP\nThe options of every verb, \\fB\\-c\\fR and \\fB\\-o\\fR, and what the exit status means are told in "
        "\\fBeventbus\\fR(1).\n.SH SEE ALSO\n\\fBeventbus\\fR(1)\n");
}

int cli_man(const struct cli_verb *const *verbs, const char *page) {
    if (strcmp(page, "eventbus") == 0) {
        page_of_command(verbs);
        return CLI_EXIT_DONE;
    }
    for (; *verbs; verbs++)
        if (strncmp(page, prefix, sizeof prefix - 1) == 0 && strcmp(page + sizeof prefix - 1, (*verbs)->name) == 0) {
            page_of_verb(*verbs, page);
            return CLI_EXIT_DONE;
        }
    return cli_usage("", "there is no page \"%s\"", page);
}
