/* plugins/sqlite/tests/test_file_identity.c - one file is one file, whatever names lead to it, and for as long as it is open; what
 * lies beside it may be damaged or of another file, and harms nothing. */
#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- small things ---- */

static const char *beside(const char *path, const char *end) {
    static char name[4][400];
    static int at;
    char *to = name[at++ % 4];

    snprintf(to, sizeof *name, "%s%s", path, end);
    return to;
}

static void make_database(const char *path, long number) {
    struct kit_host *p = kit_producer(path);

    kit_send(p, "t", "k", number);
    kit_close_producer(p, 1000);
}

static int32_t try_producer(const char *path, struct eb_error *err) {
    struct sq_settings settings = { .path = path, .lease = 30000 };
    struct kit_host host;
    int32_t status = kit_open_producer(&host, &settings, err);

    if (status == EB_OK)
        kit_producer_ops()->close(host.self, 0);
    return status;
}

static void expect_refused(const char *path, const char *words) {
    struct eb_error err = { 0 };
    int32_t status = try_producer(path, &err);

    kit_check(status == EB_PERMANENT && strstr(err.text, path) && strstr(err.text, words), "expected \"%s\", came %d: %s",
              words, status, err.text);
}

static bool is_there(const char *path) {
    return access(path, F_OK) == 0;
}

/* Both work until n events came to the two of them; how many came. */
static size_t receive_both(struct kit_consumer *a, struct kit_consumer *b, size_t n) {
    int64_t until_ms = kit_now_ms() + KIT_PATIENCE_MS;
    size_t settled_a = 0, settled_b = 0;

    while (a->host->n_got + b->host->n_got < n) {
        kit_check(kit_now_ms() < until_ms, "%zu and %zu of %zu came", a->host->n_got, b->host->n_got, n);
        kit_receive(a, 10, 20);
        kit_receive(b, 10, 20);
        for (; settled_a < a->host->n_got; settled_a++)
            kit_settle(a, a->host->got[settled_a], EB_ACK, 0);
        for (; settled_b < b->host->n_got; settled_b++)
            kit_settle(b, b->host->got[settled_b], EB_ACK, 0);
    }
    for (int i = 0; i < 5; i++) {
        kit_receive(a, 10, 20);
        kit_receive(b, 10, 20);
    }
    return a->host->n_got + b->host->n_got;
}

static void expect_one_file(const char *one, const char *other) {
    struct kit_consumer *a = kit_consumer(&(struct kit_wish){ .path = one, .topic = "t", .group = "g", .name = "a" });
    struct kit_consumer *b = kit_consumer(&(struct kit_wish){ .path = other, .topic = "t", .group = "g", .name = "b" });
    struct kit_host *p = kit_producer(other);

    kit_send_many(p, "t", 0, 200, 50);
    kit_check(receive_both(a, b, 200) == 200, "%zu and %zu of 200 came", a->host->n_got, b->host->n_got);
    kit_check(kit_group(one, "t", "g").members == 2, "%lld members", (long long)kit_group(one, "t", "g").members);
    kit_close_consumer(a);
    kit_close_consumer(b);
    kit_close_producer(p, 1000);
}

/* ---- names ---- */

static void a_symbolic_link(void) {
    const char *path = kit_file("bus.db"), *link = kit_file("link.db"), *chain = kit_file("chain.db");

    make_database(path, 1);
    kit_check(symlink("bus.db", link) == 0 && symlink(link, chain) == 0, "no symbolic link");
    kit_execute(path, "DELETE FROM msg; DELETE FROM topic");
    expect_one_file(path, chain);
    kit_check(!is_there(beside(link, "-side")) && !is_there(beside(chain, "-side")), "the link has a side file of its own");
}

static void a_linked_folder(void) {
    const char *path = kit_file("real/bus.db"), *link = kit_file("linked/bus.db");

    mkdir(kit_file("real"), 0700);
    kit_check(symlink("real", kit_file("linked")) == 0, "no symbolic link");
    expect_one_file(path, link);
}

static void an_open_descriptor(void) {
    const char *path = kit_file("bus.db");
    char name[64];
    int fd;

    make_database(path, 1);
    kit_execute(path, "DELETE FROM msg; DELETE FROM topic");
    fd = open(path, O_RDWR | O_CLOEXEC); /* never closed: that would take SQLite's locks */
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    expect_one_file(path, name);
}

