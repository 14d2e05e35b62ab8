// SPDX-License-Identifier: MIT
/* Reads which devices of volumes there are, and in what state. See mapper.h. */
#include <errno.h>
#include <inttypes.h>
#include <libdevmapper.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "agent/volume/mapper.h"
#include "agent/volume/mapper_task.h"
#include "dm-envelope.h"
#include "lib/base/log.h"

/**
 * mapper_parse_status() - read the parameters of a status line
 * @params: "<state> <reason> <lease> <driver> <reads> ... <refused> [<length>]"
 * @mapping: its state, reason, leases, driver and counters are filled
 *
 * Return: 0 or -EBADMSG.
 */
int mapper_parse_status(const char *params, struct mapping *mapping)
{
	char state[16];
	int n = sscanf(params,
		       "%15s %31s %" SCNd64 " %63s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		       " %" SCNu64 " %" SCNu64 " %" SCNu64,
		       state, mapping->reason, &mapping->lease_left, mapping->driver,
		       &mapping->reads, &mapping->writes, &mapping->discards, &mapping->flushes,
		       &mapping->errors, &mapping->refused, &mapping->lease_length);

	/* A module that was loaded before an upgrade reports no length. */
	if (n == 10)
		mapping->lease_length = 0;
	if (n < 10 || (strcmp(state, "live") && strcmp(state, "failed")))
		return -EBADMSG;
	mapping->live = !strcmp(state, "live");
	if (!strcmp(mapping->reason, "-"))
		mapping->reason[0] = 0;
	return 0;
}

/* Is it the device of a plain volume? Another program's linear device has another uuid. */
static bool is_plain(struct dm_task *task, const char *target, char volume_id[22])
{
	const char *uuid = dm_task_get_uuid(task);
	const size_t prefix = strlen(MAPPER_UUID_PREFIX);

	if (strcmp(target, MAPPER_PLAIN_TARGET) || !uuid ||
	    strncmp(uuid, MAPPER_UUID_PREFIX, prefix) || strlen(uuid + prefix) != 21)
		return false;
	strcpy(volume_id, uuid + prefix);
	return true;
}

/*
 * Queries one device. @params, @mapping: of its first target, if that is the target of a volume; the
 * length, and for a plain one whose it is.
 */
static struct dm_task *query(int type, const char *name, char **params, struct mapping *mapping)
{
	struct dm_task *task = new_task(type);
	uint64_t start;
	char *target = NULL;

	*params = NULL;
	if (!task || !dm_task_set_name(task, name) || !dm_task_no_flush(task) ||
	    !dm_task_run(task)) {
		task_destroyp(&task);
		return NULL;
	}
	dm_get_next_target(task, NULL, &start, &mapping->sectors, &target, params);
	if (target && *params) {
		mapping->plain = is_plain(task, target, mapping->volume_id);
		if (mapping->plain || !strcmp(target, ENVELOPE_TARGET_NAME))
			return task;
	}
	dm_task_destroy(task);
	return NULL;
}

/* Reads "MAJOR:MINOR START" of a plain volume, whose device has no state but that it is there. */
static bool read_plain(const char *table, struct mapping *mapping)
{
	unsigned int maj, min;

	if (sscanf(table, "%u:%u %" SCNu64, &maj, &min, &mapping->start) != 3)
		return false;
	mapping->below = makedev(maj, min);
	mapping->live = true;
	mapping->allow_discards = true;
	return true;
}

/* Reads "aes-xts-plain64 :64:envelope:dm-envelope:vol-... 0 MAJOR:MINOR START [options]". */
static bool read_table(const char *table, struct mapping *mapping)
{
	const char *p = strstr(table, ":" ENVELOPE_KEY_TYPE ":" KEY_DESCRIPTION_PREFIX);
	unsigned int maj, min;

	if (!p ||
	    sscanf(p + strlen(":" ENVELOPE_KEY_TYPE ":" KEY_DESCRIPTION_PREFIX),
		   "%21s %*u %u:%u %" SCNu64, mapping->volume_id, &maj, &min, &mapping->start) != 4)
		return false;
	mapping->below = makedev(maj, min);
	mapping->allow_discards = strstr(p, " " MAPPER_DISCARDS);
	return true;
}

/**
 * mapper_is_mapping() - is the first target of the device @name that of a volume?
 */
bool mapper_is_mapping(const char *name)
{
	_cleanup_task_ struct dm_task *status = NULL;
	struct mapping mapping = { 0 };
	char *params;

	status = query(DM_DEVICE_STATUS, name, &params, &mapping);
	return status;
}

/**
 * mapper_find() - fill @mapping; false if @name is not the device of a volume
 *
 * Asks for the status first, which names the target and holds no key. Only the device of a volume is
 * asked for its table: the table of a dm-crypt device has its key in it.
 */
bool mapper_find(const char *name, struct mapping *mapping)
{
	_cleanup_task_ struct dm_task *table = NULL, *status = NULL;
	struct dm_info info;
	char *params, *table_params;

	*mapping = (struct mapping){ 0 };
	status = query(DM_DEVICE_STATUS, name, &params, mapping);
	if (!status)
		return false;
	table = query(DM_DEVICE_TABLE, name, &table_params, mapping);
	if (!table || !(mapping->plain ? read_plain(table_params, mapping)
				       : read_table(table_params, mapping)))
		return false;
	if (!mapping->plain && mapper_parse_status(params, mapping) < 0) {
		log_warning("The status line of %s is not understood.", name);
		return false;
	}
	if (!dm_task_get_info(status, &info) || !info.exists)
		return false;
	snprintf(mapping->name, sizeof(mapping->name), "%s", name);
	mapping->open_count = info.open_count;
	mapping->read_only = info.read_only;
	mapping->device = makedev(info.major, info.minor);
	return true;
}

/**
 * mapper_list() - all devices that belong to a volume
 * @ret: array of @count, to be freed with free()
 *
 * Return: 0 or -1.
 */
int mapper_list(struct mapping **ret, size_t *count, struct fault *f)
{
	_cleanup_task_ struct dm_task *task = new_task(DM_DEVICE_LIST);
	struct dm_names *names;
	struct mapping *list = NULL;
	size_t n = 0;

	if (!task || !dm_task_run(task))
		return fault_set(f, "InternalFailure",
				 "The device-mapper devices cannot be listed. Load device-mapper with 'modprobe dm-mod'.");
	names = dm_task_get_names(task);
	if (names && !names->dev)
		names = NULL;
	while (names) {
		struct mapping *grown = realloc(list, (n + 1) * sizeof(*list));

		if (!grown) {
			free(list);
			return fault_set(f, "InternalFailure", "Out of memory.");
		}
		list = grown;
		n += mapper_find(names->name, &list[n]);
		names = names->next ? (void *)((char *)names + names->next) : NULL;
	}
	*ret = list;
	*count = n;
	return 0;
}
