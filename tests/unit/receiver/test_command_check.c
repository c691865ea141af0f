/* tests/unit/receiver/test_command_check.c - what is seen of a command and a web address before the first event. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "receiver/command_check.h"
#include "receiver/receiver.h"

static char folder[] = "/tmp/eb-test-command-XXXXXX";

static void make_file(const char *name, mode_t mode) {
    int fd = open(name, O_CREAT | O_WRONLY, mode);

    cr_assert_geq(fd, 0, "%s", name);
    close(fd);
}

static void begin(void) {
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
    make_file("run", 0700);
    make_file("my run", 0700);
    make_file("text", 0600);
    cr_assert_eq(mkdir("dir", 0700), 0);
    setenv("PATH", folder, 1);
    unsetenv("NOT_SET");
    setenv("BLANK", "  ", 1);
    setenv("SET", "run", 1);
}

static void end(void) {
    cr_assert_eq(unlink("run") | unlink("my run") | unlink("text") | rmdir("dir") | chdir("/"), 0);
    rmdir(folder);
}

TestSuite(command_check, .init = begin, .fini = end);

Test(command_check, a_command_that_would_run_nothing_is_empty) {
    static const struct {
        const char *command;
        bool empty;
        /* clang-format off */
    } cases[] = {
        {"", true}, {"  \t", true}, {"\n\n", true}, {"# run", true}, {" # run\n\t# run", true}, {"$NOT_SET", true},
        {"${NOT_SET}", true}, {"$BLANK", true}, {" $NOT_SET ${NOT_SET} # x", true}, {"A=b", true}, {"A=b B='c d'", true},
        {"A= $NOT_SET", true}, {"\"$NOT_SET\"", true}, {"\"${NOT_SET}\" x", true}, {"''", true}, {"exec $NOT_SET", true},
        {"exec", true}, {"eval \"$NOT_SET\"", true}, {"eval $BLANK", true}, {"command $NOT_SET", true}, {"env $NOT_SET", true},
        {"env A=b $NOT_SET", true}, {"timeout 5 $NOT_SET", true}, {"exec nice $NOT_SET", true}, {"sh -c \"$NOT_SET\"", true},
        {"/bin/sh -c ''", true}, {"bash -c ' # x'", true}, {"env sh -c 'exec $NOT_SET'", true},
        {"env", false}, {"nice", false}, {"exec >x", false}, {"exec $SET", false}, {"env run $NOT_SET", false}, {"eval \"$SET\"", false},
        {"sh -c \"$SET\"", false}, {"sh -c 'run'", false}, {"sh", false}, {"sh -s", false}, {"\"$NOT_SET\"x", false},
        {"timeout -k 5 10 run", false}, {"env -i", false}, {"timeout", false},
        {":", false}, {"true", false}, {"# x\nrun", false}, {"$SET", false}, {"$NOT_SET run", false},
        {"A=b run", false}, {"$(cat)", false}, {"`cat`", false}, {"$1", false}, {"$", false}, {"${NOT_SET:-run}", false},
        {"run#x", false}, {">x", false}, {"\\\n", false},
        {"$NOT_SET\trun", false}, {"$NOT_SET\nrun", false}, {"$NOT_SET\r", true}, {"\"", false}, {"'", false},
        {"$NOT_SET/x", false}, {"sh -c $NOT_SET", true}, {"; run", false},
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(ebi_exec_is_empty(cases[i].command), cases[i].empty, "%s", cases[i].command);
}

