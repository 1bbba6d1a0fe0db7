/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrations - see migrations.h.
 *
 * What every table keeps to: ids of ours are {id}; names and ids of other services {name}, as we do
 * not decide how long they are; times are {big}, milliseconds since 1970 UTC, 0 = never; documents
 * are JSON in {text}; what was signed is {bytes}, which no character set touches.
 */
#include "store/migrations.h"

#include <glib.h>
#include <string.h>

static const char *const initial[] = {
    /* Who we are: one row.  Made by `db sync`. */
    "CREATE TABLE IF NOT EXISTS local_site ("
    "row_id {big} NOT NULL PRIMARY KEY, site_id {id} NOT NULL, sign_public {name} NOT NULL,"
    "seal_public {name} NOT NULL, fingerprint {name} NOT NULL, incarnation {id} NOT NULL,"
    "counter {big} NOT NULL, key_check {text}, created_at {big} NOT NULL){end}",

    /* Every incarnation that was ever known, of both sites. */
    "CREATE TABLE IF NOT EXISTS incarnations ("
    "site_id {id} NOT NULL, incarnation {id} NOT NULL, reason {text}, began_at {big} NOT NULL,"
    "PRIMARY KEY (site_id, incarnation)){end}",

    "CREATE TABLE IF NOT EXISTS sites ("
    "id {id} NOT NULL PRIMARY KEY, name {name} NOT NULL, description {text}, site_type {word},"
    "auth_url {name} NOT NULL, region_name {name} NOT NULL, status {word} NOT NULL,"
    "status_reason {text}, is_local {bool} NOT NULL, protector_url {text}, compute_url {text},"
    "sign_public {name}, seal_public {name}, fingerprint {name}, old_keys {text},"
    "credentials {text}, checks {text}, validated_at {big} NOT NULL,"
    "created_at {big} NOT NULL, updated_at {big} NOT NULL,"
    "CONSTRAINT uq_sites_name UNIQUE (name),"
    "CONSTRAINT uq_sites_cloud UNIQUE (auth_url, region_name)){end}",

    "CREATE TABLE IF NOT EXISTS tenant_mappings ("
    "id {id} NOT NULL PRIMARY KEY, local_site_id {id} NOT NULL, local_project_id {id} NOT NULL,"
    "remote_site_id {id} NOT NULL, remote_project_id {id} NOT NULL, description {text},"
    "created_at {big} NOT NULL,"
    "CONSTRAINT uq_tenant_mappings_local UNIQUE (local_project_id, remote_site_id),"
    "CONSTRAINT uq_tenant_mappings_remote UNIQUE (remote_site_id, remote_project_id)){end}",

    "CREATE TABLE IF NOT EXISTS trusts ("
    "id {id} NOT NULL PRIMARY KEY, project_id {id} NOT NULL, user_id {id} NOT NULL,"
    "trust {text}, roles {text}, status {word} NOT NULL, error_message {text},"
    "verified_at {big} NOT NULL, created_at {big} NOT NULL, updated_at {big} NOT NULL,"
    "CONSTRAINT uq_trusts_user UNIQUE (project_id, user_id)){end}",

    /* living_name: the name while it is taken, NULL in a tombstone. */
    "CREATE TABLE IF NOT EXISTS protection_groups ("
    "id {id} NOT NULL PRIMARY KEY, project_id {id} NOT NULL, peer_project_id {id},"
    "name {name} NOT NULL, living_name {name}, description {text}, status {word} NOT NULL,"
    "role {word} NOT NULL, flags {big} NOT NULL, listed {bool} NOT NULL,"
    "primary_site_id {id}, secondary_site_id {id}, current_primary_site_id {id}, peer_site_id {id},"
    "replication_type {word}, volume_type {name}, volume_type_id {name},"
    "secondary_volume_type {name}, secondary_volume_type_id {name}, consistency_group_id {name},"
    "epoch {big} NOT NULL, version {big} NOT NULL, position {id}, known_peer {id}, staged {id},"
    "staged_op {id}, serving {id}, frozen_for {id}, rival {id}, minted {big} NOT NULL,"
    "floor {big} NOT NULL, lineage {big} NOT NULL, member_count {big} NOT NULL,"
    "failover_count {big} NOT NULL, last_failover_at {big} NOT NULL,"
    "last_replication_at {big} NOT NULL, outbox_count {big} NOT NULL, owing {bool} NOT NULL, body "
    "{bytes}, state {bytes},"
    "created_at {big} NOT NULL, updated_at {big} NOT NULL,"
    "CONSTRAINT uq_protection_groups_name UNIQUE (project_id, living_name)){end}",
    "CREATE INDEX IF NOT EXISTS ix_protection_groups_created ON protection_groups"
    " (project_id, listed, created_at, id)",
    "CREATE INDEX IF NOT EXISTS ix_protection_groups_updated ON protection_groups"
    " (project_id, listed, updated_at, id)",
    "CREATE INDEX IF NOT EXISTS ix_protection_groups_name ON protection_groups"
    " (project_id, listed, name, id)",
    "CREATE INDEX IF NOT EXISTS ix_protection_groups_status ON protection_groups"
    " (project_id, listed, status, id)",
    "CREATE INDEX IF NOT EXISTS ix_protection_groups_outbox ON protection_groups"
    " (project_id, owing, id)",
    "CREATE INDEX IF NOT EXISTS ix_protection_groups_all ON protection_groups"
    " (listed, created_at, id)",

    /* The chain: every position ever, kept; 'seq' puts parents first. */
    "CREATE TABLE IF NOT EXISTS positions ("
    "pg_id {id} NOT NULL, hash {id} NOT NULL, seq {big} NOT NULL, parent {id} NOT NULL,"
    "parent2 {id} NOT NULL, epoch {big} NOT NULL, version {big} NOT NULL, kind {word} NOT NULL,"
    "forced {bool} NOT NULL, minter {id} NOT NULL, claim_id {id} NOT NULL, body_hash {id} NOT NULL,"
    "incarnation {id} NOT NULL, rejoined {id} NOT NULL, drop_list {text}, body {bytes},"
    "created_at {big} NOT NULL,"
    "PRIMARY KEY (pg_id, hash), CONSTRAINT uq_positions_seq UNIQUE (pg_id, seq)){end}",

    "CREATE TABLE IF NOT EXISTS refusals ("
    "pg_id {id} NOT NULL, hash {id} NOT NULL, epoch {big} NOT NULL, rejoin {bool} NOT NULL,"
    "reason {id} NOT NULL, message {text}, created_at {big} NOT NULL,"
    "PRIMARY KEY (pg_id, hash)){end}",

    "CREATE TABLE IF NOT EXISTS outbox ("
    "id {serial}, pg_id {id} NOT NULL, message_type {word} NOT NULL, position {id} NOT NULL,"
    "message {bytes}, created_at {big} NOT NULL){end}",
    "CREATE INDEX IF NOT EXISTS ix_outbox_group ON outbox (pg_id, id)",

    /* What is known of the peer's side of a group: shown, never decided by. */
    "CREATE TABLE IF NOT EXISTS sync_states ("
    "pg_id {id} NOT NULL PRIMARY KEY, peer_site_id {id}, status {word} NOT NULL,"
    "remote_role {word}, remote_position {id}, remote_epoch {big} NOT NULL,"
    "remote_version {big} NOT NULL, remote_schema {big} NOT NULL, observations {text},"
    "error_message {text}, attempted_at {big} NOT NULL, proven_at {big} NOT NULL,"
    "synced_at {big} NOT NULL){end}",

    "CREATE TABLE IF NOT EXISTS sync_log ("
    "id {serial}, pg_id {id} NOT NULL, project_id {id}, event {word} NOT NULL, position {id},"
    "epoch {big} NOT NULL, version {big} NOT NULL, message {text}, bundle {bytes},"
    "user_id {id}, created_at {big} NOT NULL){end}",
    "CREATE INDEX IF NOT EXISTS ix_sync_log_group ON sync_log (pg_id, id)",

    /* A challenge of ours: made, answered once, used once. */
    "CREATE TABLE IF NOT EXISTS peer_proofs ("
    "nonce {id} NOT NULL PRIMARY KEY, pg_id {id} NOT NULL, issued_at {big} NOT NULL,"
    "answered_at {big} NOT NULL, used_at {big} NOT NULL, position {id}, role {word}){end}",
    "CREATE INDEX IF NOT EXISTS ix_peer_proofs_issued ON peer_proofs (issued_at)",

    "CREATE TABLE IF NOT EXISTS consistency_groups ("
    "pg_id {id} NOT NULL PRIMARY KEY, id {name} NOT NULL, volume_type_name {name},"
    "backend_name {name}, local_cg_id {name}, peer_cg_id {name}, status {word} NOT NULL,"
    "created_at {big} NOT NULL, updated_at {big} NOT NULL){end}",

    "CREATE TABLE IF NOT EXISTS cg_volumes ("
    "pg_id {id} NOT NULL, volume_id {name} NOT NULL, consistency_group_id {name} NOT NULL,"
    "member_id {name} NOT NULL, name {name}, volume_type {name}, device {name},"
    "size_gb {big} NOT NULL, boot_index {big} NOT NULL, bootable {bool} NOT NULL,"
    "PRIMARY KEY (pg_id, volume_id)){end}",
    "CREATE INDEX IF NOT EXISTS ix_cg_volumes_volume ON cg_volumes (volume_id)",

    /* From here to resource_mappings: what bodies say, written when they change (project.c). */

    /* in_body: false for an add that failed and stands in no version. */
    "CREATE TABLE IF NOT EXISTS pg_members ("
    "pg_id {id} NOT NULL, id {name} NOT NULL, instance_id {name} NOT NULL,"
    "instance_name {name} NOT NULL, status {word} NOT NULL, error_message {text},"
    "volume_count {big} NOT NULL, config {text}, volumes {text}, in_body {bool} NOT NULL,"
    "digest {id} NOT NULL, created_at {big} NOT NULL, updated_at {big} NOT NULL,"
    "PRIMARY KEY (pg_id, id),"
    "CONSTRAINT uq_pg_members_instance UNIQUE (pg_id, instance_id)){end}",
    "CREATE INDEX IF NOT EXISTS ix_pg_members_instance ON pg_members (instance_id)",
    "CREATE INDEX IF NOT EXISTS ix_pg_members_created ON pg_members (pg_id, created_at, id)",
    "CREATE INDEX IF NOT EXISTS ix_pg_members_name ON pg_members (pg_id, instance_name, id)",

    /* primary_array, secondary_array: hash of URL and array group, to find one used twice. */
    "CREATE TABLE IF NOT EXISTS replication_policies ("
    "pg_id {id} NOT NULL PRIMARY KEY, id {name} NOT NULL, primary_fa_url {text},"
    "secondary_fa_url {text}, pure_pg_name {name}, replication_interval {big} NOT NULL,"
    "rpo_minutes {big} NOT NULL, primary_array {id}, secondary_array {id},"
    "created_at {big} NOT NULL, updated_at {big} NOT NULL){end}",
    "CREATE INDEX IF NOT EXISTS ix_replication_policies_primary ON replication_policies"
    " (primary_array)",
    "CREATE INDEX IF NOT EXISTS ix_replication_policies_secondary ON replication_policies"
    " (secondary_array)",

    "CREATE TABLE IF NOT EXISTS resource_mappings ("
    "pg_id {id} NOT NULL, source_site_id {id} NOT NULL, kind {word} NOT NULL,"
    "source {name} NOT NULL, target {name} NOT NULL,"
    "PRIMARY KEY (pg_id, source_site_id, kind, source)){end}",

    /* is_open: not ended.  wake_at: not before; for ever away while it waits for somebody. */
    "CREATE TABLE IF NOT EXISTS dr_operations ("
    "id {id} NOT NULL PRIMARY KEY, pg_id {id}, project_id {id} NOT NULL, parent_id {id},"
    "operation_type {word} NOT NULL, runbook {word} NOT NULL, runbook_version {big} NOT NULL,"
    "planned {bool} NOT NULL, status {word} NOT NULL, is_open {bool} NOT NULL,"
    "hidden {bool} NOT NULL, progress {big} NOT NULL, source_site_id {id}, target_site_id {id},"
    "executing_site_id {id}, params {text}, plan {text}, result {text}, error {text},"
    "generation {big} NOT NULL, past_pivot {bool} NOT NULL, wake_at {big} NOT NULL,"
    "user_id {id}, request_id {name}, idempotency_key {name}, created_at {big} NOT NULL,"
    "started_at {big} NOT NULL, completed_at {big} NOT NULL, updated_at {big} NOT NULL){end}",
    "CREATE INDEX IF NOT EXISTS ix_dr_operations_due ON dr_operations (is_open, wake_at, id)",
    "CREATE INDEX IF NOT EXISTS ix_dr_operations_created ON dr_operations"
    " (project_id, created_at, id)",
    "CREATE INDEX IF NOT EXISTS ix_dr_operations_shown ON dr_operations"
    " (project_id, hidden, created_at, id)",
    "CREATE INDEX IF NOT EXISTS ix_dr_operations_group ON dr_operations (pg_id, created_at, id)",
    "CREATE INDEX IF NOT EXISTS ix_dr_operations_group_open ON dr_operations (pg_id, is_open)",
    "CREATE INDEX IF NOT EXISTS ix_dr_operations_parent ON dr_operations (parent_id, created_at)",

    /* The journal. */
    "CREATE TABLE IF NOT EXISTS dr_steps ("
    "op_id {id} NOT NULL, seq {big} NOT NULL, step_key {id} NOT NULL, subject {name} NOT NULL,"
    "says {text}, wave {big} NOT NULL, flags {big} NOT NULL, state {word} NOT NULL, attempt {big} "
    "NOT NULL, "
    "tries {big} NOT NULL,"
    "wake_at {big} NOT NULL, result {text}, error {text}, started_at {big} NOT NULL,"
    "finished_at {big} NOT NULL, PRIMARY KEY (op_id, seq),"
    "CONSTRAINT uq_dr_steps_subject UNIQUE (op_id, step_key, subject),"
    "CONSTRAINT fk_dr_steps_op FOREIGN KEY (op_id) REFERENCES dr_operations (id)){end}",

    /* The ledger of everything created outside. */
    "CREATE TABLE IF NOT EXISTS dr_resources ("
    "resource_key {id} NOT NULL PRIMARY KEY, op_id {id} NOT NULL, pg_id {id} NOT NULL,"
    "epoch {big} NOT NULL, subject {name} NOT NULL, kind {word} NOT NULL, site_id {id} NOT NULL,"
    "service {word} NOT NULL, cloud_id {name}, name {name}, project_id {id}, state {word} NOT NULL,"
    "point_id {name}, details {text}, created_at {big} NOT NULL, updated_at {big} NOT NULL){end}",
    "CREATE INDEX IF NOT EXISTS ix_dr_resources_op ON dr_resources (op_id, state)",
    "CREATE INDEX IF NOT EXISTS ix_dr_resources_group ON dr_resources (pg_id, state)",
    "CREATE INDEX IF NOT EXISTS ix_dr_resources_cloud ON dr_resources (cloud_id)",

    /* 'writes' is raised by every write made under the lease, see lease.h. */
    "CREATE TABLE IF NOT EXISTS leases ("
    "lease_key {name} NOT NULL PRIMARY KEY, owner {name} NOT NULL, beat {big} NOT NULL,"
    "writes {big} NOT NULL){end}",

    "CREATE TABLE IF NOT EXISTS idempotency_keys ("
    "project_id {id} NOT NULL, idem_key {name} NOT NULL, verb {id} NOT NULL,"
    "request_hash {id} NOT NULL, subject_id {id}, operation_id {id}, created_at {big} NOT NULL,"
    "PRIMARY KEY (project_id, idem_key)){end}",
    "CREATE INDEX IF NOT EXISTS ix_idempotency_keys_created ON idempotency_keys (created_at)",

    /* Each row's hash covers the one before; audit_head is the end of the chain. */
    "CREATE TABLE IF NOT EXISTS audit_log ("
    "seq {big} NOT NULL PRIMARY KEY, project_id {id}, user_id {id}, request_id {name},"
    "action {name} NOT NULL, target {name}, outcome {word} NOT NULL, details {bytes},"
    "created_at {big} NOT NULL, previous_hash {id} NOT NULL, hash {id} NOT NULL){end}",
    "CREATE TABLE IF NOT EXISTS audit_head ("
    "row_id {big} NOT NULL PRIMARY KEY, seq {big} NOT NULL, hash {id} NOT NULL){end}",

    "CREATE TABLE IF NOT EXISTS schema_history ("
    "version_num {word} NOT NULL PRIMARY KEY, ran_at {big} NOT NULL){end}",

    /* A row per transaction that must be known to have happened or not, see tx.h. */
    "CREATE TABLE IF NOT EXISTS commits ("
    "nonce {id} NOT NULL PRIMARY KEY, created_at {big} NOT NULL){end}",
    "CREATE INDEX IF NOT EXISTS ix_commits_created ON commits (created_at)",
    NULL,
};

