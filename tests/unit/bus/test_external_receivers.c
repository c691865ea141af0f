/* tests/unit/bus/test_external_receivers.c - commands and web addresses as receivers, in trouble. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../memory.h"
#include "worker_fixture.h"

static char sections[1000];

/* A configuration with that setting more. */
static const char *with(const char *setting) {
    snprintf(sections, sizeof sections, "[consume w]\ntopic = t\ngroup = g\nretry.backoff = 1ms\n%s\n", setting);
    return sections;
}

/* A file that commands leave in the folder. */
static bool is_there(const char *name) {
    char path[500];

    snprintf(path, sizeof path, "%s/%s", getenv("STATE_DIRECTORY"), name);
    return access(path, F_OK) == 0;
}

TestSuite(external_receivers, .init = working_begin, .timeout = 120);

/* ---- Commands ---- */

Test(external_receivers, a_command_that_a_signal_ended_is_tried_again) {
    events(1, "k");
    open_on("full", with("exec = cd $STATE_DIRECTORY; test -e once || { touch once; kill -9 $$; }"));
    run();
    cr_assert(fixture_logged("exec: ended by signal 9"));
    cr_assert_eq(counts().succeeded, 1);
    close_all();
}

Test(external_receivers, a_command_need_not_read_what_it_gets_nor_at_once) {
    static const char *const commands[] = { "exec = true", "exec = exec <&-; sleep 0.3", "exec = sleep 0.2; cat > /dev/null" };

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        working_begin();
        events(1, "k");
        fake.events[0].name_len = MOST_NAME; /* more than a pipe holds */
        open_on("full", with(commands[i]));
        run();
        cr_assert_eq(counts().succeeded, 1, "%s", commands[i]);
        close_all();
    }
}

Test(external_receivers, a_worker_that_is_stopped_twice_ends_its_commands) {
    events(1, "k");
    open_on("full", with("exec = cd $STATE_DIRECTORY; touch begun; sleep 600"));
    pthread_t thread = start();
    until(is_there("begun"));
    eb_consumer_stop(consumer);
    stop_again();
    cr_assert_eq(end_of(thread), EB_RETRIABLE);
    cr_assert_eq(fake.events[0].state, WAITING);
    cr_assert_eq(fake.returned, 1);
    close_all();
}

Test(external_receivers, a_command_that_finds_no_descriptors_waits_and_spends_no_attempt) {
    struct rlimit before;

    events(1, "k");
    open_on("full", with("exec = cat > $STATE_DIRECTORY/got\nretry.attempts = 1"));
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, before.rlim_max }), 0);
    pthread_t thread = start();
    until(fixture_logged("exec: cannot make a pipe"));
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    cr_assert_eq(end_of(thread), EB_OK, "%s", err.text);
    cr_assert_eq(counts().retried, 0);
    cr_assert_eq(counts().succeeded, 1);
    cr_assert_eq(fake.n_sent, 0);
    close_all();
}

/* ---- What the host does with its children ---- */

static volatile sig_atomic_t reaped;

static void reap_all(int number) {
    int kept = errno;

    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        reaped++;
    errno = kept;
}

/* Another waiter, which is mostly faster than anybody else. */
static atomic_bool reaping;
static void *reap_always(void *arg) {
    (void)arg;
    while (reaping)
        if (waitpid(-1, NULL, 0) < 0)
            pause_ms(1);
    return NULL;
}

Test(external_receivers, how_a_command_ended_is_known_whatever_the_host_does_with_its_children) {
    static void (*const handlers[])(int) = { SIG_IGN, reap_all, SIG_DFL };
    pthread_t reaper;

    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        working_begin();
        events(3, "k");
        cr_assert_eq(sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = handlers[i] }, NULL), 0);
        reaping = handlers[i] == SIG_DFL;
        if (reaping)
            cr_assert_eq(pthread_create(&reaper, NULL, reap_always, NULL), 0);
        open_on("full", with("exec = cd $STATE_DIRECTORY; cat >> ran; exit 3\nretry.attempts = 2"));
        run();
        cr_assert_eq(counts().succeeded, 0, "host %zu", i);
        cr_assert_eq(counts().retried, 3, "host %zu", i);
        cr_assert_eq(fake.n_sent, 3, "host %zu", i);
        cr_assert(strstr(fake.sent[0].reason, "exit status 3"), "host %zu: %s", i, fake.sent[0].reason);
        close_all();
        if (reaping) {
            reaping = false;
            cr_assert_eq(pthread_join(reaper, NULL), 0);
        }
    }
}

