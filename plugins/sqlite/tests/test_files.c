/* plugins/sqlite/tests/test_files.c - files that cannot be used, or not now: clear words, nothing overwritten, nothing lost
 * that was reported as stored. */
#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- small things ---- */

static void write_file(const char *path, const char *bytes, size_t len) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    kit_check(fd >= 0 && write(fd, bytes, len) == (ssize_t)len, "cannot write %s", path);
    close(fd);
}

/* A producer, a consumer, and as the third an admin are refused, with words that name the path and say this. */
static void expect_refused(const char *path, const char *words, int roles) {
    struct sq_settings settings = { .path = path, .lease = 30000 };
    struct eb_point start = { .size = sizeof start, .kind = EB_EARLIEST };
    const char *topic = "t";
    struct eb_subscription sub = {
        .size = sizeof sub, .topics = &topic, .n_topics = 1, .group = "g", .consumer = "m", .start = &start, .max_messages = 10
    };
    struct eb_error err[3] = { 0 };
    struct kit_host host;
    int32_t status[3];
    void *self;

    kit_open_host(&host, &settings);
    status[0] = kit_producer_ops()->open(&host.host, &settings, &self, &err[0]);
    status[1] = kit_consumer_ops()->open(&host.host, &settings, &sub, &self, &err[1]);
    status[2] = kit_admin_ops()->open(&host.host, &settings, &self, &err[2]);
    for (int i = 0; i < roles; i++) {
        kit_check(status[i] == EB_PERMANENT || status[i] == EB_FATAL, "role %d: open answered %d", i, status[i]);
        kit_check(err[i].kind == EB_KIND_BROKER && strstr(err[i].text, path) && strstr(err[i].text, words),
                  "role %d: expected \"%s\" and the path, came: %s", i, words, err[i].text);
    }
    if (status[2] == EB_OK)
        kit_admin_ops()->close(self);
}

static char *whole(const char *path, size_t *len) {
    FILE *file = fopen(path, "r");
    char *bytes = calloc(1, 1 << 20);

    kit_check(file && bytes, "cannot read %s", path);
    *len = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void expect_refused_and_untouched(const char *path, const char *words) {
    size_t before_len, after_len;
    char *before = whole(path, &before_len), *after;

    expect_refused(path, words, 3);
    after = whole(path, &after_len);
    kit_check(before_len == after_len && memcmp(before, after, before_len) == 0, "%s was changed", path);
    free(before);
    free(after);
}

/* ---- what can never work ---- */

static void no_database(void) {
    const char *path = kit_file("bus.db");
    char text[3000];

    memset(text, 'x', sizeof text);
    write_file(path, text, sizeof text);
    expect_refused_and_untouched(path, "file is not a database");
}

static void another_programs(void) {
    const char *path = kit_file("bus.db");

    kit_execute(path, "CREATE TABLE mine(x); INSERT INTO mine VALUES(1)");
    expect_refused_and_untouched(path, "database of another program");
}

static void a_newer_format(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);

    kit_send(p, "t", "k", 1);
    kit_close_producer(p, 1000);
    kit_execute(path, "PRAGMA user_version = 99");
    expect_refused(path, "has format 99", 3);
    kit_check(kit_number(path, "SELECT count(*) FROM msg") == 1, "the message is gone");
}

static void a_folder(void) {
    const char *path = kit_file("folder");

    mkdir(path, 0700);
    expect_refused(path, "not a regular file", 3);
}

