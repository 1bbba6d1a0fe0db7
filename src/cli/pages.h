/* SPDX-License-Identifier: Apache-2.0 */
/* pages - what is made of the table of commands: help, completion for bash, the manual page. */
#pragma once

#include "cli/arguments.h"

#include <stdio.h>

/* Help of one command; of those that begin with the words given; of all. */
void page_help(const struct arguments *args, FILE *out);
/* A script for bash; for /usr/share/bash-completion/completions/protector. */
void page_completion(const struct arguments *args, FILE *out);
/* protector(1), for man. */
void page_man(const struct arguments *args, FILE *out);
