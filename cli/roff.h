/* cli/roff.h - prints text in the language of man(7) so that it is shown unchanged, whatever characters it contains. */
#ifndef CLI_ROFF_H
#define CLI_ROFF_H

/* Prints the page's head with its section NAME. A summary of "" is left out. */
void cli_roff_title(const char *page, const char *section, const char *summary);

void cli_roff_heading(const char *text); /* in capitals */
void cli_roff_text(const char *text);
void cli_roff_bold(const char *text);
void cli_roff_italic(const char *text);
void cli_roff_paragraphs(const char *text); /* separated by an empty line */

/* Prints "NAME(SECTION)" with the name in bold. */
void cli_roff_reference(const char *page, const char *section);

#endif
