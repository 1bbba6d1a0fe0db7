/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of a failover as golden files (tests/plans): metadata, inventory and mappings of a base
 * case, changed by the few edits of each case; the page for people and, below it, the whole plan as
 * it is frozen into the operation.
 */
#include "tests/unit/plan/golden.h"

#include "model/body.h"
#include "plan/failover.h"
#include "plan/kept.h"

#define SITE_A "0a000000-0000-4000-8000-000000000000"
#define SITE_B "fb000000-0000-4000-8000-000000000000"
#define EDITS  8

/* clang-format off */
#define WEB_CONFIG                                                                                  \
    "{'name':'web-1','description':'front','availability_zone':'nova','flavor':{'name':'m1.small'}," \
    "'image':{'id':'img-a','name':'debian-12'},'config_drive':true,'metadata':{'tier':'front'},"    \
    "'tags':['blue'],'root_device':'/dev/vda','user_data':null,'server_group':null,"                \
    "'key':{'name':'ops','type':'ssh','public_key':'ssh-ed25519 AAAA','fingerprint':'f'},"          \
    "'ports':[{'id':'port-a1','network_id':'net-a','network_name':'prod','mac':'fa:16:3e:00:00:01'," \
    "'port_security':true,'fixed_ips':[{'ip':'10.0.0.11','subnet_id':'sub-a'}],'floating_ips':[],"   \
    "'security_groups':['default','web'],'allowed_address_pairs':[]}],"                             \
    "'security_groups':[{'id':'sg-d','name':'default','rules':[]},{'id':'sg-w','name':'web',"       \
    "'description':'http','stateful':true,'rules':[{'direction':'ingress','ethertype':'IPv4',"      \
    "'protocol':'tcp','port_min':80,'port_max':80}]}]}"
#define WEB                                                                                         \
    "{'id':'member-web','instance_id':'srv-web','instance_name':'web-1','status':'protected',"      \
    "'config':" WEB_CONFIG ",'volumes':["                                                           \
    "{'id':'vol-root','name':'web-root','size':10,'type':'gold','device':'/dev/vda',"               \
    "'boot_index':0,'bootable':true,'host':'a@pure#pool'},"                                         \
    "{'id':'vol-data','name':'web-data','size':50,'type':'gold','device':'/dev/vdb',"               \
    "'bootable':false,'host':'a@pure#pool'}]}"
#define DB                                                                                          \
    "{'id':'member-db','instance_id':'srv-db','instance_name':'db-1','status':'protected',"         \
    "'config':{'name':'db-1','flavor':{'name':'m1.large'},'image':null,'metadata':{},'tags':[],"    \
    "'key':{'name':'ops','type':'ssh','public_key':'ssh-ed25519 AAAA','fingerprint':'f'},"          \
    "'ports':[{'id':'port-d1','network_id':'net-a','network_name':'prod','mac':'fa:16:3e:00:00:02'," \
    "'port_security':true,'fixed_ips':[{'ip':'10.0.0.12','subnet_id':'sub-a'}],"                     \
    "'security_groups':['web'],'allowed_address_pairs':[]}],'security_groups':[{'id':'sg-w',"       \
    "'name':'web','description':'http','stateful':true,'rules':[]}]},'volumes':["                    \
    "{'id':'vol-db','name':'db-root','size':20,'type':'gold','device':'/dev/vda',"                  \
    "'boot_index':0,'bootable':true}]}"
#define INVENTORY                                                                                   \
    "{'project_id':'pb','flavors':[{'id':'fl-1','name':'m1.small'},{'id':'fl-2','name':'m1.large'}]," \
    "'networks':[{'id':'net-b','name':'prod','project_id':'pb'},"                                   \
    "{'id':'net-x','name':'recovery','project_id':'pb'}],"                                          \
    "'subnets':[{'id':'sub-b','network_id':'net-b','cidr':'10.0.0.0/24'},"                          \
    "{'id':'sub-x','network_id':'net-x','cidr':'10.9.0.0/16'}],'ports':[],"                         \
    "'security_groups':[{'id':'sg-bd','name':'default'}],"                                          \
    "'images':[{'id':'img-b','name':'debian-12'}]}"
