/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml - see yaml.h.  The only file that includes libyaml.
 *
 * A recursive descent over libyaml's events.  An anchor is known once its node is complete, so that
 * nothing can hold itself; aliases are deep copies, and every node made counts.
 */
#include "base/yaml.h"

#include <string.h>
#include <yaml.h>

struct yaml {
    json_t *root;
    GHashTable *lines; /* path -> line */
};

struct builder {
    yaml_parser_t parser;
    const char *name;
    enum yaml_flag flags;
    GHashTable *anchors; /* name -> json_t */
    GHashTable *lines;
    GString *path;
    size_t nodes;
};

static err_t *build(struct builder *b, const yaml_event_t *event, int depth,
                    json_t **ret) MUST_CHECK;

static int line_of(const yaml_event_t *event)
{
    return (int)event->start_mark.line + 1;
}

/* The next event; yaml_event_delete it. */
static err_t *next(struct builder *b, yaml_event_t *ret)
{
    const yaml_parser_t *p = &b->parser;
    size_t line;

    if (yaml_parser_parse(&b->parser, ret))
        return NULL;
    line = p->problem_mark.line > 0 ? p->problem_mark.line : p->context_mark.line;
    /* GCOVR_EXCL_START: libyaml names no problem only where malloc() fails */
    const char *problem = p->problem != NULL ? p->problem : "it cannot be read";
    /* GCOVR_EXCL_STOP */
    return err(PARSE, "%s:%zu: no valid YAML: %s%s%s", b->name, line + 1,
               p->context != NULL ? p->context : "", p->context != NULL ? ", " : "", problem);
}

static err_t *count(struct builder *b, const yaml_event_t *event, size_t nodes)
{
    b->nodes += nodes;
    if (b->nodes > YAML_NODES_MAX)
        return err(PARSE, "%s:%d: more than %d values", b->name, line_of(event), YAML_NODES_MAX);
    return NULL;
}

static size_t nodes_of(const json_t *j)
{
    size_t nodes = 1, i;
    const char *key;
    json_t *value;

    json_array_foreach(j, i, value) nodes += nodes_of(value);
    json_object_foreach((json_t *)j, key, value) nodes += nodes_of(value);
    return nodes;
}

/* ---- scalars ---- */

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool is_null(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};

    return is_one_of(text, words);
}

static json_t *number(const char *text)
{
    const char *digits = *text == '-' || *text == '+' ? text + 1 : text;
    gint64 value;

    if (!g_ascii_isdigit(*digits) || (*digits == '0' && digits[1] != '\0'))
        return NULL;
    if (!g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &value, NULL))
        return NULL;
    return json_integer(value);
}

/* What a scalar without quotes means. */
static json_t *plain(const struct builder *b, const char *text)
{
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes",
                                      "YES",  "on",   "On",   "ON",  NULL};
    static const char *const no[] = {"false", "False", "FALSE", "no",  "No",
                                     "NO",    "off",   "Off",   "OFF", NULL};
    json_t *j = NULL;

    if (is_null(text))
        return json_null();
    if (b->flags & YAML_TEXT)
        return json_string(text);
    if (is_one_of(text, yes))
        return json_true();
    if (is_one_of(text, no))
        return json_false();
    j = number(text);
    return j != NULL ? j : json_string(text);
}

static bool is_plain(const yaml_event_t *event)
{
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.tag == NULL;
}

static err_t *check_tag(const struct builder *b, const yaml_event_t *event, const char *tag,
                        const char *allowed)
{
    if (tag != NULL && strcmp(tag, allowed) != 0)
        return err(PARSE, "%s:%d: the tag '%s' is not known", b->name, line_of(event), tag);
    return NULL;
}

static err_t *scalar(struct builder *b, const yaml_event_t *event, json_t **ret)
{
    const char *text = (const char *)event->data.scalar.value;

    TRY(check_tag(b, event, (const char *)event->data.scalar.tag, YAML_STR_TAG));
    if (strlen(text) != event->data.scalar.length)
        return err(PARSE, "%s:%d: the text holds a NUL", b->name, line_of(event));
    *ret = is_plain(event) ? plain(b, text) : json_string(text);
    return NULL;
}

/* ---- collections ---- */

static void anchor(struct builder *b, const yaml_char_t *name, json_t *j)
{
    if (name != NULL)
        g_hash_table_replace(b->anchors, g_strdup((const char *)name), json_incref(j));
}

