/* cli/grid.h - rows and columns for people, made to fit the terminal. */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLI_GRID_COLUMNS = 12 };

/* What one column is, and what becomes of it where not all columns fit as they are. */
struct cli_column {
    const char *title;
    const char *short_title;    /* NULL: the title */
    bool right;                 /* numbers stand to the right */
    bool cut;                   /* the middle of long cells may be left out */
    unsigned drop;              /* from 1: left out, the lowest first; 0: never */
};

/* A cell's text; brief: what stands for it where not everything fits, NULL: the same. */
struct cli_cell {
    const char *text, *brief;
};

struct cli_grid;

/* A grid that fits the terminal on standard output, or 80 columns where that is no terminal: first with brief cells and titles,
 * then without columns that may be dropped, then with cells that are cut. wide: everything as it is. The columns are
 * borrowed until the end. Returns NULL when there is no memory. */
struct cli_grid *cli_grid_new(const struct cli_column *, size_t n, bool wide);

/* Adds a row, which is copied; what may not be shown is escaped. The first 1000 rows decide how wide the columns are.
 * Returns false when the output takes no more, or there is no memory, which cli_grid_end reports. */
bool cli_grid_row(struct cli_grid *, const struct cli_cell *);

/* Writes what has not been written, nothing at all where there was no row, and frees the grid (NULL is fine). Returns
 * false when a row was lost for want of memory. */
bool cli_grid_end(struct cli_grid *);

/* The number as a cell: "-" where it is negative, which is unknown. */
const char *cli_number(int64_t number, char room[24]);

/* How long ago that was, as "3d ago"; "-" where ms is negative, which is unknown. */
const char *cli_ago(int64_t ms, int64_t now_ms, char room[24]);

#endif
