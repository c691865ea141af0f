/* tests/plugins/picky.c - a plugin that is right and judges its settings: "text" must not be "bad" or "silent". */
#include <stdio.h>
#include <string.h>
#include <eventbus/error.h>

static int32_t check(const void *settings, struct eb_error *err);
#define IDLE_NAME "picky"
#define IDLE_CHECK check
#include "idle.h"

static int32_t check(const void *settings, struct eb_error *err) {
    const char *text = ((const struct idle_settings *)settings)->text;

    if (text && strcmp(text, "bad") == 0) {
        snprintf(err->text, sizeof err->text, "text and number do not go together");
        return EB_PERMANENT;
    }
    return text && strcmp(text, "silent") == 0 ? -77 : EB_OK;
}
