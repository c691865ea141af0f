/* tests/fake_broker/without_traits.c - a broker without any trait: no order, delay, history or pattern; and without admin. */
#define NAME "without_traits"
#define WITHOUT_ADMIN
#define TRAITS 0
#include "fake_broker.c"
