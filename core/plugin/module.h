/* core/plugin/module.h - shared objects, opened through libltdl; no other file of the core uses libltdl. */
#ifndef EBI_MODULE_H
#define EBI_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <eventbus/error.h>

struct ebi_module;

/* Opens a shared object with all its symbols bound at once, none of them visible to others. file: absolute, without links. EB_PERMANENT,
 * EB_KIND_PLUGIN: the error has the dynamic loader's own text. These three may be called from any thread. */
enum eb_status ebi_module_open(const char *file, struct ebi_module **, struct eb_error *);

/* A symbol that the object itself defines, not one of the libraries that it is linked to. */
struct ebi_symbol {
    const void *address;
    size_t room;   /* the size of its definition in bytes; SIZE_MAX: unknown */
    bool function; /* code, not data */
};
bool ebi_module_find(struct ebi_module *, const char *name, struct ebi_symbol *);

/* Closes a module that was refused; a plugin in use stays open until the process ends. */
void ebi_module_close(struct ebi_module *);

#endif