Test(external_receivers, a_command_whose_supervisor_died_has_not_succeeded) {
    events(1, "k");
    open_on("full",
            with("exec = cd $STATE_DIRECTORY; test -e once || { touch once; kill -9 $PPID; exec sleep 20 >/dev/null 2>&1; }\n"
                 "retry.attempts = 1"));
    run();
    cr_assert(fixture_logged("how the command ended is unknown"));
    cr_assert_eq(counts().succeeded, 1);
    cr_assert_eq(counts().retried, 0);
    cr_assert_eq(fake.n_sent, 0);
    close_all();
}

/* ---- Web addresses ---- */

/* A server that answers each request in a connection of its own: with one answer after the other, and the last again. */
static const char *const *answers;
static atomic_int asked;
static atomic_size_t filled; /* bytes of a body of 1 GiB that were taken */
static int server, port;

/* The next connection. A test may leave this process without descriptors for a while. */
static int next_client(void) {
    int client;

    while ((client = accept(server, NULL, NULL)) < 0 && errno == EMFILE)
        pause_ms(1);
    return client;
}

static void *serve(void *arg) {
    static const char filling[1 << 16];
    static char request[1 << 16];

    (void)arg;
    for (int client; (client = next_client()) >= 0; close(client)) {
        const char *answer = answers[0];

        if (recv(client, request, sizeof request, 0) <= 0)
            continue;
        atomic_fetch_add(&asked, 1);
        if (answers[1])
            answers++;
        if (!*answer) { /* none: the other side goes first */
            recv(client, request, sizeof request, 0);
            continue;
        }
        bool stays = *answer == '~'; /* the connection stays open, whatever the answer says of its end */
        send(client, answer + stays, strlen(answer + stays), MSG_NOSIGNAL);
        if (strstr(answer, "Content-Length: 1073741824"))
            for (ssize_t n = 1; n > 0 && filled<1 << 30; filled += n> 0 ? (size_t)n : 0)
                n = send(client, filling, sizeof filling, MSG_NOSIGNAL);
        if (stays)
            client = open("/dev/null", O_RDONLY);
        shutdown(client, SHUT_WR);
    }
    return NULL;
}

static const char *host = "127.0.0.1";
static int proxied; /* http_proxy names the server (1), or a port where nobody is (2) */

/* Opens a worker on a server that says that; `more` are settings. */
static void open_on_server(const char *const *says, const char *more) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    char setting[300];
    pthread_t thread;

    answers = says;
    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(server, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(listen(server, 8), 0);
    cr_assert_eq(getsockname(server, (struct sockaddr *)&address, &len), 0);
    cr_assert_eq(pthread_create(&thread, NULL, serve, NULL), 0);
    cr_assert_eq(pthread_detach(thread), 0);
    port = ntohs(address.sin_port);
    snprintf(setting, sizeof setting, "webhook = http://%s:%d/\n%s", host, port, more);
    if (proxied) {
        char proxy[100];

        snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", port + proxied - 1);
        cr_assert_eq(setenv("http_proxy", proxy, 1), 0);
    }
    open_on("full", with(setting));
}

#define NO_BODY "\r\nContent-Length: 0\r\n\r\n"

Test(external_receivers, an_answer_that_may_pass_is_waited_for) {
    static const char *const says[] = { "HTTP/1.1 408 x" NO_BODY,
                                        "HTTP/1.1 425 x\r\nRetry-After: 9" NO_BODY,
                                        "HTTP/1.1 429 x\r\nRetry-After: 0" NO_BODY,
                                        "HTTP/1.1 500 x" NO_BODY,
                                        "HTTP/1.1 204 x\r\n\r\n",
                                        NULL };

    events(1, "k");
    open_on_server(says, "retry.attempts = 9\nretry.max = 1ms");
    run();
    cr_assert_eq(counts().retried, 4);
    cr_assert_eq(counts().succeeded, 1);
    close_all();
}

Test(external_receivers, an_answer_that_never_comes_is_given_up_after_the_receivers_time) {
    static const char *const says[] = { "", "HTTP/1.1 200 x" NO_BODY, NULL };

    events(1, "k");
    open_on_server(says, "receiver_timeout = 3s\nretry.max = 1ms");
    run();
    cr_assert(fixture_logged("no answer in 3000 ms (receiver_timeout)"));
    cr_assert_eq(counts().retried, 1);
    cr_assert_eq(counts().succeeded, 1);
    close_all();
}

Test(external_receivers, the_server_may_ask_for_a_wait) {
    static const char *const says[] = { "HTTP/1.1 503 x\r\nRetry-After: 1" NO_BODY, "HTTP/1.1 200 x" NO_BODY, NULL };

    events(1, "k");
    open_on_server(says, "retry.max = 1m");
    run();
    cr_assert_eq(counts().retried, 1);
    close_all();
}

