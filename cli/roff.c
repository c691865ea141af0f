/* cli/roff.c - see roff.h. */
#include "cli/roff.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <eventbus/version.h>
#include "cli/out.h"

/* Escapes text so that no line is a request and hyphens can be copied into a shell. */
static void text_part(const char *text, size_t len) {
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

void cli_roff_text(const char *text) {
    text_part(text, strlen(text));
}

void cli_roff_bold(const char *text) {
    cli_outf("\\fB");
    cli_roff_text(text);
    cli_outf("\\fR");
}

void cli_roff_italic(const char *text) {
    cli_outf("\\fI");
    cli_roff_text(text);
    cli_outf("\\fR");
}

void cli_roff_paragraphs(const char *text) {
    const char *end;

    for (; (end = strstr(text, "\n\n")) != NULL; text = end + 2) {
        text_part(text, (size_t)(end - text));
        cli_outf("\n.PP\n");
    }
    cli_roff_text(text);
    cli_outf("\n");
}

static void capitals(const char *text) {
    for (; *text; text++)
        cli_outf("%c", toupper((unsigned char)*text));
}

void cli_roff_title(const char *page, const char *section, const char *summary) {
    cli_outf(".TH \"");
    capitals(page);
    cli_outf("\" %s \"\" \"eventbus %s\" \"eventbus\"\n.SH NAME\n", section, EB_VERSION);
    cli_roff_text(page);
    cli_outf(" \\- ");
    cli_roff_text(summary);
    cli_outf("\n");
}

void cli_roff_heading(const char *text) {
    cli_outf(".SH \"");
    capitals(text);
    cli_outf("\"\n");
}

void cli_roff_reference(const char *page, const char *section) {
    cli_roff_bold(page);
    cli_outf("(%s)", section);
}