/* clang-format on */

/* The value at a path of keys and indices becomes 'value' (JSON with '); NULL removes it, and an
 * index just past the end appends. */
struct edit {
    const char *path, *value;
};

struct plan_case {
    const char *name; /* of the golden file */
    const char *about;
    struct edit body[EDITS], inventory[EDITS];
    const char *call_mappings;
    bool replicates; /* the storage driver moves data: no images */
    bool back;       /* from B to A */
    bool planned;    /* a handover */
    bool drill;      /* clones */
    bool replace;    /* kept servers that were changed give way */
};

#define PORT      "members/0/config/ports/0/"
#define MAPPINGS  "mappings/" SITE_A
#define MAPPINGS2 "mappings/" SITE_B
/* What A keeps of web-1 since it was left, as its clouds list it. */
#define KEPT_AT_A "sites/" SITE_A "/local/servers/member-web"
#define KEPT_AT_B "sites/" SITE_B "/local/servers/member-web"
#define KEPT_SERVER                                                                                \
    "{'id':'srv-web','name':'web-1','status':'SHUTOFF','locked':true,'locked_reason':'protector: " \
    "group','metadata':{'protector:stopped_for':'3'},'flavor':{'original_name':'m1.small'},"       \
    "'os-extended-volumes:volumes_attached':[{'id':'vol-root'},{'id':'vol-data'}]}"
#define KEPT_PORT                                                                                  \
    "{'id':'port-a1','device_id':'srv-web','network_id':'net-b','mac_address':'fa:16:3e:00:00:01'" \
    ","                                                                                            \
    "'fixed_ips':[{'ip_address':'10.0.0.11','subnet_id':'sub-b'}]}"
#define HOME .back = true, .planned = true, .replicates = true