/* The header is good, the rest is not: found out when it is used, and told as the end. */
static void damaged_inside(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct eb_error err = { 0 };
    struct kit_host host;
    char junk[8192];
    int fd;

    kit_send_many(p, "t", 0, 500, 10);
    kit_close_producer(p, 1000);
    memset(junk, 0x5a, sizeof junk);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    for (off_t at = 8192; at < 8192 * 12; at += 8192)
        kit_check(pwrite(fd, junk, sizeof junk, at) == sizeof junk, "cannot damage it");
    close(fd);
    if (kit_open_producer(&host, &(struct sq_settings){ .path = path, .lease = 30000 }, &err) == EB_OK) {
        struct eb_message m = { .size = sizeof m, .topic = { "t", 1 }, .payload = { "1", 1 } };
        const struct eb_message *one = &m;
        int32_t status = EB_OK;
        kit_producer_ops()->submit(host.self, &one, 1, &err);
        for (int i = 0; i < 20 && status >= 0; i++)
            status = kit_producer_ops()->poll(host.self, 50, &err);
        kit_check(status == EB_FATAL, "poll answered %d", status);
        kit_producer_ops()->close(host.self, 0);
        kit_check(host.delivered == 1 && host.last.status == EB_RETRIABLE, "the message was not given back");
    }
    kit_check(strstr(err.text, path) && strstr(err.text, "damaged"), "it says: %s", err.text);
}

/* Root may write anything, so this is somebody else. An admin may look at what is there. */
static int as_nobody(int argc, char **argv) {
    (void)argc;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 77;
    expect_refused(argv[0], argv[1], 2);
    kit_say("refused");
    return 0;
}

static void try_as_nobody(const char *path, const char *words) {
    struct kit_child *child = kit_start("nobody", (const char *const[]){ path, words, NULL });
    const char *line = kit_hear(child, KIT_PATIENCE_MS);

    kit_check(line && strcmp(line, "refused") == 0, "%s", line ? line : "it could not become nobody");
    kit_wait(child);
}

static int32_t count(void *arg, const struct eb_message *message) {
    (void)message;
    ++*(unsigned *)arg;
    return 0;
}

static int32_t count_move(void *arg, const struct eb_seek_info *info) {
    (void)info;
    ++*(unsigned *)arg;
    return 0;
}

/* looker PATH: one admin looks at topic t, again at each SIGUSR1, and says how many messages there are. */
static int look_as_nobody(int argc, char **argv) {
    static const struct eb_point all = { .size = sizeof all, .kind = EB_EARLIEST };
    static struct kit_host host;
    const struct sq_settings settings = { .path = argv[0], .lease = 30000 };
    struct eb_error err = { 0 };
    sigset_t again;
    void *self;
    int number;

    (void)argc;
    sigemptyset(&again);
    sigaddset(&again, SIGUSR1);
    sigprocmask(SIG_BLOCK, &again, NULL);
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 77;
    kit_open_host(&host, &settings);
    if (kit_admin_ops()->open(&host.host, &settings, &self, &err) != EB_OK)
        kit_say("open: %s", err.text);
    do {
        unsigned n = 0, moves = 0;
        int32_t looked = kit_admin_ops()->browse(self, "t", &all, 1000, count, &n, &err);
        if (looked < 0)
            kit_say("browse: %s", err.text);
        int32_t dry = kit_admin_ops()->seek(self, "t", "g", &all, EB_CREATE | EB_DRY_RUN, 1000, count_move, &moves, &err);
        int32_t moved = kit_admin_ops()->seek(self, "t", "g", &all, EB_CREATE, 1000, count_move, &moves, &err);
        kit_say("%u of %d, %u %d, %d %s", n, looked, moves, dry, moved,
                looked < 0 || !strstr(err.text, "can only be read") ? err.text : "refused");
    } while (sigwait(&again, &number) == 0);
    kit_admin_ops()->close(self);
    return 0;
}

static void expect_look(struct kit_child *child, const char *expected) {
    const char *line = kit_hear(child, KIT_PATIENCE_MS);

    kit_check(line && strcmp(line, expected) == 0, "expected %s; came %s", expected, line ? line : "nothing");
}

static void open_folders_above(const char *path, mode_t mode) {
    char folder[300];

    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    chmod(folder, mode);
}

static void read_only(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);

    kit_send(p, "t", "k", 1);
    kit_close_producer(p, 1000);
    chmod(path, 0444);
    open_folders_above(path, 0755);
    try_as_nobody(path, "write");
}

