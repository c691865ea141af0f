/* tests/conformance/author.c - a test program as a plugin's author writes it: runs cases of the kit on a plugin by the
 * installed header and library alone, and prints each result that comes to its callback.
 *
 *   author FILE ONLY [forked|here|forgetful]     forgetful: does not call eb_conform_main */
#include <eventbus/conform.h>

#include <stdio.h>
#include <string.h>

static int32_t on_start(void *arg, const struct eb_conform_start *start) {
    (void)arg;
    printf("start %s: %zu cases, seed %llu\n", start->plugin, start->n_cases, (unsigned long long)start->seed);
    return 0;
}

static int32_t on_result(void *arg, const struct eb_conform_result *result) {
    static const char *const words[] = { "", "pass", "fail", "skip" };
    int *left = arg;

    printf("%s %s/%s %s\n", words[result->outcome], result->group, result->name, result->why);
    fflush(stdout);
    return --*left == 0;
}

static void on_case(void *arg, const struct eb_conform_case *of) {
    (void)arg;
    printf("case %s/%s needs %s\n", of->group, of->name, of->needs);
}

static void on_trouble(void *arg, const char *text) {
    (void)arg;
    printf("trouble %s\n", text);
}

int main(int argc, char **argv) {
    const char *mode = argc > 3 ? argv[3] : "forked";
    int left = argc > 4 ? 1 : 1000;
    struct eb_conform run = { .size = sizeof run, .seed = 7, .pace = 0.3, .command = "author" };
    struct eb_error err = { 0 };
    int status;

    if (strcmp(mode, "forgetful") != 0)
        eb_conform_main(argc, argv);
    run.file = argv[1];
    run.only = argv[2];
    run.in_process = strcmp(mode, "here") == 0;
    run.started = on_start;
    run.result = on_result;
    run.trouble = on_trouble;
    run.arg = &left;
    printf("%zu cases\n", eb_conform_cases(run.only, on_case, NULL));
    fflush(stdout);
    status = eb_conform_run(&run, &err);
    if (status > 1)
        printf("error %d: %s\n", err.kind, err.text);
    return status;
}