/* clang-format off */
static const struct plan_case cases[] = {
    {.name = "same_name", .about = "nothing is mapped: the same names, addresses kept"},
    {.name = "stored_mapping", .about = "stored mappings, by name and by id",
     .body = {{MAPPINGS, "{'network':{'net-a':'recovery'},'flavor':{'m1.small':'fl-2'},'image':{'debian-12':'img-b'}}"}}},
    {.name = "call_mapping", .about = "a mapping given at the call goes before a stored one",
     .body = {{MAPPINGS, "{'network':{'prod':'recovery'},'flavor':{'m1.small':'m1.large'}}"}},
     .call_mappings = "{'network':{'prod':'prod'}}"},
    {.name = "call_mapping_unknown", .about = "a mapping given at the call names nothing that a member has",
     .call_mappings = "{'network':{'prod':'recovery','net-q':'recovery'},'flavor':{'nosuch':'m1.small'},'image':{'img-z':'img-b'}}"},
    {.name = "call_mapping_by_id", .about = "a mapping given at the call names the network by its id",
     .call_mappings = "{'network':{'net-a':'recovery'}}"},
    {.name = "network_by_id", .about = "a network whose name is not known: the same id at the target",
     .body = {{PORT "network_name", "null"}, {PORT "network_id", "'net-b'"}}},
    {.name = "id_before_names", .about = "what a mapping names is one network's id, and the name of two others",
     .inventory = {{"networks/2", "{'id':'net-c','name':'net-x','project_id':'pb'}"},
                   {"networks/3", "{'id':'net-d','name':'net-x','project_id':'pb'}"}},
     .call_mappings = "{'network':{'prod':'net-x'}}"},
    {.name = "mapping_backwards", .about = "the way back reads the stored mapping backwards", .back = true,
     .body = {{MAPPINGS, "{'network':{'prod':'recovery'}}"}, {PORT "network_name", "'recovery'"}, {PORT "network_id", "'net-of-b'"}}},
    {.name = "mapped_to_nothing", .about = "mappings to what the target does not have",
     .body = {{MAPPINGS, "{'network':{'prod':'gone'},'flavor':{'m1.small':'gone'},'image':{'img-a':'gone'}}"}}},
    {.name = "missing", .about = "network, flavor and image are missing: all is named at once",
     .inventory = {{"networks", "[]"}, {"flavors", "[]"}, {"images", "[]"}}},
    {.name = "missing_for_two", .about = "what two members miss is said once in the refusal",
     .body = {{"members/1", DB}, {"members/1/config/flavor/name", "'m1.small'"}}, .replicates = true, .inventory = {{"networks", "[]"}, {"flavors", "[]"}}},
    {.name = "names_twice", .about = "a name that two networks bear is no answer; an id is",
     .inventory = {{"networks/2", "{'id':'net-c','name':'prod','project_id':'pb'}"},
                   {"flavors/2", "{'id':'fl-3','name':'m1.small'}"}}},
    {.name = "names_twice_mapped", .about = "the same, mapped to one of them by its id",
     .inventory = {{"networks/2", "{'id':'net-c','name':'prod','project_id':'pb'}"}},
     .call_mappings = "{'network':{'prod':'net-c'}}"},
    {.name = "image_by_id", .about = "the same image id at the target goes before its name",
     .inventory = {{"images/1", "{'id':'img-a','name':'debian-12-copy'}"}}},
    {.name = "image_none", .about = "a boot volume without image, and a driver that moves no data",
     .body = {{"members/0/config/image", "null"}}},
    {.name = "replicates", .about = "a driver that moves data needs no image", .replicates = true,
     .body = {{"members/0/config/image", "null"}}, .inventory = {{"images", "[]"}}},
    {.name = "addresses_taken", .about = "address and MAC are held by another port of the network",
     .inventory = {{"ports", "[{'network_id':'net-b','mac_address':'FA:16:3E:00:00:01','fixed_ips':[{'ip_address':'10.0.0.11'}]}]"}}},
    {.name = "addresses_elsewhere", .about = "the same address on another network takes nothing",
     .inventory = {{"ports", "[{'network_id':'net-x','mac_address':'fa:16:3e:00:00:01','fixed_ips':[{'ip_address':'10.0.0.11'}]}]"}}},
    {.name = "addresses_no_subnet", .about = "no subnet of the target network holds the address",
     .inventory = {{"subnets/0/cidr", "'192.168.0.0/24'"}}},
    {.name = "addresses_two", .about = "two addresses of a port, IPv4 and IPv6",
     .body = {{PORT "fixed_ips/1", "{'ip':'2001:db8::11','subnet_id':'sub-a6'}"}},
     .inventory = {{"subnets/2", "{'id':'sub-b6','network_id':'net-b','cidr':'2001:db8::/64'}"}}},
    {.name = "addresses_half", .about = "one of two addresses cannot be kept: none is",
     .body = {{PORT "fixed_ips/1", "{'ip':'2001:db8::11','subnet_id':'sub-a6'}"}}},
    {.name = "addresses_none", .about = "a port without an address, and whose MAC is not known",
     .body = {{PORT "fixed_ips", "[]"}, {PORT "mac", "null"}}},
    {.name = "owner_unknown", .about = "a network that does not tell whose it is counts as the project's own",
     .inventory = {{"networks/0/project_id", "null"}}},
    {.name = "project_unknown", .about = "so does any network where the project is not known",
     .inventory = {{"networks/0/project_id", "'admin'"}, {"project_id", "null"}}},
    {.name = "shared_network", .about = "a network of another project: the service account fixes the address",
     .inventory = {{"networks/0/project_id", "'admin'"}}},
    {.name = "two_members", .about = "two members with one security group, one key pair, one network",
     .replicates = true, .body = {{"members/1", DB}}},
    {.name = "start_order", .about = "the database first, the rest when it has run for half a minute",
     .replicates = true,
     .body = {{"members/1", DB}, {"members/1/priority", "1"}, {"members/1/start_delay_s", "30"}, {"members/0/start_delay_s", "5"}}},
    {.name = "start_check", .about = "the database first, the rest when it answers; nobody waits for a check of another kind",
     .replicates = true,
     .body = {{"members/1", DB}, {"members/1/priority", "1"}, {"members/1/start_check", "'tcp:5432'"}, {"members/0/start_check", "'ldap:389'"}}},
    {.name = "two_members_collide", .about = "two networks become one: the second address and MAC are not kept",
     .replicates = true,
     .body = {{"members/1", DB}, {"members/1/config/ports/0/network_name", "'other'"}, {"members/1/config/ports/0/network_id", "'net-o'"},
              {"members/1/config/ports/0/mac", "'fa:16:3e:00:00:01'"}, {"members/1/config/ports/0/fixed_ips", "[{'ip':'10.0.0.11'}]"}},
     .call_mappings = "{'network':{'other':'prod'}}"},
    {.name = "two_members_differ", .about = "the same names for different things: the first is brought, and it is said",
     .replicates = true,
     .body = {{"members/1", DB}, {"members/1/config/key/public_key", "'ssh-ed25519 BBBB'"}, {"members/1/config/security_groups/0/id", "'sg-other'"}}},
    {.name = "two_keys", .about = "two members with a key pair each", .replicates = true,
     .body = {{"members/1", DB}, {"members/1/config/key/name", "'dba'"}}},
    {.name = "groups_exist", .about = "a security group that the target has is used as it is",
     .inventory = {{"security_groups/1", "{'id':'sg-bw','name':'web'}"}}},
    {.name = "port_open", .about = "a port without port security, with address pairs",
     .body = {{PORT "port_security", "false"}, {PORT "security_groups", "[]"}, {PORT "allowed_address_pairs", "[{'ip_address':'10.0.0.99'}]"}}},
    {.name = "key_deleted", .about = "a key pair deleted since the boot: the server starts without",
     .body = {{"members/0/config/key/public_key", "null"}}},
    {.name = "key_none", .about = "a server without a key pair", .body = {{"members/0/config/key", "null"}}},
    {.name = "host_specific", .about = "what belongs to the source site is not carried, and it is said",
     .body = {{"members/0/config/availability_zone", "'az-2'"}, {"members/0/config/server_group", "{'id':'grp-1','name':'apart','policy':'anti-affinity'}"},
              {PORT "floating_ips", "[{'id':'fip-1','ip':'203.0.113.7','fixed_ip':'10.0.0.11'}]"}}},
    {.name = "server_groups_differ", .about = "two server groups of one name: the one of the first member is made", .replicates = true,
     .body = {{"members/0/config/server_group", "{'id':'grp-1','name':'apart','policy':'anti-affinity'}"}, {"members/1", DB},
              {"members/1/config/server_group", "{'id':'grp-2','name':'apart','policy':'affinity'}"}}},
    {.name = "zone_mapped", .about = "a zone that is mapped, and that the target has", .replicates = true,
     .body = {{"members/0/config/availability_zone", "'az-2'"}, {MAPPINGS, "{'availability_zone':{'az-2':'west'}}"}},
     .inventory = {{"zones", "[{'zoneName':'nova','zoneState':{'available':true}},{'zoneName':'west','zoneState':{'available':true}}]"}}},
    {.name = "zone_down", .about = "a zone that is mapped to one without a host", .replicates = true,
     .body = {{"members/0/config/availability_zone", "'az-2'"}}, .call_mappings = "{'availability_zone':{'az-2':'west','az-9':'west'}}",
     .inventory = {{"zones", "[{'zoneName':'west','zoneState':{'available':false}}]"}}},
    {.name = "outside_stored", .about = "what is stored and fits nothing holds up no failover", .replicates = true,
     .body = {{"members/0/config/availability_zone", "'az-2'"}, {PORT "floating_ips", "[{'id':'fip-1','ip':'203.0.113.7'}]"},
              {MAPPINGS, "{'floating_ip':{'203.0.113.7':'gone'},'availability_zone':{'az-2':'west'}}"}}},
    {.name = "zone_home", .about = "at home the zone is what it was", HOME,
     .body = {{"members/0/config/availability_zone", "'az-2'"}, {PORT "network_id", "'net-b'"}},
     .inventory = {{"zones", "[{'zoneName':'az-2','zoneState':{'available':true}}]"}}},
    {.name = "floating_mapped", .about = "a floating IP that the project has at the target, and one from a network", .replicates = true,
     .body = {{PORT "floating_ips", "[{'id':'fip-1','ip':'203.0.113.7'},{'id':'fip-2','ip':'203.0.113.8'}]"},
              {MAPPINGS, "{'floating_ip':{'203.0.113.7':'198.51.100.7','203.0.113.8':'public'}}"}},
     .inventory = {{"floating_ips", "[{'id':'fip-b','floating_ip_address':'198.51.100.7','port_id':null}]"},
                   {"networks/2", "{'id':'net-p','name':'public','router:external':true,'project_id':'admin'}"}}},
    {.name = "floating_used", .about = "one that another port has, and one that is named twice", .replicates = true,
     .body = {{PORT "floating_ips", "[{'id':'fip-1','ip':'203.0.113.7'},{'id':'fip-2','ip':'203.0.113.8'},{'id':'fip-3','ip':'203.0.113.9'}]"}},
     .call_mappings = "{'floating_ip':{'203.0.113.7':'198.51.100.7','203.0.113.8':'fip-c','203.0.113.9':'198.51.100.8'}}",
     .inventory = {{"floating_ips", "[{'id':'fip-b','floating_ip_address':'198.51.100.7','port_id':'port-x'},"
                                    "{'id':'fip-c','floating_ip_address':'198.51.100.8','port_id':null}]"},
                   {"ports", "[{'id':'port-x','device_id':'srv-other','network_id':'net-b'}]"}}},
    {.name = "floating_wrong", .about = "mapped to what is neither an address nor an external network; and one that no member has", .replicates = true,
     .body = {{PORT "floating_ips", "[{'id':'fip-1','ip':'203.0.113.7'}]"}},
     .call_mappings = "{'floating_ip':{'203.0.113.7':'prod','203.0.113.99':'198.51.100.7'}}"},
    {.name = "floating_home", .about = "at home the address is what it was: its port goes, or is taken over with it", HOME,
     .body = {{KEPT_AT_A, "'srv-web'"}, {PORT "network_id", "'net-b'"},
              {PORT "floating_ips", "[{'id':'fip-1','ip':'203.0.113.7'},{'id':'fip-2','ip':'203.0.113.8'}]"}},
     .inventory = {{"servers", "[" KEPT_SERVER "]"}, {"ports", "[" KEPT_PORT "]"}, {"acted", "{'srv-web':[]}"},
                   {"floating_ips", "[{'id':'fip-1','floating_ip_address':'203.0.113.7','port_id':'port-a1'}]"}}},
    {.name = "volumes", .about = "volumes in the order of the devices, one to boot from", .replicates = true,
     .body = {{"members/0/volumes/2", "{'id':'vol-log','name':'web-log','size':5,'type':'gold','device':'/dev/vdc','bootable':true}"}}},
    {.name = "kept", .about = "home again: the server that was kept gives its port to the new one", HOME,
     .body = {{KEPT_AT_A, "'srv-web'"}},
     .inventory = {{"servers", "[" KEPT_SERVER "]"}, {"ports", "[" KEPT_PORT "]"}, {"acted", "{'srv-web':[]}"}}},
    {.name = "kept_gone", .about = "what was kept was deleted: the new one is made as at any site", HOME,
     .body = {{KEPT_AT_A, "'srv-web'"}}, .inventory = {{"servers", "[]"}}},
    {.name = "kept_changed", .about = "changed by hand in every way: it is kept as it is, beside the new one", HOME,
     .body = {{KEPT_AT_A, "'srv-web'"}},
     .inventory = {{"servers", "[{'id':'srv-web','name':'web-1','status':'ACTIVE','locked':false,'metadata':{},'flavor':{'original_name':'m1.large'},"
                               "'os-extended-volumes:volumes_attached':[{'id':'vol-root'},{'id':'vol-new'}]}]"},
                   {"ports", "[" KEPT_PORT ",{'id':'port-2','device_id':'srv-web','network_id':'net-b'}]"}, {"acted", "{'srv-web':['reboot','start']}"}}},
    {.name = "kept_replaced", .about = "the same, and the user wants it to give way", HOME, .replace = true,
     .body = {{KEPT_AT_A, "'srv-web'"}},
     .inventory = {{"servers", "[" KEPT_SERVER "]"}, {"servers/0/status", "'ACTIVE'"}, {"ports", "[" KEPT_PORT "]"}}},
    {.name = "kept_resumes", .about = "a member that the other site could not recover goes on where it is", HOME,
     .body = {{KEPT_AT_A, "'srv-web'"}, {"members/0/status", "'unrecovered'"}},
     .inventory = {{"servers", "[" KEPT_SERVER "]"}, {"ports", "[" KEPT_PORT "]"}}},
    {.name = "kept_nothing", .about = "a member that the other site could not recover, and nothing is kept of it", HOME,
     .body = {{"members/0/status", "'unrecovered'"}}},
    {.name = "kept_names", .about = "captured at home: its networks are told by their ids, whatever is mapped to their names", HOME,
     .body = {{MAPPINGS, "{'network':{'other':'prod'},'flavor':{'m1.large':'m1.small'}}"}, {PORT "network_id", "'net-b'"}}},
    {.name = "kept_two_ports", .about = "two ports on one network: each gets its own back", HOME,
     .body = {{KEPT_AT_A, "'srv-web'"}, {"members/0/config/ports/1", "{'id':'port-a2','network_id':'net-b','network_name':'prod','mac':'fa:16:3e:00:00:02',"
               "'fixed_ips':[{'ip':'10.0.0.12','subnet_id':'sub-b'}],'security_groups':['web']}"}},
     .inventory = {{"servers", "[" KEPT_SERVER "]"}, {"ports/0", "{'id':'port-a2','device_id':'srv-web','network_id':'net-b','mac_address':'fa:16:3e:00:00:02',"
                   "'fixed_ips':[{'ip_address':'10.0.0.12','subnet_id':'sub-b'}]}"}, {"ports/1", KEPT_PORT}}},
    {.name = "drill", .about = "a drill: isolated networks, with the addresses of what it rehearses", .replicates = true, .drill = true,
     .body = {{PORT "fixed_ips", "[{'ip':'10.0.0.11','subnet_id':'sub-a','cidr':'10.0.0.0/24'}]"}, {"members/1", DB},
              {"members/1/config/ports/0/fixed_ips", "[{'ip':'10.0.0.250','subnet_id':'sub-a','cidr':'10.0.0.0/24'}]"}, {KEPT_AT_B, "'srv-b'"}},
     .inventory = {{"ports", "[{'network_id':'net-b','mac_address':'FA:16:3E:00:00:01','fixed_ips':[{'ip_address':'10.0.0.11'}]}]"},
                   {"servers", "[{'id':'srv-b','name':'web-1','status':'SHUTOFF'}]"}}},
    {.name = "drill_mapped", .about = "a drill in a network of the user's; a stored mapping is not for it", .replicates = true, .drill = true,
     .body = {{MAPPINGS, "{'network':{'prod':'prod'}}"}}, .call_mappings = "{'network':{'prod':'recovery'}}"},
    {.name = "drill_ranges", .about = "ranges of all kinds: IPv6, one that is full, one that is not known", .replicates = true, .drill = true,
     .body = {{PORT "fixed_ips", "[{'ip':'2001:db8::11','cidr':'2001:db8::/64'},{'ip':'10.0.0.2','cidr':'10.0.0.0/28'},"
               "{'ip':'10.1.0.2','cidr':'10.1.0.0/27'},{'ip':'10.1.0.20','cidr':'10.1.0.0/27'},{'ip':'10.9.9.9'},{'ip':'10.9.9.9','cidr':'10.8.0.0/24'}]"}}},
    {.name = "no_members", .about = "a group without members: only its role moves", .body = {{"members", "[]"}}},
    {.name = "no_ports", .about = "a server without ports", .body = {{"members/0/config/ports", "[]"}, {"members/0/config/security_groups", "[]"}}},
};
/* clang-format on */

