#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Brings up the two-site lab: databases, configuration, all services, then the projects, networks,
# types, images and servers (seed.py).  Idempotent: what runs is left running, what exists is left
# as it is.
#
#   SITES="site-a"      only that site
#   SEED=0              no tenant resources
#   FRESH=1             throw the sites' data away first
set -Eeuo pipefail
# shellcheck source=lab/openstack/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=lab/openstack/conf.sh
. "$HERE/conf.sh"
trap 'echo "up.sh: failed at line $LINENO" >&2' ERR

lap() { printf '%-36s %4d.%d s\n' "$1" $((($(date +%s%N) - T0) / 1000000000)) \
    $((($(date +%s%N) - T0) / 100000000 % 10)); }

if [ "${FRESH:-0}" = 1 ]; then
    "$HERE/down.sh" --wipe
fi
T0=$(date +%s%N)
mkdir -p "$INFRA"/{run,log,rabbit}
export PYTHONPATH=$HERE/pylib PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8 TZ=UTC
unset OS_CLOUD OS_AUTH_URL || true

# ---------------------------------------------------------------- infrastructure
up_mariadb() {
    if [ ! -d "$INFRA/mysql/mysql" ]; then
        mariadb-install-db --no-defaults --auth-root-authentication-method=socket --user=root \
            --datadir="$INFRA/mysql" --skip-test-db >"$INFRA/log/mariadb-install.log" 2>&1
    fi
    # Speed before durability: nothing here outlives a crash of the machine.
    spawn mariadb "$INFRA/run" "$INFRA/log" mariadbd --no-defaults --user=root \
        --datadir="$INFRA/mysql" --socket="$INFRA/mysql.sock" --pid-file="$INFRA/mysql.pid" \
        --bind-address=127.0.0.1 --port=$DB_PORT --max-connections=1000 --skip-name-resolve \
        --innodb-buffer-pool-size=256M --innodb-log-file-size=64M --innodb-doublewrite=0 \
        --innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync --sync-binlog=0 \
        --character-set-server=utf8mb3 --collation-server=utf8mb3_general_ci \
        --performance-schema=0
    local i
    for ((i = 0; i < 300; i++)); do
        sql -e 'select 1' >/dev/null 2>&1 && break
        sleep 0.1
    done
    sql -e "CREATE USER IF NOT EXISTS 'lab'@'127.0.0.1' IDENTIFIED BY '$PW';
        GRANT ALL ON *.* TO 'lab'@'127.0.0.1';"
}

