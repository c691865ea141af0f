/* cli/ini_text.c - writes a key and its value so that the INI reader gets the same value: see ini_text.h. */
#include "cli/ini_text.h"

#include <string.h>
#include "base/error.h"

bool cli_ini_has_control(const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text, next = (unsigned char)text[1];
        if (c < ' ' || c == 0x7f || (c == 0xC2 && next < 0xA0))
            return true;
    }
    return false;
}

/* Whether a value comes out of an INI as it went in: no blank at an end, and nothing that begins a comment. */
static bool is_plain(const char *text) {
    size_t len = strlen(text);

    return len > 0 && text[0] != ' ' && text[0] != ';' && text[len - 1] != ' ' && !strstr(text, " ;");
}

enum eb_status cli_ini_refuse_control(const char *setting, const char *key, struct eb_error *err) {
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                     "the setting %s: the value for %s has a control character in it; write it without", setting, key);
}

static enum eb_status check_value(const char *setting, const char *key, const char *value, struct eb_error *err) {
    if (cli_ini_has_control(value))
        return cli_ini_refuse_control(setting, key, err);
    if (!is_plain(value))
        return ebi_error(
            err, EB_PERMANENT, EB_KIND_CONFIG,
            "the setting %s: the value for %s is empty, has a blank at an end, or has \" ;\" in it, which an INI file "
            "cannot hold; change it",
            setting, key);
    return EB_OK;
}

/* A line of an INI has up to 199 bytes. A value goes on in indented lines. */
enum { LINE_MOST = 190, INDENT = 4 };

/* Whether a value may go on in a new line here, so that no blank is lost, no comment begins and no character is cut. */
static bool may_break(const char *at) {
    return at[-1] != ' ' && !strchr(" ;#", *at) && ((unsigned char)*at & 0xC0) != 0x80;
}

enum eb_status cli_ini_add_raw(struct ebi_bytes *ini, const char *setting, const char *key, const char *value,
                               struct eb_error *err) {
    size_t room = LINE_MOST - strlen(key) - strlen(" = ");
    bool added = ebi_bytes_add_format(ini, "%s = ", key);

    for (; added && strlen(value) > room; room = LINE_MOST - INDENT) {
        size_t n = room;
        while (n > 0 && !may_break(value + n))
            n--;
        if (n == 0)
            return ebi_error(
                err, EB_PERMANENT, EB_KIND_CONFIG,
                "the setting %s: the value for %s is longer than a line of an INI file and has no place to break it; "
                "shorten it",
                setting, key);
        added = ebi_bytes_add(ini, value, n) && ebi_bytes_add_text(ini, "\n    ");
        value += n;
    }
    added = added && ebi_bytes_add_format(ini, "%s\n", value);
    return added ? EB_OK : ebi_error_memory(err);
}

enum eb_status cli_ini_add(struct ebi_bytes *ini, const char *setting, const char *key, const char *value,
                           struct eb_error *err) {
    struct ebi_bytes escaped = { 0 };
    enum eb_status status = check_value(setting, key, value, err);
    bool added = status == EB_OK;

    for (const char *dollar; added && (dollar = strstr(value, "${")); value = dollar + 2)
        added = ebi_bytes_add(&escaped, value, (size_t)(dollar - value)) && ebi_bytes_add_text(&escaped, "$${");
    added = added && ebi_bytes_add_text(&escaped, value);
    if (status == EB_OK)
        status = added ? cli_ini_add_raw(ini, setting, key, escaped.data, err) : ebi_error_memory(err);
    ebi_bytes_free(&escaped);
    return status;
}