Test(command_check, the_first_word_of_a_command_is_looked_for) {
    static const struct {
        const char *command, *why; /* why NULL: it is found, or nobody can tell */
        /* clang-format off */
    } cases[] = {
        {"run", NULL}, {"./run -x", NULL}, {"run|nosuch", NULL}, {"run;nosuch", NULL}, {"run>x", NULL}, {"run&", NULL},
        {"'./my run' x", NULL}, {"\"./my run\" x", NULL}, {"./my\\ run x", NULL}, {"A=b run", NULL}, {"exec run", NULL},
        {"$NOT_SET run", NULL}, {"# x\n  run", NULL},
        {"cd /nosuch && run", NULL}, {"if run; then :; fi", NULL}, {"e=$(cat); run \"$e\"", NULL}, {"$SET x", NULL},
        {"$(which run)", NULL}, {"${SET:-nosuch}", NULL}, {"(nosuch)", NULL}, {"{ nosuch; }", NULL}, {"! nosuch", NULL},
        {"f() { run; }; f", NULL}, {"f () { run; }; f", NULL}, {">x nosuch", NULL}, {"ru?", NULL}, {"~/run", NULL},
        {"[ -e x ]", NULL}, {"'nosuch", NULL}, {"exec -a x nosuch", NULL}, {"exec 3<x", NULL}, {". ./text", NULL},
        {"nosuch", "command nosuch is not found"}, {"nosuch -x", "command nosuch is not found"},
        {"A=b nosuch", "command nosuch is not found"}, {"exec nosuch", "command nosuch is not found"},
        {"nosuch|run", "command nosuch is not found"}, {"'nosuch' x", "command nosuch is not found"},
        {"$NOT_SET nosuch", "command nosuch is not found"}, {"# x\nnosuch", "command nosuch is not found"},
        {"./nosuch", "command ./nosuch cannot be run from the folder"}, {"./dir", "Is a directory"}, {"./run/x", "Not a directory"},
        {"/nosuch/run", "command /nosuch/run cannot be run: No such file or directory"},
        {"./text", "command ./text cannot be run"}, {"text", "may not execute it"},
        {"dir", "command dir is not found"},
        {"env run", NULL}, {"env A=b run", NULL}, {"env -i nosuch", NULL}, {"timeout 5 run", NULL}, {"sh -c run", NULL},
        {"sh ./text", NULL}, {"python3 text x", NULL}, {"sh -x nosuch", NULL}, {"python3 -m nosuch", NULL}, {"python3 -", NULL},
        {"sh run", NULL}, {"sh -c 'cat; run'", NULL}, {"sh -c \"$SET\"", NULL}, {"python3", NULL}, {"python3 \"$SET\"", NULL},
        {"env nosuch", "command nosuch is not found"}, {"exec env A=b nosuch", "command nosuch is not found"},
        {"timeout 5 nohup nosuch", "command nosuch is not found"}, {"sh -c nosuch", "command nosuch is not found"},
        {"sh -c 'exec nosuch -x'", "command nosuch is not found"}, {"eval nosuch", "command nosuch is not found"},
        {"sh ./nosuch.sh", "sh cannot read ./nosuch.sh: No such file"}, {"python3 nosuch.py -v", "python3 cannot read nosuch.py"},
        {"./nice ./python3.11 /nosuch/x.py", "./python3.11 cannot read /nosuch/x.py"},
        {"run\tx", NULL}, {"nosuch\nx", "command nosuch is not found"}, {"nosuch\rx", "command nosuch is not found"},
        {"nosuch\\", "command nosuch\\ is not found"}, {"; nosuch", NULL}, {"A=~ nosuch", NULL}, {"$NOT_SET/nosuch", NULL},
        {"-x", NULL},
    };
    /* clang-format on */
    static const char *const there[] = { "env", "timeout", "sh", "python3", "python3.11", "nohup", "nice", "cat" };

    for (size_t i = 0; i < sizeof there / sizeof *there; i++)
        make_file(there[i], 0700);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eb_error err = { 0 };
        enum eb_status status = ebi_exec_find(cases[i].command, &err);

        cr_expect_eq(status, cases[i].why ? EB_PERMANENT : EB_OK, "%s: %s", cases[i].command, err.text);
        cr_expect(!cases[i].why || strstr(err.text, cases[i].why), "%s: %s", cases[i].command, err.text);
        cr_expect(!cases[i].why || err.kind == EB_KIND_CONFIG, "%s", cases[i].command);
    }
    for (size_t i = 0; i < sizeof there / sizeof *there; i++)
        unlink(there[i]);
}

Test(command_check, a_script_that_is_missing_is_told_from_one_that_failed) {
    make_file("sh", 0700);
    cr_expect_eq(ebi_exec_find_script("sh ./nosuch.sh", NULL), EB_PERMANENT);
    cr_expect_eq(ebi_exec_find_script("sh ./text", NULL), EB_OK);
    cr_expect_eq(ebi_exec_find_script("builtin-of-another-shell x", NULL), EB_OK);
    unlink("sh");
}