static json_t *step_into(json_t *at, const char *key)
{
    json_t *next = json_is_array(at) ? json_array_get(at, (size_t)g_ascii_strtoull(key, NULL, 10))
                                     : json_object_get(at, key);
    if (next == NULL && json_is_object(at))
        json_object_set_new(at, key, next = json_object());
    assert_non_null(next);
    return next;
}

static void edit(json_t *root, const struct edit *e)
{
    g_auto(GStrv) keys = g_strsplit(e->path, "/", -1);
    g_autofree char *wrapped = g_strdup_printf("{'v':%s}", e->value);
    g_autoptr(json_t) value = json_of(wrapped);
    guint last = g_strv_length(keys) - 1;
    for (guint i = 0; i < last; i++)
        root = step_into(root, keys[i]);
    json_t *v = json_object_get(value, "v");
    if (json_is_object(root))
        json_object_set(root, keys[last], v);
    else if (g_ascii_strtoull(keys[last], NULL, 10) == json_array_size(root))
        json_array_append(root, v);
    else
        json_array_set(root, (size_t)g_ascii_strtoull(keys[last], NULL, 10), v);
}

static json_t *base_body(void)
{
    struct body_create_spec spec = {.group = "pg-1",
                                    .name = "shop",
                                    .replication_type = "async",
                                    .consistency_group_id = "cg-1",
                                    .primary = {SITE_A, "site-a", "pa", "gold", NULL},
                                    .secondary = {SITE_B, "site-b", "pb", "gold", NULL},
                                    .now_ms = 1737000000000};
    json_t *j = NULL;
    OK(body_create(&spec, &j));
    json_array_append_new(json_arr(j, "members"), json_of(WEB));
    return j;
}

