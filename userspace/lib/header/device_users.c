// SPDX-License-Identifier: MIT
/*
 * Finds the users of a block device and of what lies on it: mounts, processes that have it open, devices
 * on top. The answer may be out of date by the time it is read.
 */
#include "lib/header/device_users.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/base/text.h"
#include "lib/header/device_holders.h"
#include "lib/header/device_stack.h"

/* Return: the device with this number, NULL for none. */
static const struct stacked_device *among(const struct stacked_device *list, size_t count,
					  dev_t number)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].number == number)
			return &list[i];
	return NULL;
}

/* A file system of its own number, such as btrfs, names the device as its source. */
static const struct stacked_device *among_sources(const struct stacked_device *list, size_t count,
						  const char *line)
{
	const char *rest = strstr(line, " - ");
	char source[256];
	struct stat st;

	if (!rest || sscanf(rest, " - %*s %255s", source) != 1 || strncmp(source, "/dev/", 5) ||
	    stat(source, &st) || !S_ISBLK(st.st_mode))
		return NULL;
	return among(list, count, st.st_rdev);
}

/* The first mount point of one of the devices in the host's mount namespace. */
static bool find_mount(const struct stacked_device *list, size_t count, char *text, size_t size)
{
	FILE *file = fopen("/proc/1/mountinfo", "re");
	const struct stacked_device *found = NULL;
	char *line = NULL;
	size_t capacity = 0;

	while (file && !found && getline(&line, &capacity, file) > 0) {
		unsigned int maj, min;
		char where[256];

		if (sscanf(line, "%*d %*d %u:%u %*s %255s", &maj, &min, where) != 3)
			continue;
		found = maj ? among(list, count, makedev(maj, min))
			    : among_sources(list, count, line);
		if (found && found->name[0])
			snprintf(text, size,
				 "The device %s on it is mounted on %s. Unmount it first.",
				 found->name, where);
		else if (found)
			snprintf(text, size, "It is mounted on %s. Unmount it first.", where);
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

static const struct stacked_device *process_has_open(const char *pid,
						     const struct stacked_device *list,
						     size_t count)
{
	_cleanup_text_ char *path = text_format("/proc/%s/fd", pid);
	const struct stacked_device *found = NULL;
	struct dirent *entry;
	DIR *dir;

	dir = path ? opendir(path) : NULL;
	while (dir && !found && (entry = readdir(dir))) {
		struct stat st;

		if (fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISBLK(st.st_mode))
			found = among(list, count, st.st_rdev);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void name_process(const char *pid, const char *device, char *text, size_t size)
{
	_cleanup_text_ char *path = text_format("/proc/%s/comm", pid);
	FILE *comm = path ? fopen(path, "re") : NULL;
	char name[64] = "?"; /* the kernel cuts it at 15 bytes */

	if (comm) {
		if (fgets(name, sizeof(name), comm))
			name[strcspn(name, "\n")] = 0;
		fclose(comm);
	}
	if (*device)
		snprintf(text, size,
			 "The process %s (%s) has the device %s on it open. Stop the process first.",
			 pid, name, device);
	else
		snprintf(text, size, "The process %s (%s) has it open. Stop the process first.",
			 pid, name);
}

static bool find_process(const struct stacked_device *list, size_t count, char *text, size_t size)
{
	const struct stacked_device *found = NULL;
	DIR *dir = count ? opendir("/proc") : NULL;
	struct dirent *entry;

	while (dir && !found && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		found = process_has_open(entry->d_name, list, count);
		if (found)
			name_process(entry->d_name, found->name, text, size);
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool find_device_on_top(dev_t device, char *text, size_t size)
{
	struct device_holder *holders;
	char folder[64];
	ssize_t count;

	snprintf(folder, sizeof(folder), "/sys/dev/block/%u:%u", major(device), minor(device));
	count = device_holders_list(folder, &holders);
	if (count > 0 && holders[0].related)
		snprintf(text, size,
			 "The device %.80s lies on top of %.80s, which has the same blocks. Remove that device first.",
			 holders[0].name, holders[0].held);
	else if (count > 0)
		snprintf(text, size,
			 "The device %.80s lies on top of it. Remove that device first.",
			 holders[0].name);
	free(holders);
	return count > 0;
}

/**
 * device_users_find() - a user of a block device, or of a device that lies on it, and what to do
 * @text: two sentences, when the answer is true
 *
 * Who uses a device on top comes before that device: the device cannot be removed earlier.
 */
bool device_users_find(dev_t device, char *text, size_t size)
{
	struct stacked_device *list;
	size_t count = device_stack_list(device, &list), above = count > 1 ? count - 1 : 0;
	bool found = find_mount(list, count, text, size) ||
		     find_process(list + (count - above), above, text, size) ||
		     find_device_on_top(device, text, size) ||
		     find_process(list, count - above, text, size);

	free(list);
	return found;
}

/**
 * device_users_explain() - name the user of a busy device in a fault
 * @device: number of the device
 * @name: under /dev/mapper
 * @f: replaced when it is InvalidDBClusterStateFault
 */
void device_users_explain(dev_t device, const char *name, struct fault *f)
{
	char text[400];

	if (strcmp(f->code, "InvalidDBClusterStateFault"))
		return;
	if (!device_users_find(device, text, sizeof(text)))
		snprintf(text, sizeof(text), "Find its users: lsblk, fuser -vm /dev/mapper/%.80s.",
			 name);
	fault_set(f, "InvalidDBClusterStateFault", "The device /dev/mapper/%s is in use. %s", name,
		  text);
}
