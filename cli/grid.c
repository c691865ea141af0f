/* cli/grid.c - see grid.h. */
#include "cli/grid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/printable.h"
#include "cli/out.h"

enum {
    WITHOUT_TERMINAL = 80,
    ROWS_LOOKED_AT = 1000, /* rows that decide the widths; later rows are written at once */
    GAP = 2,
    SHORTEST = 8 /* a cut cell keeps this many columns */
};

/* A row: its escaped cells in one piece of memory. */
struct row {
    struct row *next;
    size_t text[CLI_GRID_COLUMNS], brief[CLI_GRID_COLUMNS]; /* offsets in `all`, by column */
    char *all;
};

struct cli_grid {
    const struct cli_column *columns;
    size_t n, n_rows, room; /* room: columns of the terminal; 0: no limit */
    bool fixed;             /* the widths are decided and the header is written */
    bool brief, no_memory;
    bool dropped[CLI_GRID_COLUMNS];
    size_t width[CLI_GRID_COLUMNS];
    struct row *first, **last;
};

static size_t terminal_width(void) {
    struct winsize size;

    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return WITHOUT_TERMINAL;
    return size.ws_col;
}

struct cli_grid *cli_grid_new(const struct cli_column *columns, size_t n, bool wide) {
    struct cli_grid *grid = calloc(1, sizeof *grid);

    if (!grid)
        return NULL;
    grid->columns = columns;
    grid->n = n;
    grid->room = wide ? 0 : terminal_width();
    grid->last = &grid->first;
    return grid;
}

/* ---- Widths ---- */

/* Returns the columns that a terminal needs for a character: two for East Asian characters and emoji. */
static size_t columns_of(uint32_t character) {
    static const struct {
        uint32_t first, last;
    } wide[] = { { 0x1100, 0x115F }, { 0x2E80, 0xA4CF }, { 0xAC00, 0xD7A3 },   { 0xF900, 0xFAFF },  { 0xFE30, 0xFE6F },
                 { 0xFF00, 0xFF60 }, { 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1FAFF }, { 0x20000, 0x3FFFD } };

    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        if (character >= wide[i].first && character <= wide[i].last)
            return 2;
    return 1;
}

static size_t width_of(const char *text) {
    size_t width = 0, len = strlen(text), step;
    enum ebi_printable what;
    uint32_t character;

    for (; len > 0; text += step, len -= step) {
        step = ebi_printable_step(text, len, &what, &character);
        width += columns_of(character);
    }
    return width;
}

/* Returns the bytes of the longest prefix of text that fits into `columns`; *used: the columns that it takes. */
static size_t start_within(const char *text, size_t columns, size_t *used) {
    size_t at = 0, len = strlen(text);

    *used = 0;
    while (at < len) {
        enum ebi_printable what;
        uint32_t character;
        size_t step = ebi_printable_step(text + at, len - at, &what, &character), more = columns_of(character);

        if (*used + more > columns)
            break;
        *used += more;
        at += step;
    }
    return at;
}

static const char *cell(const struct cli_grid *grid, const struct row *row, size_t column) {
    return row->all + (grid->brief ? row->brief : row->text)[column];
}

static const char *title(const struct cli_grid *grid, size_t column) {
    const struct cli_column *about = &grid->columns[column];

    return grid->brief && about->short_title ? about->short_title : about->title;
}

static size_t total(const struct cli_grid *grid) {
    size_t sum = 0;

    for (size_t i = 0; i < grid->n; i++)
        if (!grid->dropped[i])
            sum += grid->width[i] + (sum ? GAP : 0);
    return sum;
}

static void measure(struct cli_grid *grid) {
    for (size_t i = 0; i < grid->n; i++) {
        grid->width[i] = width_of(title(grid, i));
        for (const struct row *row = grid->first; row; row = row->next) {
            size_t width = width_of(cell(grid, row, i));
            grid->width[i] = width > grid->width[i] ? width : grid->width[i];
        }
    }
}

/* Returns the column to leave out next; n: none. */
static size_t next_to_drop(const struct cli_grid *grid) {
    size_t found = grid->n;

    for (size_t i = 0; i < grid->n; i++)
        if (grid->columns[i].drop && !grid->dropped[i] &&
            (found == grid->n || grid->columns[i].drop < grid->columns[found].drop))
            found = i;
    return found;
}

/* Returns the widest column that can still be cut; n: none. */
static size_t widest_to_cut(const struct cli_grid *grid) {
    size_t found = grid->n;

    for (size_t i = 0; i < grid->n; i++)
        if (grid->columns[i].cut && !grid->dropped[i] && grid->width[i] > SHORTEST &&
            (found == grid->n || grid->width[i] > grid->width[found]))
            found = i;
    return found;
}

static bool fits(const struct cli_grid *grid) {
    return !grid->room || total(grid) <= grid->room;
}

/* Columns with drop 1 are left out before any cell is cut, other columns only if cutting is not enough. */
static void fit(struct cli_grid *grid) {
    size_t at;

    measure(grid);
    if (fits(grid))
        return;
    grid->brief = true;
    measure(grid);
    while (!fits(grid) && (at = next_to_drop(grid)) < grid->n && grid->columns[at].drop == 1)
        grid->dropped[at] = true;
    while (!fits(grid) && (at = widest_to_cut(grid)) < grid->n)
        grid->width[at]--;
    while (!fits(grid) && (at = next_to_drop(grid)) < grid->n)
        grid->dropped[at] = true;
}