static json_t *plan_of(const struct plan_case *c)
{
    g_autoptr(json_t) body = base_body();
    g_autoptr(json_t) inventory = json_of(INVENTORY);
    g_autoptr(json_t) call = c->call_mappings != NULL ? json_of(c->call_mappings) : NULL;
    json_t *plan = NULL;
    for (size_t i = 0; i < EDITS && c->body[i].path != NULL; i++)
        edit(body, &c->body[i]);
    for (size_t i = 0; i < EDITS && c->inventory[i].path != NULL; i++)
        edit(inventory, &c->inventory[i]);
    OK(body_check(body)); /* a case that no group can be in proves nothing */
    struct plan_failover_input input = {.body = body,
                                        .source = c->back ? SITE_B : SITE_A,
                                        .target = c->back ? SITE_A : SITE_B,
                                        .call_mappings = call,
                                        .inventory = inventory,
                                        .makes_in_cinder = !c->replicates,
                                        .planned = c->planned,
                                        .drill = c->drill,
                                        .replace = c->replace};
    g_autofree char *before = json_print_canonical(body);
    OK(plan_failover(&input, &plan));
    g_autofree char *after = json_print_canonical(body);
    assert_string_equal(before, after); /* pure */
    return plan;
}

/* What plan_problems says, for the page. */
static char *verdict(const json_t *plan)
{
    g_autoptr(err_t) e = plan_problems(plan);
    return e != NULL ? g_strdup_printf("refused: %s: %s\n", err_code_text(e), err_message(e))
                     : g_strdup("can be executed\n");
}

