# shellcheck shell=bash
# shellcheck disable=SC2034  # its variables are for those who source it
# SPDX-License-Identifier: Apache-2.0
# Shared by all scripts of the two-site lab: places, ports, the variables of a site.  Sourced, never
# run.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lab/processes.sh
. "$HERE/../processes.sh"
LAB_DIR=${LAB_DIR:-/var/tmp/lab}
export LAB_DIR
export WORLD_MARK=$LAB_DIR # whose a process is: ../leftovers.py
INFRA=$LAB_DIR/infra
PY=/usr/bin/python3
PW=lab # every password in the lab
DB_PORT=13306
MQ_PORT=25673
MQ_DIST_PORT=25674
EPMD_PORT=14369
PROTECTOR_PORT=${PROTECTOR_PORT:-8788}
export PROTECTOR_PORT
SITES=${SITES:-"site-a site-b"}

# site_vars SITE: address, letter, region, directories
site_vars() {
    SITE=$1
    case $SITE in
        site-a) IP=127.0.10.1 X=a REGION=RegionA VNI=1000 ;;
        site-b) IP=127.0.20.1 X=b REGION=RegionB VNI=5000 ;;
        # only to make the schemas with; no process of it ever runs
        tmpl) IP=127.0.30.1 X=tmpl REGION=none VNI=1 ;;
        *)
            echo "no such site: $SITE (site-a, site-b)" >&2
            return 1
            ;;
    esac
    D=$LAB_DIR/$SITE ETC=$LAB_DIR/$SITE/etc LOGS=$LAB_DIR/$SITE/log RUN=$LAB_DIR/$SITE/run
    KEYSTONE=http://$IP:5000
}

sql() { mariadb --no-defaults -uroot -S "$INFRA/mysql.sock" "$@"; }

mq_env() {
    export RABBITMQ_NODENAME=lab@localhost RABBITMQ_NODE_PORT=$MQ_PORT \
        RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_DIST_PORT=$MQ_DIST_PORT \
        ERL_EPMD_PORT=$EPMD_PORT ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_HOME=/usr/lib/rabbitmq HOME=$INFRA/rabbit \
        RABBITMQ_MNESIA_BASE=$INFRA/rabbit/mnesia RABBITMQ_LOG_BASE=$INFRA/log \
        RABBITMQ_CONFIG_FILE=$INFRA/rabbit/rabbitmq.conf \
        RABBITMQ_CONF_ENV_FILE=$INFRA/rabbit/rabbitmq-env.conf \
        RABBITMQ_ENABLED_PLUGINS_FILE=$INFRA/rabbit/enabled_plugins \
        RABBITMQ_PID_FILE=$INFRA/rabbit/pid LANG=C.UTF-8 LC_ALL=C.UTF-8
    local loopback="-kernel inet_dist_use_interface {127,0,0,1}"
    export RABBITMQ_CTL_ERL_ARGS="$loopback"
    # one process: the script execs the Erlang machine, which ends on TERM
    export RABBITMQ_ALLOW_INPUT=1 RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+sbwt none +sbwtdcpu none \
+sbwtdio none +S 2:2 $loopback -noinput"
}
