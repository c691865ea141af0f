/* core/receiver/command_check.c - see command_check.h. */
#include "receiver/command_check.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/blank.h"
#include "base/error.h"
#include "receiver/supervisor.h"

/* ---- The first word of a shell command ---- */

enum word_kind {
    NO_WORD,    /* the command ends here */
    PLAIN,      /* `text` is what the shell sees */
    ASSIGNMENT, /* NAME=... */
    UNSET,      /* $NAME or ${NAME}, without quotes, that expands to nothing */
    EMPTY,      /* '', "", or an unset variable between quotes: a word of no characters */
    OPAQUE      /* an expansion, a redirection, a grouping: only the shell knows */
};

struct word {
    enum word_kind kind;
    char text[PATH_MAX];
    size_t len;
    const char *end; /* behind it in the command */
};

static bool is_blank_character(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_blanks_and_comments(const char *at) {
    for (;;) {
        at += strspn(at, " \t\r\n");
        if (*at != '#')
            return at;
        at += strcspn(at, "\n");
    }
}

static size_t name_length(const char *at) {
    size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    return *at >= '0' && *at <= '9' ? 0 : n;
}

static bool ends_word(char c) {
    return !c || is_blank_character(c);
}

/* Returns the end of $NAME or ${NAME} where that variable is not set or blank, else NULL. */
static const char *unset_variable(const char *at) {
    bool braced = at[0] == '$' && at[1] == '{';
    const char *name = at + (braced ? 2 : 1), *value;
    size_t len = *at == '$' ? name_length(name) : 0;
    char copy[256];

    if (len == 0 || len >= sizeof copy || (braced && name[len] != '}'))
        return NULL;
    memcpy(copy, name, len);
    copy[len] = '\0';
    value = getenv(copy);
    return value && !ebi_is_blank(value) ? NULL : name + len + (braced ? 1 : 0);
}

/* Returns the end of quotes with nothing between them, else NULL. */
static const char *empty_quotes(const char *at) {
    const char *inner;

    if ((*at != '"' && *at != '\'') || !at[1])
        return NULL;
    inner = *at == '"' ? unset_variable(at + 1) : NULL;
    if (!inner)
        inner = at + 1;
    return *inner == *at ? inner + 1 : NULL;
}

static void add(struct word *word, char c) {
    if (word->len + 1 < sizeof word->text)
        word->text[word->len++] = c;
    else
        word->kind = OPAQUE;
}

/* Reads from the opening quote to behind the closing one. What the shell expands within makes the word opaque. */
static const char *read_quoted(struct word *word, const char *at) {
    char quote = *at++;

    for (; *at && *at != quote; at++) {
        if (quote == '"' && strchr("$`\\", *at))
            word->kind = OPAQUE;
        add(word, *at);
    }
    if (!*at)
        word->kind = OPAQUE; /* never closed: the shell reports it */
    return *at ? at + 1 : at;
}

static void read_word(const char *at, struct word *word) {
    word->len = 0;
    word->kind = PLAIN;
    size_t name = name_length(at);
    bool assignment = name > 0 && at[name] == '=';

    while (*at && !is_blank_character(*at) && !strchr(";&|<>()", *at)) {
        if (*at == '\'' || *at == '"') {
            at = read_quoted(word, at);
            continue;
        }
        if (*at == '\\' && at[1])
            at++;
        else if (strchr("$`*?[{}~!", *at))
            word->kind = OPAQUE;
        add(word, *at++);
    }
    word->text[word->len] = '\0';
    word->end = at;
    bool redirects = (*at == '<' || *at == '>') && word->text[strspn(word->text, "0123456789")] == '\0';
    at += strspn(at, " \t");
    if (redirects || *at == '(' || word->len == 0)
        word->kind = OPAQUE; /* a redirection, a function, a group */
    else if (assignment && word->kind == PLAIN)
        word->kind = ASSIGNMENT;
}

static void next_word(const char *at, struct word *word) {
    const char *end;

    at = skip_blanks_and_comments(at);
    word->end = at;
    if (!*at) {
        word->kind = NO_WORD;
    } else if ((end = unset_variable(at)) && ends_word(*end)) {
        word->kind = UNSET;
        word->end = end;
    } else if ((end = empty_quotes(at)) && ends_word(*end)) {
        word->kind = EMPTY;
        word->end = end;
    } else {
        read_word(at, word);
    }
}

/* Reads the word that the shell runs first, behind assignments and variables that expand to nothing. True: one did. */
static bool first_word(const char *command, struct word *word) {
    bool vanished = false;

    next_word(command, word);
    while (word->kind == ASSIGNMENT || word->kind == UNSET) {
        vanished |= word->kind == UNSET;
        next_word(word->end, word);
    }
    return vanished;
}

static bool is_one_of(const char *text, const char *const *words) {
    while (*words && strcmp(text, *words) != 0)
        words++;
    return *words;
}

/* Words that run what is behind them. */
static const char *const shells_prefixes[] = { "exec", "command", "eval", NULL },
                         *const program_prefixes[] = { "env", "nice", "nohup", "setsid", "timeout", NULL },
                         *const shells[] = { "sh", "bash", "dash", "ash", "ksh", NULL },
                         *const interpreters[] = { "sh", "bash", "dash", "ash", "ksh", "python", "perl", "ruby", "php", NULL };

/* Copies a program's name without folders and version: python for /usr/bin/python3.11. */
static void bare_name(const char *path, char *name, size_t room) {
    const char *slash = strrchr(path, '/');

    snprintf(name, room, "%s", slash ? slash + 1 : path);
    for (size_t len = strlen(name); len > 1 && strchr("0123456789.", name[len - 1]); len--)
        name[len - 1] = '\0';
}

/* Where word, a plain one, is a program that runs the program behind it, goes on to that one. A word that only the program understands, such as an
 * option, makes it opaque. */
static bool skip_prefix(struct word *word, bool *vanished) {
    char name[64];

    bare_name(word->text, name, sizeof name);
    if (!is_one_of(word->text, shells_prefixes) && !is_one_of(name, program_prefixes))
        return false;
    bool waits = strcmp(name, "timeout") == 0;
    if (waits)
        next_word(word->end, word);
    if (!waits || (word->kind == PLAIN && *word->text != '-'))
        *vanished |= first_word(word->end, word);
    if (word->kind == PLAIN && *word->text == '-')
        word->kind = OPAQUE;
    return true;
}

/* Where word is a shell with -c behind it, goes on to its command. */
static bool is_inner_command(struct word *word) {
    struct word next;
    char name[64];

    bare_name(word->text, name, sizeof name);
    if (word->kind != PLAIN || !is_one_of(name, shells))
        return false;
    next_word(word->end, &next);
    if (next.kind != PLAIN || strcmp(next.text, "-c") != 0)
        return false;
    next_word(next.end, word);
    return true;
}

bool ebi_exec_is_empty(const char *command) {
    struct word word;
    bool vanished = first_word(command, &word), only_prefix = true;

    if (word.kind == NO_WORD || word.kind == EMPTY)
        return true;
    while (word.kind == PLAIN) {
        only_prefix &= is_one_of(word.text, shells_prefixes);
        if (!skip_prefix(&word, &vanished))
            break;
    }
    if (word.kind == NO_WORD)
        return only_prefix || vanished;
    if (is_inner_command(&word))
        return word.kind == UNSET || word.kind == EMPTY || (word.kind == PLAIN && ebi_exec_is_empty(word.text));
    return word.kind == EMPTY;
}

/* ---- The program that a command names ---- */

/* Whether a shell runs this word by itself, without a program. */
static bool is_builtin(const char *text) {
    static const char *const words[] = {
        ".",        ":",       "[",     "[[",    "alias",  "bg",    "break",    "builtin",  "case",   "cd",      "command",
        "continue", "declare", "do",    "done",  "echo",   "elif",  "else",     "esac",     "eval",   "exec",    "exit",
        "export",   "false",   "fc",    "fg",    "fi",     "for",   "function", "getopts",  "hash",   "if",      "in",
        "jobs",     "kill",    "let",   "local", "printf", "pwd",   "read",     "readonly", "return", "select",  "set",
        "shift",    "source",  "test",  "then",  "time",   "times", "trap",     "true",     "type",   "typeset", "ulimit",
        "umask",    "unalias", "unset", "until", "wait",   "while",
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

/* Returns 0, or the errno that says why the file cannot be run. */
static int can_run(const char *path) {
    struct stat st;

    if (stat(path, &st) != 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    return access(path, X_OK) == 0 ? 0 : errno;
}

static enum eb_status check_path(const char *path, struct eb_error *err) {
    int why = can_run(path);
    char folder[PATH_MAX];

    if (why == 0)
        return EB_OK;
    if (*path == '/' || !getcwd(folder, sizeof folder))
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "command %.300s cannot be run: %s", path, strerror(why));
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                     "command %.300s cannot be run from the folder %.300s: %s; give its whole path", path, folder,
                     strerror(why));
}

static enum eb_status search_path(const char *name, struct eb_error *err) {
    const char *path = getenv("PATH"), *at = path ? path : "/usr/local/bin:/usr/bin:/bin";
    char file[PATH_MAX];
    int why = 0;

    for (const char *rest = at; rest; rest = strchr(rest, ':') ? strchr(rest, ':') + 1 : NULL) {
        int len = (int)strcspn(rest, ":");
        int n = snprintf(file, sizeof file, "%.*s%s%s", len, rest, len ? "/" : "", name);
        int found = n < (int)sizeof file ? can_run(file) : ENAMETOOLONG;

        if (found == 0)
            return EB_OK;
        why = found == EACCES ? EACCES : why;
    }
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                     why ? "command %.300s is found in PATH, but this user may not execute it (PATH is %.300s)"
                         : "command %.300s is not found; install it, or give its whole path (PATH is %.300s)",
                     name, at);
}

static enum eb_status find_program(const char *name, struct eb_error *err) {
    if (strchr(name, '/'))
        return check_path(name, err);
    return is_builtin(name) ? EB_OK : search_path(name, err);
}

/* Looks for the file that an interpreter runs; some interpreters look for it in PATH as well. */
static enum eb_status find_script(const struct word *interpreter, struct eb_error *err) {
    struct word script;
    char name[64];
    struct stat st;

    bare_name(interpreter->text, name, sizeof name);
    if (!is_one_of(name, interpreters))
        return EB_OK;
    next_word(interpreter->end, &script);
    if (script.kind != PLAIN || *script.text == '-' || stat(script.text, &st) == 0)
        return EB_OK;
    int why = errno;
    if (!strchr(script.text, '/') && search_path(script.text, NULL) == EB_OK)
        return EB_OK;
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%.300s cannot read %.300s: %s%s", interpreter->text, script.text,
                     strerror(why), *script.text == '/' ? "" : "; give its whole path");
}

