# SPDX-License-Identifier: Apache-2.0
"""Tiny drivers that let real OpenStack services run without a hypervisor,
a storage array or network agents."""
