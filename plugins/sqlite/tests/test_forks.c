/* plugins/sqlite/tests/test_forks.c - a program that forks while it has a file open. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit.h"

enum { REFUSED = 0, OPENED = 1, OTHERWISE = 2 };

/* Opens a producer in a child, and sends one message where that works. Returns what became of it. */
static int open_in_a_child(const char *path) {
    static struct kit_host host;
    pid_t child = fork();
    int status;

    if (child == 0) {
        struct eb_error err = { 0 };
        int32_t opened = kit_open_producer(&host, &(struct sq_settings){ .path = path, .lease = 30000 }, &err);

        if (opened == EB_OK) {
            kit_send(&host, "t", "k", 2);
            kit_producer_ops()->close(host.self, 1000);
            _exit(OPENED);
        }
        _exit(opened == EB_PERMANENT && strstr(err.text, "close that bus before the fork") ? REFUSED : OTHERWISE);
    }
    kit_check(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status), "the child did not end by itself");
    return WEXITSTATUS(status);
}

static void a_child_opens_nothing_beside_its_parent(void) {
    const char *path = kit_file("bus.db"), *other = kit_file("other.db");
    struct kit_host *p = kit_producer(path);

    kit_send(p, "t", "k", 0);
    kit_check(open_in_a_child(path) == REFUSED, "a child uses its parent's file");
    kit_check(open_in_a_child(other) == REFUSED, "a child uses another file");
    kit_send(p, "t", "k", 1);
    kit_close_producer(p, 1000);
    kit_check(open_in_a_child(path) == OPENED, "a child cannot use a file that its parent has closed");
    kit_check(kit_number(path, "SELECT count(*) FROM msg") == 3, "%lld messages",
              (long long)kit_number(path, "SELECT count(*) FROM msg"));
}

/* ---- SQLite's own locks ---- */

static atomic_bool stop;

static void *send_all_the_time(void *path) {
    struct kit_host *p = kit_producer(path);

    for (long i = 0; !stop; i++)
        kit_send(p, "t", "k", i);
    kit_close_producer(p, 1000);
    return NULL;
}

/* What a program may do with SQLite by itself. Ends by SIGALRM where it waits for ever. */
_Noreturn static void use_sqlite(void) {
    sqlite3 *db = NULL;

    alarm(KIT_PATIENCE_MS / 1000);
    _exit(sqlite3_open(":memory:", &db) == SQLITE_OK &&
                  sqlite3_exec(db, "CREATE TABLE a (b); INSERT INTO a VALUES (randomblob(8))", NULL, NULL, NULL) == SQLITE_OK
              ? 0
              : 1);
}

static void a_child_may_use_sqlite_itself(void) {
    const long forks = kit_size(100, 5000);
    char *path = (char *)kit_file("bus.db");
    pthread_t thread;

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    kit_skip("the sanitizer has locks that no child gets back");
#endif
    kit_check(pthread_create(&thread, NULL, send_all_the_time, path) == 0, "cannot start a thread");
    for (long i = 0; i < forks; i++) {
        int status;
        pid_t child = fork();

        if (child == 0)
            use_sqlite();
        kit_check(child > 0 && waitpid(child, &status, 0) == child, "cannot fork");
        kit_check(status == 0, "child %ld ended with %d", i, status);
    }
    stop = true;
    pthread_join(thread, NULL);
}

int main(int argc, char **argv) {
    static const struct kit_test tests[] = {
        { "a child opens nothing beside its parent", a_child_opens_nothing_beside_its_parent },
        { "a child may use SQLite itself", a_child_may_use_sqlite_itself },
        { NULL, NULL },
    };
    static const struct kit_role none[] = { { NULL, NULL } };

    return kit_main(argc, argv, tests, none);
}
