// SPDX-License-Identifier: MIT
/*
 * Finds the users of a block device: mounts, processes that have it open, devices on top. The
 * answer may be out of date by the time it is read.
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

/* The first mount point of @device in the host's mount namespace. */
static bool find_mount(dev_t device, char *text, size_t size)
{
	FILE *file = fopen("/proc/1/mountinfo", "re");
	char *line = NULL;
	size_t capacity = 0;
	bool found = false;

	while (file && !found && getline(&line, &capacity, file) > 0) {
		unsigned int maj, min;
		char where[256];

		found = sscanf(line, "%*d %*d %u:%u %*s %255s", &maj, &min, where) == 3 &&
			makedev(maj, min) == device;
		if (found)
			snprintf(text, size, "It is mounted on %s. Unmount it first.", where);
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

static bool process_has_open(const char *pid, dev_t device)
{
	_cleanup_text_ char *path = text_format("/proc/%s/fd", pid);
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	dir = path ? opendir(path) : NULL;
	while (dir && !found && (entry = readdir(dir))) {
		struct stat st;

		found = fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISBLK(st.st_mode) &&
			st.st_rdev == device;
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool find_process(dev_t device, char *text, size_t size)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		_cleanup_text_ char *path = NULL;
		char name[64] = "?"; /* the kernel cuts it at 15 bytes */
		FILE *comm;

		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !process_has_open(entry->d_name, device))
			continue;
		found = true;
		path = text_format("/proc/%s/comm", entry->d_name);
		comm = path ? fopen(path, "re") : NULL;
		if (comm) {
			if (fgets(name, sizeof(name), comm))
				name[strcspn(name, "\n")] = 0;
			fclose(comm);
		}
		snprintf(text, size, "The process %s (%s) has it open. Stop the process first.",
			 entry->d_name, name);
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
 * device_users_find() - a user of a block device, and what to do
 * @text: two sentences, when the answer is true
 */
bool device_users_find(dev_t device, char *text, size_t size)
{
	return find_mount(device, text, size) || find_device_on_top(device, text, size) ||
	       find_process(device, text, size);
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
