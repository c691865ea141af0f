/* tests/unit/config/files.h - files to read configurations from. */
#ifndef TEST_CONFIG_FILES_H
#define TEST_CONFIG_FILES_H

#include "config/config.h"

/* Makes a fresh folder the current one, with all variables unset that name a configuration or a state folder. */
void start_in_fresh_folder(void);

/* Removes it with all in it. */
void remove_fresh_folder(void);

/* Writes a file in the current folder. */
void write_file(const char *name, const char *text);

/* Loads a configuration from one text, written to "t.ini"; fails the test when that is refused. */
struct ebi_config *load_text(const char *text);

#endif
