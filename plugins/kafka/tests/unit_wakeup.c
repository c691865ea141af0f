/* plugins/kafka/tests/unit_wakeup.c - a client's loop tells the host's wake from other signals. */
#include <criterion/criterion.h>
#include "client/client.h"

Test(kafka_wakeup, wake_is_a_signal_that_is_told_apart) {
    static struct kf_client client;

    cr_assert(ebp_wakeup_open(&client.wakeup));
    ebp_wakeup_signal(&client.wakeup);
    cr_assert_not(kf_client_take_wakeup(&client));
    kf_client_wake(&client);
    cr_assert(kf_client_take_wakeup(&client));
    cr_assert_not(kf_client_take_wakeup(&client));
    ebp_wakeup_close(&client.wakeup);
}
