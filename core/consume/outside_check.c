/* core/consume/outside_check.c - see outside_check.h. */
#include "consume/outside_check.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <curl/curl.h>

#include "base/blank.h"
#include "base/error.h"
#include "base/supervisor.h"

/* ---- The first word of a shell command ---- */

enum word_kind {
    NO_WORD,            /* the command ends here */
    PLAIN,              /* `text` is what the shell sees */
    ASSIGNMENT,         /* NAME=... */
    UNSET,              /* $NAME or ${NAME}, without quotes, that expands to nothing */
    OPAQUE              /* an expansion, a redirection, a grouping: only the shell knows */
};

struct word {
    enum word_kind kind;
    char text[PATH_MAX];
    size_t len;
    const char *end;    /* behind it in the command */
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

/* $NAME or ${NAME} as a word of its own, of a variable that is not set or blank; answers its end, or NULL. */
static const char *unset_variable(const char *at) {
    bool braced = at[0] == '$' && at[1] == '{';
    const char *name = at + (braced ? 2 : 1), *value;
    size_t len = *at == '$' ? name_length(name) : 0;
    char copy[256];

    if (len == 0 || len >= sizeof copy || (braced && name[len] != '}'))
        return NULL;
    at = name + len + (braced ? 1 : 0);
    if (*at && !is_blank_character(*at))
        return NULL;
    memcpy(copy, name, len);
    copy[len] = '\0';
    value = getenv(copy);
    return value && !ebi_is_blank(value) ? NULL : at;
}

static void add(struct word *word, char c) {
    if (word->len + 1 < sizeof word->text)
        word->text[word->len++] = c;
    else
        word->kind = OPAQUE;
}

/* From the opening quote to behind the closing one. What the shell replaces within makes the word opaque. */
static const char *read_quoted(struct word *word, const char *at) {
    char quote = *at++;

    for (; *at && *at != quote; at++) {
        if (quote == '"' && strchr("$`\\", *at))
            word->kind = OPAQUE;
        add(word, *at);
    }
    if (!*at)
        word->kind = OPAQUE;            /* never closed: the shell will tell */
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
        word->kind = OPAQUE;            /* a redirection, a function, a group */
    else if (assignment && word->kind == PLAIN)
        word->kind = ASSIGNMENT;
}

static void next_word(const char *at, struct word *word) {
    const char *end;

    at = skip_blanks_and_comments(at);
    word->end = at;
    if (!*at)
        word->kind = NO_WORD;
    else if ((end = unset_variable(at))) {
        word->kind = UNSET;
        word->end = end;
    } else {
        read_word(at, word);
    }
}

/* Of what the shell runs first: behind assignments and variables that vanish. */
static void first_word(const char *command, struct word *word) {
    next_word(command, word);
    while (word->kind == ASSIGNMENT || word->kind == UNSET)
        next_word(word->end, word);
}

bool ebi_exec_is_empty(const char *command) {
    struct word word;

    first_word(command, &word);
    return word.kind == NO_WORD;
}

/* ---- The program that it names ---- */

/* What a shell runs by itself, without a program. */
static bool is_shells_own(const char *text) {
    static const char *const words[] = {
        ".", ":", "[", "[[", "alias", "bg", "break", "builtin", "case", "cd", "command", "continue", "declare", "do",
        "done", "echo", "elif", "else", "esac", "eval", "exec", "exit", "export", "false", "fc", "fg", "fi", "for",
        "function", "getopts", "hash", "if", "in", "jobs", "kill", "let", "local", "printf", "pwd", "read", "readonly",
        "return", "select", "set", "shift", "source", "test", "then", "time", "times", "trap", "true", "type", "typeset",
        "ulimit", "umask", "unalias", "unset", "until", "wait", "while",
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

/* 0, or why it cannot be run. */
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
                     "command %.300s cannot be run from the folder %.300s: %s; give its whole path", path, folder, strerror(why));
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
                         : "command %.300s is not found; install it, or give its whole path (PATH is %.300s)", name, at);
}

enum eb_status ebi_exec_find(const char *command, struct eb_error *err) {
    struct word word;

    first_word(command, &word);
    if (word.kind == PLAIN && strcmp(word.text, "exec") == 0)
        next_word(word.end, &word);
    if (word.kind != PLAIN || *word.text == '-')
        return EB_OK;
    if (strchr(word.text, '/'))
        return check_path(word.text, err);
    return is_shells_own(word.text) ? EB_OK : search_path(word.text, err);
}

/* ---- What the shell complains about ---- */

/* A word of its own in the command's text. */
static bool stands_in(const char *command, const char *word, size_t len) {
    static const char part_of_words[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./$=";

    for (const char *at = command; len > 0 && (at = memmem(at, strlen(at), word, len)); at++)
        if ((at == command || !strchr(part_of_words, at[-1])) && (!at[len] || !strchr(part_of_words, at[len])))
            return true;
    return false;
}

/* Behind "NAME: 1: " of dash, "NAME: line 1: " of bash, "NAME: " of others; NULL: another program's line. */
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

bool ebi_exec_blames_machine(const char *command, const char *line, struct eb_error *err) {
    static const char *const reasons[] = {"not found", "command not found", "Permission denied", "No such file", "cannot execute",
                                          "Is a directory", "Exec format error", "Not a directory"};
    const char *complaint = shells_complaint(line);

    if (!complaint)
        return false;
    if (begins_with(complaint, "Cannot fork") || begins_with(complaint, "can't fork") || begins_with(complaint, "fork: ")) {
        ebi_error(err, EB_RETRIABLE, EB_KIND_SYSTEM,
                  "the shell of the command cannot start a process: too many of this user's (ulimit -u), or no memory");
        return true;
    }
    if (begins_with(complaint, "exec: "))
        complaint += strlen("exec: ");
    const char *end = strstr(complaint, ": ");
    if (!end || !stands_in(command, complaint, (size_t)(end - complaint)))
        return false;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (begins_with(end + 2, reasons[i])) {
            ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "command %.*s cannot be run: %s",
                      (int)(end - complaint > 300 ? 300 : end - complaint), complaint, reasons[i]);
            return true;
        }
    return false;
}

/* ---- Web addresses ---- */

enum eb_status ebi_webhook_check(const char *url, struct eb_error *err) {
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "is not an http:// or https:// URL");
    CURLU *parts = curl_url();
    if (!parts)
        return ebi_error_memory(err);
    CURLUcode code = curl_url_set(parts, CURLUPART_URL, url, 0);
    curl_url_cleanup(parts);
    if (code == CURLUE_OUT_OF_MEMORY)
        return ebi_error_memory(err);
    if (code != CURLUE_OK)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "is not a URL: %s", curl_url_strerror(code));
    return EB_OK;
}
