// SPDX-License-Identifier: MIT
#include "kms/store/store_clock.h"

#include <string.h>
#include <systemd/sd-id128.h>
#include <time.h>

#include "kms/store/store_row.h"
#include "lib/base/json.h"

#define NS_PER_S 1000000000LL

static int64_t up_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Without an id of the boot the time before this process does not count. */
static void boot_id(char id[33])
{
	sd_id128_t boot;

	id[0] = 0;
	if (sd_id128_get_boot(&boot) >= 0)
		sd_id128_to_string(boot, id);
}

/**
 * store_clock() - seconds by which waiting periods end
 *
 * Began as seconds since the epoch, and stands still while the host is down.
 */
int64_t store_clock(const struct store *store)
{
	return store->clock.seconds + (up_ns() - store->clock.since_ns) / NS_PER_S;
}

/**
 * store_clock_load() - go on from what store_clock_store() wrote
 * @record: of the store
 *
 * Within one boot no time is lost, also while no KMS runs. In a new boot the clock goes on from now.
 */
void store_clock_load(struct store *store, struct json_object *record)
{
	const char *written = json_get_string(record, "Boot");
	int64_t since_ns = json_get_int(record, "ClockSinceNs", 0), now_ns = up_ns();
	char boot[33];

	boot_id(boot);
	store->clock.seconds = json_get_int(record, "Clock", time(NULL));
	store->clock.since_ns = now_ns;
	if (boot[0] && written && !strcmp(written, boot) && since_ns <= now_ns)
		store->clock.since_ns = since_ns;
}

/** store_clock_store() - write the clock into the record of the store */
void store_clock_store(struct store *store, struct json_object *record)
{
	int64_t now_ns = up_ns();
	char boot[33];

	boot_id(boot);
	store->clock.seconds += (now_ns - store->clock.since_ns) / NS_PER_S;
	store->clock.since_ns = now_ns - (now_ns - store->clock.since_ns) % NS_PER_S;
	json_add_int(record, "Clock", store->clock.seconds);
	json_add_int(record, "ClockSinceNs", store->clock.since_ns);
	json_add_string(record, "Boot", boot);
}
