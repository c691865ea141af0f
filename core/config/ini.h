/* core/config/ini.h - reads the text of one INI file as sections and keys. inih parses the lines; what it would silently cut or misread
 * is refused before. */
#ifndef EBI_INI_H
#define EBI_INI_H

#include <stddef.h>
#include <eventbus/error.h>

/* What is called, in the order of the file. A return other than EB_OK ends the reading with that error. */
struct ebi_ini_visitor {
    void *arg;
    /* For [kind] (name is "") or [kind name], also where the section is empty. */
    enum eb_status (*section)(void *arg, const char *kind, const char *name, unsigned line, struct eb_error *);
    /* For a key of the last section, with its whole value: continuation lines are joined without a blank. */
    enum eb_status (*key)(void *arg, const char *key, const char *value, unsigned line, struct eb_error *);
};

/* EB_PERMANENT, EB_KIND_CONFIG: "FILE:LINE: what is wrong there"; an error of the visitor gets FILE:LINE in front, too. */
enum eb_status ebi_ini_read(const char *file, const char *text, size_t len, const struct ebi_ini_visitor *, struct eb_error *);

#endif
