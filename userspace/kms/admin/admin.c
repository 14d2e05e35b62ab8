// SPDX-License-Identifier: MIT
/*
 * Finds the command, reads its options and the settings, and runs it.
 *
 * Must never start the server: a command that is not known is a fault.
 */
#include "kms/admin/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "kms/root/root_key.h"

static const struct admin_command commands[] = {
	{ "audit", "verify", { "output", "first" }, admin_audit_verify },
	{ "audit",
	  "lookup",
	  { "event-name", "key-id", "principal", "error-code", "start-time", "end-time",
	    "max-items" },
	  admin_audit_lookup },
	{ "store", "backup", { "file" }, admin_store_backup },
	{ "store", "restore", { "file" }, admin_store_restore },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/** admin_is_command() - does the command line begin with a word? */
bool admin_is_command(int argc, char **argv)
{
	return argc > 1 && argv[1][0] != '-';
}

static const struct admin_command *find(const char *noun, const char *verb)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].noun, noun) && !strcmp(commands[i].verb, verb))
			return &commands[i];
	return NULL;
}

/* The option of the command that @word gives, or NULL. @value: behind its '=' */
static struct admin_option *match(struct admin_call *call, const char *word, const char **value)
{
	*value = NULL;
	if (strncmp(word, "--", 2))
		return NULL;
	for (struct admin_option *option = call->options; option->name; option++) {
		size_t size = strlen(option->name);

		if (strncmp(word + 2, option->name, size))
			continue;
		if (word[2 + size] == '=')
			*value = word + 2 + size + 1;
		if (!word[2 + size] || word[2 + size] == '=')
			return option;
	}
	return NULL;
}

/* Takes the options of the command; the others go to @rest. Return: number of the others, or -1 */
static int take_options(struct admin_call *call, int argc, char **argv, char **rest,
			struct fault *f)
{
	int count = 0;

	rest[count++] = argv[0];
	for (int i = 3; i < argc; i++) {
		const char *value;
		struct admin_option *option = match(call, argv[i], &value);

		if (!option) {
			rest[count++] = argv[i];
			continue;
		}
		option->value = value ? value : argv[++i];
		if (i >= argc)
			return fault_set(f, "Usage", "--%s needs a value. See envelope-kms --help.",
					 option->name);
	}
	rest[count] = NULL;
	return count;
}

static int run(const struct admin_command *command, int argc, char **argv, char **rest,
	       struct fault *f)
{
	struct admin_call call = { 0 };
	struct settings settings = { 0 };
	struct faults all = { 0 };
	struct secret *root = NULL;
	int count, r = -1;

	for (size_t i = 0; i + 1 < ADMIN_OPTIONS_MAX && command->options[i]; i++)
		call.options[i].name = command->options[i];
	count = take_options(&call, argc, argv, rest, f);
	if (count > 0 && !settings_read(count, rest, &settings, &all, f) &&
	    !root_key_read(settings.root_key, &root, f)) {
		call.settings = &settings;
		call.root = root;
		r = command->run(&call, f);
	}
	secret_free(root);
	settings_free(&settings);
	return r;
}

/* Each file of a trail is open at once: logrotate may have left hundreds. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/**
 * admin_run() - run the command that the command line begins with
 * @f: Usage for an unknown command, or the fault of the command
 *
 * Return: 0; 1: what the command checks is not in order, and it has said so; or -1 with @f.
 */
int admin_run(int argc, char **argv, struct fault *f)
{
	const struct admin_command *command = argc > 2 ? find(argv[1], argv[2]) : NULL;
	char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	int r;

	if (!rest)
		return fault_set(f, "InternalFailure", "Out of memory.");
	allow_many_files();
	if (command)
		r = run(command, argc, argv, rest, f);
	else
		r = fault_set(f, "Usage", "Unexpected argument '%.64s'. See envelope-kms --help.",
			      argv[1]);
	free(rest);
	return r;
}

/** admin_value() - of option @name; NULL if it was not given */
const char *admin_value(const struct admin_call *call, const char *name)
{
	for (const struct admin_option *option = call->options; option->name; option++)
		if (!strcmp(option->name, name))
			return option->value;
	return NULL;
}

/**
 * admin_number() - of option @name, from 1
 * @number: as it was if the option was not given
 *
 * Return: 0 or -1.
 */
int admin_number(const struct admin_call *call, const char *name, int64_t *number, struct fault *f)
{
	const char *value = admin_value(call, name);
	char *end;

	if (!value)
		return 0;
	errno = 0;
	*number = strtoll(value, &end, 10);
	if (errno || end == value || *end || *number < 1)
		return fault_set(f, "Usage", "--%s '%.32s' is not a number from 1.", name, value);
	return 0;
}

/** admin_wants_json() - by --output; @json: false for text; Return: 0 or -1 */
int admin_wants_json(const struct admin_call *call, bool *json, struct fault *f)
{
	const char *value = admin_value(call, "output");

	*json = value && !strcmp(value, "json");
	if (value && !*json && strcmp(value, "text"))
		return fault_set(f, "Usage", "--output '%.32s' is neither text nor json.", value);
	return 0;
}
