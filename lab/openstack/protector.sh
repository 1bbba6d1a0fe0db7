#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Protector of one site of the lab, from a build directory.
#   protector.sh start SITE     configuration, database, `protector-manage db sync`, API and engine
#   protector.sh stop SITE      both, by pid file; the database stays
#   protector.sh status SITE    exit code 0 if both run and the API answers
#   protector.sh conf SITE      only writes the configuration, and prints its path
#   protector.sh wipe SITE      stops both, forgets the database and the keys
#
#   BUILD_DIR    where meson built (default: build in the project's root)
#   STORAGE      file (default) or mock
set -euo pipefail
# shellcheck source=lab/openstack/lib.sh
. "$(dirname "$0")/lib.sh"
TOP=$(cd "$HERE/../.." && pwd)
BUILD_DIR=${BUILD_DIR:-$TOP/build}
STORAGE=${STORAGE:-file}

# The manual's statements, with the site's letter at the name: both sites share one MariaDB here.
database() {
    sql <<C
CREATE DATABASE IF NOT EXISTS protector_$X CHARACTER SET utf8;
GRANT ALL PRIVILEGES ON protector_$X.* TO 'protector'@'localhost' IDENTIFIED BY '$PW';
GRANT ALL PRIVILEGES ON protector_$X.* TO 'protector'@'%' IDENTIFIED BY '$PW';
FLUSH PRIVILEGES;
C
}

[ $# -eq 2 ] || {
    sed -n '3,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
site_vars "$2"
PEER=site-b
[ "$SITE" = site-a ] || PEER=site-a
STATE=$D/protector CONF=$ETC/protector/protector.conf MOCK_DIR=$LAB_DIR/mock_storage
ARRAY_DIR_A=$LAB_DIR/site-a/volumes ARRAY_DIR_B=$LAB_DIR/site-b/volumes
DB_URL=mysql+pymysql://protector:$PW@127.0.0.1:$DB_PORT/protector_$X
# shellcheck source=lab/protector-lib.sh
. "$HERE/../protector-lib.sh"

case $1 in
    start)
        database
        protector_start
        echo "protector.sh: $SITE answers at http://$IP:$PROTECTOR_PORT/"
        ;;
    stop)
        protector_stop
        echo "protector.sh: $SITE stopped"
        ;;
    status) protector_status ;;
    conf)
        protector_conf
        echo "$CONF"
        ;;
    wipe)
        protector_stop
        rm -rf "$STATE" "$MOCK_DIR"
        sql -e "DROP DATABASE IF EXISTS protector_$X"
        ;;
    *)
        echo "protector.sh: no verb $1" >&2
        exit 2
        ;;
esac