/* A path without its folder stays what it was. */
static void a_relative_path(void) {
    const char *path = kit_file("bus.db"), *link = strrchr(path, '/') + 1;
    int here = open(".", O_PATH | O_CLOEXEC);
    char folder[300];
    struct kit_host *p;
    struct eb_error err;

    snprintf(folder, sizeof folder, "%.*s", (int)(link - path), path);
    kit_check(chdir(folder) == 0, "no folder");
    p = kit_producer(link);
    kit_send(p, "t", "k", 1);
    kit_check(fchdir(here) == 0, "no way back");
    close(here);
    for (int64_t until_ms = kit_now_ms() + 1500; kit_now_ms() < until_ms;) /* until it looks */
        kit_producer_ops()->poll(p->self, 100, &err);
    kit_send(p, "t", "k", 2);
    kit_check(kit_number(path, "SELECT count(*) FROM msg") == 2 && p->links == 1, "it went elsewhere, %d links", p->links);
    kit_close_producer(p, 1000);
}

static void a_hard_link(void) {
    const char *path = kit_file("bus.db"), *other = kit_file("other.db");
    struct kit_host *p = kit_producer(path);

    kit_send(p, "t", "k", 1);
    kit_check(link(path, other) == 0, "no hard link");
    expect_refused(other, "has 2 names");
    kit_send(p, "t", "k", 2);
    kit_close_producer(p, 1000);
    expect_refused(path, "has 2 names");
    unlink(other);
    make_database(path, 3);
    kit_check(kit_number(path, "SELECT count(*) FROM msg") == 3, "an event is gone");
}

static void a_file_mounted_elsewhere(void) {
    const char *path = kit_file("bus.db"), *folder = kit_file("there"), *other = kit_file("there/bus.db");
    int fd;

    make_database(path, 1);
    mkdir(folder, 0700);
    fd = open(other, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    close(fd);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(path, other, NULL, MS_BIND, NULL) != 0)
        kit_skip("only root can mount a file");
    expect_refused(other, "mount the folder");
    umount2(other, MNT_DETACH);
}

static void a_folder_mounted_elsewhere(void) {
    const char *folder = kit_file("here"), *there = kit_file("there");

    mkdir(folder, 0700);
    mkdir(there, 0700);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(folder, there, NULL, MS_BIND, NULL) != 0)
        kit_skip("only root can mount a folder");
    expect_one_file(kit_file("here/bus.db"), kit_file("there/bus.db"));
    umount2(there, MNT_DETACH);
}

/* Who still has it open by its old name keeps others from it, until they notice. */
static void renamed_while_in_use(void) {
    const char *path = kit_file("bus.db"), *other = kit_file("other.db");
    struct kit_host *p = kit_producer(path);
    struct eb_error err = { 0 };
    int64_t until_ms = kit_now_ms() + KIT_PATIENCE_MS;
    struct kit_host late;

    kit_send(p, "t", "k", 1);
    kit_check(rename(path, other) == 0, "not renamed");
    kit_open_host(&late, &(struct sq_settings){ .path = other, .lease = 30000 });
    kit_check(kit_producer_ops()->open(&late.host, &late.settings, &late.self, &err) == EB_OK, "%s", err.text);
    kit_producer_ops()->poll(late.self, 10, &err);
    kit_check(late.up == 0 && strstr(late.why, "by another name"), "link %d: %s", late.up, late.why);
    while (late.up != 1) {
        kit_check(kit_now_ms() < until_ms, "it does not come up: %s", late.why);
        kit_producer_ops()->poll(p->self, 50, &err); /* notices */
        kit_producer_ops()->poll(late.self, 50, &err);
    }
    kit_check(kit_number(other, "SELECT count(*) FROM msg") == 1, "what was in the log of the old name is gone");
    kit_producer_ops()->close(late.self, 0);
    kit_close_producer(p, 1000);
}

/* ---- links to nothing ---- */