/* While nobody has it open, and while somebody has; what is looked at stays as it is. */
static void looked_at_by_who_may_only_read(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_child *child;
    struct stat about;
    char log[300];

    kit_send(p, "t", "k", 1);
    kit_close_producer(p, 1000);
    chmod(path, 0644);
    open_folders_above(path, 0755);
    child = kit_start("looker", (const char *const[]){ path, NULL });
    expect_look(child, "1 of 0, 1 0, -2 refused");
    snprintf(log, sizeof log, "%s-wal", path);
    kit_check(stat(log, &about) != 0, "a log was made by looking");
    p = kit_producer(path);
    kit_send(p, "t", "k", 2);
    kill(child->pid, SIGUSR1);
    expect_look(child, "2 of 0, 1 0, -2 refused");
    kit_close_producer(p, 1000);
    kill(child->pid, SIGUSR1);
    expect_look(child, "2 of 0, 1 0, -2 refused");
    kit_kill(child);
}

static void a_folder_that_cannot_be_made(void) {
    const char *path = kit_file("no/such/bus.db");

    open_folders_above(kit_file("x"), 0755);
    try_as_nobody(path, "cannot create");
}

static void folders_and_files_are_private(void) {
    const char *path = kit_file("a/b/bus.db"), *folder = kit_file("a/b");
    static const char *const ends[] = { "", "-wal", "-shm", "-side" };
    struct kit_host *p;
    struct stat about;
    char file[300];

    umask(0);
    p = kit_producer(path);
    kit_send(p, "t", "k", 1);
    umask(022);
    kit_check(stat(folder, &about) == 0 && (about.st_mode & 0777) == 0700, "the folder has mode %o", about.st_mode & 0777);
    for (int i = 0; i < 4; i++) {
        snprintf(file, sizeof file, "%s%s", path, ends[i]);
        kit_check(stat(file, &about) == 0 && (about.st_mode & 0777) == 0600, "%s has mode %o", file, about.st_mode & 0777);
    }
    kit_close_producer(p, 1000);
}

/* ---- what may pass ---- */

/* lock PATH: keeps the database locked, until it hears the end. */
static int lock(int argc, char **argv) {
    sqlite3 *db;

    (void)argc;
    if (sqlite3_open(argv[0], &db) != SQLITE_OK || sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return 2;
    kit_say("locked");
    pause();
    return 0;
}

static const struct kit_role roles[] = {
    { "lock", lock }, { "nobody", as_nobody }, { "looker", look_as_nobody }, { NULL, NULL }
};

static void locked_by_another(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });
    struct eb_message m = { .size = sizeof m, .token = 5, .topic = { "t", 1 }, .payload = { "2", 1 } };
    const struct eb_message *one = &m;
    struct eb_error err;
    struct kit_child *child;
    int64_t until_ms, shortest_ms = INT64_MAX;

    kit_send(p, "t", "k", 1);
    kit_take(c, 1);
    child = kit_start("lock", (const char *const[]){ path, NULL });
    kit_check(kit_hear(child, KIT_PATIENCE_MS) != NULL, "it could not be locked");
    kit_producer_ops()->submit(p->self, &one, 1, &err);
    kit_settle(c, c->host->got[0], EB_ACK, 0);
    for (until_ms = kit_now_ms() + KIT_PATIENCE_MS; p->up == 1 || c->host->up == 1;) {
        int64_t from_ms = kit_now_ms();
        kit_check(from_ms < until_ms, "after a minute of a locked file the links are %d and %d", p->up, c->host->up);
        kit_check(kit_producer_ops()->poll(p->self, 100, &err) >= 0, "poll failed: %s", err.text);
        kit_receive(c, 10, 100);
        if (kit_now_ms() - from_ms < shortest_ms)
            shortest_ms = kit_now_ms() - from_ms;
    }
    kit_check(shortest_ms < 1000, "the two took %lld ms of 200, and never less", (long long)shortest_ms);
    kit_check(strstr(p->why, path) && strstr(p->why, "locked by another program"), "it says: %s", p->why);
    kit_check(p->delivered == 1 && c->host->answers == 0, "something was reported though nothing could be written");
    kit_kill(child);
    for (until_ms = kit_now_ms() + KIT_PATIENCE_MS; p->stored < 2 || c->host->answers < 1;) {
        kit_check(kit_now_ms() < until_ms, "not stored and settled within a minute after the lock is gone");
        kit_producer_ops()->poll(p->self, 100, &err);
        kit_receive(c, 10, 100);
    }
    kit_check(p->up == 1 && c->host->up == 1, "the links are %d and %d", p->up, c->host->up);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