static err_t *alias(struct builder *b, const yaml_event_t *event, json_t **ret)
{
    const char *name = (const char *)event->data.alias.anchor;
    const json_t *j = g_hash_table_lookup(b->anchors, name);

    if (j == NULL)
        return err(PARSE, "%s:%d: there is no '&%s' before this '*%s'", b->name, line_of(event),
                   name, name);
    TRY(count(b, event, nodes_of(j)));
    *ret = json_deep_copy(j);
    return NULL;
}

/* Builds the next node under one more path segment. */
static err_t *build_at(struct builder *b, const yaml_event_t *event, const char *segment, int line,
                       int depth, json_t **ret)
{
    gsize size = b->path->len;
    err_t *e;

    g_string_append_printf(b->path, "%s%s", size > 0 ? "/" : "", segment);
    g_hash_table_replace(b->lines, g_strdup(b->path->str), GINT_TO_POINTER(line));
    e = build(b, event, depth, ret);
    g_string_truncate(b->path, size);
    return e;
}

static err_t *sequence(struct builder *b, int depth, json_t **ret)
{
    g_autoptr(json_t) list = json_array();

    for (;;) {
        g_autofree char *segment = g_strdup_printf("%zu", json_array_size(list));
        yaml_event_t event;
        json_t *item = NULL;
        err_t *e;

        TRY(next(b, &event));
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            *ret = g_steal_pointer(&list);
            return NULL;
        }
        e = build_at(b, &event, segment, line_of(&event), depth, &item);
        yaml_event_delete(&event);
        if (e != NULL)
            return e;
        json_array_append_new(list, item);
    }
}

/* The value of '<<': adds what 'map' does not have. */
static err_t *merge(const struct builder *b, int line, json_t *map, json_t *from)
{
    json_t *value;
    size_t i;

    if (json_is_object(from)) {
        json_object_update_missing(map, from);
        return NULL;
    }
    if (!json_is_array(from))
        return err(PARSE, "%s:%d: '<<' needs a mapping or a list of mappings", b->name, line);
    json_array_foreach(from, i, value)
    {
        if (!json_is_object(value))
            return err(PARSE, "%s:%d: '<<' needs a mapping or a list of mappings", b->name, line);
        json_object_update_missing(map, value);
    }
    return NULL;
}

struct entry {
    char *key;
    int line;
    bool is_merge;
};

/* Reads a key; 'ret->key' is NULL at the end of the mapping, else the caller's to free. */
static err_t *read_key(struct builder *b, struct entry *ret)
{
    yaml_event_t event;
    err_t *e = NULL;

    TRY(next(b, &event));
    ret->key = NULL;
    ret->line = line_of(&event);
    if (event.type == YAML_SCALAR_EVENT) {
        const char *text = (const char *)event.data.scalar.value;
        e = check_tag(b, &event, (const char *)event.data.scalar.tag, YAML_STR_TAG);
        if (e == NULL && strlen(text) != event.data.scalar.length)
            e = err(PARSE, "%s:%d: the key holds a NUL", b->name, ret->line);
        if (e == NULL)
            ret->key = g_strdup(text);
        ret->is_merge = is_plain(&event) && strcmp(text, "<<") == 0;
    } else if (event.type != YAML_MAPPING_END_EVENT) {
        e = err(PARSE, "%s:%d: a key must be plain text", b->name, ret->line);
    }
    yaml_event_delete(&event);
    return e;
}

static err_t *check_new(const struct builder *b, const json_t *map, const struct entry *entry)
{
    g_autofree char *path =
        g_strdup_printf("%s%s%s", b->path->str, b->path->len > 0 ? "/" : "", entry->key);

    if (json_object_get(map, entry->key) == NULL)
        return NULL;
    return err(PARSE, "%s:%d: the key '%s' stands here and in line %d", b->name, entry->line,
               entry->key, GPOINTER_TO_INT(g_hash_table_lookup(b->lines, path)));
}

static err_t *mapping_entry(struct builder *b, const struct entry *entry, int depth, json_t *map,
                            json_t *merged)
{
    yaml_event_t event;
    json_t *value = NULL;
    err_t *e;

    if (!entry->is_merge)
        TRY(check_new(b, map, entry));
    TRY(next(b, &event));
    e = build_at(b, &event, entry->key, entry->line, depth, &value);
    yaml_event_delete(&event);
    if (e != NULL)
        return e;
    if (entry->is_merge) {
        e = merge(b, entry->line, merged, value);
        json_decref(value);
    } else {
        json_object_set_new(map, entry->key, value);
    }
    return e;
}

