/* core/config/ini.h - the text of one INI file as sections and keys. inih reads the lines; what it would cut or misread
 * without a word is refused before it sees it. */
#ifndef EBI_INI_H
#define EBI_INI_H

#include <stddef.h>
#include <eventbus/error.h>

/* Who is told, in the order of the file. An answer other than EB_OK ends the reading with that error. */
struct ebi_ini_visitor {
    void *arg;
    /* [kind] (name is "") or [kind name], also when nothing follows it. */
    enum eb_status (*section)(void *arg, const char *kind, const char *name, unsigned line, struct eb_error *);
    /* A key of the section told last, with all of its value: continuation lines are joined without a blank. */
    enum eb_status (*key)(void *arg, const char *key, const char *value, unsigned line, struct eb_error *);
};

/* EB_PERMANENT, EB_KIND_CONFIG: "FILE:LINE: what is wrong there"; what a visitor says gets the same in front. */
enum eb_status ebi_ini_read(const char *file, const char *text, size_t len, const struct ebi_ini_visitor *,
                            struct eb_error *);

#endif
