// SPDX-License-Identifier: MIT
/*
 * The driver of AES-256-XTS that the module gets from the kernel: of those in /proc/crypto the one of
 * the highest priority that does not work in the background. A driver that the kernel would first have
 * to load or to put together is not in the list.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "check/host_file.h"

#if defined(__x86_64__)
#define ACCELERATED "modprobe aesni_intel"
#else
#define ACCELERATED "modprobe aes-ce-blk"
#endif

/** struct driver - one entry of /proc/crypto */
struct driver {
	char name[128];
	char driver[128];
	long priority;
	bool async;
};

/* "name         : xts(aes)": is the line about @field? Its value then. */
static const char *value_of(const char *line, const char *field)
{
	size_t size = strlen(field);
	const char *colon = strchr(line, ':');

	if (strncmp(line, field, size) || line[size] != ' ' || !colon)
		return NULL;
	return colon[1] ? colon + 2 : "";
}

static void take(struct driver *entry, const char *line)
{
	const char *value;

	if ((value = value_of(line, "name")))
		snprintf(entry->name, sizeof(entry->name), "%s", value);
	else if ((value = value_of(line, "driver")))
		snprintf(entry->driver, sizeof(entry->driver), "%s", value);
	else if ((value = value_of(line, "priority")))
		entry->priority = strtol(value, NULL, 10);
	else if ((value = value_of(line, "async")))
		entry->async = !strcmp(value, "yes");
}

static void prefer(struct driver *best, const struct driver *entry)
{
	if ((!strcmp(entry->name, "xts(aes)") || !strcmp(entry->name, "__xts(aes)")) &&
	    !entry->async && (!best->driver[0] || entry->priority > best->priority))
		*best = *entry;
}

/* Entries are separated by empty lines. */
static bool find_driver(struct driver *best)
{
	FILE *file = fopen("/proc/crypto", "re");
	struct driver entry = { 0 };
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return false;
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (line[0]) {
			take(&entry, line);
			continue;
		}
		prefer(best, &entry);
		entry = (struct driver){ 0 };
	}
	prefer(best, &entry);
	free(line);
	fclose(file);
	return true;
}

/* Code in C, for each CPU, alone or below the template of XTS. */
static bool is_generic(const char *driver)
{
	static const char *const marks[] = { "generic", "fixed-time", "aes-lib" };

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (strstr(driver, marks[i]))
			return true;
	return false;
}

void check_driver(const struct settings *settings, struct finding *finding)
{
	bool instructions = host_has("/proc/cpuinfo", " aes ") ||
			    host_has("/proc/cpuinfo", " aes\n");
	const char *advice =
		instructions
			? "Load the driver that uses them: " ACCELERATED
			  ". Running clusters take it at their next start."
			: "Encryption will cost much CPU time. Use a CPU with AES instructions, or pass them to the VM (QEMU: -cpu host).";
	const char *cpu = instructions ? "The CPU has AES instructions."
				       : "The CPU has no AES instructions.";
	struct driver best = { 0 };

	if (!find_driver(&best))
		finding_set(finding, CHECK_SKIPPED, "Mount /proc.", "/proc/crypto cannot be read.");
	else if (!best.driver[0])
		finding_set(finding, CHECK_WARNING, advice,
			    "No driver of AES-256-XTS is loaded. %s", cpu);
	else if (is_generic(best.driver))
		finding_set(finding, CHECK_WARNING, advice,
			    "AES-256-XTS is done by %s, which is generic code. %s", best.driver,
			    cpu);
	else
		finding_set(finding, CHECK_OK, NULL, "AES-256-XTS is done by %s.", best.driver);
}
