/* cli/print.h - prints events on standard output, for consume. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <pthread.h>
#include <stdbool.h>
#include <eventbus/event.h>

enum cli_format { CLI_CLOUDEVENTS, CLI_PRETTY };

/* A printer, usable by any thread. */
struct cli_printer {
    enum cli_format format;
    pthread_mutex_t lock;         /* guards standard output and `broken` */
    bool broken;                  /* writing failed: the reader has closed the pipe, or the disk is full */
    int reason;                   /* the errno of that failure */
    void (*on_broken)(void *arg); /* called once after that failure; may be NULL */
    void *arg;
    pthread_t watcher;
    int stop_watcher; /* a descriptor that ends the watching thread */
    bool watched;
};

/* Prints an event with write(2), so that the kernel has it when this returns. EB_GONE: writing failed. */
enum eb_status cli_print_event(struct cli_printer *, const struct eb_event *, struct eb_error *);

/* Waits ms, or less if the reader of standard output closes the pipe, which breaks the printer. */
void cli_print_pause(struct cli_printer *, int ms);

/* Starts a thread that watches, until cli_print_end, whether the reader closes the pipe; without events to print
 * nothing else would notice that. Does nothing if the thread runs already. */
enum eb_status cli_print_watch(struct cli_printer *, struct eb_error *);

/* Ends the thread. Returns the exit status for a broken printer: 0 if the reader closed the pipe, else 3 after
 * printing the reason. */
int cli_print_end(struct cli_printer *, int status);

#endif
