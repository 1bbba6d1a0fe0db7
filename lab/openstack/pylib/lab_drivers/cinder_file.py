# SPDX-License-Identifier: Apache-2.0
"""Cinder driver that keeps each volume as a sparse file in one directory.

Volumes are  <dir>/volume-<id>, snapshots  <dir>/snapshot-<id>.  Supported:
create/delete/extend/clone, snapshots, volume from snapshot, revert, images
in both directions, manage/unmanage of volumes and snapshots (by
'source-name' = the file's name), generic groups with consistent snapshots,
and the reporting that replication-style extra specs need.

The copy of data between sites is not the driver's business: copy the file
into the other site's directory and manage it there by its name.
"""
import os

from oslo_concurrency import processutils
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import units

from cinder import exception
from cinder.i18n import _
from cinder.image import image_utils
from cinder import interface
from cinder.objects import fields
from cinder.volume import configuration
from cinder.volume import driver
from cinder.volume import volume_utils

LOG = logging.getLogger(__name__)

OPTS = [
    cfg.StrOpt('lab_volume_dir', help='Directory with the volume files'),
    cfg.IntOpt('lab_capacity_gb', default=10000,
               help='Capacity to report'),
]
CONF = cfg.CONF
CONF.register_opts(OPTS, group=configuration.SHARED_CONF_GROUP)


