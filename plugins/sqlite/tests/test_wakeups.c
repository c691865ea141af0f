/* plugins/sqlite/tests/test_wakeups.c - waiting: woken in time, woken always, and asleep otherwise. */
#include "kit.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t now_us(void) {
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

static int by_size(const void *a, const void *b) {
    long x = *(const long *)a, y = *(const long *)b;

    return (x > y) - (x < y);
}

/* ---- other processes ---- */

/* echo PATH TOPIC COUNT: says for each message how many us after it was sent it is here (its payload is when). */
static int echo_delays(int argc, char **argv) {
    struct kit_wish wish = { .path = argv[0], .topic = argv[1], .group = argv[1] };
    struct kit_consumer *c;
    long count, at = 0;

    if (argc != 3)
        return 2;
    count = strtol(argv[2], NULL, 10);
    c = kit_consumer(&wish);
    kit_say("ready");
    while (at < count) {
        kit_receive(c, 1, 5000);
        for (; at < (long)c->host->n_got; at++) {
            kit_say("%ld", (long)now_us() - c->host->got[at]->number);
            kit_settle(c, c->host->got[at], EB_ACK, 0);
        }
    }
    kit_close_consumer(c);
    return 0;
}

/* A kernel that cannot wait for several words at once, for this process. */
static int without_waitv(int argc, char **argv) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 449, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof *code, code };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return 77;
    return echo_delays(argc, argv);
}

static const struct kit_role roles[] = { { "echo", echo_delays }, { "old-kernel", without_waitv }, { NULL, NULL } };

/* ---- delays ---- */

/* Sends to a sleeper now and then; the delays in us, by size. */
static void measure(const char *role, const char *name, long *delays, int n) {
    const char *path = kit_file(name), *line;
    char count[16];
    struct kit_host *p = kit_producer(path);
    struct kit_child *child;

    snprintf(count, sizeof count, "%d", n);
    kit_send(p, "other", "k", 0);
    child = kit_start(role, (const char *const[]){ path, "t", count, NULL });
    line = kit_hear(child, KIT_PATIENCE_MS);
    if (!line && kit_has_ended(child) && kit_wait(child) == 77)
        kit_skip("seccomp is not allowed here");
    kit_check(line && strcmp(line, "ready") == 0, "the sleeper says %s", line ? line : "nothing");
    for (int i = 0; i < n; i++) {
        kit_pause_ms(i % 7); /* it is asleep, just going to sleep, or awake */
        kit_send(p, "t", "k", (long)now_us());
        line = kit_hear(child, KIT_PATIENCE_MS);
        kit_check(line != NULL, "message %d was missed", i);
        delays[i] = strtol(line, NULL, 10);
    }
    kit_check(kit_wait(child) == 0, "the sleeper ended badly");
    kit_close_producer(p, 1000);
    qsort(delays, (size_t)n, sizeof *delays, by_size);
    printf("# %d messages: %ld us in the middle, %ld us for 99 of 100, %ld us at worst\n", n, delays[n / 2],
           delays[n * 99 / 100], delays[n - 1]);
}

/* The small run is one of many on a busy machine, and shows that they wake; the large one shows how soon. A consumer looks without a
 * wake as well, so often: one that misses its wakes comes that late, time after time. */
enum { LOOK_US = 1000000, LOOK_WITHOUT_WAITV_US = 50000, SOON_US = 10000, TRIES = 5 };

static void woken_in_time(void) {
    long delays[1200], n = kit_size(200, 1200), most_us = kit_size(LOOK_US / 2, SOON_US);
    long nearly_all = kit_size(n * 9 / 10, n * 99 / 100);

    measure("echo", "bus.db", delays, (int)n);
    kit_check(delays[nearly_all] < most_us, "%ld of %ld woke after %ld us or more", n - nearly_all, n, delays[nearly_all]);
}

/* It looks so often that one who is not woken is hardly late: so it is the middle that counts, of the best of some tries. */
static void woken_without_waitv(void) {
    long delays[200], most_us = kit_size(LOOK_WITHOUT_WAITV_US / 2, SOON_US), at = kit_size(100, 198);
    int tries = 0;

    do {
        char name[20];
        snprintf(name, sizeof name, "bus-%d.db", tries);
        measure("old-kernel", name, delays, 200);
    } while (delays[at] >= most_us && ++tries < kit_size(TRIES, 1));
    kit_check(delays[at] < most_us, "%ld of 200 woke after %ld us or more", 200 - at, delays[at]);
}

/* A sleeper waits for a name, or a pattern that one topic matches already; then a new topic is made. Returns whether it woke
 * before it looks anyway. */
static bool new_topic_wakes(struct kit_host *p, const char *path, const char *wish, const char *count, const char *topic) {
    struct kit_child *child = kit_start("echo", (const char *const[]){ path, wish, count, NULL });
    const char *line = kit_hear(child, KIT_PATIENCE_MS);
    bool soon;

    kit_check(line && strcmp(line, "ready") == 0, "the sleeper says %s", line ? line : "nothing");
    kit_check(strcmp(count, "1") == 0 || kit_hear(child, KIT_PATIENCE_MS), "the pattern missed the topic that was there");
    kit_pause_ms(100);
    kit_send(p, topic, "k", (long)now_us());
    line = kit_hear(child, KIT_PATIENCE_MS);
    kit_check(line != NULL, "a message of a new topic never came");
    soon = strtol(line, NULL, 10) < LOOK_US / 2;
    kit_check(kit_wait(child) == 0, "the sleeper ended badly");
    return soon;
}