static err_t *mapping(struct builder *b, int depth, json_t **ret)
{
    g_autoptr(json_t) map = json_object();
    g_autoptr(json_t) merged = json_object();

    for (;;) {
        g_autofree char *key = NULL;
        struct entry entry;

        TRY(read_key(b, &entry));
        key = entry.key;
        if (key == NULL)
            break;
        TRY(mapping_entry(b, &entry, depth, map, merged));
    }
    json_object_update_missing(map, merged);
    *ret = g_steal_pointer(&map);
    return NULL;
}

static err_t *build(struct builder *b, const yaml_event_t *event, int depth, json_t **ret)
{
    const yaml_char_t *name = NULL;

    if (depth > YAML_DEPTH_MAX)
        return err(PARSE, "%s:%d: nested deeper than %d levels", b->name, line_of(event),
                   YAML_DEPTH_MAX);
    if (event->type == YAML_ALIAS_EVENT)
        return alias(b, event, ret);
    TRY(count(b, event, 1));
    if (event->type == YAML_SCALAR_EVENT) {
        name = event->data.scalar.anchor;
        TRY(scalar(b, event, ret));
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        name = event->data.sequence_start.anchor;
        TRY(check_tag(b, event, (const char *)event->data.sequence_start.tag, YAML_SEQ_TAG));
        TRY(sequence(b, depth + 1, ret));
    } else {
        g_assert(event->type == YAML_MAPPING_START_EVENT);
        name = event->data.mapping_start.anchor;
        TRY(check_tag(b, event, (const char *)event->data.mapping_start.tag, YAML_MAP_TAG));
        TRY(mapping(b, depth + 1, ret));
    }
    anchor(b, name, *ret);
    return NULL;
}

/* ---- the document ---- */

/* Reads one event that must be of 'type'. */
static err_t *expect(struct builder *b, yaml_event_type_t type, const char *else_text)
{
    yaml_event_t event;
    err_t *e = NULL;

    TRY(next(b, &event));
    if (event.type != type)
        e = err(PARSE, "%s:%d: %s", b->name, line_of(&event), else_text);
    yaml_event_delete(&event);
    return e;
}

static err_t *document(struct builder *b, json_t **ret)
{
    g_autoptr(json_t) root = NULL;
    yaml_event_t event;
    bool empty;
    err_t *e = NULL;

    TRY(expect(b, YAML_STREAM_START_EVENT, "no YAML"));
    TRY(next(b, &event));
    empty = event.type == YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
    if (empty) {
        *ret = json_null();
        return NULL;
    }
    TRY(next(b, &event));
    e = build(b, &event, 0, &root);
    yaml_event_delete(&event);
    if (e != NULL)
        return e;
    TRY(expect(b, YAML_DOCUMENT_END_EVENT, "the document does not end here"));
    TRY(expect(b, YAML_STREAM_END_EVENT, "a second document begins here; one is allowed"));
    *ret = g_steal_pointer(&root);
    return NULL;
}

static void anchor_free(gpointer p)
{
    json_decref(p);
}

err_t *yaml_parse(const char *text, size_t size, const char *name, enum yaml_flag flags,
                  struct yaml **ret)
{
    struct builder b = {.name = name, .flags = flags};
    json_t *root = NULL;
    err_t *e;

    if (size > YAML_SIZE_MAX)
        return err(PARSE, "%s: the file is longer than %d bytes", name, YAML_SIZE_MAX);
    g_assert(yaml_parser_initialize(&b.parser));
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, size);
    b.anchors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, anchor_free);
    b.lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    b.path = g_string_new(NULL);
    e = document(&b, &root);
    yaml_parser_delete(&b.parser);
    g_hash_table_unref(b.anchors);
    g_string_free(b.path, TRUE);
    if (e != NULL) {
        g_hash_table_unref(b.lines);
        json_decref(root);
        return e;
    }
    *ret = g_new0(struct yaml, 1);
    (*ret)->root = root;
    (*ret)->lines = b.lines;
    return NULL;
}

void yaml_destroy(struct yaml *yaml)
{
    if (yaml == NULL)
        return;
    json_decref(yaml->root);
    g_hash_table_unref(yaml->lines);
    g_free(yaml);
}

json_t *yaml_root(const struct yaml *yaml)
{
    return yaml->root;
}

int yaml_line(const struct yaml *yaml, const char *path)
{
    return GPOINTER_TO_INT(g_hash_table_lookup(yaml->lines, path));
}