/* ---- Writing ---- */

static void add_blanks(struct ebi_bytes *line, size_t n) {
    ebi_bytes_add_format(line, "%*s", (int)n, "");
}

/* Cuts a cell to "learning-cer…lifecycle": names differ at both ends, and a dead-letter topic keeps its suffix. */
static size_t add_cut(struct ebi_bytes *line, const char *text, size_t columns) {
    size_t head, tail = 0, at = start_within(text, columns / 2, &head), len = strlen(text);
    const char *end = text + len;

    ebi_bytes_add(line, text, at);
    ebi_bytes_add_text(line, "\xe2\x80\xa6");
    while (end > text + at) { /* whole characters, from the end */
        const char *before = end - 1;
        while (before > text + at && ((unsigned char)*before & 0xC0) == 0x80)
            before--;
        size_t step = width_of(before) - (end == text + len ? 0 : width_of(end));
        if (head + 1 + tail + step > columns)
            break;
        tail += step;
        end = before;
    }
    ebi_bytes_add_text(line, end);
    return head + 1 + tail;
}

static void add_cell(const struct cli_grid *grid, struct ebi_bytes *line, size_t column, const char *text) {
    size_t width = width_of(text), room = grid->width[column];
    bool cut = width > room && grid->columns[column].cut && grid->room, right = grid->columns[column].right;

    if (line->len)
        add_blanks(line, GAP);
    if (right && !cut && width < room)
        add_blanks(line, room - width);
    if (cut)
        width = add_cut(line, text, room);
    else
        ebi_bytes_add_text(line, text);
    if ((!right || cut) && width < room)
        add_blanks(line, room - width);
}

static void write_line(struct cli_grid *grid, struct ebi_bytes *line) {
    while (line->len && line->data[line->len - 1] == ' ')
        line->data[--line->len] = '\0';
    grid->no_memory |= !line->data;
    if (line->data)
        cli_out_line(line->data, line->len);
    ebi_bytes_free(line);
}

static void write_header(struct cli_grid *grid) {
    struct ebi_bytes line = { 0 };

    for (size_t i = 0; i < grid->n; i++)
        if (!grid->dropped[i])
            add_cell(grid, &line, i, title(grid, i));
    write_line(grid, &line);
}

static void write_row(struct cli_grid *grid, const struct row *row) {
    struct ebi_bytes line = { 0 };

    for (size_t i = 0; i < grid->n; i++)
        if (!grid->dropped[i])
            add_cell(grid, &line, i, cell(grid, row, i));
    write_line(grid, &line);
}

static void free_row(struct row *row) {
    free(row->all);
    free(row);
}

/* Decides the widths by the rows collected so far, and writes them. */
static void settle(struct cli_grid *grid) {
    fit(grid);
    write_header(grid);
    grid->fixed = true;
    while (grid->first) {
        struct row *row = grid->first;

        grid->first = row->next;
        write_row(grid, row);
        free_row(row);
    }
    grid->last = &grid->first;
}

/* ---- Rows ---- */

static struct row *make_row(const struct cli_grid *grid, const struct cli_cell *cells) {
    struct row *row = calloc(1, sizeof *row);
    struct ebi_bytes all = { 0 };
    bool added = row != NULL;

    for (size_t i = 0; added && i < grid->n; i++) {
        row->text[i] = row->brief[i] = all.len;
        added = ebi_printable_add(&all, cells[i].text, strlen(cells[i].text)) && ebi_bytes_add(&all, "", 1);
        if (added && cells[i].brief) {
            row->brief[i] = all.len;
            added = ebi_printable_add(&all, cells[i].brief, strlen(cells[i].brief)) && ebi_bytes_add(&all, "", 1);
        }
    }
    if (!added) {
        ebi_bytes_free(&all);
        free(row);
        return NULL;
    }
    row->all = all.data;
    return row;
}

bool cli_grid_row(struct cli_grid *grid, const struct cli_cell *cells) {
    struct row *row = make_row(grid, cells);

    if (!row) {
        grid->no_memory = true;
        return false;
    }
    if (grid->fixed) {
        write_row(grid, row);
        free_row(row);
        return cli_out_event();
    }
    *grid->last = row;
    grid->last = &row->next;
    if (++grid->n_rows == ROWS_LOOKED_AT)
        settle(grid);
    return true;
}

bool cli_grid_end(struct cli_grid *grid) {
    if (!grid)
        return true;
    if (!grid->fixed && grid->first)
        settle(grid);
    bool whole = !grid->no_memory;
    free(grid);
    return whole;
}

/* ---- Cells ---- */

const char *cli_number(int64_t number, char room[24]) {
    if (number < 0)
        return "-";
    snprintf(room, 24, "%" PRId64, number);
    return room;
}

const char *cli_ago(int64_t ms, int64_t now_ms, char room[24]) {
    static const struct {
        int64_t ms;
        char letter;
    } units[] = { { INT64_C(86400000), 'd' }, { 3600000, 'h' }, { 60000, 'm' }, { 1000, 's' } };
    int64_t age = now_ms > ms ? now_ms - ms : 0;
    size_t i = 0;

    if (ms < 0)
        return "-";
    while (i < 3 && age < units[i].ms)
        i++;
    snprintf(room, 24, "%" PRId64 "%c ago", age / units[i].ms, units[i].letter);
    return room;
}
