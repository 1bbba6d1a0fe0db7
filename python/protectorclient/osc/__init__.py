# SPDX-License-Identifier: Apache-2.0
"""The plugin of OpenStackClient.

  plugin    what OpenStackClient loads at every start: options
  entries   the entry points of the commands, for OpenStackClient to load at every start
  commands  the commands, made of the library's table
  session   OpenStackClient's session as the library takes it
  host      what the library asks of its host: time, the environment, a terminal
  output    results for OpenStackClient's formatters
"""
