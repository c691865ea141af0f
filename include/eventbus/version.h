/* eventbus/version.h - which version this is. configure.ac takes the numbers from here. */
#ifndef EVENTBUS_VERSION_H
#define EVENTBUS_VERSION_H

#define EB_VERSION_MAJOR 0
#define EB_VERSION_MINOR 1
#define EB_VERSION_PATCH 0
#define EB_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library at run time: EB_VERSION of the one that is loaded. */
const char *eb_version(void);

#ifdef __cplusplus
}
#endif
#endif