/* A row per member of a group whose cloud differs from the metadata; see drift.h. */
static const char *const drift[] = {
    "CREATE TABLE IF NOT EXISTS drift ("
    "pg_id {id} NOT NULL, member_id {id} NOT NULL, differences {text}, seen_at {big} NOT NULL,"
    "PRIMARY KEY (pg_id, member_id)){end}",
    NULL,
};

/* Of a RESOLVE: the highest epoch in which the losing site was active. */
static const char *const floors[] = {
    "ALTER TABLE positions ADD COLUMN {new} floor2 {big} NOT NULL DEFAULT 0",
    NULL,
};

/* The latest key of the peer that signed what a group holds; see site_keys.h. */
static const char *const peer_keys[] = {
    "CREATE TABLE IF NOT EXISTS peer_keys ("
    "pg_id {id} NOT NULL PRIMARY KEY, key_id {id} NOT NULL){end}",
    NULL,
};

/* Whom another site logs in as at this site's cloud; see site.h. */
static const char *const peer_users[] = {
    "ALTER TABLE sites ADD COLUMN {new} peer_user {text}",
    NULL,
};

/* What an engine last saw of each group's readiness here; see readiness.h. */
static const char *const readiness[] = {
    "CREATE TABLE IF NOT EXISTS readiness ("
    "pg_id {id} NOT NULL PRIMARY KEY, report {text} NOT NULL, checked_at {big} NOT NULL){end}",
    NULL,
};