static void a_topic_made_later_wakes(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    char name[20], pattern[20], another[20];
    bool by_name = false, by_pattern = false;

    for (int i = 0; i < TRIES && !(by_name && by_pattern); i++) { /* a busy machine lets either be late now and then */
        snprintf(name, sizeof name, "late-%d-1", i);
        snprintf(pattern, sizeof pattern, "late-%d-*", i);
        snprintf(another, sizeof another, "late-%d-2", i);
        by_name = new_topic_wakes(p, path, name, "1", name) || by_name;
        by_pattern = new_topic_wakes(p, path, pattern, "2", another) || by_pattern;
    }
    kit_check(by_name, "a message of a new topic was late %d times", TRIES);
    kit_check(by_pattern, "a message of a new topic of a pattern was late %d times", TRIES);
    kit_close_producer(p, 1000);
}

/* ---- wake, from another thread ---- */

static struct kit_consumer *sleeper;

static void *wake_soon(void *arg) {
    (void)arg;
    kit_pause_ms(50);
    kit_consumer_ops()->wake(sleeper->host->self);
    return NULL;
}

static void wake_is_heard_and_remembered(void) {
    pthread_t thread;
    int64_t from_ms;

    sleeper = kit_consumer(&(struct kit_wish){ .path = kit_file("bus.db"), .topic = "t", .group = "g" });
    pthread_create(&thread, NULL, wake_soon, NULL);
    from_ms = kit_now_ms();
    kit_check(kit_receive(sleeper, 1, KIT_PATIENCE_MS) == EB_EMPTY, "something came");
    kit_check(kit_now_ms() - from_ms < KIT_PATIENCE_MS / 2, "woken after %lld ms", (long long)(kit_now_ms() - from_ms));
    pthread_join(thread, NULL);
    kit_consumer_ops()->wake(sleeper->host->self);
    from_ms = kit_now_ms();
    kit_receive(sleeper, 1, KIT_PATIENCE_MS);
    kit_check(kit_now_ms() - from_ms < KIT_PATIENCE_MS / 2, "a wake before receive was forgotten");
    from_ms = kit_now_ms();
    kit_receive(sleeper, 1, 200);
    kit_check(kit_now_ms() - from_ms >= 190, "a wake woke twice");
    kit_close_consumer(sleeper);
}

/* ---- asleep ---- */

/* Some virtual machines charge a process milliseconds of CPU for each sleep, so CPU only finds a loop that does not sleep at all. */
enum { MOST_SLEEPS_A_SECOND = 20, MOST_CPU_US_A_SECOND = 200000 };

/* Fails the test unless the process has slept since then. */
static void was_asleep(const char *state, struct kit_work since) {
    struct kit_work now = kit_work();
    int64_t ms = now.at_ms - since.at_ms, sleeps = now.sleeps - since.sleeps, cpu_us = now.cpu_us - since.cpu_us;

    printf("# %s, %lld ms: %lld sleeps, %lld us of CPU\n", state, (long long)ms, (long long)sleeps, (long long)cpu_us);
    kit_check(sleeps <= MOST_SLEEPS_A_SECOND * (1 + ms / 1000), "%s: it woke up %lld times in %lld ms", state,
              (long long)sleeps, (long long)ms);
    kit_check(cpu_us <= MOST_CPU_US_A_SECOND * (1 + ms / 1000), "%s: %lld us of CPU in %lld ms", state, (long long)cpu_us,
              (long long)ms);
}

/* While members of a group have nothing to do. */
static void idle_costs_nothing(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    long seconds = kit_size(4, 60);
    struct kit_consumer *c;
    struct kit_child *other;
    struct kit_work before;

    kit_send(p, "t", "k", 1);
    other = kit_start("echo", (const char *const[]){ path, "t", "1000", NULL });
    kit_check(kit_hear(other, KIT_PATIENCE_MS) && kit_hear(other, KIT_PATIENCE_MS), "the other member got nothing");
    c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "t", .name = "m2" });
    kit_receive(c, 10, 500);
    before = kit_work();
    for (long i = 0; i < seconds; i++)
        kit_receive(c, 10, 1000);
    was_asleep("idle", before);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

/* In each of the states in which a consumer has something in hand but nothing to do. */
static void waiting_costs_nothing(void) {
    static const char *const states[] = { "full", "all keys wait", "full, and asked for nothing" };
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g", .max_messages = 10 });
    struct kit_work before;

    kit_send_many(p, "t", 0, 100, 3);
    kit_take(c, 10); /* full */
    for (int state = 0; state < 3; state++) {
        kit_receive(c, 10, 20);
        before = kit_work();
        kit_receive(c, state < 2 ? 10 : 0, 1000);
        was_asleep(states[state], before);
        for (size_t i = 0; state == 0 && i < 10; i++) /* then all keys wait for a retry */
            kit_settle(c, c->host->got[i], i < 3 ? EB_RETRY : EB_RETURN, 60000);
    }
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

static const struct kit_test tests[] = {
    { "a sleeper is woken within 10 ms of a commit, each time", woken_in_time },
    { "also where the kernel cannot wait for several words", woken_without_waitv },
    { "a topic that is made later wakes as well, by name and by pattern", a_topic_made_later_wakes },
    { "wake from another thread is heard once, and remembered", wake_is_heard_and_remembered },
    { "an idle member costs no CPU", idle_costs_nothing },
    { "a full one, or one whose keys all wait, neither", waiting_costs_nothing },
    { NULL, NULL },
};

int main(int argc, char **argv) {
    return kit_main(argc, argv, tests, roles);
}