Test(command_check, who_runs_a_program_for_the_command_says_that_it_is_missing) {
    static const struct {
        const char *command, *line;
        bool lacks;
        /* clang-format off */
    } cases[] = {
        {"timeout -k 5 10 nosuch -x", "timeout: failed to run command \xe2\x80\x98nosuch\xe2\x80\x99: No such file or directory", true},
        {"xargs ./nosuch", "xargs: ./nosuch: No such file or directory", true}, {"env -i text", "env: 'text': Permission denied", true},
        {"cd /x && sh -c 'nosuch | run'", "sh: 1: nosuch: not found", true}, {"sudo -n nosuch", "sudo: nosuch: command not found", true},
        {"./run -i run", "./run: 'run': No such file or directory", false}, {"run \"$(cat)\"", "run: nosuch: not found", false},
        {"env -i nosuch", "nosuch is unhappy", false}, {"run --user 42 run", "user 42 not found", false}, {"nosuch", "", false},
        {"env -i nosuch", "env: nosuch: not found: Permission denied", true}, {"nosuch", "nosuchnot found", false},
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eb_error err = { 0 };

        cr_expect_eq(ebi_exec_lacks_program(cases[i].command, cases[i].line, &err), cases[i].lacks, "%s: %s", cases[i].line,
                     err.text);
        cr_expect(!cases[i].lacks || err.kind == EB_KIND_CONFIG, "%s", cases[i].line);
    }
}

Test(command_check, what_the_shell_complains_about_is_told_from_the_events_fault) {
    static const struct {
        const char *command, *line;
        enum eb_kind kind; /* EB_KIND_NONE: not the machine's fault */
    } cases[] = {
        { "cd /x && ./sync -v", "eventbus-exec: 1: ./sync: not found", EB_KIND_CONFIG },
        { "cd /x; exec sync", "eventbus-exec: line 3: exec: sync: not found", EB_KIND_CONFIG },
        { "a | jq .", "eventbus-exec: line 1: jq: command not found", EB_KIND_CONFIG },
        { "/opt/run", "eventbus-exec: 1: /opt/run: Permission denied", EB_KIND_CONFIG },
        { "/opt/run", "eventbus-exec: line 1: /opt/run: cannot execute: required file not found", EB_KIND_CONFIG },
        { "sync", "eventbus-exec: sync: not found", EB_KIND_CONFIG },
        { "cat <./in", "eventbus-exec: 1: cannot open ./in: No such file", EB_KIND_CONFIG },
        { "cat >/out/x", "eventbus-exec: 2: cannot create /out/x: Directory nonexistent", EB_KIND_CONFIG },
        { ". /opt/run", "eventbus-exec: 1: .: cannot open /opt/run: No such file", EB_KIND_CONFIG },
        { "cat >\"$(jq -r .id)\"", "eventbus-exec: 1: cannot create /out/x: Directory nonexistent", EB_KIND_NONE },
        { "eval 'sync'", "eventbus-exec: 1: eval: sync: not found", EB_KIND_CONFIG },
        { "if then", "eventbus-exec: 1: Syntax error: \"then\" unexpected", EB_KIND_CONFIG },
        { "if then", "eventbus-exec: -c: line 1: `if then'", EB_KIND_CONFIG },
        { "(", "eventbus-exec: -c: line 2: syntax error: unexpected end of file", EB_KIND_CONFIG },
        { "(", "eventbus-exec: syntax error: unexpected end of file", EB_KIND_CONFIG },
        { "eval \"$(cat)\"", "eventbus-exec: 1: eval: Syntax error: \"(\" unexpected", EB_KIND_NONE },
        { "echo $((x))", "eventbus-exec: line 1: 1+: syntax error: operand expected", EB_KIND_NONE },
        { "true; sync", "eventbus-exec: 1: Cannot fork", EB_KIND_SYSTEM },
        { "true; sync", "eventbus-exec: fork: retry: Resource temporarily unavailable", EB_KIND_SYSTEM },
        { "handle-$(jq -r .type)", "eventbus-exec: 1: handle-login: not found", EB_KIND_NONE },
        { "x=$(cat); $x", "eventbus-exec: 1: x: not found", EB_KIND_NONE },
        { "resync", "eventbus-exec: 1: sync: not found", EB_KIND_NONE },
        { "./script", "./script: 1: sync: not found", EB_KIND_NONE },
        { "sync", "sync: not found", EB_KIND_NONE },
        { "sync", "eventbus-exec: 1: sync: bad variable", EB_KIND_NONE },
        { "sync", "eventbus-exec: 1: sync", EB_KIND_NONE },
        { "sync", "eventbus-exec: ", EB_KIND_NONE },
        { "sync", "", EB_KIND_NONE },
        { "sync", "eventbus-exec: : not found", EB_KIND_NONE },
        { "1x", "eventbus-exec: 1x: not found", EB_KIND_CONFIG },
        { "\"", "eventbus-exec: -c: line 1: unexpected EOF while looking for matching `\"'", EB_KIND_CONFIG },
        { "sync", "eventbus-exec: -c: line 1: something else", EB_KIND_NONE },
        { "true; sync", "eventbus-exec: 1: can't fork: no more processes", EB_KIND_SYSTEM },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eb_error err = { 0 };

        cr_expect_eq(ebi_exec_blames_machine(cases[i].command, cases[i].line, &err), cases[i].kind != EB_KIND_NONE, "%s",
                     cases[i].line);
        cr_expect_eq(err.kind, cases[i].kind, "%s: %s", cases[i].line, err.text);
    }
}