static enum eb_status find(const char *command, bool scripts_only, struct eb_error *err) {
    struct word word;
    enum eb_status status = EB_OK;
    bool vanished = false;

    first_word(command, &word);
    do {
        if (word.kind != PLAIN || *word.text == '-')
            return EB_OK;
        status = scripts_only ? EB_OK : find_program(word.text, err);
    } while (status == EB_OK && skip_prefix(&word, &vanished));
    if (status != EB_OK)
        return status;
    status = find_script(&word, err);
    if (status == EB_OK && is_inner_command(&word) && word.kind == PLAIN)
        return find(word.text, scripts_only, err);
    return status;
}

enum eb_status ebi_exec_find(const char *command, struct eb_error *err) {
    return find(command, false, err);
}

enum eb_status ebi_exec_find_script(const char *command, struct eb_error *err) {
    return find(command, true, err);
}

/* ---- Complaints of the shell ---- */

/* Whether a word is in the command's text as a word of its own. */
static bool stands_in(const char *command, const char *word, size_t len) {
    static const char part_of_words[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./$=";

    for (const char *at = command; len > 0 && (at = memmem(at, strlen(at), word, len)); at++)
        if ((at == command || !strchr(part_of_words, at[-1])) && (!at[len] || !strchr(part_of_words, at[len])))
            return true;
    return false;
}

/* Returns what is behind "NAME: 1: " of dash, "NAME: line 1: " of bash, "NAME: " of others; NULL: another program wrote the line. */
static const char *shells_complaint(const char *line) {
    static const char name[] = EBI_COMMAND_NAME ": ";

    if (strncmp(line, name, sizeof name - 1) != 0)
        return NULL;
    line += sizeof name - 1;
    const char *number = strncmp(line, "line ", 5) == 0 ? line + 5 : line;
    size_t digits = strspn(number, "0123456789");
    return digits > 0 && strncmp(number + digits, ": ", 2) == 0 ? number + digits + 2 : line;
}

static bool begins_with(const char *text, const char *start) {
    return strncasecmp(text, start, strlen(start)) == 0;
}

/* Why a file cannot be used, in the words of the C library and of shells. */
static const char *const reasons[] = {
    "not found",      "command not found", "Permission denied", "No such file",          "cannot execute",
    "Is a directory", "Exec format error", "Not a directory",   "Directory nonexistent", NULL
};

static const char *skip_any(const char *text, const char *start) {
    return begins_with(text, start) ? text + strlen(start) : text;
}

/* Whether the shell cannot parse the command. bash says that of its -c, with the line that it cannot parse as the last one. */
static bool is_syntax_error(const char *complaint) {
    if (!begins_with(complaint, "-c: line "))
        return begins_with(complaint, "syntax error");
    complaint += strlen("-c: line ");
    complaint += strspn(complaint, "0123456789");
    return begins_with(complaint, ": `") || begins_with(complaint, ": syntax error") ||
           begins_with(complaint, ": unexpected EOF");
}

bool ebi_exec_blames_machine(const char *command, const char *line, struct eb_error *err) {
    const char *complaint = shells_complaint(line);

    if (!complaint)
        return false;
    if (begins_with(complaint, "Cannot fork") || begins_with(complaint, "can't fork") || begins_with(complaint, "fork: ")) {
        ebi_error(err, EB_RETRIABLE, EB_KIND_SYSTEM,
                  "the shell of the command cannot start a process: too many of this user's (ulimit -u), or no memory");
        return true;
    }
    if (is_syntax_error(complaint)) {
        ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "/bin/sh cannot read the command: %.300s", complaint);
        return true;
    }
    complaint = skip_any(skip_any(skip_any(complaint, "exec: "), "eval: "), ".: ");
    const char *name = skip_any(skip_any(complaint, "cannot open "), "cannot create ");
    const char *end = strstr(name, ": ");
    if (!end || !stands_in(command, name, (size_t)(end - name)))
        return false;
    for (size_t i = 0; reasons[i]; i++)
        if (begins_with(end + 2, reasons[i])) {
            ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                      name == complaint ? "command %.*s cannot be run: %s" : "the command's file %.*s cannot be opened: %s",
                      (int)(end - name > 300 ? 300 : end - name), name, reasons[i]);
            return true;
        }
    return false;
}

/* Where the first of the reasons is in a line; NULL: none is. */
static const char *find_reason(const char *line) {
    const char *first = NULL, *at;

    for (size_t i = 0; reasons[i]; i++)
        if ((at = strstr(line, reasons[i])) && (!first || at < first))
            first = at;
    return first;
}

bool ebi_exec_lacks_program(const char *command, const char *line, struct eb_error *err) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+@";
    const char *reason = find_reason(line);
    char name[PATH_MAX];

    while (reason && line < reason) {
        size_t len = strspn(line, letters);

        if (len > 0 && line + len < reason && len < sizeof name && stands_in(command, line, len)) {
            memcpy(name, line, len);
            name[len] = '\0';
            if (strspn(name, "0123456789.-") < len && find_program(name, err) != EB_OK)
                return true;
        }
        line += len > 0 ? len : 1;
    }
    return false;
}
