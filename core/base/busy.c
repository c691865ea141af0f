/* core/base/busy.c - see busy.h. */
#include "base/busy.h"

#include <pthread.h>

#include "base/thread.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static unsigned busy;
static bool held;

static void init(void) {
    ebi_cond_init(&changed);
}

void ebi_busy_begin(void) {
    pthread_once(&once, init);
    pthread_mutex_lock(&lock);
    while (held)
        ebi_cond_wait_until(&changed, &lock, INT64_MAX);
    busy++;
    pthread_mutex_unlock(&lock);
}

void ebi_busy_end(void) {
    pthread_mutex_lock(&lock);
    if (--busy == 0 && held)
        pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

bool ebi_busy_hold(int64_t until_ms) {
    bool idle;

    pthread_once(&once, init);
    pthread_mutex_lock(&lock);
    held = true;
    while (busy > 0 && ebi_cond_wait_until(&changed, &lock, until_ms))
        continue;
    idle = busy == 0;
    pthread_mutex_unlock(&lock);
    return idle;
}

void ebi_busy_release(void) {
    pthread_mutex_lock(&lock);
    held = false;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}