Test(command_check, programs_are_looked_for_where_the_shell_looks) {
    struct eb_error err;

    make_file("dir/script", 0700);
    cr_expect_eq(setenv("PATH", ":/nosuch", 1), 0); /* an empty part is the folder at hand */
    cr_expect_eq(ebi_exec_find("run", &err), EB_OK, "%s", err.text);
    make_file("sh", 0700);
    cr_expect_eq(setenv("PATH", ":dir", 1), 0);
    cr_expect_eq(ebi_exec_find("sh script", &err), EB_OK, "%s", err.text);
    cr_expect_eq(ebi_exec_find("sh nosuch", &err), EB_PERMANENT);
    unlink("sh");
    unlink("dir/script");
    cr_expect_eq(unsetenv("PATH"), 0);
    cr_expect_eq(ebi_exec_find("sh", &err), EB_OK, "%s", err.text);
    cr_expect_eq(ebi_exec_find("eb-no-such-program", &err), EB_PERMANENT);
}

Test(command_check, a_folder_that_is_gone_has_no_name_to_tell) {
    struct eb_error err;

    cr_assert_eq(mkdir("gone", 0700) | chdir("gone") | rmdir("../gone"), 0);
    cr_expect_eq(ebi_exec_find("./run", &err), EB_PERMANENT);
    cr_expect(strstr(err.text, "command ./run cannot be run: No such file"), "%s", err.text);
    cr_assert_eq(chdir(folder), 0);
}

Test(command_check, long_words_are_no_trouble) {
    static char command[3 * 4096], complaint[sizeof command + 64];
    struct eb_error err;

    memset(command, 'x', sizeof command - 1);
    cr_expect_eq(ebi_exec_find(command, &err), EB_OK);
    cr_expect_not(ebi_exec_is_empty(command));
    snprintf(complaint, sizeof complaint, "env: %s: not found", command);
    cr_expect_not(ebi_exec_lacks_program(command, complaint, &err));
    snprintf(complaint, sizeof complaint, "eventbus-exec: 1: %s: not found", command);
    cr_expect(ebi_exec_blames_machine(command, complaint, &err));
    command[4090] = '\0';
    cr_expect_eq(ebi_exec_find(command, &err), EB_PERMANENT);
    memcpy(command, "/x", 2);
    command[4000] = '\0';
    cr_expect_eq(ebi_exec_find(command, &err), EB_PERMANENT);
    memset(command, '$', 400);
    memset(command + 1, 'A', 399);
    cr_expect_not(ebi_exec_is_empty(command));
}

Test(command_check, a_webhook_is_an_address_with_a_host) {
    static const char *const good[] = { "http://x", "HTTPS://x/y?z", "http://u:p@[::1]:80/" }, *const bad[] = {
        "", "x", "http:", "http://", "ftp://x", "http://[x", "http://x y", "http://x:port"
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect_eq(ebi_webhook_check(good[i], NULL), EB_OK, "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(ebi_webhook_check(bad[i], NULL), EB_PERMANENT, "%s", bad[i]);
}