static void a_dangling_link(void) {
    const char *link = kit_file("link.db"), *target = kit_file("real/bus.db");
    struct stat about;

    mkdir(kit_file("real"), 0700);
    kit_check(symlink("real/bus.db", link) == 0, "no link");
    make_database(link, 1);
    kit_check(stat(target, &about) == 0 && (about.st_mode & 0777) == 0600, "its file has mode %o", about.st_mode & 0777);
    kit_check(is_there(beside(target, "-side")) || !is_there(beside(link, "-side")), "the side file is at the link");
}

static void a_link_into_no_folder(void) {
    const char *link = kit_file("link.db");

    kit_check(symlink("gone/bus.db", link) == 0, "no link");
    expect_refused(link, "whose folder does not exist");
    kit_check(!is_there(kit_file("gone")), "the folder was made");
}

static void links_in_a_circle(void) {
    const char *link = kit_file("link.db");

    kit_check(symlink("link.db", link) == 0, "no link");
    expect_refused(link, "cannot resolve");
}

/* ---- another file in its place ---- */

static void send_with_schema(struct kit_host *p, uint64_t id, const char *json) {
    struct eb_schema schema = { sizeof schema, id, { "CloudEvent", 10 }, { json, strlen(json) } };
    struct eb_message m = { .size = sizeof m, .token = id, .topic = { "t", 1 }, .payload = { "1", 1 }, .schema = &schema };
    const struct eb_message *one = &m;
    struct eb_error err;
    size_t before = p->stored;

    kit_producer_ops()->submit(p->self, &one, 1, &err);
    for (int64_t until_ms = kit_now_ms() + KIT_PATIENCE_MS; p->stored == before;) {
        kit_check(kit_now_ms() < until_ms, "not stored");
        kit_producer_ops()->poll(p->self, 50, &err);
    }
}

static void take_schema(struct kit_consumer *c, size_t n, const char *json) {
    kit_take(c, n);
    kit_check(strcmp(c->host->got[n - 1]->schema, json) == 0, "message %zu came with %s, not %s", n,
              c->host->got[n - 1]->schema, json);
    kit_settle(c, c->host->got[n - 1], EB_ACK, 0);
}

/* Its ids are others: nothing that was known of the former one holds. A schema is known to the host by its id. */
static void replaced_by_a_move(void) {
    const char *path = kit_file("bus.db"), *next = kit_file("next.db");
    struct kit_host *p = kit_producer(path), *q = kit_producer(next);
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });

    send_with_schema(p, 1, "\"old\"");
    take_schema(c, 1, "\"old\"");
    send_with_schema(q, 1, "\"new\"");
    kit_close_producer(q, 1000);
    kit_check(rename(next, path) == 0, "not moved");
    take_schema(c, 2, "\"new\"");
    kit_check(c->host->got[0]->schema_id != c->host->got[1]->schema_id, "two schemas have the id %llu",
              (unsigned long long)c->host->got[0]->schema_id);
    kit_check(c->host->links == 3, "the link changed %d times", c->host->links);
    send_with_schema(p, 1, "\"old\"");
    take_schema(c, 3, "\"old\"");
    kit_check(kit_number(path, "SELECT count(*) FROM msg") == 2, "the new file has %lld messages",
              (long long)kit_number(path, "SELECT count(*) FROM msg"));
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

/* What SQLite's own shell does with .restore: the same file, with other contents. */
static void replaced_by_a_restore(void) {
    const char *path = kit_file("bus.db"), *next = kit_file("next.db");
    struct kit_host *p = kit_producer(path), *q = kit_producer(next);
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });
    sqlite3 *from, *to;
    sqlite3_backup *copy;

    send_with_schema(p, 1, "\"old\"");
    take_schema(c, 1, "\"old\"");
    send_with_schema(q, 1, "\"new\"");
    kit_close_producer(q, 1000);
    kit_check(sqlite3_open(next, &from) == SQLITE_OK && sqlite3_open(path, &to) == SQLITE_OK, "not opened");
    copy = sqlite3_backup_init(to, "main", from, "main");
    kit_check(copy && sqlite3_backup_step(copy, -1) == SQLITE_DONE && sqlite3_backup_finish(copy) == SQLITE_OK,
              "not restored: %s", sqlite3_errmsg(to));
    sqlite3_close(from);
    sqlite3_close(to);
    take_schema(c, 2, "\"new\"");
    send_with_schema(p, 1, "\"old\"");
    take_schema(c, 3, "\"old\"");
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

