// SPDX-License-Identifier: MIT
/*
 * Thin pools and thin volumes, by lvm(8). See lvm.h.
 *
 * A killed agent leaves lvm at work. The lock below is lvm's standard input, so that the next agent
 * waits for the end of such a program before it looks at what the program has made.
 *
 * Must never remove a volume by its name: lvm itself compares uuid and tag, under its own lock.
 */
#include "agent/volume/lvm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "agent/volume/program.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#define PROGRAM	  "/usr/sbin/lvm"
#define SECONDS	  60
#define WORDS_MAX 24

/* Set by lvm_start(), before there are threads. */
static char *lock_file;

static const char *program(void)
{
	const char *path = secure_getenv("ENVELOPE_LVM");

	return path && *path ? path : PROGRAM;
}

/**
 * lvm_start() - name the file that keeps two agents from running lvm at the same time
 *
 * Return: 0 or -1.
 */
int lvm_start(const char *lock_path, struct fault *f)
{
	return text_set(&lock_file, lock_path) == 0
		       ? 0
		       : fault_set(f, "InternalFailure", "Out of memory.");
}

/* Waits for the lvm of an agent before this one. Return: the descriptor, or -1. */
static int take_lock(struct fault *f)
{
	int fd = open(lock_file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	const struct timespec pause = { .tv_nsec = 50000000 };

	if (fd < 0)
		return fault_set(f, "InternalFailure", "%s cannot be opened: %s.", lock_file,
				 strerror(errno));
	for (int i = 0; i < SECONDS * 20; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		nanosleep(&pause, NULL);
	}
	close(fd);
	return fault_set(f, "DeviceTimeout",
			 "An lvm that enveloped has started is still at work. Look at it with 'ps -C lvm', and at the disks with 'dmesg'.");
}

/* @words: of the command, ended by NULL. @output: what it prints, for free(); NULL if nobody reads it */
static int run(const char *const words[], char **output, struct fault *f)
{
	const char *argv[WORDS_MAX + 2] = { program() };
	int _cleanup_close_ lock = take_lock(f);
	struct program_end end;
	size_t count = 1;
	int r;

	if (lock < 0)
		return -1;
	for (size_t i = 0; words[i] && count < WORDS_MAX; i++)
		argv[count++] = words[i];
	r = program_run(argv, lock, SECONDS, &end, f);
	if (r == 0 && end.late)
		r = fault_set(f, "DeviceTimeout",
			      "lvm %s has not ended within %d seconds, and was killed. Look at the disks with 'dmesg', and at udev with 'udevadm settle'.",
			      words[0], SECONDS);
	else if (r == 0 && end.status)
		r = fault_set(f, "VolumeGroupError", "lvm %s failed: %s", words[0],
			      end.said[0] ? end.said : "it says nothing.");
	if (r == 0 && output)
		*output = text_take(&end.output);
	program_end_clear(&end);
	return r;
}

/** lvm_valid_name() - would LVM take this name for a volume of ours? */
bool lvm_valid_name(const char *name)
{
	static const char first[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	size_t length = strlen(name);

	return length && length <= LVM_NAME_MAX && strchr(first, name[0]) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+") ==
		       length;
}

/* ---- reports ---- */

static uint64_t number(json_object *row, const char *name)
{
	const char *text = json_get_string(row, name);

	return text ? strtoull(text, NULL, 10) : 0;
}

static double percent(json_object *row, const char *name)
{
	const char *text = json_get_string(row, name);

	return text ? strtod(text, NULL) : 0;
}

/* The rows of the only report; NULL if it has another shape. */
static json_object *rows_of(const char *text, const char *kind, json_object **document)
{
	json_object *reports, *first;

	*document = text ? json_parse(text, strlen(text)) : NULL;
	reports = *document ? json_get_array(*document, "report") : NULL;
	first = reports && json_object_array_length(reports) ? json_object_array_get_idx(reports, 0)
							     : NULL;
	return first ? json_get_array(first, kind) : NULL;
}

static int take_volume(json_object *row, struct lvm_volume *volume)
{
	if (json_copy_string(row, "lv_uuid", volume->uuid, sizeof(volume->uuid)) < 0 ||
	    json_copy_string(row, "lv_name", volume->name, sizeof(volume->name)) < 0 ||
	    json_copy_string(row, "lv_path", volume->path, sizeof(volume->path)) < 0 ||
	    json_copy_string(row, "segtype", volume->type, sizeof(volume->type)) < 0 ||
	    json_copy_string(row, "lv_tags", volume->tags, sizeof(volume->tags)) < 0 ||
	    json_copy_string(row, "pool_lv_uuid", volume->pool_uuid, sizeof(volume->pool_uuid)) <
		    0 ||
	    json_copy_string(row, "lv_health_status", volume->health, sizeof(volume->health)) < 0)
		return -1;
	volume->bytes = number(row, "lv_size");
	volume->data_percent = percent(row, "data_percent");
	volume->metadata_percent = percent(row, "metadata_percent");
	return volume->uuid[0] && volume->name[0] ? 0 : -1;
}

static int misunderstood(const char *what, struct fault *f)
{
	return fault_set(f, "InternalFailure", "The report of lvm %s is not understood.", what);
}

static int read_volumes(const char *group, struct lvm_group *ret, struct fault *f)
{
	const char *const words[] = {
		"lvs",
		"--reportformat",
		"json",
		"--units",
		"b",
		"--nosuffix",
		"-o",
		"lv_uuid,lv_name,lv_path,segtype,lv_tags,pool_lv_uuid,lv_health_status,lv_size,data_percent,metadata_percent",
		group,
		NULL
	};
	_cleanup_text_ char *text = NULL;
	_cleanup_json_ json_object *document = NULL;
	json_object *rows;
	size_t count;

	if (run(words, &text, f) < 0)
		return -1;
	rows = rows_of(text, "lv", &document);
	if (!rows)
		return misunderstood("lvs", f);
	count = json_object_array_length(rows);
	ret->volumes = calloc(count + 1, sizeof(*ret->volumes));
	if (!ret->volumes)
		return fault_set(f, "InternalFailure", "Out of memory.");
	for (size_t i = 0; i < count; i++)
		if (take_volume(json_object_array_get_idx(rows, i), &ret->volumes[i]) < 0)
			return misunderstood("lvs", f);
	ret->count = count;
	return 0;
}

/*
 * LVM has no such group. On a host with LVM's devices file (lvmdevices(8)) it may be on disks that
 * the file does not list, and LVM does not say so. The agent adds none: the file is the
 * administrator's.
 */
static void explain_unlisted(const char *group, struct fault *f)
{
	const char *const words[] = {
		"vgs", "--devicesfile", "", "--reportformat", "json", "-o", "pv_name", group, NULL
	};
	_cleanup_text_ char *text = NULL;
	_cleanup_json_ json_object *document = NULL;
	json_object *rows;
	struct fault ignored;
	const char *disk;

	if (run(words, &text, &ignored) < 0)
		return;
	rows = rows_of(text, "vg", &document);
	disk = rows && json_object_array_length(rows)
		       ? json_get_string(json_object_array_get_idx(rows, 0), "pv_name")
		       : NULL;
	if (disk)
		fault_set(f, "VolumeGroupError",
			  "LVM's devices file does not list the disks of the volume group %s, such as %s. Add each with 'lvmdevices --adddev DEVICE', then try again.",
			  group, disk);
}

/**
 * lvm_group_read() - read what LVM knows of a volume group
 * @ret: for lvm_group_clear(), also after a failure
 *
 * Return: 0 or -1: VolumeGroupError, if there is no such group.
 */
int lvm_group_read(const char *group, struct lvm_group *ret, struct fault *f)
{
	const char *const words[] = {
		"vgs", "--reportformat",	 "json", "--units", "b", "--nosuffix",
		"-o",  "vg_free,vg_extent_size", group,	 NULL
	};
	_cleanup_text_ char *text = NULL;
	_cleanup_json_ json_object *document = NULL;
	json_object *rows;

	*ret = (struct lvm_group){ 0 };
	if (run(words, &text, f) < 0) {
		explain_unlisted(group, f);
		return -1;
	}
	rows = rows_of(text, "vg", &document);
	if (!rows || json_object_array_length(rows) != 1)
		return misunderstood("vgs", f);
	ret->free_bytes = number(json_object_array_get_idx(rows, 0), "vg_free");
	ret->extent_bytes = number(json_object_array_get_idx(rows, 0), "vg_extent_size");
	if (!ret->extent_bytes)
		return misunderstood("vgs", f);
	return read_volumes(group, ret, f);
}

/**
 * lvm_read_tagged() - read each volume group that has a volume of dm-envelope
 * @ret: array of @count, for lvm_clear_tagged()
 *
 * Return: 0 or -1, with an empty array.
 */
int lvm_read_tagged(struct lvm_tagged **ret, size_t *count, struct fault *f)
{
	const char *const words[] = { "lvs",
				      "--reportformat",
				      "json",
				      "-o",
				      "vg_name",
				      "--select",
				      "lv_tags={\"" LVM_TAG "\"}",
				      NULL };
	_cleanup_text_ char *text = NULL;
	_cleanup_json_ json_object *document = NULL;
	json_object *rows;

	*ret = NULL;
	*count = 0;
	if (run(words, &text, f) < 0)
		return -1;
	rows = rows_of(text, "lv", &document);
	if (!rows)
		return misunderstood("lvs", f);
	*ret = calloc(json_object_array_length(rows) + 1, sizeof(**ret));
	for (size_t i = 0; *ret && i < json_object_array_length(rows); i++) {
		struct lvm_tagged *next = &(*ret)[*count];
		size_t seen = 0;

		json_copy_string(json_object_array_get_idx(rows, i), "vg_name", next->name,
				 sizeof(next->name));
		while (strcmp((*ret)[seen].name, next->name))
			seen++;
		if (seen < *count)
			continue;
		++*count;
		if (lvm_group_read(next->name, &next->group, f) < 0) {
			lvm_clear_tagged(*ret, *count);
			*ret = NULL;
			*count = 0;
			return -1;
		}
	}
	return *ret ? 0 : fault_set(f, "InternalFailure", "Out of memory.");
}

/** lvm_clear_tagged() - free the groups of lvm_read_tagged() */
void lvm_clear_tagged(struct lvm_tagged *tagged, size_t count)
{
	for (size_t i = 0; i < count; i++)
		lvm_group_clear(&tagged[i].group);
	free(tagged);
}

/** lvm_group_clear() - free what a report owns */
void lvm_group_clear(struct lvm_group *group)
{
	free(group->volumes);
	*group = (struct lvm_group){ 0 };
}

/** lvm_find() - the volume of that name; NULL for none */
const struct lvm_volume *lvm_find(const struct lvm_group *group, const char *name)
{
	for (size_t i = 0; i < group->count; i++)
		if (!strcmp(group->volumes[i].name, name))
			return &group->volumes[i];
	return NULL;
}

/** lvm_has_tag() - has the volume this tag, and not only one that begins or ends so? */
bool lvm_has_tag(const struct lvm_volume *volume, const char *tag)
{
	size_t length = strlen(tag);

	for (const char *c = volume->tags; *c; c += strcspn(c, ",")) {
		c += *c == ',';
		if (strcspn(c, ",") == length && !strncmp(c, tag, length))
			return true;
	}
	return false;
}

/** lvm_find_tag() - the first volume of dm-envelope with this tag; NULL for none */
const struct lvm_volume *lvm_find_tag(const struct lvm_group *group, const char *tag)
{
	for (size_t i = 0; i < group->count; i++)
		if (lvm_has_tag(&group->volumes[i], LVM_TAG) &&
		    lvm_has_tag(&group->volumes[i], tag))
			return &group->volumes[i];
	return NULL;
}

/* ---- changes ---- */

static size_t add_tags(const char *words[], size_t count, const struct lvm_tags *tags)
{
	words[count++] = "--addtag";
	words[count++] = LVM_TAG;
	for (size_t i = 0; i < LVM_TAGS && tags->tag[i][0]; i++) {
		words[count++] = "--addtag";
		words[count++] = tags->tag[i];
	}
	return count;
}

/**
 * lvm_make_pool() - make a thin pool, whose new blocks are zeroed before they are read
 * @bytes: 0 for nine tenths of what is free: its metadata, and their spare, need room as well
 */
int lvm_make_pool(const char *group, const char *name, uint64_t bytes, const struct lvm_tags *tags,
		  struct fault *f)
{
	const char *words[WORDS_MAX] = { "lvcreate", "--yes", "--type", "thin-pool",
					 "--zero",   "y",     "--name", name };
	char size[32]; /* a number of 64 bits and a unit */
	size_t count = 8;

	snprintf(size, sizeof(size), "%" PRIu64 "b", bytes);
	words[count++] = bytes ? "--size" : "--extents";
	words[count++] = bytes ? size : "90%FREE";
	count = add_tags(words, count, tags);
	words[count] = group;
	return run(words, NULL, f);
}

/** lvm_make_thin() - make an active thin volume of @bytes in the pool */
int lvm_make_thin(const char *group, const char *pool, const char *name, uint64_t bytes,
		  const struct lvm_tags *tags, struct fault *f)
{
	const char *words[WORDS_MAX] = { "lvcreate", "--yes", "--type", "thin", "--name", name };
	char size[32]; /* a number of 64 bits and a unit */
	size_t count = 6;

	snprintf(size, sizeof(size), "%" PRIu64 "b", bytes);
	words[count++] = "--virtualsize";
	words[count++] = size;
	words[count++] = "--thinpool";
	words[count++] = pool;
	count = add_tags(words, count, tags);
	words[count] = group;
	return run(words, NULL, f);
}

/**
 * lvm_make_snapshot() - make a thin volume with the blocks that the thin volume @origin has now
 * @active: make its device; a snapshot without a device is not activated at a boot either
 *
 * A suspended device is not looked at: the caller holds the device on top of @origin, and a read of
 * it would wait until the caller lets it go.
 */
int lvm_make_snapshot(const char *group, const char *origin, const char *name, bool active,
		      const struct lvm_tags *tags, struct fault *f)
{
	_cleanup_text_ char *volume = text_format("%s/%s", group, origin);
	const char *words[WORDS_MAX] = { "lvcreate",
					 "--yes",
					 "--config",
					 "devices/ignore_suspended_devices=1",
					 "--snapshot",
					 "--setactivationskip",
					 active ? "n" : "y",
					 "--name",
					 name };
	size_t count = add_tags(words, 9, tags);

	if (!volume)
		return fault_set(f, "InternalFailure", "Out of memory.");
	words[count] = volume;
	return run(words, NULL, f);
}

/** lvm_extend() - make a volume or a pool @bytes long; the caller knows that it is shorter */
int lvm_extend(const char *group, const char *name, uint64_t bytes, struct fault *f)
{
	_cleanup_text_ char *volume = text_format("%s/%s", group, name);
	_cleanup_text_ char *size = text_format("%" PRIu64 "b", bytes);
	const char *const words[] = { "lvextend", "--yes", "--size", size, volume, NULL };

	if (!volume || !size)
		return fault_set(f, "InternalFailure", "Out of memory.");
	return run(words, NULL, f);
}

/**
 * lvm_remove() - remove the volume of the group that has this uuid and these two tags: LVM_TAG and
 * @tag
 *
 * Succeeds when there is no such volume: another volume of the same name is left alone.
 *
 * Return: 0 when there is no such volume any more, or -1.
 */
int lvm_remove(const char *group, const char *uuid, const char *tag, struct fault *f)
{
	_cleanup_text_ char *select =
		text_format("lv_uuid=\"%s\" && lv_tags={\"" LVM_TAG "\" && \"%s\"}", uuid, tag);
	const char *const words[] = { "lvremove", "--yes", "--select", select, group, NULL };

	if (!select)
		return fault_set(f, "InternalFailure", "Out of memory.");
	return run(words, NULL, f);
}

/**
 * lvm_autoextend() - does lvm.conf have dmeventd extend pools?
 * @ret: set
 */
int lvm_autoextend(bool *ret, struct fault *f)
{
	static const char name[] = "thin_pool_autoextend_threshold";
	const char *const words[] = { "lvmconfig", "--type", "full",
				      "activation/thin_pool_autoextend_threshold", NULL };
	_cleanup_text_ char *text = NULL;

	if (run(words, &text, f) < 0)
		return -1;
	if (!text || strncmp(text, name, sizeof(name) - 1) || text[sizeof(name) - 1] != '=')
		return misunderstood("lvmconfig", f);
	*ret = strtoul(text + sizeof(name), NULL, 10) < 100;
	return 0;
}
