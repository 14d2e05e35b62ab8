/* SPDX-License-Identifier: MIT */
/*
 * What an administrator does with the files of the KMS: envelope-kms NOUN VERB. Each command reads the
 * settings that the server reads.
 */
#ifndef ENVELOPE_KMS_ADMIN_H
#define ENVELOPE_KMS_ADMIN_H

#include <stdbool.h>

#include "kms/settings.h"
#include "lib/base/fault.h"
#include "lib/base/secret.h"

#define ADMIN_OPTIONS_MAX 10

/** struct admin_option - an option of one command, without its dashes */
struct admin_option {
	const char *name;  /* NULL ends the list */
	const char *value; /* as given; NULL: not given */
};

/** struct admin_call - one call of a command */
struct admin_call {
	struct admin_option options[ADMIN_OPTIONS_MAX];
	const struct settings *settings;
	const struct secret *root;
};

/**
 * struct admin_command
 * @noun, @verb: its words
 * @options: names, apart from those of the settings
 * @run: Return: 0; 1: what it checks is not in order, and it has said so; or -1 with @f
 */
struct admin_command {
	const char *noun;
	const char *verb;
	const char *options[ADMIN_OPTIONS_MAX];
	int (*run)(const struct admin_call *call, struct fault *f);
};

bool admin_is_command(int argc, char **argv);

int admin_run(int argc, char **argv, struct fault *f);

const char *admin_value(const struct admin_call *call, const char *name);

int admin_number(const struct admin_call *call, const char *name, int64_t *number, struct fault *f);

int admin_wants_json(const struct admin_call *call, bool *json, struct fault *f);

int admin_store_backup(const struct admin_call *call, struct fault *f);

int admin_store_restore(const struct admin_call *call, struct fault *f);

int admin_audit_verify(const struct admin_call *call, struct fault *f);

int admin_audit_lookup(const struct admin_call *call, struct fault *f);

#endif