/* Reported as stored means: in the file that is there. */
static void removed_just_before_a_commit(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);

    kit_send(p, "t", "k", 1);
    unlink(path);
    kit_send(p, "t", "k", 2);
    kit_check(kit_number(path, "SELECT count(*) FROM msg WHERE body = CAST('2' AS BLOB)") == 1,
              "an event that was reported stored is in a file that was removed");
    kit_close_producer(p, 1000);
}

/* The log of the former one, which was killed, is not written into the one that was put there. */
static int leave_a_log(int argc, char **argv) {
    struct kit_host *p = kit_producer(argv[0]);

    (void)argc;
    kit_send_many(p, "t", 100, 50, 10);
    kit_say("sent");
    pause();
    return 0;
}

static void expect_sent(struct kit_child *child) {
    const char *line = kit_hear(child, KIT_PATIENCE_MS);

    kit_check(line && strcmp(line, "sent") == 0, "it says: %s", line ? line : "nothing");
}

static void the_log_of_another(void) {
    const char *path = kit_file("bus.db"), *next = kit_file("next.db");
    struct kit_child *child = kit_start("log", (const char *const[]){ path, NULL });

    expect_sent(child);
    kit_kill(child);
    make_database(next, 7);
    kit_check(rename(next, path) == 0, "not moved");
    make_database(path, 8);
    kit_check(kit_number(path, "SELECT count(*) FROM msg") == 2, "the file has %lld messages, not its own 2",
              (long long)kit_number(path, "SELECT count(*) FROM msg"));
    kit_check(is_there(beside(path, "-wal.replaced-1")), "the former log was not kept");
}

/* Where a folder was restored with all that was in it, log and file belong together. */
static void a_log_that_was_copied_along(void) {
    const char *path = kit_file("bus.db"), *copy = kit_file("copy");
    static const char *const ends[] = { "", "-wal", "-side" };
    struct kit_child *child = kit_start("log", (const char *const[]){ path, NULL });
    char command[900];

    expect_sent(child);
    kit_kill(child);
    mkdir(copy, 0700);
    for (int i = 0; i < 3; i++) {
        snprintf(command, sizeof command, "cp %s%s %s/ && rm %s%s", path, ends[i], copy, path, ends[i]);
        kit_check(system(command) == 0, "not copied");
    }
    snprintf(command, sizeof command, "mv %s/* %.*s", copy, (int)(strrchr(path, '/') - path), path);
    kit_check(system(command) == 0, "not moved back");
    make_database(path, 8);
    kit_check(kit_number(path, "SELECT count(*) FROM msg") == 51, "the file has %lld messages, not 51",
              (long long)kit_number(path, "SELECT count(*) FROM msg"));
}

/* ---- the side file ---- */

static void expect_work(const char *path, struct kit_host *p, struct kit_consumer *c, long number) {
    size_t before = c->host->n_got;

    kit_send(p, "t", "k", number);
    kit_take(c, before + 1);
    kit_check(c->host->got[before]->number == number, "number %ld came, not %ld", c->host->got[before]->number, number);
    kit_settle(c, c->host->got[before], EB_ACK, 0);
    (void)path;
}

static void a_side_file_without_its_end(void) {
    static const off_t lengths[] = { 0, 1, 30, 100, 300, 4096 };
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });
    struct kit_consumer *d;

    expect_work(path, p, c, 1);
    for (int i = 0; i < 6; i++) {
        kit_check(truncate(beside(path, "-side"), lengths[i]) == 0, "not truncated");
        expect_work(path, p, c, 10 + i);
    }
    kit_check(truncate(beside(path, "-side"), 0) == 0, "not truncated");
    d = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g", .name = "d" });
    kit_check(kit_group(path, "t", "g").members == 2, "%lld members, not 2", (long long)kit_group(path, "t", "g").members);
    kit_close_consumer(d);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