/* Locked before anything was opened: open works, the link says why it does not come up. */
static void locked_from_the_start(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path), *late;
    struct kit_child *child;
    struct eb_error err;
    int64_t until_ms = kit_now_ms() + KIT_PATIENCE_MS;

    kit_send(p, "t", "k", 1);
    child = kit_start("lock", (const char *const[]){ path, NULL });
    kit_check(kit_hear(child, KIT_PATIENCE_MS) != NULL, "it could not be locked");
    late = kit_producer(path);
    kit_close_producer(late, 0);
    late = kit_producer(path);
    kit_kill(child);
    while (late->up != 1) {
        kit_check(kit_now_ms() < until_ms, "the link did not come up: %s", late->why);
        kit_producer_ops()->poll(late->self, 100, &err);
    }
    kit_close_producer(late, 1000);
    kit_close_producer(p, 1000);
}

/* Sends big ones until no more are stored; answers how many were. The rest stays with the producer. */
static long fill_disk(struct kit_host *p, struct eb_message *messages, long n) {
    static char body[20000];
    struct eb_error err;
    int64_t until_ms = kit_now_ms() + KIT_PATIENCE_MS;

    memset(body, 'b', sizeof body);
    for (long i = 0; i < n; i++) {
        const struct eb_message *one = &messages[i];
        messages[i] = (struct eb_message){
            .size = sizeof *messages, .token = (uint64_t)i + 1, .topic = { "t", 1 }, .payload = { body, sizeof body }
        };
        kit_check(kit_producer_ops()->submit(p->self, &one, 1, &err) == 1, "submit took none");
    }
    while (p->up != 0) {
        kit_check(kit_now_ms() < until_ms, "the disk does not get full: %zu stored", p->stored);
        kit_check(kit_producer_ops()->poll(p->self, 100, &err) >= 0, "poll failed: %s", err.text);
    }
    return (long)p->stored;
}

static void full_disk(void) {
    enum { N = 600 };
    const char *folder = kit_file("small"), *path = kit_file("small/bus.db"), *ballast = kit_file("small/ballast");
    static struct eb_message messages[N];
    struct kit_host *p;
    struct eb_error err;
    static char zeros[4 << 20];
    int64_t until_ms;
    long stored;

    mkdir(folder, 0700);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, "size=16m") != 0)
        kit_skip("only root can make a small disk");
    write_file(ballast, zeros, sizeof zeros);
    p = kit_producer(path);
    kit_send(p, "t", "k", 1);
    stored = fill_disk(p, messages, N);
    kit_check(strstr(p->why, path) && strstr(p->why, "disk full"), "it says: %s", p->why);
    kit_check(kit_number(path, "SELECT count(*) FROM msg") == stored, "%lld rows, %ld reported as stored",
              (long long)kit_number(path, "SELECT count(*) FROM msg"), stored);
    kit_check(p->delivered == p->stored, "%zu were reported failed", p->delivered - p->stored);
    unlink(ballast);
    for (until_ms = kit_now_ms() + KIT_PATIENCE_MS; p->up != 1;) {
        kit_check(kit_now_ms() < until_ms, "it does not go on though there is room again");
        kit_producer_ops()->poll(p->self, 100, &err);
    }
    kit_check((long)p->stored > stored, "nothing more was stored");
    kit_producer_ops()->close(p->self, 0);
    kit_check(p->delivered == N + 1, "%zu of %d reported", p->delivered, N + 1);
    kit_check(kit_number(path, "SELECT count(*) FROM msg") == (int64_t)p->stored, "rows and reports differ");
    kit_free_host(p);
    umount2(folder, MNT_DETACH);
}