@interface.volumedriver
class LabFileDriver(driver.VolumeDriver):

    VERSION = '1.0'
    CI_WIKI_NAME = 'None'

    def __init__(self, active_backend_id=None, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.active_backend_id = active_backend_id
        self.configuration.append_config_values(OPTS)
        self.dir = self.configuration.lab_volume_dir

    @staticmethod
    def get_driver_options():
        return OPTS

    # -- start --------------------------------------------------------------
    def do_setup(self, context):
        os.makedirs(self.dir, exist_ok=True)

    def check_for_setup_error(self):
        if not os.path.isdir(self.dir):
            raise exception.VolumeBackendAPIException(
                data=_('no directory %s') % self.dir)

    def _update_volume_stats(self):
        total = self.configuration.lab_capacity_gb
        used = sum(os.stat(os.path.join(self.dir, n)).st_size
                   for n in os.listdir(self.dir)) / units.Gi
        name = (self.configuration.safe_get('volume_backend_name') or
                'lab')
        self._stats = {
            'volume_backend_name': name,
            'vendor_name': 'Lab',
            'driver_version': self.VERSION,
            'storage_protocol': 'local',
            'pools': [{
                'pool_name': name,
                'total_capacity_gb': total,
                'free_capacity_gb': round(total - used, 2),
                'provisioned_capacity_gb': round(used, 2),
                'reserved_percentage': 0,
                'max_over_subscription_ratio': 20.0,
                'thin_provisioning_support': True,
                'thick_provisioning_support': False,
                'QoS_support': False,
                'multiattach': True,
                'online_extend_support': True,
                'consistent_group_snapshot_enabled': True,
                'consistent_group_replication_enabled': True,
                'replication_enabled': True,
                'replication_type': ['async'],
                'replication_targets': ['remote'],
            }],
            'replication_enabled': True,
            'replication_type': ['async'],
            'replication_targets': ['remote'],
            'consistent_group_snapshot_enabled': True,
            'consistent_group_replication_enabled': True,
        }

    # -- files --------------------------------------------------------------
    def _path(self, name):
        if not name or name != os.path.basename(name):
            raise exception.VolumeBackendAPIException(
                data=_('bad name %s') % name)
        return os.path.join(self.dir, name)

    def local_path(self, volume):
        return self._path(volume.name)

    def _create(self, path, size_gb):
        with open(path, 'wb') as f:
            f.truncate(size_gb * units.Gi)

    def _copy(self, src, dst, size_gb=None):
        processutils.execute('cp', '--sparse=always', '--reflink=auto',
                             src, dst)
        if size_gb and os.path.getsize(dst) < size_gb * units.Gi:
            os.truncate(dst, size_gb * units.Gi)

    def _remove(self, path):
        try:
            os.unlink(path)
        except FileNotFoundError:
            LOG.warning('%s is gone already', path)

    def _model(self, volume):
        if volume.is_replicated():
            return {'replication_status': fields.ReplicationStatus.ENABLED}
        return {'replication_status': fields.ReplicationStatus.DISABLED}

    # -- volumes ------------------------------------------------------------
    def create_volume(self, volume):
        self._create(self.local_path(volume), volume.size)
        return self._model(volume)

    def delete_volume(self, volume):
        self._remove(self.local_path(volume))

    def extend_volume(self, volume, new_size):
        os.truncate(self.local_path(volume), new_size * units.Gi)

    def create_cloned_volume(self, volume, src_vref):
        self._copy(self.local_path(src_vref), self.local_path(volume),
                   volume.size)
        return self._model(volume)

    def create_volume_from_snapshot(self, volume, snapshot):
        self._copy(self._path(snapshot.name), self.local_path(volume),
                   volume.size)
        return self._model(volume)

    def create_snapshot(self, snapshot):
        self._copy(self._path(snapshot.volume_name),
                   self._path(snapshot.name))

    def delete_snapshot(self, snapshot):
        self._remove(self._path(snapshot.name))

    def revert_to_snapshot(self, context, volume, snapshot):
        self._copy(self._path(snapshot.name), self.local_path(volume),
                   volume.size)

    def retype(self, context, volume, new_type, diff, host):
        return True, None

    def update_migrated_volume(self, ctxt, volume, new_volume,
                               original_volume_status):
        os.rename(self._path(new_volume.name), self._path(volume.name))
        return {'_name_id': None, 'provider_location': None}

    # -- images -------------------------------------------------------------
    def copy_image_to_volume(self, context, volume, image_service, image_id,
                             **kwargs):
        path = self.local_path(volume)
        image_utils.fetch_to_raw(
            context, image_service, image_id, path,
            self.configuration.volume_dd_blocksize,
            size=volume.size, run_as_root=False)
        if os.path.getsize(path) < volume.size * units.Gi:
            os.truncate(path, volume.size * units.Gi)

    def copy_volume_to_image(self, context, volume, image_service,
                             image_meta):
        volume_utils.upload_volume(context, image_service, image_meta,
                                   self.local_path(volume), volume,
                                   run_as_root=False)

    # -- connections --------------------------------------------------------
    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        pass

    def remove_export(self, context, volume):
        pass

    def initialize_connection(self, volume, connector):
        return {'driver_volume_type': 'local',
                'data': {'device_path': self.local_path(volume),
                         'volume_id': volume.id}}

    def terminate_connection(self, volume, connector, **kwargs):
        pass

    # -- manage and unmanage -----------------------------------------------
    def _ref_path(self, existing_ref):
        name = existing_ref.get('source-name')
        if not name:
            raise exception.ManageExistingInvalidReference(
                existing_ref=existing_ref,
                reason=_("the reference must have 'source-name'"))
        if name != os.path.basename(name) or \
                not os.path.isfile(os.path.join(self.dir, name)):
            raise exception.ManageExistingInvalidReference(
                existing_ref=existing_ref,
                reason=_('no such volume on the backend'))
        return name, os.path.join(self.dir, name)

    @staticmethod
    def _gib(path):
        return -(-os.path.getsize(path) // units.Gi) or 1

    def manage_existing_get_size(self, volume, existing_ref):
        return self._gib(self._ref_path(existing_ref)[1])

    def manage_existing(self, volume, existing_ref):
        name, path = self._ref_path(existing_ref)
        if volume_utils.check_already_managed_volume(name):
            raise exception.ManageExistingAlreadyManaged(volume_ref=name)
        os.rename(path, self.local_path(volume))
        return self._model(volume)

    def unmanage(self, volume):
        pass

    def get_manageable_volumes(self, cinder_volumes, marker, limit, offset,
                               sort_keys, sort_dirs):
        managed = {v['name']: v['id'] for v in cinder_volumes}
        entries = []
        for name in sorted(os.listdir(self.dir)):
            if name.startswith('snapshot-'):
                continue
            entry = {'reference': {'source-name': name},
                     'size': self._gib(self._path(name)),
                     'cinder_id': managed.get(name),
                     'extra_info': None,
                     'safe_to_manage': name not in managed,
                     'reason_not_safe': None}
            if name in managed:
                entry['reason_not_safe'] = 'already managed'
            entries.append(entry)
        return volume_utils.paginate_entries_list(
            entries, marker, limit, offset, sort_keys, sort_dirs)

    def manage_existing_snapshot_get_size(self, snapshot, existing_ref):
        return self._gib(self._ref_path(existing_ref)[1])

    def manage_existing_snapshot(self, snapshot, existing_ref):
        name, path = self._ref_path(existing_ref)
        os.rename(path, self._path(snapshot.name))

    def unmanage_snapshot(self, snapshot):
        pass

    def get_manageable_snapshots(self, cinder_snapshots, marker, limit,
                                 offset, sort_keys, sort_dirs):
        managed = {s['name']: s for s in cinder_snapshots}
        entries = []
        for name in sorted(os.listdir(self.dir)):
            if not name.startswith('snapshot-'):
                continue
            snap = managed.get(name)
            entries.append({
                'reference': {'source-name': name},
                'size': self._gib(self._path(name)),
                'cinder_id': snap['id'] if snap else None,
                'extra_info': None,
                'safe_to_manage': snap is None,
                'reason_not_safe': 'already managed' if snap else None,
                'source_reference': {
                    'source-name': snap['volume_name'] if snap else ''}})
        return volume_utils.paginate_entries_list(
            entries, marker, limit, offset, sort_keys, sort_dirs)

    # -- groups -------------------------------------------------------------
    def create_group(self, context, group):
        return {'status': fields.GroupStatus.AVAILABLE}

    def update_group(self, context, group, add_volumes=None,
                     remove_volumes=None):
        return None, None, None

    def delete_group(self, context, group, volumes):
        updates = []
        for volume in volumes:
            self.delete_volume(volume)
            updates.append({'id': volume.id, 'status': 'deleted'})
        return {'status': fields.GroupStatus.DELETED}, updates

    def create_group_snapshot(self, context, group_snapshot, snapshots):
        updates = []
        for snapshot in snapshots:
            self.create_snapshot(snapshot)
            updates.append({'id': snapshot.id,
                            'status': fields.SnapshotStatus.AVAILABLE})
        return {'status': fields.GroupSnapshotStatus.AVAILABLE}, updates

    def delete_group_snapshot(self, context, group_snapshot, snapshots):
        updates = []
        for snapshot in snapshots:
            self.delete_snapshot(snapshot)
            updates.append({'id': snapshot.id,
                            'status': fields.SnapshotStatus.DELETED})
        return {'status': fields.GroupSnapshotStatus.DELETED}, updates

    def create_group_from_src(self, context, group, volumes,
                              group_snapshot=None, snapshots=None,
                              source_group=None, source_vols=None):
        sources = ([self._path(s.name) for s in snapshots] if snapshots else
                   [self.local_path(v) for v in source_vols])
        updates = []
        for volume, src in zip(volumes, sources):
            self._copy(src, self.local_path(volume), volume.size)
            update = self._model(volume)
            update.update(id=volume.id, status='available')
            updates.append(update)
        return {'status': fields.GroupStatus.AVAILABLE}, updates

    # -- replication (states only) ------------------------------------------
    def enable_replication(self, context, group, volumes):
        return ({'replication_status': fields.ReplicationStatus.ENABLED},
                [{'id': v.id,
                  'replication_status': fields.ReplicationStatus.ENABLED}
                 for v in volumes])

    def disable_replication(self, context, group, volumes):
        return ({'replication_status': fields.ReplicationStatus.DISABLED},
                [{'id': v.id,
                  'replication_status': fields.ReplicationStatus.DISABLED}
                 for v in volumes])

    def failover_replication(self, context, group, volumes,
                             secondary_backend_id=None):
        status = (fields.ReplicationStatus.ENABLED
                  if secondary_backend_id == 'default'
                  else fields.ReplicationStatus.FAILED_OVER)
        return ({'replication_status': status},
                [{'volume_id': v.id, 'replication_status': status}
                 for v in volumes])

    def failover_host(self, context, volumes, secondary_id=None,
                      groups=None):
        status = (fields.ReplicationStatus.ENABLED
                  if secondary_id == 'default'
                  else fields.ReplicationStatus.FAILED_OVER)
        updates = [{'volume_id': v.id,
                    'updates': {'replication_status': status}}
                   for v in volumes if v.is_replicated()]
        return secondary_id or 'remote', updates, []
