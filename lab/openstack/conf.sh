# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Writes the configuration of OpenStack's services for the current site (see site_vars in lib.sh).
# Sourced by up.sh.  Every file lies under $ETC; nothing under /etc is changed.

db_url() { echo "mysql+pymysql://lab:$PW@127.0.0.1:$DB_PORT/$1_$X?charset=utf8"; }
mq_url() { echo "rabbit://lab:$PW@127.0.0.1:$MQ_PORT/$SITE"; }

DB_TUNE="max_pool_size = 5
max_overflow = 20
connection_recycle_time = 600"

# auth_section SECTION USER: how a service authenticates to Keystone
auth_section() {
    cat <<C
[$1]
auth_type = password
auth_url = $KEYSTONE
username = $2
password = $PW
project_name = service
user_domain_name = Default
project_domain_name = Default
region_name = $REGION
C
}

# common SERVICE_USER SERVICE_TYPE FOLDER: the sections that all services share
common() {
    auth_section keystone_authtoken "$1"
    cat <<C
www_authenticate_uri = $KEYSTONE
memcached_servers = $IP:11211
service_token_roles = service
service_token_roles_required = true
service_type = $2

[oslo_concurrency]
lock_path = $D/lock

[oslo_policy]
policy_file = $ETC/$3/policy.yaml
policy_dirs = $ETC/$3/policy.d

[oslo_messaging_rabbit]
heartbeat_timeout_threshold = 0
rabbit_retry_interval = 1

C
}

conf_policies() {
    local s
    for s in keystone glance placement nova neutron; do
        echo '# no override' >"$ETC/$s/policy.yaml"
    done
    # Word by word what Protector's manual asks for on both sites.
    cat >"$ETC/cinder/policy.yaml" <<'C'
# Required for DR failover: import volumes from replicated snapshots
"volume_extension:volume_manage": "rule:admin_or_owner"
# Required for failback: release volumes before cleanup
"volume_extension:volume_unmanage": "rule:admin_or_owner"
# Required to discover the correct Cinder volume service host
"volume_extension:services:index": "rule:admin_or_owner"
C
}

conf_keystone() {
    cat >"$ETC/keystone/keystone.conf" <<C
[DEFAULT]
use_stderr = true
transport_url = $(mq_url)
[database]
connection = $(db_url keystone)
$DB_TUNE
[cache]
enabled = true
backend = dogpile.cache.memcached
memcache_servers = $IP:11211
[token]
provider = fernet
expiration = 14400
[fernet_tokens]
key_repository = $D/fernet
[fernet_receipts]
key_repository = $D/fernet
[credential]
key_repository = $D/credential-keys
[identity]
password_hash_rounds = 4
[oslo_policy]
policy_file = $ETC/keystone/policy.yaml
policy_dirs = $ETC/keystone/policy.d
[oslo_middleware]
enable_proxy_headers_parsing = true
C
}

conf_placement() {
    cat >"$ETC/placement/placement.conf" <<C
[DEFAULT]
use_stderr = true
[placement_database]
connection = $(db_url placement)
$DB_TUNE
[api]
auth_strategy = keystone
$(common placement placement placement)
C
}

conf_glance() {
    cat >"$ETC/glance/glance-api.conf" <<C
[DEFAULT]
use_stderr = true
bind_host = $IP
bind_port = 9292
workers = 0
enabled_backends = file:file
transport_url = $(mq_url)
[database]
connection = $(db_url glance)
$DB_TUNE
[paste_deploy]
flavor = keystone
config_file = /etc/glance/glance-api-paste.ini
[glance_store]
default_backend = file
[file]
filesystem_store_datadir = $D/images
[os_glance_tasks_store]
filesystem_store_datadir = $D/glance-tasks
[os_glance_staging_store]
filesystem_store_datadir = $D/glance-staging
$(common glance image glance)
C
}

