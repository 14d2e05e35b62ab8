// SPDX-License-Identifier: MIT
/*
 * A stand-in for the kernel module on a host without the module: volume keys and devices are
 * files. userspace/Makefile links this file into unit/enveloped in place of agent/lease/keyring.c,
 * mapper.c, host.c and reservation_call.c. disks_stand_in.c stands in for disks.c. The rest of the agent is the installed code. tests/host/agent.py acts as
 * the kernel by changing these files:
 *
 *	$ENVELOPE_STAND_IN/keys/SERIAL	"DESCRIPTION live|dead"
 *	$ENVELOPE_STAND_IN/devices/NAME	"VOLUME-ID live|failed REASON LEASE MAJOR:MINOR ro|rw
 *					discards|none SECTORS [plain]", all after the number optional
 *	$ENVELOPE_STAND_IN/mapped/NAME	what is read from a device; without the file it cannot be read
 *	$ENVELOPE_STAND_IN/open		while this file exists, all devices are open
 *	$ENVELOPE_STAND_IN/host		"HOST-ID BOOT-ID" of this host; without the file it has none
 *	$ENVELOPE_STAND_IN/reservations/DISK/PATH  "KEY", in hexadecimal digits: the registration of a host,
 *					whose id is its path to the disk; a link named "holder" names the
 *					path with the reservation. Disks without a folder have none
 *	$ENVELOPE_STAND_IN/hung-reservation  while this file exists, a disk with reservations answers no
 *					registration
 *	$ENVELOPE_STAND_IN/hung		while this file exists, the removal of a device blocks; if the
 *					file names a device, only the removal of that device
 *	$ENVELOPE_STAND_IN/in-use	while this file exists, the removal of a device is refused
 *	$ENVELOPE_STAND_IN/hung-key	while this file exists, adding a key blocks
 *	$ENVELOPE_STAND_IN/refused-device  while this file exists, no device is made
 *	$ENVELOPE_STAND_IN/unloaded	while this file exists, a device gets no other table
 *	$ENVELOPE_STAND_IN/unseen	while this file exists, listing the devices blocks, except
 *					for the first time in an agent
 *	$ENVELOPE_STAND_IN/looking	this file exists while such a listing is blocked
 *
 * The stand-in has no leases and encrypts nothing. The KUnit suites and the integration cases test
 * leases and encryption.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/volume/host.h"
#include "agent/lease/keyring.h"
#include "agent/volume/mapper.h"
#include "agent/volume/reservation_call.h"
#include "dm-envelope.h"
#include "kill_moment.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#define SERIAL_FIRST 1000
#define SERIAL_LAST  1999

static const char *place(char path[512], const char *folder, const char *name)
{
	snprintf(path, 512, "%s/%s%s%s", getenv("ENVELOPE_STAND_IN"), folder, *name ? "/" : "",
		 name);
	return path;
}

/* Reads a file's line; "" without a line. */
static void read_line(const char *folder, const char *name, char line[512])
{
	char path[512];
	FILE *file = fopen(place(path, folder, name), "re");

	line[0] = 0;
	if (!file)
		return;
	if (fgets(line, 512, file))
		line[strcspn(line, "\n")] = 0;
	fclose(file);
}

/* Writes under another name and renames: a reader sees the old line or the whole new line. */
static void write_line(const char *folder, const char *name, const char *line)
{
	char path[512], fresh[512], mine[32];
	FILE *file;

	snprintf(mine, sizeof(mine), "fresh-%d", gettid());
	file = fopen(place(fresh, mine, ""), "we");
	if (!file || fprintf(file, "%s\n", line) < 0 || fclose(file) ||
	    rename(fresh, place(path, folder, name)))
		log_error("cannot write %s: %s", place(path, folder, name), strerror(errno));
	kill_moment();
}

/* ---- the host ---- */

int host_identify(struct volume_owner *host)
{
	char line[512];

	read_line("host", "", line);
	return sscanf(line, "%32s %32s", host->host, host->boot) == 2 ? 0 : -ENOENT;
}

