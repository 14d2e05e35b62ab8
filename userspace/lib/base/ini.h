/* SPDX-License-Identifier: MIT */
/*
 * Reader of "Key=value" files with [sections]: envelope.conf, kms.conf and AWS credentials files.
 *
 * Must never interpret values or quote them in faults: a credentials file holds secrets.
 */
#ifndef ENVELOPE_INI_H
#define ENVELOPE_INI_H

#include "lib/base/fault.h"
#include "lib/base/faults.h"

/**
 * typedef ini_entry_t - called for each entry
 * @section: name without brackets, "" before the first
 * @key: trimmed
 * @value: trimmed
 *
 * Return: 0 to go on, -1 with @f set to stop; the file name and line are put in front.
 */
typedef int (*ini_entry_t)(const char *section, const char *key, const char *value, void *userdata,
			   struct fault *f);

int ini_read(const char *path, ini_entry_t entry, void *userdata, struct fault *f);
int ini_read_all(const char *path, ini_entry_t entry, void *userdata, unsigned int *line,
		 struct faults *all, struct fault *f);
int ini_read_section(const char *path, const char *section, ini_entry_t entry, void *userdata,
		     struct fault *f);

#endif
