/* cli/django.h - turns what a Django service has set for the event bus into a configuration. */
#ifndef CLI_DJANGO_H
#define CLI_DJANGO_H

#include <stdbool.h>
#include <jansson.h>
#include <eventbus/error.h>
#include "base/bytes.h"

/* Adds an INI with the broker, the routes and the other values that the settings say: a JSON object, each name a setting of
 * edx-event-bus-redis, edx-event-bus-kafka or openedx-events; settings of other programs do not matter. A secret stands in
 * it as the file FOLDER/SETTING. Tells on standard error which settings have no counterpart.
 * EB_PERMANENT, EB_KIND_CONFIG: a setting is of the wrong type or contradicts another; the error names it. */
enum eb_status cli_django_ini(const json_t *settings, const char *folder, struct ebi_bytes *ini, struct eb_error *err);

/* The settings whose values are secrets of the broker that the INI names, one after the other. *at is 0 at first. Both texts are
 * borrowed from the settings. Only for settings that cli_django_ini accepted. */
bool cli_django_next_secret(const json_t *settings, size_t *at, const char **name, const char **value);

#endif