/* ---- reservations ---- */

struct registration {
	char disk[256]; /* its folder, below that of the stand-in */
	char path[40];	/* this host */
	uint64_t key;	/* 0: not registered */
	char holder[512];
	bool reserved;
	bool held; /* by this host */
};

static uint64_t registered_key(const char *disk, const char *path)
{
	char line[512];

	read_line(disk, path, line);
	return strtoull(line, NULL, 16);
}

/* False for a disk without reservations. */
static bool read_registration(const char *device, struct registration *r)
{
	char line[512], target[512] = "", node[PATH_MAX];

	*r = (struct registration){ 0 };
	if (realpath(device, node))
		snprintf(r->disk, sizeof(r->disk), "reservations%.200s", strrchr(node, '/'));
	read_line("host", "", line);
	if (access(place(target, r->disk, ""), F_OK) || sscanf(line, "%32s", r->path) != 1)
		return false;
	r->key = registered_key(r->disk, r->path);
	memset(target, 0, sizeof(target));
	r->reserved = readlink(place(r->holder, r->disk, "holder"), target, sizeof(target) - 1) > 0;
	r->held = r->reserved && !strcmp(target, r->path);
	return true;
}

enum reservation_answer reservation_register(const char *device, uint64_t old, uint64_t key)
{
	struct registration r;
	char line[512], path[512];

	while (access(place(path, "hung-reservation", ""), F_OK) == 0)
		usleep(20000);
	if (!read_registration(device, &r))
		return RESERVATION_UNKNOWN;
	if (r.key != old)
		return RESERVATION_CONFLICT;
	snprintf(line, sizeof(line), "%" PRIx64, key);
	write_line(r.disk, r.path, line);
	if (!key && r.held)
		unlink(r.holder);
	return RESERVATION_DONE;
}

enum reservation_answer reservation_reserve(const char *device, uint64_t key)
{
	struct registration r;

	if (!read_registration(device, &r))
		return RESERVATION_UNKNOWN;
	if (r.key != key || (r.reserved && !r.held))
		return RESERVATION_CONFLICT;
	if (!r.held && symlink(r.path, r.holder))
		return RESERVATION_UNKNOWN;
	return RESERVATION_DONE;
}

enum reservation_answer reservation_preempt(const char *device, uint64_t key, uint64_t other)
{
	enum reservation_answer answer = RESERVATION_CONFLICT;
	char folder[512], target[512] = "";
	struct registration r;
	struct dirent *entry;
	DIR *registrations;

	if (!read_registration(device, &r))
		return RESERVATION_UNKNOWN;
	registrations = r.key == key ? opendir(place(folder, r.disk, "")) : NULL;
	if (readlink(r.holder, target, sizeof(target) - 1) < 0)
		target[0] = 0;
	while (registrations && (entry = readdir(registrations))) {
		if (!strcmp(entry->d_name, r.path) || strlen(entry->d_name) != 32 ||
		    registered_key(r.disk, entry->d_name) != other)
			continue;
		write_line(r.disk, entry->d_name, "0");
		answer = RESERVATION_DONE;
		if (!strcmp(entry->d_name, target) &&
		    (unlink(r.holder) || symlink(r.path, r.holder)))
			answer = RESERVATION_UNKNOWN;
	}
	if (registrations)
		closedir(registrations);
	return answer;
}

enum reservation_answer reservation_release(const char *device, uint64_t key)
{
	struct registration r;

	if (!read_registration(device, &r))
		return RESERVATION_UNKNOWN;
	if (r.key != key)
		return RESERVATION_CONFLICT;
	if (r.held)
		unlink(r.holder);
	return RESERVATION_DONE;
}

/* ---- keys ---- */

static bool read_key(int32_t serial, char description[128])
{
	char name[16], line[512], state[8];

	snprintf(name, sizeof(name), "%d", serial);
	read_line("keys", name, line);
	return sscanf(line, "%127s %7s", description, state) == 2 && !strcmp(state, "live");
}

