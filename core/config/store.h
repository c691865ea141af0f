/* core/config/store.h - struct ebi_config from the inside: for the files of this room only. */
#ifndef EBI_STORE_H
#define EBI_STORE_H

#include <pthread.h>
#include <stdbool.h>
#include "config/config.h"

/* One key as all files and overrides together set it. */
struct ebi_value {
    struct ebi_value *next;
    const char *key;
    const char *raw;   /* as written */
    const char *text;  /* with ${...} replaced; NULL: that failed */
    const char *fault; /* why it failed, without the place */
    const char *where; /* "FILE:LINE" or "-o" */
    unsigned source;   /* which file, counted from 1 */
    bool secret;       /* came from ${file:...} */
};

struct ebi_section {
    struct ebi_section *next;
    const char *kind, *name;  /* name "" for [kind] */
    const char *where;        /* of its first appearance */
    struct ebi_value *values; /* in the order of their first appearance */
    unsigned n_values;
};

struct ebi_kept;

/* Filled by the thread that loads it and read-only afterwards, except for `kept`: binding adds settings to it. */
struct ebi_config {
    struct ebi_section *sections;
    unsigned n_sections;
    const char *state;
    const char *note;
    pthread_mutex_t mutex; /* guards kept */
    struct ebi_kept *kept; /* all memory that lives as long as this */
};

/* Zeroed memory, or a copy of text with a NUL after it, for as long as the configuration lives; NULL: no memory. */
void *ebi_config_keep(struct ebi_config *, size_t size);
char *ebi_config_keep_text(struct ebi_config *, const char *text, size_t len);

struct ebi_section *ebi_config_section(const struct ebi_config *, const char *kind, const char *name);
struct ebi_value *ebi_section_value(const struct ebi_section *, const char *key); /* section may be NULL */

/* Bounds, so that searching the lists stays fast. */
enum { EBI_SECTIONS_MOST = 4096, EBI_KEYS_MOST = 1024 };

/* Returns the section; adds it, with this place, where it does not exist yet. EB_PERMANENT: there are too many. */
enum eb_status ebi_config_add_section(struct ebi_config *, const char *kind, const char *name, const char *where,
                                      struct ebi_section **, struct eb_error *);

/* Sets a value, in place of that of an earlier source. EB_PERMANENT: this source (0: it may repeat) has set it already, or there are too
 * many. */
enum eb_status ebi_config_set(struct ebi_config *, struct ebi_section *, const char *key, const char *raw, const char *where,
                              unsigned source, struct eb_error *);

/* "[kind name]" or "[kind]", for messages. */
struct ebi_title {
    char text[128];
};
struct ebi_title ebi_section_title(const char *kind, const char *name);

#endif