/* Sends a batch of which each row fills a page of its own. */
static void send_pages(struct kit_host *p) {
    enum { N = 16 };
    static char body[4200];
    struct eb_message messages[N];
    const struct eb_message *batch[N];
    struct eb_error err;
    size_t stored = p->stored;

    for (size_t i = 0; i < N; i++) {
        messages[i] = (struct eb_message){
            .size = sizeof *messages, .token = i + 1, .topic = { "t", 1 }, .payload = { body, sizeof body }
        };
        batch[i] = &messages[i];
    }
    kit_check(kit_producer_ops()->submit(p->self, batch, N, &err) == N, "submit took fewer");
    while (p->stored < stored + N)
        kit_check(kit_producer_ops()->poll(p->self, 1000, &err) >= 0, "poll failed: %s", err.text);
}

/* What is in the log always fits into the file, so that a full disk cannot keep it from being moved there: whether one sends
 * all the time or several do in turn. */
static void the_file_has_room_for_the_log(void) {
    enum { SENDERS = 4 };
    const char *path = kit_file("bus.db");
    struct kit_host *senders[SENDERS];

    for (int i = 0; i < SENDERS; i++)
        senders[i] = kit_producer(path);
    for (int i = 0; i < kit_size(200, 5000); i++) {
        struct stat about;

        send_pages(senders[i / 50 % 2 == 0 ? 0 : i % SENDERS]);
        int64_t needed = kit_number(path, "PRAGMA page_count") * kit_number(path, "PRAGMA page_size");
        kit_check(stat(path, &about) == 0 && about.st_size >= needed, "after batch %d the file has %lld bytes, and needs %lld",
                  i, (long long)about.st_size, (long long)needed);
    }
    for (int i = 0; i < SENDERS; i++)
        kit_close_producer(senders[i], 1000);
}

/* A limit on the size of files looks to a program like a full disk. Answers the one before. */
static struct rlimit limit_files(void) {
    struct rlimit before, small = { 6 << 20, RLIM_INFINITY };
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGXFSZ);
    sigprocmask(SIG_BLOCK, &signals, NULL); /* as the host does */
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    return before;
}

static void close_tells_of_a_full_disk(void) {
    enum { N = 600 };
    static struct eb_message messages[N];
    struct kit_host *p = kit_producer(kit_file("bus.db"));
    struct rlimit before;

    kit_send(p, "t", "k", 1);
    before = limit_files();
    kit_check(fill_disk(p, messages, N) < N, "all of %d had room", N);
    kit_producer_ops()->close(p->self, 0);
    setrlimit(RLIMIT_FSIZE, &before);
    kit_check(p->delivered == N + 1 && p->last.status == EB_RETRIABLE, "%zu of %d reported, the last as %d", p->delivered,
              N + 1, p->last.status);
    kit_check(strstr(p->last_error, "disk full at "), "it says: %s", p->last_error);
    kit_free_host(p);
}

static void file_size_limit(void) {
    enum { N = 600 };
    const char *path = kit_file("bus.db");
    static struct eb_message messages[N];
    struct rlimit before;
    struct kit_host *p;
    struct eb_error err;
    long stored;

    p = kit_producer(path);
    kit_send(p, "t", "k", 1);
    before = limit_files();
    stored = fill_disk(p, messages, N);
    setrlimit(RLIMIT_FSIZE, &before);
    kit_check(strstr(p->why, "disk full"), "it says: %s", p->why);
    while (p->delivered < N + 1)
        kit_check(kit_producer_ops()->poll(p->self, 1000, &err) >= 0, "poll failed: %s", err.text);
    kit_check(stored < N && p->stored == N + 1 && kit_number(path, "SELECT count(*) FROM msg") == N + 1,
              "%zu stored, %lld rows", p->stored, (long long)kit_number(path, "SELECT count(*) FROM msg"));
    kit_close_producer(p, 1000);
}

