/* tests/plugins/picky.c - a plugin that judges its settings: "text" must not be "bad" or "silent"; with "number" 8 its producer keeps
 * no order, and with 9 it claims a trait that it does not list. */
#include <stdio.h>
#include <string.h>
#include <eventbus/error.h>

static int32_t check(const void *settings, struct eb_error *err);
static uint32_t traits_for(const void *settings);
#define IDLE_NAME "picky"
#define IDLE_CHECK check
#define IDLE_TRAITS_FOR traits_for
#include "idle.h"

static int32_t check(const void *settings, struct eb_error *err) {
    const char *text = ((const struct idle_settings *)settings)->text;

    if (text && strcmp(text, "bad") == 0) {
        snprintf(err->text, sizeof err->text, "text and number do not go together");
        return EB_PERMANENT;
    }
    return text && strcmp(text, "silent") == 0 ? -77 : EB_OK;
}

static uint32_t traits_for(const void *settings) {
    int64_t number = ((const struct idle_settings *)settings)->number;

    return number == 8 ? 0 : number == 9 ? EB_T_ORDER | EB_T_POWER : EB_T_ORDER;
}
