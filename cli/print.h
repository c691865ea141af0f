/* cli/print.h - events on standard output, for consume. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <pthread.h>
#include <stdbool.h>
#include <eventbus/event.h>

enum cli_format { CLI_CLOUDEVENTS, CLI_PRETTY };

/* Where events are printed, by any thread. */
struct cli_printer {
    enum cli_format format;
    pthread_mutex_t lock;               /* guards standard output, and broken */
    bool broken;                        /* it takes no more: the reader has gone, or the disk is full */
    int reason;                         /* errno of that */
    void (*on_broken)(void *arg);       /* called once then; may be NULL */
    void *arg;
    pthread_t watcher;
    int stop_watcher;                   /* a descriptor that ends it */
    bool watched;
};

/* Prints an event with one or more write(2), so that the kernel has it when this returns. EB_GONE: it could not. */
enum eb_status cli_print_event(struct cli_printer *, const struct eb_event *, struct eb_error *);

/* Waits so many ms, or less where the reader of standard output goes, or has gone: the printer is broken then. */
void cli_print_pause(struct cli_printer *, int ms);

/* Starts a thread that waits for the reader to go, until cli_print_end: with no event to print, nobody else would notice.
 * Does nothing where it runs already. */
enum eb_status cli_print_watch(struct cli_printer *, struct eb_error *);

/* Ends the watching. Returns the exit status that a broken printer leads to: 0 where the reader has gone, else 3 after it
 * told why. */
int cli_print_end(struct cli_printer *, int status);

#endif