rabbit_conf() {
    local hash
    hash=$($PY -c "import base64, hashlib
salt = b'\1\2\3\4'
print(base64.b64encode(salt + hashlib.sha256(salt + b'$PW').digest()).decode())")
    cat >"$INFRA/rabbit/definitions.json" <<C
{"users": [{"name": "lab", "password_hash": "$hash", "tags": "administrator",
            "hashing_algorithm": "rabbit_password_hashing_sha256"}],
 "vhosts": [{"name": "site-a"}, {"name": "site-b"}],
 "permissions": [
  {"user": "lab", "vhost": "site-a", "configure": ".*", "write": ".*", "read": ".*"},
  {"user": "lab", "vhost": "site-b", "configure": ".*", "write": ".*", "read": ".*"}]}
C
    cat >"$INFRA/rabbit/rabbitmq.conf" <<C
listeners.tcp.default = 127.0.0.1:$MQ_PORT
load_definitions = $INFRA/rabbit/definitions.json
log.console = true
log.console.level = warning
disk_free_limit.absolute = 50MB
C
    echo '[].' >"$INFRA/rabbit/enabled_plugins"
}

up_rabbit() {
    rabbit_conf
    spawn epmd "$INFRA/run" "$INFRA/log" epmd -address 127.0.0.1 -port $EPMD_PORT
    (
        mq_env
        spawn rabbitmq "$INFRA/run" "$INFRA/log" /usr/lib/rabbitmq/bin/rabbitmq-server
    )
    local i
    for ((i = 0; i < 300; i++)); do
        (exec 3<>/dev/tcp/127.0.0.1/$MQ_PORT) 2>/dev/null && return 0
        alive "$INFRA/run/rabbitmq.pid" || break
        sleep 0.2
    done
    tail -20 "$INFRA/log/rabbitmq.log" >&2
    echo "RabbitMQ does not answer at 127.0.0.1:$MQ_PORT; log: $INFRA/log/rabbitmq.log" >&2
    return 1
}

# ---------------------------------------------------------------- schema
# Each service's schema is made once, with the service's own tool, and kept as a dump; a site's
# database is that dump.  A dump belongs to the versions of the packages it was made with.
DATABASES="keystone glance placement nova_api nova neutron cinder"
versions() {
    dpkg-query -W -f='${Version}\n' python3-{keystone,glance,placement,nova,neutron,cinder} |
        sha256sum | cut -c1-12
}
SCHEMA=$LAB_DIR/schema-$(versions)

sync_schema() { # each service's own tool, two at a time
    (
        keystone-manage --config-file "$ETC/keystone/keystone.conf" db_sync
        nova-manage --config-file "$ETC/nova/nova.conf" api_db sync
        nova-manage --config-file "$ETC/nova/nova.conf" db sync --local_cell
        placement-manage --config-file "$ETC/placement/placement.conf" db sync
    ) >"$INFRA/log/schema-1.log" 2>&1 &
    local p=$!
    (
        neutron-db-manage --config-file "$ETC/neutron/neutron.conf" upgrade heads
        cinder-manage --config-file "$ETC/cinder/cinder.conf" db sync
        glance-manage --config-file "$ETC/glance/glance-api.conf" db_sync
    ) >"$INFRA/log/schema-2.log" 2>&1
    wait $p
}

make_schema() { # after site_vars tmpl
    local db
    write_conf
    for db in $DATABASES; do
        sql -e "DROP DATABASE IF EXISTS ${db}_tmpl; CREATE DATABASE ${db}_tmpl
            CHARACTER SET utf8mb3;"
    done
    sync_schema
    rm -rf "$SCHEMA.new"
    mkdir -p "$SCHEMA.new"
    for db in $DATABASES; do
        mariadb-dump --no-defaults -uroot -S "$INFRA/mysql.sock" --skip-comments \
            "${db}_tmpl" >"$SCHEMA.new/$db.sql"
        if [ "$(grep -c 'CREATE TABLE' "$SCHEMA.new/$db.sql")" -le 8 ]; then
            echo "the schema of $db is not complete; see $INFRA/log/schema-*.log" >&2
            return 1
        fi
        sql -e "DROP DATABASE ${db}_tmpl"
    done
    mv "$SCHEMA.new" "$SCHEMA"
    rm -rf "${D:?}"
}

load_schema() {
    local db
    for db in $DATABASES nova_cell0; do
        # A database is complete once its marker exists; a load that was cut short starts anew.
        [ ! -e "$D/loaded-$db" ] || continue
        sql -e "DROP DATABASE IF EXISTS ${db}_$X; CREATE DATABASE ${db}_$X CHARACTER SET utf8mb3"
        {
            echo 'SET FOREIGN_KEY_CHECKS=0; SET UNIQUE_CHECKS=0; SET AUTOCOMMIT=0;'
            cat "$SCHEMA/${db/nova_cell0/nova}.sql"
            echo 'COMMIT;'
        } | sql "${db}_$X"
        [ "$db" != cinder ] || own_ids
        touch "$D/loaded-$db"
    done
}

own_ids() { # ids that Cinder's migrations drew at random must not be equal on both sites
    sql "cinder_$X" -e "SET FOREIGN_KEY_CHECKS=0; SET @v=UUID(), @g=UUID();
        UPDATE volume_types SET id=@v WHERE name='__DEFAULT__';
        UPDATE group_type_specs s JOIN group_types t ON s.group_type_id=t.id
            SET s.group_type_id=@g WHERE t.name='default_cgsnapshot_type';
        UPDATE group_types SET id=@g WHERE name='default_cgsnapshot_type';"
}

# ---------------------------------------------------------------- one site
# wait_sql DATABASE QUERY SECONDS PIDFILE...: until the query gives other than 0
wait_sql() {
    local db=$1 query=$2 end=$((SECONDS + $3)) f
    shift 3
    while [ $SECONDS -lt $end ]; do
        [ "$(sql -N "$db" -e "$query")" = 0 ] || return 0
        for f in "$@"; do
            alive "$f" || {
                echo "the process of $f ended; see its log" >&2
                return 1
            }
        done
        sleep 0.2
    done
    echo "not in time: $query" >&2
    return 1
}

uwsgi_app() { # NAME PORT WSGI_FILE THREADS
    spawn "$1" "$RUN" "$LOGS" uwsgi --plugins-dir /usr/lib/uwsgi/plugins --plugin python3 \
        --http-socket "$IP:$2" --wsgi-file "$3" --processes 1 --threads "$4" --enable-threads \
        --lazy-apps --die-on-term --need-app --buffer-size 65535 \
        --add-header 'Connection: close' --disable-logging --procname "uwsgi $1 $SITE"
}

run_service() { # NAME CONFIG [PROGRAM]
    spawn "$1" "$RUN" "$LOGS" "${3:-$1}" --config-file "$ETC/$2"
}

seed() { # WHAT
    $PY "$HERE/seed.py" "$SITE" "$1" >"$LOGS/seed-$1.log" 2>&1 || {
        tail -20 "$LOGS/seed-$1.log" >&2
        echo "seed.py $SITE $1 failed; log: $LOGS/seed-$1.log" >&2
        return 1
    }
}

identity() {
    local f
    # what `keystone-manage fernet_setup` and `credential_setup` do, in less time
    for f in fernet/0 fernet/1 credential-keys/0 credential-keys/1; do
        [ -s "$D/$f" ] || (
            umask 077
            head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' >"$D/$f"
        )
    done
    if [ ! -e "$D/bootstrapped" ]; then
        keystone-manage --config-file "$ETC/keystone/keystone.conf" bootstrap \
            --bootstrap-password "$PW" --bootstrap-region-id "$REGION" \
            --bootstrap-public-url "$KEYSTONE/v3/" --bootstrap-internal-url "$KEYSTONE/v3/" \
            --bootstrap-admin-url "$KEYSTONE/v3/" || return 1
        touch "$D/bootstrapped"
    fi
}

cells() { # what `nova-manage cell_v2 map_cell0` and `create_cell` do, in less time
    local columns="(created_at, uuid, name, transport_url, database_connection, disabled)"
    sql "nova_api_$X" -e "INSERT INTO cell_mappings $columns
      SELECT now(), '00000000-0000-0000-0000-000000000000', 'cell0', 'none:///',
        '$(db_url nova_cell0)', 0 FROM DUAL
      WHERE NOT EXISTS (SELECT 1 FROM cell_mappings WHERE name='cell0');
    INSERT INTO cell_mappings $columns
      SELECT now(), uuid(), 'cell1', '$(mq_url)', '$(db_url nova)', 0 FROM DUAL
      WHERE NOT EXISTS (SELECT 1 FROM cell_mappings WHERE name='cell1');"
}

up_identity() { # Keystone, and what does not wait for the service users
    spawn memcached "$RUN" "$LOGS" memcached -u root -l "$IP" -p 11211 -m 64 -U 0 -c 1024 -t 1
    cells
    identity >"$LOGS/bootstrap.log" 2>&1 || {
        tail -5 "$LOGS/bootstrap.log" >&2
        return 1
    }
    OS_KEYSTONE_CONFIG_FILES=$ETC/keystone/keystone.conf \
        uwsgi_app keystone 5000 /usr/bin/keystone-wsgi-public 4
    run_service glance-api glance/glance-api.conf
    OS_PLACEMENT_CONFIG_DIR=$ETC/placement uwsgi_app placement 8778 /usr/bin/placement-api 2
    run_service neutron-server neutron/neutron.conf
    run_service cinder-api cinder/cinder.conf
    run_service cinder-scheduler cinder/cinder.conf
    run_service cinder-volume cinder/cinder.conf
    wait_http "$KEYSTONE/v3" 60 "$RUN/keystone.pid"
    lap "$SITE keystone answers"
    # (checked once only: each look costs more than a second)
    [ -e "$D/seeded-identity" ] || seed identity
    touch "$D/seeded-identity"
    lap "$SITE users and endpoints"
}

up_nova() {
    # The conductor authenticates when it starts, and ends if it cannot: so after the users.
    run_service nova-conductor nova/nova.conf
    run_service nova-scheduler nova/nova.conf
    wait_http "http://$IP:8778/" 60 "$RUN/placement.pid"
    run_service nova-compute nova/nova.conf "$HERE/bin/nova-compute"
    # The API reads the computes' version when it starts: so it comes after them.
    wait_sql "nova_$X" "select count(*) from compute_nodes where deleted=0" 120 \
        "$RUN/nova-compute.pid" "$RUN/nova-conductor.pid"
    run_service nova-api nova/nova.conf "$HERE/bin/nova-api-os-compute"
    [ "$(sql -N "nova_api_$X" -e 'select count(*) from host_mappings')" != 0 ] ||
        nova-manage --config-file "$ETC/nova/nova.conf" cell_v2 discover_hosts --verbose \
            >>"$LOGS/cells.log" 2>&1
}

up_site() {
    site_vars "$1"
    write_conf
    load_schema
    up_identity
    up_nova
    wait_http "http://$IP:9292/" 60 "$RUN/glance-api.pid"
    wait_http "http://$IP:8776/" 60 "$RUN/cinder-api.pid"
    wait_http "http://$IP:9696/" 60 "$RUN/neutron-server.pid"
    wait_http "http://$IP:8774/" 60 "$RUN/nova-api.pid"
    # cinder-volume has reported its backend, so that volumes can be scheduled
    wait_sql "cinder_$X" "select count(*) from services where topic='cinder-volume'
        and deleted=0 and updated_at > utc_timestamp() - interval 15 second" 60 \
        "$RUN/cinder-volume.pid" "$RUN/cinder-scheduler.pid"
    lap "$SITE all services answer"
    [ "${SEED:-1}" = 1 ] || return 0
    seed admin
    seed tenant
    lap "$SITE tenant resources"
}

# ---------------------------------------------------------------- all
up_mariadb &
p1=$!
up_rabbit &
p2=$!
wait $p1
wait $p2
lap "MariaDB and RabbitMQ answer"
if [ ! -d "$SCHEMA" ]; then
    (
        site_vars tmpl
        make_schema
    )
    lap "schemas made"
fi
$PY "$HERE/seed.py" - files
pids=()
for s in $SITES; do
    up_site "$s" &
    pids+=($!)
done
rc=0
for p in "${pids[@]}"; do wait "$p" || rc=1; done
if [ $rc != 0 ]; then
    echo "up.sh: FAILED; logs: $LAB_DIR/site-*/log" >&2
    exit 1
fi
lap "all up"
echo "export OS_CLIENT_CONFIG_FILE=$LAB_DIR/clouds.yaml   # clouds: site-a site-b prod-a prod-b ..."
