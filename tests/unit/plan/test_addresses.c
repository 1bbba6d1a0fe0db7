/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an address lies in a subnet; what becomes of a whole port is in the golden files. */
#include "tests/unit/plan/golden.h"

#include "plan/addresses.h"

static const struct {
    const char *ip, *cidr;
    bool in;
} cases[] = {
    {"10.0.0.1", "10.0.0.0/24", true},
    {"10.0.0.255", "10.0.0.0/24", true},
    {"10.0.1.0", "10.0.0.0/24", false},
    {"10.0.0.127", "10.0.0.0/25", true},
    {"10.0.0.128", "10.0.0.0/25", false},
    {"10.0.0.129", "10.0.0.128/25", true},
    {"10.0.0.7", "10.0.0.7/32", true},
    {"10.0.0.6", "10.0.0.7/32", false},
    {"192.0.2.1", "0.0.0.0/0", true},
    {"172.16.4.1", "172.16.0.0/21", true},
    {"172.16.8.1", "172.16.0.0/21", false},
    {"2001:db8::1", "2001:db8::/64", true},
    {"2001:db8:0:1::1", "2001:db8::/64", false},
    {"2001:db8:0:1::1", "2001:db8::/63", true},
    {"2001:DB8::1", "2001:db8::1/128", true},
    {"::1", "::/0", true},
    /* not of one family */
    {"10.0.0.1", "::/0", false},
    {"::a00:1", "10.0.0.0/8", false},
    {"::1", "0.0.0.0/0", false},
    /* no address, no subnet */
    {"", "10.0.0.0/24", false},
    {"10.0.0", "10.0.0.0/24", false},
    {"web", "10.0.0.0/24", false},
    {"10.0.0.1", "", false},
    {"10.0.0.1", "10.0.0.0", false},
    {"10.0.0.1", "10.0.0.0/", false},
    {"10.0.0.1", "10.0.0.0/33", false},
    {"10.0.0.1", "10.0.0.0/-1", false},
    {"10.0.0.1", "10.0.0.0/24/24", false},
    {"2001:db8::1", "2001:db8::/129", false},
};

static void test_in_cidr(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        if (address_in_cidr(cases[i].ip, cases[i].cidr) != cases[i].in)
            fail_msg("'%s' in '%s' is not %d", cases[i].ip, cases[i].cidr, cases[i].in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_in_cidr)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
