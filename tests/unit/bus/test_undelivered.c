/* tests/unit/bus/test_undelivered.c - the file for what could not be delivered, where it cannot be written. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../memory.h"
#include "../plugin/folder.h"
#include "../fixture.h"
#include "bus/bus.h"
#include "produce/undelivered.h"

static struct eb_bus *bus;
static struct eb_event *event;
static char *path;

static void begin(void) {
    char *file;

    fixture_reset_broker();
    fixture_set("tests/fake_broker", fixture_broker("full", NULL, ""));
    bus = fixture_bus(NULL);
    event = fixture_login(bus, 1, "ann");
    cr_assert_gt(asprintf(&file, "%s/undelivered.jsonl", getenv("STATE_DIRECTORY")), 0);
    path = file;
}

static void end(void) {
    eb_event_free(event);
    eb_bus_close(bus, 0, NULL);
    fixture_clear();
    free(path);
}

TestSuite(undelivered, .init = begin, .fini = end, .timeout = 60);

static int synced_folders;

/* In place of the C library's: counts. */
int fsync(int fd) {
    struct stat st;

    synced_folders += fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    return (int)syscall(SYS_fsync, fd);
}

static void refused(const char *what) {
    struct eb_error err;

    cr_assert_eq(ebi_undelivered_add(path, event, "t", NULL, &err), EB_FATAL);
    cr_assert(strstr(err.text, what), "%s", err.text);
    cr_assert(strstr(err.text, path), "%s", err.text);
}

Test(undelivered, a_disk_that_is_full_in_the_middle_of_a_line_leaves_the_file_as_it_was) {
    struct rlimit before;
    struct eb_error err;
    struct stat st;

    cr_assert_eq(ebi_undelivered_add(path, event, "t", NULL, &err), EB_OK, "%s", err.text);
    size_t size = file_size(path);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ size + 100, before.rlim_max }), 0);
    refused("cannot write");
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq((size_t)st.st_size, size, "half a line was left");
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    cr_assert_eq(ebi_undelivered_add(path, event, "t", NULL, &err), EB_OK);
    cr_assert_eq(fixture_undelivered("\"ann\""), 2);
}

Test(undelivered, what_cannot_be_opened_written_or_brought_to_the_disk_is_told_with_its_name) {
    cr_assert_eq(symlink("/dev/full", path), 0);
    refused("cannot write");
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(symlink("/dev/null", path), 0);
    refused("to disk");
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(mkdir(path, 0700), 0);
    refused("cannot open");
}

Test(undelivered, what_could_not_be_kept_is_counted_as_lost) {
    struct eb_error err;

    fake.report = (struct fault){ EB_PERMANENT, 1 };
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(eb_produce(bus, event, "t", NULL, NULL, NULL, &err), EB_OK);
    cr_assert_eq(eb_bus_flush(bus, -1, &err), EB_OK);
    cr_assert(fixture_logged("the event is lost, since it could not be kept either"));
    cr_assert_eq(eb_bus_close(bus, 0, &err), EB_FATAL);
    cr_assert(strstr(err.text, "1 event(s) are lost"), "%s", err.text);
    bus = NULL;
}

Test(undelivered, a_line_that_finds_no_memory_leaves_the_file_as_it_was) {
    struct eb_error err;
    bool failed = true;
    unsigned n = 0;

    while (failed) {
        fail_allocation(++n);
        enum eb_status status = ebi_undelivered_add(path, event, "t", NULL, &err);
        failed = allocation_failed();
        if (failed && status != EB_OK)
            cr_assert(strstr(err.text, "memory"), "allocation %u: %s", n, err.text);
        cr_assert(failed || status == EB_OK);
    }
    cr_assert_gt(n, 1);
    cr_assert_eq(fixture_undelivered("\"ann\""), 1);
}

Test(undelivered, a_folder_that_cannot_be_made_is_told_at_the_start) {
    struct eb_bus *other;
    char folder[600];

    snprintf(folder, sizeof folder, "%s/bus.ini/state", getenv("STATE_DIRECTORY"));
    cr_assert_eq(setenv("STATE_DIRECTORY", folder, 1), 0);
    other = fixture_bus(NULL);
    struct eb_event *login = fixture_login(other, 1, "ann");
    cr_assert_eq(eb_produce(other, login, "t", NULL, NULL, NULL, NULL), EB_OK);
    cr_assert(fixture_logged("what cannot be delivered would be lost: set STATE_DIRECTORY"));
    eb_event_free(login);
    cr_assert_eq(eb_bus_close(other, 5000, NULL), EB_OK);
}

static bool kept_with(const char *send_id) {
    char member[100];

    snprintf(member, sizeof member, "\"sendid\":\"%s\"", send_id);
    return fixture_undelivered(member) == 1;
}

Test(undelivered, what_the_broker_may_have_stored_is_kept_with_its_send_id_and_sent_again_with_it) {
    struct eb_error err;

    fake.report = (struct fault){ EB_PERMANENT, 1 };
    cr_assert_eq(eb_produce(bus, event, "t", NULL, NULL, NULL, &err), EB_OK);
    cr_assert_eq(eb_bus_flush(bus, -1, &err), EB_OK);
    cr_assert(kept_with(fake.submitted[0]), "%s", fake.submitted[0]);
    cr_assert_eq(ebi_produce_kept(bus->producer, event, "t", &(struct ebi_key){ 0 },
                                  (struct eb_text){ fake.submitted[0], strlen(fake.submitted[0]) }, NULL, NULL, &err),
                 EB_OK, "%s", err.text);
    cr_assert_eq(eb_bus_flush(bus, -1, &err), EB_OK);
    cr_assert_str_eq(fake.sent[0].send_id, fake.submitted[0]);
}

Test(undelivered, what_was_never_sent_is_kept_with_a_send_id_of_its_own) {
    struct eb_error err;

    cr_assert_eq(ebi_undelivered_add(path, event, "t", NULL, &err), EB_OK);
    cr_assert_eq(fixture_undelivered("\"sendid\":\""), 1);
    cr_assert_eq(unlink(path), 0);
    event->send_id = "before-1";
    cr_assert_eq(ebi_undelivered_add(path, event, "t", NULL, &err), EB_OK);
    cr_assert(kept_with("before-1"));
}

Test(undelivered, the_name_of_a_new_file_is_brought_to_the_disk_with_its_first_line) {
    struct eb_error err;

    for (int round = 1; round <= 2; round++) {
        cr_assert_eq(ebi_undelivered_add(path, event, "t", NULL, &err), EB_OK, "%s", err.text);
        cr_assert_eq(synced_folders, round, "round %d", round);
        cr_assert_eq(ebi_undelivered_add(path, event, "t", NULL, &err), EB_OK, "%s", err.text);
        cr_assert_eq(synced_folders, round, "a second line needs none");
        cr_assert_eq(unlink(path), 0);
    }
}
