/* plugins/sqlite/store/tables.h - a database file is input: SQLite is told to trust nothing in it, and its tables have to
 * be those of the event bus. */
#ifndef SQ_TABLES_H
#define SQ_TABLES_H

#include "store/store.h"

/* On a connection that has read nothing yet. EB_OK, or EB_FATAL: this SQLite lacks such defences. */
int32_t sq_tables_defend(struct sq_store *, struct eb_error *);

/* Compares all that the file defines with the tables of this format. EB_PERMANENT: the error names what is too much,
 * missing or different. */
int32_t sq_tables_check(struct sq_store *, int64_t format, struct eb_error *);

#endif
