# SPDX-License-Identifier: Apache-2.0
"""ML2 mechanism driver that binds every port at once, without any agent.

The port becomes ACTIVE as soon as it is bound to a host, as it would when a
real layer-2 agent had wired it.
"""
from neutron_lib.api.definitions import portbindings
from neutron_lib import constants
from neutron_lib.plugins.ml2 import api


class LabMechanismDriver(api.MechanismDriver):

    def initialize(self):
        pass

    @property
    def connectivity(self):
        return portbindings.CONNECTIVITY_L2

    def bind_port(self, context):
        if context.current.get(portbindings.VNIC_TYPE) != \
                portbindings.VNIC_NORMAL:
            return
        for segment in context.segments_to_bind:
            context.set_binding(
                segment[api.ID],
                portbindings.VIF_TYPE_OVS,
                {portbindings.CAP_PORT_FILTER: True,
                 portbindings.OVS_HYBRID_PLUG: False,
                 portbindings.VIF_DETAILS_CONNECTIVITY:
                     portbindings.CONNECTIVITY_L2,
                 'bridge_name': 'br-int',
                 'datapath_type': 'system'},
                status=constants.PORT_STATUS_ACTIVE)
            return
