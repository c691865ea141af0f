/* cli/grid.h - prints rows and columns for people so that they fit the terminal. */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLI_GRID_COLUMNS = 12 };

/* One column, and how it may be shortened if the columns do not fit. */
struct cli_column {
    const char *title;
    const char *short_title; /* NULL: the title */
    bool right;              /* aligned to the right, for numbers */
    bool cut;                /* the middle of a long cell may be left out */
    unsigned drop;           /* columns are left out in this order, from 1; 0: never */
};

/* A cell's text. brief replaces it if not everything fits; NULL: the same text. */
struct cli_cell {
    const char *text, *brief;
};

struct cli_grid;

/* Begins a grid that fits the terminal on standard output, or 80 columns if that is not a terminal. To fit, it uses
 * brief cells and titles, then leaves out columns, then cuts cells. wide: it changes nothing. The columns are borrowed
 * until cli_grid_end. Returns NULL if there is no memory. */
struct cli_grid *cli_grid_new(const struct cli_column *, size_t n, bool wide);

/* Copies a row and escapes what may not be shown. The first 1000 rows decide how wide the columns are. Returns false
 * if the output fails, or if there is no memory, which cli_grid_end reports. */
bool cli_grid_row(struct cli_grid *, const struct cli_cell *);

/* Writes the remaining rows, or nothing if there was no row, and frees the grid. NULL does nothing. Returns false if a
 * row was lost because there was no memory. */
bool cli_grid_end(struct cli_grid *);

/* Returns a number as a cell; "-" for a negative number, which means unknown. */
const char *cli_number(int64_t number, char room[24]);

/* Returns how long ago a time was, as "3d ago"; "-" for a negative time, which means unknown. */
const char *cli_ago(int64_t ms, int64_t now_ms, char room[24]);

#endif