static void a_side_file_of_rubbish(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });
    char rubbish[600];
    int fd = open(beside(path, "-side"), O_WRONLY | O_CLOEXEC);

    expect_work(path, p, c, 1);
    memset(rubbish, 0xa5, sizeof rubbish);
    kit_check(pwrite(fd, rubbish, sizeof rubbish, 0) == sizeof rubbish, "not written");
    close(fd);
    for (long i = 2; i < 6; i++)
        expect_work(path, p, c, i);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

/* Whoever comes then would make another, and not see who is at work. */
static void a_side_file_that_is_moved(void) {
    const char *path = kit_file("bus.db");
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });
    struct kit_host *p = kit_producer(path);
    int64_t until_ms = kit_now_ms() + KIT_PATIENCE_MS;

    expect_work(path, p, c, 1);
    kit_check(rename(beside(path, "-side"), kit_file("moved")) == 0, "not moved");
    while (!is_there(beside(path, "-side"))) {
        kit_check(kit_now_ms() < until_ms, "nobody noticed");
        kit_receive(c, 10, 100);
    }
    expect_work(path, p, c, 2);
    kit_check(kit_group(path, "t", "g").members == 1, "%lld members", (long long)kit_group(path, "t", "g").members);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

/* ---- a full disk ---- */

static void fill(const char *path) {
    static char zeros[1 << 16];
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    for (size_t step = sizeof zeros; step > 0;)
        if (write(fd, zeros, step) != (ssize_t)step)
            step /= 2;
    close(fd);
}

/* Who would make room has to be able to begin: a worker starts, settles, and leaves. */
static void a_start_on_a_full_disk(bool killed) {
    const char *folder = kit_file("small"), *path = kit_file("small/bus.db");
    struct kit_consumer *c;
    struct kit_child *child;

    mkdir(folder, 0700);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, "size=16m") != 0)
        kit_skip("only root can make a small disk");
    child = kit_start("log", (const char *const[]){ path, NULL });
    expect_sent(child);
    kit_kill(child);
    if (!killed)
        make_database(path, 8);
    fill(kit_file("small/ballast"));
    c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });
    kit_take_and_ack(c, killed ? 50 : 51);
    kit_close_consumer(c);
    unlink(kit_file("small/ballast"));
    kit_check(kit_lag(path, "t", "g") == 0, "lag %lld", (long long)kit_lag(path, "t", "g"));
    umount2(folder, MNT_DETACH);
}

static void a_start_on_a_full_disk_after_a_kill(void) {
    a_start_on_a_full_disk(true);
}

static void a_start_on_a_full_disk_after_an_end(void) {
    a_start_on_a_full_disk(false);
}

static const struct kit_role roles[] = { { "log", leave_a_log }, { NULL, NULL } };

static const struct kit_test tests[] = {
    { "by a symbolic link it is the same file", a_symbolic_link },
    { "so it is by a linked folder", a_linked_folder },
    { "and by an open descriptor", an_open_descriptor },
    { "a relative path stays what it was", a_relative_path },
    { "a file with two names is refused, and works on where it is open", a_hard_link },
    { "a file that is mounted without its folder is refused", a_file_mounted_elsewhere },
    { "a folder that is mounted twice is one", a_folder_mounted_elsewhere },
    { "a file that is renamed has no two users with two logs", renamed_while_in_use },
    { "a link to nothing gets its file", a_dangling_link },
    { "but no folder", a_link_into_no_folder },
    { "links in a circle are refused", links_in_a_circle },
    { "nothing that was known of a file holds of the one in its place", replaced_by_a_move },
    { "nor of other contents in the same file", replaced_by_a_restore },
    { "what is reported as stored is in the file that is there", removed_just_before_a_commit },
    { "the log of a killed process is not written into another file", the_log_of_another },
    { "a log that was restored with its file belongs to it", a_log_that_was_copied_along },
    { "a side file that loses its end is mended under those who use it", a_side_file_without_its_end },
    { "so is one of rubbish", a_side_file_of_rubbish },
    { "one that is moved away is noticed", a_side_file_that_is_moved },
    { "on a full disk a worker starts and settles after a kill", a_start_on_a_full_disk_after_a_kill },
    { "and after an orderly end", a_start_on_a_full_disk_after_an_end },
    { NULL, NULL },
};

int main(int argc, char **argv) {
    return kit_main(argc, argv, tests, roles);
}