Test(external_receivers, other_answers_are_permanent_and_redirects_are_not_followed) {
    static const char *const says[] = { "HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:1/" NO_BODY, "HTTP/1.1 404 x" NO_BODY,
                                        NULL };

    events(2, "k");
    open_on_server(says, "");
    run();
    cr_assert_eq(fake.n_sent, 2);
    cr_assert(strstr(fake.sent[0].reason, "302; redirects are not followed"), "%s", fake.sent[0].reason);
    cr_assert_eq(asked, 2);
    close_all();
}

/* Answers whose status is known, whatever becomes of the rest. */
Test(external_receivers, the_status_line_decides_and_the_rest_is_not_waited_for) {
    static const char *const rests[] = { "x\r\nContent-Length: 100\r\n\r\nhalf",
                                         "x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
                                         "x\r\nContent-Le",
                                         "x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
                                         "x\r\nContent-Encoding: gzip\r\n\r\nnone",
                                         "x\r\nContent-Length: 1073741824\r\n\r\n" };
    static const char *const statuses[] = { "200", "500", "404" };
    static char text[100];
    static const char *says[] = { text, NULL };

    for (int i = 0; i < 6 * 2 * 3; i++) {
        struct timespec began, ended;
        int status = i / 12;

        working_begin();
        events(1, "k");
        filled = 0;
        snprintf(text, sizeof text, "%sHTTP/1.1 %s %s", i / 6 % 2 ? "~" : "", statuses[status], rests[i % 6]);
        open_on_server(says, "retry.attempts = 2\nretry.max = 1ms");
        clock_gettime(CLOCK_MONOTONIC, &began);
        run();
        clock_gettime(CLOCK_MONOTONIC, &ended);
        cr_assert_eq(counts().succeeded, status == 0, "%s", text);
        cr_assert_eq(counts().retried, status == 1, "%s", text);
        cr_assert_eq(fake.n_sent, status != 0, "%s", text);
        if (status != 0)
            cr_assert(strstr(fake.sent[0].reason, "HTTP status"), "%s: %s", text, fake.sent[0].reason);
        cr_assert_lt(ended.tv_sec - began.tv_sec, 20, "%s", text);
        cr_assert_lt(filled, 100 << 20, "%zu bytes were taken", (size_t)filled);
        close_all();
    }
}

/* In its own words, but for the log. */
Test(external_receivers, a_web_address_says_why_it_failed) {
    static const char *const says[] = {
        "HTTP/1.1 404 x\r\nContent-Length: 40\r\n\r\n<p>\nno such user: \"real name\" \x1b[1m!\n \n", "HTTP/1.1 500 x" NO_BODY,
        NULL
    };

    events(2, NULL);
    open_on_server(says, "retry.attempts = 1");
    run();
    cr_assert_eq(fake.n_sent, 2);
    cr_assert_str_eq(fake.sent[0].detail, "no such user: \"real name\" \\x1b[1m!");
    cr_assert_str_eq(fake.sent[1].detail, "", "the next one begins anew");
    cr_assert_not(fixture_logged("no such user"));
    close_all();
}

Test(external_receivers, what_does_not_speak_http_is_tried_again) {
    static const char *const bad[] = { "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "HTTP/1.1 abc\r\n\r\n",    "\x15\x03\x01", "{}",
                                       "HTTP/1.1 100 Continue\r\n\r\n",      "RTSP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200" };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *const says[] = { bad[i], "HTTP/1.1 200 x" NO_BODY, NULL };

        working_begin();
        events(1, "k");
        open_on_server(says, "retry.max = 1ms");
        run();
        cr_assert_eq(fake.n_sent, 0, "%s: %s", bad[i], fake.sent[0].reason);
        cr_assert_eq(counts().retried, 1, "%s", bad[i]);
        cr_assert_eq(counts().succeeded, 1, "%s", bad[i]);
        close_all();
    }
}

Test(external_receivers, proxies_of_the_environment_are_an_option_and_never_for_this_machine) {
    static const char *const says[] = { "HTTP/1.1 200 x" NO_BODY, NULL };
    static const char *const own[] = { "127.0.0.1", "localhost", "127.1", "0.0.0.0", "LOCALHOST", "0x7f000001" };

    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        working_begin();
        events(1, "k");
        host = own[i];
        proxied = 2;
        open_on_server(says, "retry.attempts = 1");
        run();
        cr_assert_eq(counts().succeeded, 1, "%s: %s", host, fake.sent[0].reason);
        close_all();
    }
    /* In the form of IPv6: nobody is there, and the proxy that would answer is not asked. */
    static const char *const own_v6[] = { "[::1]", "[::]" };
    for (size_t i = 0; i < sizeof own_v6 / sizeof *own_v6; i++) {
        working_begin();
        events(1, "k");
        host = own_v6[i];
        proxied = 1;
        open_on_server(says, "retry.attempts = 1");
        run();
        cr_assert_eq(counts().succeeded, 0, "%s", host);
        close_all();
    }
    static const char *const others[] = { "[2001:db8::1]", "notlocalhost", "localhost.invalid", "192.0.2.1", "x." };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        working_begin();
        events(1, "k");
        host = others[i];
        proxied = 1;
        open_on_server(says, "retry.attempts = 1");
        run();
        cr_assert_eq(counts().succeeded, 1, "%s: %s", host, fake.sent[0].reason);
        close_all();
    }
    for (int none = 0; none < 2; none++) {
        working_begin();
        events(1, "k");
        host = "nowhere.invalid";
        proxied = 1;
        open_on_server(says, none ? "retry.attempts = 1\nwebhook_proxy = none" : "retry.attempts = 1");
        run();
        cr_assert_eq(counts().succeeded, !none, "%s", fake.sent[0].reason);
        close_all();
    }
}

