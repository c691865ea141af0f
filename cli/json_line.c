/* cli/json_line.c - see json_line.h. */
#include "cli/json_line.h"

#include <inttypes.h>
#include <string.h>
#include "base/printable.h"
#include "cli/out.h"

bool cli_json_open(struct ebi_bytes *line) {
    return ebi_bytes_add(line, "{", 1);
}

static bool add_name(struct ebi_bytes *line, const char *name) {
    bool first = line->len > 0 && line->data[line->len - 1] == '{';

    return ebi_bytes_add_format(line, "%s\"%s\":", first ? "" : ",", name);
}

bool cli_json_text(struct ebi_bytes *line, const char *name, const char *text) {
    return add_name(line, name) &&
           (text ? ebi_bytes_add_json_string(line, text, strlen(text)) : ebi_bytes_add_text(line, "null"));
}

bool cli_json_number(struct ebi_bytes *line, const char *name, int64_t number) {
    return add_name(line, name) &&
           (number < 0 ? ebi_bytes_add_text(line, "null") : ebi_bytes_add_format(line, "%" PRId64, number));
}

bool cli_json_flag(struct ebi_bytes *line, const char *name, bool is) {
    return add_name(line, name) && ebi_bytes_add_text(line, is ? "true" : "false");
}

bool cli_json_close(struct ebi_bytes *line, bool made) {
    bool whole = made && ebi_bytes_add(line, "}", 1);

    if (whole)
        cli_out_line(line->data, line->len);
    ebi_bytes_free(line);
    return whole;
}
