/* tests/unit/help/test_threads.c - signals, threads and descriptors leave the service's process as it was. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <eventbus/plugin-help/threads.h>

/* ---- Signals ---- */

static bool is_blocked(int signal) {
    sigset_t now;

    pthread_sigmask(SIG_SETMASK, NULL, &now);
    return sigismember(&now, signal) == 1;
}

static void write_to_a_broken_pipe(void) {
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    close(ends[0]);
    errno = 0;
    cr_assert_eq(write(ends[1], "x", 1), -1);
    cr_assert_eq(errno, EPIPE);
    close(ends[1]);
}

/* SIGPIPE would end the test's process. */
Test(help_threads, a_broken_pipe_between_block_and_restore_ends_nothing) {
    struct ebp_signals before;

    ebp_signals_block(&before);
    cr_assert(is_blocked(SIGPIPE) && is_blocked(SIGTERM));
    write_to_a_broken_pipe();
    errno = 17;
    ebp_signals_restore(&before);
    cr_assert_eq(errno, 17);
    cr_assert_not(is_blocked(SIGPIPE) || is_blocked(SIGTERM));
}

Test(help_threads, a_sigpipe_that_was_pending_before_stays_pending) {
    struct ebp_signals outer, inner;
    sigset_t pending;

    ebp_signals_block(&outer);
    write_to_a_broken_pipe();
    ebp_signals_block(&inner);
    write_to_a_broken_pipe();
    ebp_signals_restore(&inner);
    sigpending(&pending);
    cr_assert_eq(sigismember(&pending, SIGPIPE), 1);
    cr_assert(is_blocked(SIGTERM));
    ebp_signals_restore(&outer);
}

Test(help_threads, a_broken_socket_is_an_error_and_no_signal) {
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    cr_assert_eq(ebp_socket_send(ends[1], "abc", 3), 3);
    close(ends[0]);
    cr_assert_eq(ebp_socket_send(ends[1], "x", 1), -1);
    cr_assert_eq(errno, EPIPE);
    close(ends[1]);
}

/* ---- Threads ---- */

static char name[32];
static bool all_blocked;

static void *look(void *arg) {
    sigset_t now;

    pthread_sigmask(SIG_SETMASK, NULL, &now);
    all_blocked = sigismember(&now, SIGTERM) == 1 && sigismember(&now, SIGPIPE) == 1 && sigismember(&now, SIGCHLD) == 1;
    return arg;
}

Test(help_threads, a_thread_is_started_with_all_signals_blocked_and_its_starter_keeps_its_own) {
    pthread_t thread;
    void *returned;

    cr_assert_eq(ebp_thread_start(&thread, look, &thread, NULL), 0);
    pthread_join(thread, &returned);
    cr_assert_eq(returned, &thread);
    cr_assert(all_blocked);
    cr_assert_not(is_blocked(SIGTERM));
}

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void *wait_for_it(void *arg) {
    pthread_mutex_lock(&held);
    pthread_mutex_unlock(&held);
    return arg;
}

Test(help_threads, a_thread_has_the_first_15_bytes_of_its_name) {
    pthread_t thread;

    pthread_mutex_lock(&held);
    cr_assert_eq(ebp_thread_start(&thread, wait_for_it, NULL, "eb-connection-of-mine"), 0);
    pthread_getname_np(thread, name, sizeof name);
    pthread_mutex_unlock(&held);
    pthread_join(thread, NULL);
    cr_assert_str_eq(name, "eb-connection-o");
}

/* ---- Descriptors ---- */

static bool is_cloexec(int fd) {
    return fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

Test(help_threads, a_descriptor_becomes_close_on_exec) {
    int fd = dup(0);

    cr_assert_not(is_cloexec(fd));
    cr_assert(ebp_set_cloexec(fd));
    cr_assert(ebp_set_cloexec(fd));
    cr_assert(is_cloexec(fd));
    close(fd);
    cr_assert_not(ebp_set_cloexec(fd));
    cr_assert_eq(errno, EBADF);
}

static bool is_fifo(int fd) {
    char path[64], target[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(path, target, sizeof target - 1);

    return len > 5 && memcmp(target, "pipe:", 5) == 0;
}

Test(help_threads, what_a_call_opens_becomes_close_on_exec_and_what_was_there_does_not) {
    struct ebp_descriptors before;
    int old[2], opened[2], other;

    cr_assert_eq(pipe(old), 0);
    ebp_descriptors_list(&before, is_fifo);
    cr_assert_eq(pipe(opened), 0);
    other = open("/dev/null", O_RDONLY);
    ebp_descriptors_close_on_exec(&before, is_fifo);
    cr_assert(is_cloexec(opened[0]) && is_cloexec(opened[1]));
    cr_assert_not(is_cloexec(old[0]) || is_cloexec(old[1]));
    cr_assert_not(is_cloexec(other), "another kind");
}
