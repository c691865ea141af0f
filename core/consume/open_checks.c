/* core/consume/open_checks.c - see open_checks.h. */
#include "consume/open_checks.h"

#include "base/error.h"
#include "produce/producer.h"
#include "receiver/command_check.h"

static enum eb_status check_history(const struct eb_consumer *consumer, struct eb_error *err) {
    if ((consumer->deps.broker->traits.consumer & EB_T_HISTORY) || consumer->task.start.kind == EB_LATEST ||
        !consumer->task.position)
        return EB_OK;
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                     "plugin %s keeps no history, so a new group cannot start at \"%s\"; leave --from out, or use latest",
                     consumer->deps.broker->plugin->about.name, consumer->task.position);
}

static enum eb_status check_receiver(const struct eb_consumer *consumer, const struct ebi_worker_overrides *overrides,
                                     struct eb_error *err) {
    if (!overrides->exec && !overrides->webhook)
        return ebi_task_check_receiver(consumer->deps.config, &consumer->task, err);
    if (overrides->exec && ebi_exec_is_empty(overrides->exec))
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "--exec is empty: nothing would be run");
    enum eb_status status = overrides->webhook ? ebi_webhook_check(overrides->webhook, err) : EB_OK;
    if (status == EB_PERMANENT)
        ebi_error_context(err, "--webhook");
    return status;
}

enum eb_status ebi_check_open(const struct eb_consumer *consumer, const struct ebi_worker_overrides *overrides,
                              struct eb_error *err) {
    enum eb_status status = check_history(consumer, err);

    if (status == EB_OK)
        status = check_receiver(consumer, overrides, err);
    if (status == EB_OK)
        status = ebi_task_check_patterns(&consumer->task, consumer->deps.broker, err);
    return status;
}

enum eb_status ebi_check_receivers(struct eb_consumer *consumer, struct eb_error *err) {
    const char *group = consumer->task.group;

    if (consumer->external.kind.create || ebi_signals_heard(consumer->deps.signals, NULL, ebi_general_handler))
        return EB_OK;
    if (consumer->task.needs_receivers)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "group %s: no receiver is connected; call eb_connect before eb_consumer_run, or set exec or webhook",
                         group);
    if (!consumer->unheard_logged) {
        consumer->unheard_logged = true;
        ebi_log_line(consumer->deps.log, EBI_WARNING,
                     "group %s: no receiver is connected: all events are acknowledged, and nothing is done (on_no_receiver)",
                     group);
    }
    return EB_OK;
}
