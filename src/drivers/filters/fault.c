/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault - fails calls as a file says, on the real program: the option filter_fault_file names the
 * file; while it does not exist, nothing happens.  A line is a rule:
 *
 *     VERB STATUS [before|after] [skip=N] [times=N] [about=TEXT]        # comment
 *
 * VERB is a verb's name or '*'.  STATUS is one of the interface ("transient" …), or "crash": the
 * process is killed.  'before' (default): the verb is not called; 'after': it is, and then the
 * status is given instead of its own.  The rule lets the first 'skip' calls it fits pass and acts
 * on the next 'times' (default: all).  'about' fits only calls about that key, point or subject.
 * Checks are never failed, unless the verb is written "check:VERB".  The first rule that acts
 * decides.
 *
 * The file is read at every call; when it has changed, all counting begins anew.
 */
#include "drivers/filters/filter.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAULT_FILE_MAX  16384
#define FAULT_RULES_MAX 64
#define FAULT_CRASH     PROTECTOR_STATUS_COUNT

static const struct protector_option fault_options[] = {
    {"filter_fault_file", PROTECTOR_OPTION_STRING, NULL,
     "file of rules by which the fault filter fails calls"},
    {NULL, PROTECTOR_OPTION_STRING, NULL, NULL},
};

struct fault {
    pthread_mutex_t lock;
    char text[FAULT_FILE_MAX];
    int64_t seen[FAULT_RULES_MAX]; /* calls that fitted the rule of this line */
};

struct rule {
    char verb[64];
    int status; /* enum protector_status or FAULT_CRASH */
    int after;
    int64_t skip;
    int64_t times;
    char about[PROTECTOR_ID_SIZE];
};

static void fault_init(void *state, const struct protector_driver *next)
{
    struct fault *fault = state;

    (void)next;
    pthread_mutex_init(&fault->lock, NULL);
}

static void fault_fini(void *state)
{
    struct fault *fault = state;

    pthread_mutex_destroy(&fault->lock);
}

/* Reads the file into 'text' (empty if there is none); counting begins anew if it is another. */
static void fault_load(struct fault *fault, const char *path)
{
    char text[FAULT_FILE_MAX] = "";
    FILE *file = fopen(path, "r");

    if (file != NULL) {
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        (void)fclose(file);
    }
    if (strcmp(text, fault->text) != 0) {
        memcpy(fault->text, text, sizeof text);
        memset(fault->seen, 0, sizeof fault->seen);
    }
}

static int status_parse(const char *text)
{
    if (strcmp(text, "crash") == 0)
        return FAULT_CRASH;
    for (int i = 0; i < PROTECTOR_STATUS_COUNT; i++)
        if (strcmp(text, protector_status_text((enum protector_status)i)) == 0)
            return i;
    return -1;
}

/* One word of a rule behind the first two. */
static void rule_word(struct rule *rule, const char *word)
{
    if (strcmp(word, "after") == 0)
        rule->after = 1;
    else if (strncmp(word, "skip=", 5) == 0)
        rule->skip = strtoll(word + 5, NULL, 10);
    else if (strncmp(word, "times=", 6) == 0)
        rule->times = strtoll(word + 6, NULL, 10);
    else if (strncmp(word, "about=", 6) == 0)
        (void)snprintf(rule->about, sizeof rule->about, "%.255s", word + 6);
}

/* Parses a line of 'size' bytes; 0 if it is none (empty, comment, broken). */
static int rule_parse(const char *line, size_t size, struct rule *ret)
{
    char word[PROTECTOR_ID_SIZE + 8];
    int count = 0;

    *ret = (struct rule){.times = INT64_MAX, .status = -1};
    for (size_t i = 0; i < size && line[i] != '#';) {
        size_t begin = i + strspn(line + i, " \t");
        size_t length = strcspn(line + begin, " \t\n#");

        if (begin >= size || length == 0)
            break;
        (void)snprintf(word, sizeof word, "%.*s", (int)length, line + begin);
        if (count == 0)
            (void)snprintf(ret->verb, sizeof ret->verb, "%.63s", word);
        else if (count == 1)
            ret->status = status_parse(word);
        else
            rule_word(ret, word);
        count++;
        i = begin + length;
    }
    return count >= 2 && ret->status >= 0;
}

static int rule_fits(const struct rule *rule, const struct filter_call *c)
{
    const char *verb = rule->verb;
    int check = strncmp(verb, "check:", 6) == 0;

    if (check != (c->call->phase == PROTECTOR_CHECK))
        return 0;
    verb += check ? 6 : 0;
    if (strcmp(verb, "*") != 0 && strcmp(verb, filter_verb_name(c->verb)) != 0)
        return 0;
    return rule->about[0] == '\0' || (c->about != NULL && strcmp(rule->about, c->about) == 0);
}

/* The status that the first acting rule of this moment gives, or -1.  Under the lock. */
static int fault_decide(struct fault *fault, const struct filter_call *c, int after)
{
    const char *line = fault->text;

    for (int i = 0; i < FAULT_RULES_MAX && *line != '\0'; i++) {
        size_t size = strcspn(line, "\n");
        struct rule rule;

        if (rule_parse(line, size, &rule) && rule.after == after && rule_fits(&rule, c)) {
            int64_t seen = fault->seen[i]++;

            if (seen >= rule.skip && seen - rule.skip < rule.times)
                return rule.status;
        }
        line += size + (line[size] == '\n');
    }
    return -1;
}

static enum protector_status fault_act(struct filter_call *c, int after,
                                       enum protector_status status, struct protector_error *error)
{
    struct fault *fault = c->state;
    const char *path = c->host->option(c->host->data, "filter_fault_file");
    int decided;

    if (path == NULL)
        return status;
    pthread_mutex_lock(&fault->lock);
    fault_load(fault, path);
    decided = fault_decide(fault, c, after);
    pthread_mutex_unlock(&fault->lock);
    if (decided < 0)
        return status;
    if (decided == FAULT_CRASH)
        (void)kill(getpid(), SIGKILL);
    return protector_fail(error, (enum protector_status)decided, "fault injected %s '%s'",
                          after ? "after" : "before", filter_verb_name(c->verb));
}

static enum protector_status fault_before(struct filter_call *c, struct protector_error *error)
{
    return fault_act(c, 0, PROTECTOR_OK, error);
}

static enum protector_status fault_after(struct filter_call *c, enum protector_status status,
                                         struct protector_error *error)
{
    return fault_act(c, 1, status, error);
}

const struct filter_ops filter_fault = {
    .name = "fault",
    .options = fault_options,
    .state_size = sizeof(struct fault),
    .init = fault_init,
    .fini = fault_fini,
    .before = fault_before,
    .after = fault_after,
};
