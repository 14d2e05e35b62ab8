// SPDX-License-Identifier: MIT
/* The kernel's quota of keys for root, who has the keys of all volumes, and the agent's keyring. */
#include <keyutils.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "check/check.h"

#define KEYRING_NAME "envelope"
/* Bytes that the quota counts for a volume's key: its payload and its description. */
#define KEY_BYTES 256

/** struct quota - of root, from /proc/key-users */
struct quota {
	unsigned long keys, keys_max;
	unsigned long bytes, bytes_max;
};

/* A line: "UID: USES ALL/INSTANTIATED KEYS/MAX BYTES/MAX". Root may have no key yet. */
static bool read_quota(struct quota *quota)
{
	FILE *file = fopen("/proc/key-users", "re");
	bool found = false;
	char line[256];

	while (file && !found && fgets(line, sizeof(line), file)) {
		unsigned int uid;

		found = sscanf(line, "%u: %*u %*u/%*u %lu/%lu %lu/%lu", &uid, &quota->keys,
			       &quota->keys_max, &quota->bytes, &quota->bytes_max) == 5 &&
			uid == 0;
	}
	if (file)
		fclose(file);
	return found;
}

static void judge(const struct quota *quota, struct finding *finding)
{
	unsigned long keys = quota->keys < quota->keys_max ? quota->keys_max - quota->keys : 0;
	unsigned long bytes = quota->bytes < quota->bytes_max ? quota->bytes_max - quota->bytes : 0;
	unsigned long room = bytes / KEY_BYTES < keys ? bytes / KEY_BYTES : keys;

	finding_add(finding, "Root has %lu of %lu keys, and %lu of %lu bytes.", quota->keys,
		    quota->keys_max, quota->bytes, quota->bytes_max);
	if (room == 0)
		finding_worse(finding, CHECK_FAILED,
			      "No volume gets a key. Raise kernel.keys.root_maxkeys and kernel.keys.root_maxbytes with sysctl.");
	else if (keys < quota->keys_max / 10 || bytes < quota->bytes_max / 10)
		finding_worse(finding, CHECK_WARNING,
			      "There is room for %lu more volumes. Raise kernel.keys.root_maxkeys and kernel.keys.root_maxbytes with sysctl.",
			      room);
}

static void look_at_keyring(struct finding *finding)
{
	long keyring = keyctl_search(KEY_SPEC_USER_KEYRING, "keyring", KEYRING_NAME, 0);
	long size = keyring > 0 ? keyctl_read((key_serial_t)keyring, NULL, 0) : -1;
	long count = size / (long)sizeof(key_serial_t);

	if (size >= 0)
		finding_add(finding, "The agent's keyring has %ld %s.", count,
			    count == 1 ? "key" : "keys");
	else
		finding_add(finding, "There is no keyring of the agent: the agent makes it.");
}

void check_keyring(const struct settings *settings, struct finding *finding)
{
	struct quota quota;

	if (!read_quota(&quota)) {
		finding_set(finding, CHECK_SKIPPED, AS_ROOT,
			    "/proc/key-users does not show the keys of root.");
		return;
	}
	judge(&quota, finding);
	if (geteuid() == 0)
		look_at_keyring(finding);
	else
		finding_only_root(finding, "Only root sees the agent's keyring.");
}