const struct migration migrations[] = {
    {"0001_initial", initial},     {"0002_drift", drift},           {"0003_floors", floors},
    {"0004_peer_keys", peer_keys}, {"0005_peer_users", peer_users}, {"0006_readiness", readiness},
};
const size_t migrations_count = G_N_ELEMENTS(migrations);

static const struct {
    const char *word;
    const char *sqlite;
    const char *mariadb;
} words[] = {
    {"{id}", "varchar(64)", "varchar(64)"},
    {"{word}", "varchar(32)", "varchar(32)"},
    {"{name}", "varchar(255)", "varchar(255)"},
    {"{text}", "longtext", "longtext"},
    {"{bytes}", "longblob", "longblob"},
    {"{big}", "bigint", "bigint"},
    {"{bool}", "smallint", "smallint"},
    {"{serial}", "integer NOT NULL PRIMARY KEY AUTOINCREMENT",
     "bigint NOT NULL AUTO_INCREMENT PRIMARY KEY"},
    {"{new}", "", "IF NOT EXISTS"}, /* MariaDB commits each statement: a sync may be repeated */
    {"{end}", "", " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"},
};

char *migration_sql(const char *statement, bool sqlite)
{
    GString *sql = g_string_new(statement);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        g_string_replace(sql, words[i].word, sqlite ? words[i].sqlite : words[i].mariadb, 0);
    g_assert(strchr(sql->str, '{') == NULL);
    return g_string_free(sql, FALSE);
}
