/* SPDX-License-Identifier: Apache-2.0 */
/* yaml - what people write: as JSON, which is YAML again and means the same. */
#include "base/yaml.h"
#include "tests/fuzz/fuzz.h"

void fuzz_init(void)
{
}

static void again(const struct yaml *yaml)
{
    g_autofree char *text = json_print_canonical(yaml_root(yaml));
    AUTO(yaml) back = NULL;

    if (fuzz_refused(yaml_parse(text, strlen(text), "again", YAML_DEFAULT, &back)))
        return; /* JSON's escapes are longer than what they stand for: the limits may say no */
    g_autofree char *same = json_print_canonical(yaml_root(back));
    fuzz_same("the document", text, same);
}

void fuzz_one(const char *data, size_t size)
{
    static const enum yaml_flag flags[] = {YAML_DEFAULT, YAML_TEXT};

    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
        AUTO(yaml) yaml = NULL;
        bool refused = fuzz_refused(yaml_parse(data, size, "file.yaml", flags[i], &yaml));
        FUZZ_MUST(refused == (yaml == NULL), "refused, and yet a result");
        if (!refused && flags[i] == YAML_DEFAULT)
            again(yaml);
    }
}
