/* cli/lines.c - see lines.h. */
#include "cli/lines.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/error.h"

enum eb_status cli_lines_open(struct cli_lines *lines, const char *path, struct eb_error *err) {
    bool standard = strcmp(path, "-") == 0;

    *lines = (struct cli_lines){ .file = standard ? stdin : fopen(path, "re"),
                                 .name = standard ? "standard input" : path,
                                 .end = UINT64_MAX };
    if (!lines->file)
        return ebi_error_errno(err, EB_PERMANENT, EB_KIND_CONFIG, "cannot read %s", path);
    return EB_OK;
}

void cli_lines_close(struct cli_lines *lines) {
    if (lines->file && lines->file != stdin)
        fclose(lines->file);
    ebi_bytes_free(&lines->line);
}

void cli_lines_context(const struct cli_lines *lines, struct eb_error *err) {
    ebi_error_context(err, "%s:%" PRIu64, lines->name, lines->number);
}

bool cli_lines_end_before_growth(struct cli_lines *lines, const char *path) {
    struct stat ours, theirs;
    int fd = fileno(lines->file);
    off_t at = lseek(fd, 0, SEEK_CUR);

    if (at < 0 || fstat(fd, &ours) != 0 || stat(path, &theirs) != 0 || !S_ISREG(ours.st_mode) || ours.st_dev != theirs.st_dev ||
        ours.st_ino != theirs.st_ino)
        return false;
    lines->end = ours.st_size > at ? (uint64_t)(ours.st_size - at) : 0;
    return true;
}

bool cli_lines_has_more(struct cli_lines *lines) {
    int fd = fileno(lines->file), flags = fcntl(fd, F_GETFL);

    if (lines->taken >= lines->end || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return false;
    int next = getc(lines->file);
    fcntl(fd, F_SETFL, flags);
    return next != EOF;
}

static bool is_blank(const struct ebi_bytes *line) {
    return line->len == 0 || strspn(line->data, " \t\r") == line->len;
}

/* Reads one line. If it is too long, *whole is false and the rest of the line is skipped. */
static enum eb_status read_line(struct cli_lines *lines, bool *whole, struct eb_error *err) {
    char piece[4096];

    *whole = true;
    ebi_bytes_clear(&lines->line);
    if (lines->taken >= lines->end)
        return EB_END;
    for (size_t n = 0;; n = 0) {
        int c = EOF;
        while (n < sizeof piece && (c = getc_unlocked(lines->file)) != EOF && c != '\n')
            piece[n++] = (char)c;
        lines->taken += n + (c == '\n');
        *whole = *whole && lines->line.len + n <= CLI_LONGEST_LINE;
        if (*whole && n > 0 && !ebi_bytes_add(&lines->line, piece, n))
            return ebi_error_memory(err);
        if (n == sizeof piece)
            continue;
        if (c == EOF && ferror(lines->file))
            return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot read %s", lines->name);
        if (c == EOF && lines->line.len == 0 && *whole)
            return EB_END;
        return EB_OK;
    }
}

/* Some editors put a byte-order mark before UTF-8. */
static void drop_byte_order_mark(struct ebi_bytes *line) {
    if (line->len < 3 || memcmp(line->data, "\xef\xbb\xbf", 3) != 0)
        return;
    memmove(line->data, line->data + 3, line->len - 3 + 1); /* with its NUL */
    line->len -= 3;
}

enum eb_status cli_lines_next(struct cli_lines *lines, const char **line, size_t *len, struct eb_error *err) {
    bool whole;

    do {
        enum eb_status status = read_line(lines, &whole, err);
        if (status != EB_OK)
            return status;
        if (lines->number++ == 0)
            drop_byte_order_mark(&lines->line);
        if (!whole)
            return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "a line of more than %d MiB; write one event a line",
                             CLI_LONGEST_LINE >> 20);
    } while (is_blank(&lines->line));
    *line = lines->line.data;
    *len = lines->line.len;
    return EB_OK;
}
