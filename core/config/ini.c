/* core/config/ini.c - reads the text of one INI file as sections and keys: see ini.h.
 *
 * inih calls a reader in this file for each line. The reader refuses what inih would cut (long lines, long section names) or skip
 * (text after a section, an empty section), makes up for differences of inih's versions (comments in continuation lines), and allows
 * indented keys: as in Python's configparser, a line continues a value if it is indented deeper than its key. */
#include "config/ini.h"

#include <ini.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/utf8.h"

enum {
    SECTION_MOST = 49, /* what inih keeps of a section's name */
    VALUE_MOST = 65536
};

/* A file that is being read; belongs to the reading thread. */
struct reading {
    const char *file, *at, *end;
    const struct ebi_ini_visitor *visitor;
    struct eb_error *err;
    enum eb_status status; /* the first failure; nothing is read after it */
    unsigned line;         /* the last one that inih got, from 1 */
    bool in_section;
    bool has_key;  /* a key has been read, whose value may continue */
    bool goes_on;  /* the last line that inih got continues it */
    bool expected; /* inih must call the handler for the last line that it got */
    unsigned key_line;
    size_t key_indent;
    struct ebi_bytes key, value;
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static enum eb_status at_line(struct reading *in, unsigned line, enum eb_status status) {
    if (status != EB_OK) {
        ebi_error_context(in->err, "%s:%u", in->file, line);
        in->status = status;
    }
    return status;
}

static bool refuse(struct reading *in, const char *why) {
    at_line(in, in->line, ebi_error(in->err, EB_PERMANENT, EB_KIND_CONFIG, "%s", why));
    return false;
}

static bool refuse_memory(struct reading *in) {
    in->status = ebi_error_memory(in->err);
    return false;
}

/* Calls the visitor for the key whose value is complete now. */
static bool finish_key(struct reading *in) {
    if (!in->has_key)
        return true;
    in->has_key = false;
    return at_line(in, in->key_line, in->visitor->key(in->visitor->arg, in->key.data, in->value.data, in->key_line, in->err)) ==
           EB_OK;
}

/* ---- Lines, before inih sees them ---- */

struct line {
    const char *text;
    size_t len;
};

static struct line without_blanks_after(struct line line) {
    while (line.len > 0 && is_blank(line.text[line.len - 1]))
        line.len--;
    return line;
}

static struct line from(struct line line, size_t start) {
    return (struct line){ line.text + start, line.len - start };
}

static size_t indent_of(struct line line) {
    size_t indent = 0;

    while (indent < line.len && is_blank(line.text[indent]))
        indent++;
    return indent;
}

/* The next line, without its end (LF or CRLF). */
static struct line cut_line(struct reading *in) {
    struct line line = { in->at, (size_t)(in->end - in->at) };
    const char *newline = memchr(line.text, '\n', line.len);

    in->at = newline ? newline + 1 : in->end;
    if (newline)
        line.len = (size_t)(newline - line.text);
    if (line.len > 0 && line.text[line.len - 1] == '\r')
        line.len--;
    if (++in->line == 1 && line.len >= 3 && memcmp(line.text, "\xef\xbb\xbf", 3) == 0)
        line = from(line, 3); /* the byte order mark that some editors write */
    return line;
}

static bool is_control(struct line line, size_t at) {
    unsigned char c = (unsigned char)line.text[at];

    return (c < 0x20 && c != '\t') || c == 0x7f || (c == 0xC2 && at + 1 < line.len && (unsigned char)line.text[at + 1] < 0xA0);
}

static bool check_characters(struct reading *in, struct line line) {
    if (memchr(line.text, '\0', line.len))
        return refuse(in, "holds a NUL byte; this must be a text file in UTF-8");
    if (!ebi_utf8_valid(line.text, line.len))
        return refuse(in, "is not UTF-8; save the file as UTF-8 text");
    for (size_t i = 0; i < line.len; i++)
        if (is_control(line, i))
            return refuse(in, "holds a control character; a value with one can come from a file: ${file:PATH}");
    return true;
}

/* inih 55 keeps a comment in a continuation line as a part of the value; later versions do not. */
static struct line without_comment(struct line line) {
    for (size_t i = 1; i < line.len; i++)
        if (line.text[i] == ';' && is_blank(line.text[i - 1]))
            return without_blanks_after((struct line){ line.text, i });
    return line;
}

static bool hand_over(struct reading *in, struct line line, char *to, size_t room) {
    if (line.len >= room) {
        at_line(in, in->line,
                ebi_error(in->err, EB_PERMANENT, EB_KIND_CONFIG,
                          "a line of %zu bytes is too long (%zu at most); let the value go on in indented lines", line.len,
                          room - 1));
        return false;
    }
    memcpy(to, line.text, line.len);
    to[line.len] = '\0';
    return true;
}

/* ---- Sections ---- */

static const char *const section_form = "a section is [kind] or [kind NAME], NAME of letters, digits, - and _";

/* Cuts one word off the front of a line, with the blanks around it. */
static struct line cut_word(struct line *line) {
    struct line word = *line = from(*line, indent_of(*line));

