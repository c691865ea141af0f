/* cli/conform.h - the command as the conformance kit calls it again, to run one case. */
#ifndef CLI_CONFORM_H
#define CLI_CONFORM_H

/* The first argument of such a call. */
extern const char cli_conform_word[];

/* Returns the exit status. */
int cli_conform_child(int argc, char **argv);

#endif