static void test_golden(void **state)
{
    (void)state;
    int failed = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(json_t) plan = plan_of(&cases[i]);
        g_autofree char *page = plan_print(plan);
        g_autofree char *said = verdict(plan);
        g_autofree char *frozen = json_print_pretty(plan);
        g_autofree char *text =
            g_strdup_printf("# %s\n\n%s%s\n# frozen\n\n%s\n", cases[i].about, page, said, frozen);
        failed += !golden_same(cases[i].name, text);
    }
    assert_int_equal(failed, 0);
}

/* No file without a case: it would prove nothing. */
static void test_every_file_has_a_case(void **state)
{
    (void)state;
    g_autofree char *path = g_build_filename(g_getenv("SOURCE_ROOT"), "tests", "plans", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    guint files = 0;
    assert_non_null(dir);
    while ((name = g_dir_read_name(dir)) != NULL) {
        bool known = false;
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
            g_autofree char *file = g_strconcat(cases[i].name, ".txt", NULL);
            known = known || g_str_equal(file, name);
        }
        if (!known)
            fail_msg("tests/plans/%s belongs to no case", name);
        files++;
    }
    assert_int_equal(files, G_N_ELEMENTS(cases));
}

static void test_names_fit(void **state)
{
    (void)state;
    g_autofree char *longest = g_strnfill(BODY_NAME_MAX, 'n');
    g_autofree char *cut = plan_name_with(longest, "-drill");
    g_autofree char *whole = plan_name_with("web-1", "-kept-4");
    g_autoptr(GString) wide = g_string_new(NULL);
    for (int i = 0; i < BODY_NAME_MAX; i++)
        g_string_append(wide, "ä");
    g_autofree char *narrow = plan_name_with(wide->str, "-drill");
    assert_int_equal(strlen(cut), BODY_NAME_MAX);
    assert_true(g_str_has_suffix(cut, "n-drill"));
    assert_string_equal(whole, "web-1-kept-4");
    assert_int_equal(g_utf8_strlen(narrow, -1), BODY_NAME_MAX);
    assert_true(g_utf8_validate(narrow, -1, NULL));
}