    word.len = 0;
    while (word.len < line->len && is_word_char(line->text[word.len]))
        word.len++;
    *line = from(*line, word.len);
    *line = from(*line, indent_of(*line));
    return word;
}

static bool take_section(struct reading *in, struct line line, char *to, size_t room) {
    char kind[SECTION_MOST + 1], name[SECTION_MOST + 1];
    const char *close = memchr(line.text, ']', line.len);
    struct line inside, rest, first, second;

    if (!close)
        return refuse(in, "\"[\" without \"]\"");
    inside = (struct line){ line.text + 1, (size_t)(close - line.text) - 1 };
    rest = from(line, inside.len + 2);
    rest = from(rest, indent_of(rest));
    if (rest.len > 0 && rest.text[0] != ';' && rest.text[0] != '#')
        return refuse(in, "text after a section's \"]\"; keys stand on lines of their own");
    if (inside.len > SECTION_MOST)
        return refuse(in, "a section's name is too long (49 characters at most)");
    if (!hand_over(in, (struct line){ line.text, inside.len + 2 }, to, room))
        return false;
    first = cut_word(&inside);
    second = cut_word(&inside);
    if (first.len == 0 || inside.len > 0)
        return refuse(in, section_form);
    memcpy(kind, first.text, first.len);
    kind[first.len] = '\0';
    memcpy(name, second.text, second.len);
    name[second.len] = '\0';
    in->in_section = true;
    return at_line(in, in->line, in->visitor->section(in->visitor->arg, kind, name, in->line, in->err)) == EB_OK;
}

/* ---- Between inih and the visitor ---- */

/* Writes a line to `to` in the form that inih is to read. */
static bool prepare(struct reading *in, struct line line, char *to, size_t room) {
    size_t indent;

    to[0] = '\0';
    in->goes_on = false;
    if (!check_characters(in, line))
        return false;
    line = without_blanks_after(line);
    indent = indent_of(line);
    line = from(line, indent);
    if (line.len == 0 || line.text[0] == ';' || line.text[0] == '#')
        return true; /* a blank line or a comment, of any length */
    if (in->has_key && indent > in->key_indent) {
        in->goes_on = in->expected = true;
        to[0] = ' '; /* one blank marks a continuation for inih */
        return hand_over(in, without_comment(line), to + 1, room - 1);
    }
    if (!finish_key(in))
        return false;
    if (line.text[0] == '[')
        return take_section(in, line, to, room);
    in->expected = true;
    in->key_indent = indent;
    return hand_over(in, line, to, room);
}

static bool nothing_is_owed(struct reading *in) {
    return !in->expected || refuse(in, "neither [section] nor key = value");
}

/* inih's reader: as fgets. */
static char *next_line(char *to, int room, void *stream) {
    struct reading *in = stream;

    if (in->status != EB_OK || !nothing_is_owed(in) || in->at == in->end || room < 2)
        return NULL;
    return prepare(in, cut_line(in), to, (size_t)room) ? to : NULL;
}

static bool check_key(struct reading *in, const char *key) {
    if (!in->in_section)
        return refuse(in, "a key before the first [section]");
    if (!*key)
        return refuse(in, "no key before the \"=\"");
    for (; *key; key++)
        if (!is_word_char(*key) && *key != '.')
            return refuse(in, "a key is of letters, digits, \".\", - and _");
    return true;
}

static bool add_value(struct reading *in, const char *value) {
    if (in->value.len + strlen(value) > VALUE_MOST)
        return refuse(in, "a value is too long (64 KiB at most)");
    return ebi_bytes_add_text(&in->value, value) || refuse_memory(in);
}

static bool start_key(struct reading *in, const char *key, const char *value) {
    if (!check_key(in, key))
        return false;
    ebi_bytes_clear(&in->key);
    ebi_bytes_clear(&in->value);
    if (!ebi_bytes_add_text(&in->key, key))
        return refuse_memory(in);
    in->has_key = true;
    in->key_line = in->line;
    return add_value(in, value);
}

/* inih's handler: returns 1 for success. inih may cut the section name, and the key of a continuation line: neither is used. */
static int take_key(void *user, const char *section, const char *key, const char *value) {
    struct reading *in = user;

    (void)section;
    in->expected = false;
    if (in->status != EB_OK || !key || !value)
        return 0;
    return in->goes_on ? add_value(in, value) : start_key(in, key, value);
}

enum eb_status ebi_ini_read(const char *file, const char *text, size_t len, const struct ebi_ini_visitor *visitor,
                            struct eb_error *err) {
    struct reading in = { .file = file, .at = text, .end = text + len, .visitor = visitor, .err = err };

    if (len == 0)
        return EB_OK;
    /* It returns the first line that it could not read or that was refused here: both are known, with the reason. An inih that is built
     * to stop there does not call for another line, so a call that is still owed is looked for once more. */
    ini_parse_stream(next_line, &in, take_key, &in);
    if (in.status == EB_OK && nothing_is_owed(&in))
        finish_key(&in);
    ebi_bytes_free(&in.key);
    ebi_bytes_free(&in.value);
    return in.status;
}
