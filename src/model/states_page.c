/* SPDX-License-Identifier: Apache-2.0 */
/*
 * states_page - the tables of this room as a page of Markdown, for docs/.
 *
 * Neighbours: states.c, verbs.c, sync_receive.c (the tables).
 */
#include "model/states_internal.h"

static void head(GString *s, const char *title)
{
    g_string_append_printf(s, "\n## %s\n\n", title);
}

/* "|---|---|…" under a header of 'columns' columns. */
static void rule(GString *s, int columns)
{
    for (int i = 0; i < columns; i++)
        g_string_append(s, "|---");
    g_string_append(s, "|\n");
}

static const char *cell(bool yes)
{
    return yes ? " 1 |" : "   |";
}

static void print_statuses(GString *s)
{
    head(s, "Status of a group: the first row that matches");
    g_string_append(s, "| # | at this site | status |\n");
    rule(s, 3);
    for (int i = 0; i < STATUS_ROWS; i++) {
        const struct status_row *row = &status_rows[i];
        const char *status = row->dir != NULL
                                 ? "failing_back if the target is the primary site, else "
                                   "failing_over"
                                 : group_status_text(row->status);
        g_string_append_printf(s, "| %d | %s | %s |\n", i + 1, row->text,
                               status[0] != '\0' ? status : "not listed, 404");
    }
}

static void print_by_status(GString *s)
{
    head(s, "Verbs by status");
    g_string_append(s, "| verb |");
    for (enum group_status i = GROUP_UNPROTECTED; i < GROUP_STATUSES; i++)
        g_string_append_printf(s, " %s |", group_status_text(i));
    g_string_append_c(s, '\n');
    rule(s, GROUP_STATUSES);
    for (enum verb verb = VERB_SHOW; verb < VERBS; verb++) {
        g_string_append_printf(s, "| %s |", verb_text(verb));
        for (enum group_status i = GROUP_UNPROTECTED; i < GROUP_STATUSES; i++)
            g_string_append(s, cell(verb_allowed_in(verb, i)));
        g_string_append_c(s, '\n');
    }
}

static void print_by_role(GString *s)
{
    static const char *const where[] = {[WHERE_LOCAL] = "the site that was asked",
                                        [WHERE_ACTIVE] = "the active site",
                                        [WHERE_STANDBY] = "the standby",
                                        [WHERE_HANDOVER] =
                                            "staged at the active site, run at the other"};
    head(s, "Verbs by role of this site");
    g_string_append(s, "| verb |");
    for (enum sync_role role = ROLE_NONE; role < SYNC_ROLES; role++)
        g_string_append_printf(s, " %s |", sync_role_text(role));
    g_string_append(s, " needs the peer | which site |\n");
    rule(s, SYNC_ROLES + 3);
    for (enum verb verb = VERB_SHOW; verb < VERBS; verb++) {
        g_string_append_printf(s, "| %s |", verb_text(verb));
        for (enum sync_role role = ROLE_NONE; role < SYNC_ROLES; role++)
            g_string_append(s, cell(verb_allowed_as(verb, role)));
        g_string_append_printf(s, "%s %s |\n", cell(verb_needs_peer(verb)),
                               where[verb_where(verb)]);
    }
}

static void print_operations(GString *s)
{
    head(s, "Verbs of operations");
    g_string_append(s, "| status | as API 1.0 shows it | ended |");
    for (enum operation_verb verb = OPERATION_RETRY; verb < OPERATION_VERBS; verb++)
        g_string_append_printf(s, " %s |", operation_verb_text(verb));
    g_string_append_c(s, '\n');
    rule(s, OPERATION_VERBS + 3);
    for (enum operation_status i = OPERATION_PENDING; i < OPERATION_STATUSES; i++) {
        g_string_append_printf(s, "| %s | %s |%s", operation_status_text(i),
                               operation_status_text_v1_0(i), cell(operation_status_terminal(i)));
        for (enum operation_verb verb = OPERATION_RETRY; verb < OPERATION_VERBS; verb++)
            g_string_append(s, cell(operation_verb_grid[verb][i]));
        g_string_append_c(s, '\n');
    }
}

static void print_messages(GString *s)
{
    head(s, "Messages of the sync protocol: what a site does with each (an empty cell: STATE goes "
            "back)");
    g_string_append(s, "| message |");
    for (enum sync_role role = ROLE_NONE; role < SYNC_ROLES; role++)
        g_string_append_printf(s, " %s |", sync_role_text(role));
    g_string_append_c(s, '\n');
    rule(s, SYNC_ROLES + 1);
    for (enum message_type type = MESSAGE_PROPOSE; type < MESSAGE_TYPES; type++) {
        g_string_append_printf(s, "| %s |", message_type_text(type));
        for (enum sync_role role = ROLE_NONE; role < SYNC_ROLES; role++)
            g_string_append_printf(s, " %s |", sync_receive_cell(type, role));
        g_string_append_c(s, '\n');
    }
}

char *states_markdown(void)
{
    GString *s = g_string_new("# States and verbs\n\nGenerated from the tables of src/model.\n");
    print_statuses(s);
    print_by_status(s);
    print_by_role(s);
    print_operations(s);
    print_messages(s);
    return g_string_free(s, FALSE);
}
