# SPDX-License-Identifier: Apache-2.0
"""Protector's client in Python: a thin layer over libprotectorclient (library.py), and the plugin
of OpenStackClient on it (osc/)."""