static void write_key(int32_t serial, const char *description, const char *state)
{
	char name[16], line[512];

	snprintf(name, sizeof(name), "%d", serial);
	snprintf(line, sizeof(line), "%s %s", description, state);
	write_line("keys", name, line);
}

int keyring_open(int32_t *ret, struct fault *f)
{
	*ret = 1;
	return 0;
}

int32_t keyring_find(int32_t keyring, const char *description)
{
	char seen[128];

	for (int32_t serial = SERIAL_FIRST; serial <= SERIAL_LAST; serial++)
		if (read_key(serial, seen) && !strcmp(seen, description))
			return serial;
	return 0;
}

int keyring_add(int32_t keyring, const char *description, const struct secret *key,
		uint64_t lease_ns, uint64_t deadline_ns, int32_t *ret, struct fault *f)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	int32_t old, serial = SERIAL_FIRST;
	char path[512], name[16];

	while (access(place(path, "hung-key", ""), F_OK) == 0)
		usleep(20000);
	if (key->size != ENVELOPE_KEY_SIZE)
		return fault_set(f, "InternalFailure", "The data key has %zu bytes.", key->size);
	/* The kernel never has a second live key of the same description either. */
	pthread_mutex_lock(&lock);
	old = keyring_find(keyring, description);
	if (old)
		keyring_revoke(keyring, old);
	for (; serial <= SERIAL_LAST; serial++) {
		snprintf(name, sizeof(name), "%d", serial);
		if (access(place(path, "keys", name), F_OK))
			break;
	}
	write_key(serial, description, "live");
	pthread_mutex_unlock(&lock);
	*ret = serial;
	return 0;
}

int keyring_renew(int32_t *keyring, int32_t key, uint64_t deadline_ns)
{
	char description[128];

	return read_key(key, description) ? 0 : -EKEYREVOKED;
}

/* Seconds; longer than any lease that a test configures. */
#define LEASE_LENGTH 86400

static size_t list_devices(struct mapping **ret);
static void write_device(const struct mapping *m);

/* The end of a key fails every device that uses the key, as in the kernel. */
static void fail_devices(const char *volume_id)
{
	struct mapping *list;
	size_t count = list_devices(&list);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].volume_id, volume_id) || !list[i].live)
			continue;
		list[i].live = false;
		snprintf(list[i].reason, sizeof(list[i].reason), ENVELOPE_REASON_REVOKED);
		list[i].lease_left = 0;
		write_device(&list[i]);
	}
	free(list);
}

int keyring_revoke(int32_t keyring, int32_t key)
{
	char description[128];

	if (!read_key(key, description))
		return 0;
	write_key(key, description, "dead");
	fail_devices(strchr(description, ':') + 1);
	return 0;
}

/* ---- devices ---- */

int mapper_init(struct fault *f)
{
	return 0;
}

int mapper_events(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	char path[512];

	return inotify_add_watch(fd, place(path, "devices", ""), IN_MOVED_TO | IN_DELETE) < 0
		       ? -errno
		       : fd;
}

static void write_device(const struct mapping *m)
{
	char line[512];

	snprintf(line, sizeof(line), "%s %s %s %" PRId64 " %u:%u %s %s %" PRIu64 "%s", m->volume_id,
		 m->live ? "live" : "failed", m->reason[0] ? m->reason : "-", m->lease_left,
		 major(m->below), minor(m->below), m->read_only ? "ro" : "rw",
		 m->allow_discards ? "discards" : "none", m->sectors, m->plain ? " plain" : "");
	write_line("devices", m->name, line);
}

char *mapper_path(const char *name)
{
	return text_format("%s/mapped/%s", getenv("ENVELOPE_STAND_IN"), name);
}