static void test_diff(void **state)
{
    (void)state;
    g_autofree char *diff = golden_diff("a\nb\nc\nd", "a\nx\nc\nd\ne");
    assert_string_equal(diff, "    2  -b\n    2  +x\n    5  +e\n");
    g_autofree char *none = golden_diff("a\nb", "a\nb");
    assert_string_equal(none, "");
}

static void test_foreign_site(void **state)
{
    (void)state;
    g_autoptr(json_t) body = base_body();
    json_t *plan = NULL;
    static const char *const sites[][2] = {{"elsewhere", SITE_B}, {SITE_A, "elsewhere"}};
    for (size_t i = 0; i < G_N_ELEMENTS(sites); i++) {
        struct plan_failover_input input = {.body = body,
                                            .source = sites[i][0],
                                            .target = sites[i][1]};
        g_autoptr(err_t) e = plan_failover(&input, &plan);
        assert_non_null(e);
        assert_int_equal(err_code(e), ERR_BAD_REQUEST);
        assert_null(plan);
    }
}

/* A group as large as one may be is planned whole. */
static void test_largest(void **state)
{
    (void)state;
    g_autoptr(json_t) body = base_body();
    g_autoptr(json_t) inventory = json_of(INVENTORY);
    g_autoptr(json_t) plan = NULL;
    json_t *members = json_arr(body, "members");
    for (int i = 1; i < BODY_MEMBERS_MAX; i++) {
        json_t *member = json_deep_copy(json_array_get(members, 0));
        g_autofree char *id = g_strdup_printf("member-%d", i);
        json_set_str(member, "id", id);
        json_array_append_new(members, member);
    }
    struct plan_failover_input input = {.body = body,
                                        .source = SITE_A,
                                        .target = SITE_B,
                                        .inventory = inventory};
    OK(plan_failover(&input, &plan));
    assert_int_equal(json_array_size(json_arr(plan, "members")), BODY_MEMBERS_MAX);
    assert_int_equal(json_array_size(json_arr(plan, "volumes")), 2 * BODY_MEMBERS_MAX);
    assert_int_equal(json_array_size(json_arr(plan, "keys")), 1);
}

/* When the peer must make something before it accepts: at first, and with a new policy. */
static void test_needs_realize(void **state)
{
    (void)state;
    g_autoptr(json_t) base = base_body();
    g_autoptr(json_t) renamed = json_deep_copy(base);
    g_autoptr(json_t) policy = json_deep_copy(base);
    g_autoptr(json_t) deleted = NULL;
    OK(body_update(renamed, "other", NULL));
    json_set(policy, "policy", json_of("{'id':'p','replication_interval':300}"));
    deleted = json_deep_copy(policy);
    OK(body_delete(deleted));
    assert_true(plan_needs_realize(NULL, base));
    assert_false(plan_needs_realize(base, renamed));
    assert_true(plan_needs_realize(base, policy));
    assert_false(plan_needs_realize(policy, policy));
    assert_false(plan_needs_realize(policy, base)); /* taken away: nothing to make */
    assert_false(plan_needs_realize(base, deleted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),        cmocka_unit_test(test_every_file_has_a_case),
        cmocka_unit_test(test_names_fit),     cmocka_unit_test(test_diff),
        cmocka_unit_test(test_foreign_site),  cmocka_unit_test(test_largest),
        cmocka_unit_test(test_needs_realize),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
