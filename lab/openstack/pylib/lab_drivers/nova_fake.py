# SPDX-License-Identifier: Apache-2.0
"""Nova's own fake driver, with three differences: it knows its servers and their interfaces again
after a restart of nova-compute, it names disks as libvirt does with virtio (/dev/vda, /dev/vdb,
...), and after a power cut (power-cut.sh leaves a mark) its servers are off until Nova starts them
again by itself (resume_guests_state_on_host_boot)."""
import os

from nova.compute import power_state
from nova.compute import vm_states
from nova import block_device
import nova.conf
from nova import context as nova_context
from nova import objects
from nova.virt import fake

CONF = nova.conf.CONF


class LabDriver(fake.FakeDriver):

    capabilities = dict(fake.FakeDriver.capabilities,
                        supports_migrate_to_same_host=True)

    def init_host(self, host):
        super().init_host(host)
        mark = os.path.join(CONF.state_path, 'power-cut')
        power_was_cut = os.path.exists(mark)
        ctxt = nova_context.get_admin_context()
        for inst in objects.InstanceList.get_by_host(
                ctxt, host, expected_attrs=['flavor', 'info_cache']):
            if inst.vm_state in (vm_states.BUILDING, vm_states.DELETED,
                                 vm_states.SHELVED_OFFLOADED):
                continue
            self.resources.claim(vcpus=inst.flavor.vcpus,
                                 mem=inst.flavor.memory_mb,
                                 disk=inst.flavor.root_gb)
            state = inst.power_state or power_state.RUNNING
            if power_was_cut:
                state = power_state.SHUTDOWN
            self.instances[inst.uuid] = fake.FakeInstance(inst.name, state,
                                                          inst.uuid)
            for vif in inst.get_network_info() or ():
                self._interfaces[vif['id']] = vif
        if power_was_cut:
            os.unlink(mark)

    def resume_state_on_host_boot(self, context, instance, network_info,
                                  block_device_info=None):
        self.power_on(context, instance, network_info)

    @staticmethod
    def _next(used):
        for c in 'abcdefghijklmnopqrstuvwxyz':
            if 'vd' + c not in used:
                return '/dev/vd' + c

    def default_root_device_name(self, instance, image_meta, root_bdm):
        return '/dev/vda'

    def default_device_names_for_instance(self, instance, root_device_name,
                                          *block_device_lists):
        bdms = [b for lst in block_device_lists for b in (lst or [])]
        used = {block_device.strip_dev(b.device_name) for b in bdms
                if b.device_name}
        used.add(block_device.strip_dev(root_device_name))
        for b in bdms:
            if not b.device_name:
                b.device_name = self._next(used)
                used.add(block_device.strip_dev(b.device_name))
                b.save()

    def get_device_name_for_instance(self, instance, bdms,
                                     block_device_obj):
        used = {block_device.strip_dev(b.device_name) for b in bdms
                if b.device_name}
        used.add('vda')
        return self._next(used)