/* A program that a receiver starts does not keep a connection open. */
Test(external_receivers, connections_are_not_inherited) {
    static const char *const says[] = { "", NULL };
    int n = 0;

    events(1, "k");
    open_on_server(says, "receiver_timeout = 10s");
    pthread_t thread = start();
    until(asked == 1);
    for (int fd = 3; fd < 1024; fd++) {
        struct sockaddr_in peer;
        socklen_t len = sizeof peer;

        if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0 || peer.sin_family != AF_INET || ntohs(peer.sin_port) != port)
            continue;
        n++;
        cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
    cr_assert_eq(n, 1);
    eb_consumer_stop(consumer);
    stop_again();
    cr_assert_eq(end_of(thread), EB_RETRIABLE);
    close_all();
}

Test(external_receivers, a_worker_that_is_stopped_twice_ends_its_requests) {
    static const char *const says[] = { "", NULL };

    events(1, "k");
    open_on_server(says, "");
    pthread_t thread = start();
    until(asked == 1);
    eb_consumer_stop(consumer);
    stop_again();
    cr_assert_eq(end_of(thread), EB_RETRIABLE);
    cr_assert_eq(fake.events[0].state, WAITING);
    close_all();
}

Test(external_receivers, what_says_nothing_or_is_no_address_is_refused_before_an_event_comes) {
    static const char *const bad[] = { "webhook = http://[x", "webhook = https://", "webhook = ftp://x", "webhook =", "exec =",
                                       "exec = ${NOT_SET:-}", "exec = $NOT_SET",    "exec = # true",     "exec = A=b" };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        events(1, "k");
        open_bus_on("full", NULL, with(bad[i]));
        cr_assert_eq(open_worker(&err), EB_PERMANENT, "%s", bad[i]);
        cr_assert_eq(err.kind, EB_KIND_CONFIG, "%s", bad[i]);
        cr_assert(strstr(err.text, "[consume w] "), "%s", err.text);
        close_all();
    }
}

Test(external_receivers, a_request_that_finds_no_descriptors_waits_and_spends_no_attempt) {
    static const char *const says[] = { "HTTP/1.1 200 x" NO_BODY, NULL }, *const hosts[] = { "127.0.0.1", "localhost" };
    struct rlimit before;

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        working_begin();
        events(1, "k");
        host = hosts[i];
        open_on_server(says, "retry.attempts = 1");
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, before.rlim_max }), 0);
        pthread_t thread = start();
        until(fixture_logged("no attempt is counted"));
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        cr_assert_eq(end_of(thread), EB_OK, "%s: %s", host, err.text);
        cr_assert_eq(counts().succeeded, 1, "%s", host);
        cr_assert_eq(fake.n_sent, 0, "%s", host);
        close_all();
    }
}

/* ---- Memory ---- */

Test(external_receivers, memory_that_runs_out_loses_nothing) {
    static const char *const says[] = { "HTTP/1.1 200 x" NO_BODY, NULL };

    for (int webhook = 0; webhook < 2; webhook++) {
        bool failed = true;

        for (unsigned n = 1; failed; n++) {
            working_begin();
            events(1, "k");
            if (webhook)
                open_on_server(says, "retry.max = 1ms");
            else
                open_on("full", with("exec = true\nretry.max = 1ms"));
            fail_allocation(n);
            enum eb_status status = eb_consumer_run(consumer, &err);
            failed = allocation_failed();
            if (status != EB_OK && eb_consumer_run(consumer, &err) == EB_OK)
                status = EB_OK; /* it had not even begun */
            if (status != EB_OK)
                cr_assert(strstr(err.text, "has run to its end"), "allocation %u: %s", n, err.text);
            else
                cr_assert_eq(counts().succeeded, 1, "allocation %u", n);
            cr_assert_eq(fake.n_sent, 0, "allocation %u: %s", n, fake.sent[0].reason);
            close_all();
        }
    }
}
