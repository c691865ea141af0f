/* tests/unit/plugin/folder.h - files and folders for the tests of the loader. What they answer is freed by the caller. */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

#include <stddef.h>

/* The file of a plugin that this build made, links resolved; name NULL: its folder. folder ".": the plugins to install. */
char *built(const char *folder, const char *name);

char *folder_new(void);   /* a new one below the temporary folder, mode 0700 */
void folder_free(char *); /* with all that is in it */
char *join(const char *folder, const char *name);
void write_file(const char *file, const char *text);
void copy_file(const char *from, const char *to, size_t most);
size_t file_size(const char *file);
size_t count_files(const char *folder, const char *suffix);

#endif
