// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: the arguments of the table line.
 *
 *	aes-xts-plain64 :64:envelope:<description> <iv_offset> <device> <offset> [<#opts> <opt>...]
 *
 * The order is dm-crypt's. Documented in docs/kernel-interface.md.
 *
 * Must never open or look up anything: it turns text into a struct, with one error text for each
 * fault.
 */
#include <linux/kernel.h>

#include "envelope.h"

#define CIPHER_SPEC	"aes-xts-plain64"
#define KEY_PREFIX	":" __stringify(ENVELOPE_KEY_SIZE) ":" ENVELOPE_KEY_TYPE ":"
#define FIXED_ARGUMENTS 5
#define MAX_OPTIONS	2

/* IMA measures a table as fields with these signs around them. */
#define IMA_SIGNS ",;=\\"

static int parse_cipher(const char *argument, char **error)
{
	if (strcmp(argument, CIPHER_SPEC)) {
		*error = "Unsupported cipher: expected " CIPHER_SPEC;
		return -EINVAL;
	}
	return 0;
}

static int parse_key(const char *argument, struct envelope_table *table, char **error)
{
	if (argument[0] != ':') {
		*error = "Key material in a table is refused: use " KEY_PREFIX "<description>";
		return -EINVAL;
	}
	if (!strstarts(argument, KEY_PREFIX)) {
		*error = "Unsupported key size or key type: expected " KEY_PREFIX "<description>";
		return -EINVAL;
	}
	table->description = argument + strlen(KEY_PREFIX);
	if (!*table->description) {
		*error = "Key description is empty: expected " KEY_PREFIX "<description>";
		return -EINVAL;
	}
	if (strpbrk(table->description, IMA_SIGNS)) {
		*error =
			"Key description contains one of , ; = \\ which separate what IMA measures";
		return -EINVAL;
	}
	return 0;
}

static int parse_start(const char *argument, struct envelope_table *table, char **error)
{
	u64 start;

	if (kstrtou64(argument, 10, &start) || start != (sector_t)start) {
		*error = "Invalid device offset: expected a number of 512-byte sectors";
		return -EINVAL;
	}
	table->start = start;
	return 0;
}

static int parse_sector_size(const char *value, struct envelope_table *table, char **error)
{
	if (!strcmp(value, "512")) {
		table->sector_size = 512;
	} else if (!strcmp(value, "4096")) {
		table->sector_size = 4096;
	} else {
		*error = "Invalid sector_size: expected 512 or 4096";
		return -EINVAL;
	}
	return 0;
}

static int parse_option(const char *option, struct envelope_table *table, char **error)
{
	static const char sector_size[] = "sector_size:";

	if (strstarts(option, sector_size))
		return parse_sector_size(option + strlen(sector_size), table, error);
	if (!strcmp(option, "allow_discards")) {
		table->allow_discards = true;
		return 0;
	}
	*error = "Unknown option: expected sector_size:<512|4096> or allow_discards";
	return -EINVAL;
}

static int parse_options(struct dm_arg_set *as, struct envelope_table *table, char **error)
{
	static const struct dm_arg count = {
		0,
		MAX_OPTIONS,
		"Invalid number of options",
	};
	unsigned int nr;
	int r;

	r = dm_read_arg_group(&count, as, &nr, error);
	if (r)
		return r;
	if (as->argc != nr) {
		*error = "More arguments than the number of options announces";
		return -EINVAL;
	}
	while (nr--) {
		r = parse_option(dm_shift_arg(as), table, error);
		if (r)
			return r;
	}
	return 0;
}

static int check_alignment(sector_t len, const struct envelope_table *table, char **error)
{
	unsigned int sectors = table->sector_size >> SECTOR_SHIFT;

	if (!IS_ALIGNED(len, sectors)) {
		*error = "Length is not a multiple of sector_size";
		return -EINVAL;
	}
	if (!IS_ALIGNED(table->iv_offset, sectors)) {
		*error = "iv_offset is not a multiple of sector_size";
		return -EINVAL;
	}
	return 0;
}

/**
 * envelope_table_parse() - parse and check the arguments
 * @argc: number of arguments
 * @argv: the arguments; must outlive @table
 * @len: length of the target in 512-byte sectors
 * @table: result; undefined on error
 * @error: set to the fault and the expected argument
 *
 * Return: 0 or -EINVAL.
 */
int envelope_table_parse(unsigned int argc, char **argv, sector_t len, struct envelope_table *table,
			 char **error)
{
	struct dm_arg_set as = { .argc = argc, .argv = argv };
	int r;

	if (argc < FIXED_ARGUMENTS) {
		*error = "Not enough arguments: need <cipher> <key> <iv_offset> <device> <offset>";
		return -EINVAL;
	}
	*table = (struct envelope_table){ .sector_size = 4096 };

	r = parse_cipher(dm_shift_arg(&as), error);
	if (r)
		return r;
	r = parse_key(dm_shift_arg(&as), table, error);
	if (r)
		return r;
	if (kstrtou64(dm_shift_arg(&as), 10, &table->iv_offset)) {
		*error = "Invalid iv_offset: expected a number of 512-byte sectors";
		return -EINVAL;
	}
	table->device = dm_shift_arg(&as);
	r = parse_start(dm_shift_arg(&as), table, error);
	if (r)
		return r;
	if (as.argc) {
		r = parse_options(&as, table, error);
		if (r)
			return r;
	}
	return check_alignment(len, table, error);
}
