/* conform/cases/traits.c - the traits that hold with the settings of the run. */
#include "cases/case.h"

static bool check_traits_for(struct ebc_test *t, const char *role, uint32_t (*traits_for)(const void *), uint32_t listed) {
    if (!traits_for)
        return false;
    ebc_op_begins(t, 0, "traits_for of the %s", role);
    uint32_t first = traits_for(t->settings), second = traits_for(t->settings);
    ebc_op_ended(t);
    if (first & ~listed)
        ebc_note(t, EBC_TRAITS_FOR, "expected of the %s a subset of its traits 0x%x; came 0x%x as well", role, listed,
                 first & ~listed);
    if (first != second)
        ebc_note(t, EBC_TRAITS_FOR, "expected of the %s the same traits for the same settings; came 0x%x, then 0x%x", role,
                 first, second);
    if (first & EB_T_DELAY_ORDER && !(first & EB_T_DELAY))
        ebc_note(t, EBC_TRAITS_FOR, "expected EB_T_DELAY with EB_T_DELAY_ORDER; came the second alone for the %s", role);
    return true;
}

static void the_traits_of_the_settings_are_listed(struct ebc_test *t) {
    const struct ebc_plugin *plugin = &t->plugin;
    bool any = false;

    if (plugin->producer)
        any |= check_traits_for(t, "producer", plugin->producer->traits_for, plugin->listed.producer);
    if (plugin->consumer)
        any |= check_traits_for(t, "consumer", plugin->consumer->traits_for, plugin->listed.consumer);
    if (plugin->admin)
        any |= check_traits_for(t, "admin", plugin->admin->traits_for, plugin->listed.admin);
    if (!any)
        ebc_skip(t, "no role of the plugin has traits_for: its traits hold with all settings");
}

/* clang-format off */
const struct ebc_case ebc_traits[] = {
    { .group = "calls", .name = "the-traits-of-the-settings-are-listed",
      .about = "traits_for returns a subset of the listed traits, and the same at each call",
      .run = the_traits_of_the_settings_are_listed },
    { 0 },
};
/* clang-format on */