int mapper_create(const struct device_table *table, struct fault *f)
{
	struct mapping m = { .live = true,
			     .lease_left = 60,
			     .below = table->number,
			     .read_only = table->read_only,
			     .allow_discards = table->allow_discards,
			     .plain = table->header->plain,
			     .sectors = table->header->data_sectors };
	char path[512];
	struct stat st;

	if (access(place(path, "refused-device", ""), F_OK) == 0)
		return fault_set(f, "InternalFailure", "The kernel refused to make the device.");
	/* As the kernel side: the path must be there by now, and be the disk. */
	if (!table->device || stat(table->device, &st) < 0 || st.st_rdev != table->number)
		return fault_set(f, "InvalidParameterValue", "%s is not the disk.",
				 table->device ? table->device : "-");
	if (!m.plain && !keyring_find(1, table->description))
		return fault_set(f, "InternalFailure", "There is no key %s.", table->description);
	snprintf(m.name, sizeof(m.name), "%s", table->name);
	memcpy(m.volume_id, table->header->volume_id, sizeof(m.volume_id));
	write_device(&m);
	return 0;
}

static bool holds(const char *file, const char *name)
{
	char line[512];

	read_line(file, "", line);
	return !line[0] || !strcmp(line, name);
}

int mapper_reload(const struct device_table *table, struct fault *f)
{
	char path[512];

	if (access(place(path, "unloaded", ""), F_OK) == 0)
		return fault_set(f, "InternalFailure", "The kernel refused the new table.");
	return mapper_create(table, f);
}

bool mapper_find(const char *name, struct mapping *mapping)
{
	struct mapping *list;
	size_t count = list_devices(&list), at = 0;

	while (at < count && strcmp(list[at].name, name))
		at++;
	if (at < count)
		*mapping = list[at];
	free(list);
	return at < count;
}

int mapper_remove(const char *name, struct fault *f)
{
	char path[512];

	while (access(place(path, "hung", ""), F_OK) == 0 && holds("hung", name))
		usleep(20000);
	if (access(place(path, "in-use", ""), F_OK) == 0)
		return fault_set(f, "InvalidDBClusterStateFault", "The device %s is in use.", name);
	unlink(place(path, "devices", name));
	return 0;
}

static size_t list_devices(struct mapping **ret)
{
	char path[512], line[512], state[8], mode[8] = "rw", discards[16] = "none", plain[8];
	struct dirent *entry;
	DIR *dir = opendir(place(path, "devices", ""));
	struct mapping *list = calloc(64, sizeof(*list));
	size_t n = 0;

	while (dir && n < 64 && (entry = readdir(dir))) {
		struct mapping *m = &list[n];
		unsigned int maj, min;

		read_line("devices", entry->d_name, line);
		plain[0] = 0;
		if (sscanf(line, "%21s %7s %31s %" SCNd64 " %u:%u %7s %15s %" SCNu64 " %7s",
			   m->volume_id, state, m->reason, &m->lease_left, &maj, &min, mode,
			   discards, &m->sectors, plain) < 6)
			continue;
		m->plain = plain[0];
		m->read_only = !strcmp(mode, "ro");
		m->allow_discards = !strcmp(discards, "discards");
		m->below = makedev(maj, min);
		m->start = VOLUME_DATA_OFFSET / 512;
		snprintf(m->name, sizeof(m->name), "%.127s", entry->d_name);
		m->live = !strcmp(state, "live");
		m->lease_length = LEASE_LENGTH;
		m->open_count = access(place(path, "open", ""), F_OK) == 0;
		m->device = makedev(maj, min);
		if (!strcmp(m->reason, "-"))
			m->reason[0] = 0;
		n++;
	}
	if (dir)
		closedir(dir);
	*ret = list;
	return n;
}

int mapper_list(struct mapping **ret, size_t *count, struct fault *f)
{
	static atomic_bool looked;
	char path[512];

	if (looked && access(place(path, "unseen", ""), F_OK) == 0)
		write_line("looking", "", "yes");
	while (looked && access(place(path, "unseen", ""), F_OK) == 0)
		usleep(20000);
	looked = true;
	*count = list_devices(ret);
	return 0;
}
