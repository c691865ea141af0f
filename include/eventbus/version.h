/* eventbus/version.h - the version of eventbus. configure.ac reads the numbers from here. */
#ifndef EVENTBUS_VERSION_H
#define EVENTBUS_VERSION_H

#define EB_VERSION_MAJOR 0
#define EB_VERSION_MINOR 1
#define EB_VERSION_PATCH 0
#define EB_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* Returns EB_VERSION of the library that is loaded at run time. */
const char *eb_version(void);

#ifdef __cplusplus
}
#endif
#endif
