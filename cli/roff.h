/* cli/roff.h - text in man(7)'s language, on standard output: shown as it stands, whatever characters are in it. */
#ifndef CLI_ROFF_H
#define CLI_ROFF_H

/* The page's head with its section NAME. "" is no summary. */
void cli_roff_title(const char *page, const char *section, const char *summary);

void cli_roff_heading(const char *text);   /* in capitals */
void cli_roff_text(const char *text);
void cli_roff_bold(const char *text);
void cli_roff_italic(const char *text);
void cli_roff_paragraphs(const char *text); /* with an empty line between them */

/* "NAME(SECTION)", the name in bold. */
void cli_roff_reference(const char *page, const char *section);

#endif