conf_nova() {
    cat >"$ETC/nova/nova.conf" <<C
[DEFAULT]
use_stderr = true
host = compute-$X
my_ip = $IP
transport_url = $(mq_url)
state_path = $D/state/nova
instances_path = $D/state/nova/instances
enabled_apis = osapi_compute
osapi_compute_listen = $IP
osapi_compute_listen_port = 8774
osapi_compute_workers = 1
compute_driver = ${COMPUTE_DRIVER:-nova_fake.LabDriver}
allow_resize_to_same_host = true
resume_guests_state_on_host_boot = true
sync_power_state_interval = -1
vif_plugging_is_fatal = false
vif_plugging_timeout = 0
resize_confirm_window = 0
[wsgi]
api_paste_config = /etc/nova/api-paste.ini
[api_database]
connection = $(db_url nova_api)
$DB_TUNE
[database]
connection = $(db_url nova)
$DB_TUNE
[conductor]
workers = 1
[scheduler]
workers = 1
[vnc]
enabled = false
[quota]
instances = -1
cores = -1
ram = -1
key_pairs = 1000
server_groups = 100
[glance]
api_servers = http://$IP:9292
$(auth_section placement placement)
$(auth_section neutron neutron)
$(auth_section cinder nova)
os_region_name = $REGION
$(auth_section service_user nova)
send_service_user_token = true
$(common nova compute nova)
C
}

conf_neutron() {
    cat >"$ETC/neutron/neutron.conf" <<C
[DEFAULT]
use_stderr = true
bind_host = $IP
bind_port = 9696
host = neutron-$X
core_plugin = ml2
service_plugins = router
transport_url = $(mq_url)
state_path = $D/state/neutron
api_paste_config = /etc/neutron/api-paste.ini
api_workers = ${NEUTRON_API_WORKERS:-0}
rpc_workers = 1
rpc_state_report_workers = 0
notify_nova_on_port_status_changes = true
notify_nova_on_port_data_changes = true
send_events_interval = 1
dhcp_agent_notification = false
[database]
connection = $(db_url neutron)
$DB_TUNE
[quotas]
quota_network = -1
quota_subnet = -1
quota_port = -1
quota_router = -1
quota_floatingip = -1
quota_security_group = -1
quota_security_group_rule = -1
[ml2]
type_drivers = flat,vlan,vxlan,local
tenant_network_types = vxlan
mechanism_drivers = lab
extension_drivers = port_security
[ml2_type_flat]
flat_networks = physnet1
[ml2_type_vlan]
network_vlan_ranges = physnet1:100:199
[ml2_type_vxlan]
vni_ranges = $VNI:$((VNI + 999))
[securitygroup]
enable_security_group = true
[agent]
root_helper = env
$(auth_section nova nova)
$(auth_section placement placement)
$(common neutron network neutron)
C
}

conf_cinder() {
    cat >"$ETC/cinder/cinder.conf" <<C
[DEFAULT]
use_stderr = true
host = cinder-$X
my_ip = $IP
transport_url = $(mq_url)
state_path = $D/state/cinder
auth_strategy = keystone
api_paste_config = /etc/cinder/api-paste.ini
rootwrap_config = /etc/cinder/rootwrap.conf
resource_query_filters_file = /etc/cinder/resource_filters.json
osapi_volume_listen = $IP
osapi_volume_listen_port = 8776
osapi_volume_workers = 1
enabled_backends = lab${EXTRA_BACKENDS:+,$EXTRA_BACKENDS}
default_volume_type = plain
glance_api_servers = http://$IP:9292
image_conversion_dir = $D/conversion
backend_stats_polling_interval = 10
quota_volumes = -1
quota_snapshots = -1
quota_gigabytes = -1
quota_groups = -1
quota_backups = -1
quota_backup_gigabytes = -1
[database]
connection = $(db_url cinder)
$DB_TUNE
[lab]
volume_driver = lab_drivers.cinder_file.LabFileDriver
volume_backend_name = lab
lab_volume_dir = $D/volumes
[coordination]
backend_url = file://$D/state/cinder/coordination
$(auth_section nova nova)
$(auth_section service_user cinder)
send_service_user_token = true
$(common cinder block-storage cinder)
C
}

# write_conf: all configuration of the current site
write_conf() {
    mkdir -p "$LOGS" "$RUN" "$ETC"/{keystone,glance,placement,nova,neutron,cinder}/policy.d \
        "$D"/{lock,volumes,images,glance-tasks,glance-staging,conversion} \
        "$D"/state/{nova,neutron,cinder} "$D"/{fernet,credential-keys}
    chmod 700 "$D/fernet" "$D/credential-keys"
    conf_policies
    conf_keystone
    conf_placement
    conf_glance
    conf_nova
    conf_neutron
    conf_cinder
    # A place for more, e.g. another Cinder backend: sourced for each site with SITE, ETC, D ...
    # set; EXTRA_BACKENDS (environment) names its sections in cinder.conf.
    if [ "$X" != tmpl ] && [ -n "${SITE_CONF_EXTRA:-}" ]; then
        # shellcheck source=/dev/null
        . "$SITE_CONF_EXTRA"
    fi
}
