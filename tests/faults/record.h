/* tests/faults/record.h - one line of a history that many processes write, in the order in which things happened.
 *
 * A line is one write at the file's end, so it stands whole among the others'. One that a killed process left half has
 * no " ;" at its end; the next begins with a newline of its own. checker.py says what the lines mean. */
#ifndef FAULTS_RECORD_H
#define FAULTS_RECORD_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The history whose path is in the environment; -1: none is kept. */
static inline int record_open(void) {
    const char *path = getenv("FAULTS_HISTORY");
    int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;

    if (path && fd < 0) {
        perror(path);
        exit(2);
    }
    return fd;
}

/* Appends a line, given from its newline to its " ;". A history with holes is none: the process ends. */
static inline void record_write(int fd, const char *line, size_t len) {
    if (fd >= 0 && write(fd, line, len) != (ssize_t)len) {
        perror("the history cannot be written");
        _exit(2);
    }
}

#endif
