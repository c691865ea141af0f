/* cli/receipt.c - see receipt.h. */
#include "cli/receipt.h"

#include <string.h>
#include "base/printable.h"
#include "cli/out.h"
#include "cli/report.h"

static bool add_member(struct ebi_bytes *line, const char *name, const char *value) {
    return !value || (ebi_bytes_add_format(line, "%s\"%s\":", line->len > 1 ? "," : "", name) &&
                      ebi_bytes_add_json_string(line, value, strlen(value)));
}

void cli_print_receipt(const struct eb_receipt *receipt) {
    struct ebi_bytes line = { 0 };

    if (ebi_bytes_add(&line, "{", 1) && add_member(&line, "id", receipt->id) && add_member(&line, "type", receipt->type) &&
        add_member(&line, "topic", receipt->topic) && add_member(&line, "position", receipt->position) &&
        ebi_bytes_add(&line, "}", 1)) {
        cli_out_line(line.data, line.len);
        cli_out_now(); /* the event is delivered, so its receipt must not be lost in a buffer */
    } else {
        cli_tell("event %s was delivered, but there is no memory to print its receipt", receipt->id);
    }
    ebi_bytes_free(&line);
}
