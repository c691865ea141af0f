/* core/base/folders.h - makes the folders that lead to a file. */
#ifndef EBI_FOLDERS_H
#define EBI_FOLDERS_H

#include <eventbus/error.h>

/* Makes the folders that are missing, for their owner only (mode 0700), and brings them to the disk. The part behind the last "/" is
 * the file's name. */
enum eb_status ebi_make_folders_for(const char *path, struct eb_error *);

/* Whether this user may create a file of that name in its folder, as far as rights and file system show. */
enum eb_status ebi_check_folder_of(const char *path, struct eb_error *);

/* Brings the folder that a file is in to the disk: the names of files that were made, moved or removed there. A file system
 * that cannot do this is no error. EB_FATAL: no memory, or the disk failed. */
enum eb_status ebi_sync_folder_of(const char *path, struct eb_error *);

#endif