/* As another process sees them. */
static bool others_see_locks(const char *path) {
    pid_t child = fork();
    int status;

    if (child == 0) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        int fd = open(path, O_RDWR | O_CLOEXEC);
        _exit(fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 ? lock.l_type != F_UNLCK : 2);
    }
    kit_check(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) < 2,
              "cannot look at the locks of %s", path);
    return WEXITSTATUS(status) == 1;
}

/* A process that closes any descriptor of a file loses its locks on it. Without them another one may take the log away. */
static void locks_stay(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *stays = kit_producer(path), *goes = kit_producer(path);

    kit_send_many(stays, "t", 0, 100, 7);
    kit_send_many(goes, "t", 0, 100, 7);
    kit_check(others_see_locks(path), "two producers hold no lock");
    kit_close_producer(goes, 1000);
    kit_check(others_see_locks(path), "one producer has taken the other's locks with it");
    kit_send_many(stays, "t", 100, 5000, 7); /* the file grows */
    kit_check(others_see_locks(path), "a file that has grown has lost its locks");
    kit_close_producer(stays, 1000);
    kit_check(!others_see_locks(path), "nobody has it open, and there are locks");
}

/* Nothing goes on being written to a file that was removed. */
static void removed_while_in_use(void) {
    const char *path = kit_file("bus.db");
    static const char *const ends[] = { "", "-wal", "-shm", "-side" };
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });
    char file[300];
    int64_t until_ms;

    kit_send(p, "t", "k", 1);
    kit_take_and_ack(c, 1);
    for (int i = 0; i < 4; i++) {
        snprintf(file, sizeof file, "%s%s", path, ends[i]);
        unlink(file);
    }
    for (until_ms = kit_now_ms() + KIT_PATIENCE_MS; kit_number(path, "SELECT count(*) FROM msg") < 1;) {
        kit_check(kit_now_ms() < until_ms, "messages go on into a file that is not there");
        kit_send(p, "t", "k", 2);
        kit_pause_ms(50);
    }
    kit_check(p->links == 3 && p->up == 1, "the link changed %d times, and is %d", p->links, p->up);
    kit_take(c, 2);
    kit_check(c->host->got[1]->number == 2, "number %ld came", c->host->got[1]->number);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

static const struct kit_test tests[] = {
    { "what is not a database is refused and left alone", no_database },
    { "so is another program's database", another_programs },
    { "so is a newer format", a_newer_format },
    { "so is a folder", a_folder },
    { "a damaged file ends the instance, and gives back what was taken", damaged_inside },
    { "a file that can only be read is refused", read_only },
    { "it can be looked at all the same", looked_at_by_who_may_only_read },
    { "so is a folder that cannot be made", a_folder_that_cannot_be_made },
    { "folders and files are made for the user alone", folders_and_files_are_private },
    { "a lock of another program is told after a second and waited out", locked_by_another },
    { "and one that was there from the start", locked_from_the_start },
    { "a full disk is told and waited out; what was reported is there", full_disk },
    { "what a close gives back for a full disk says so", close_tells_of_a_full_disk },
    { "the file has room for the log, whoever sends", the_file_has_room_for_the_log },
    { "so is a limit on the size of files", file_size_limit },
    { "an instance that is closed leaves the others of its process their locks", locks_stay },
    { "a file that is removed is noticed, and made anew", removed_while_in_use },
    { NULL, NULL },
};

int main(int argc, char **argv) {
    return kit_main(argc, argv, tests, roles);
}
