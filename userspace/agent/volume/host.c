// SPDX-License-Identifier: MIT
/*
 * The identity of this host: a hash of its machine id, which must not leave the host itself, and the id
 * of this boot.
 */
#include "agent/volume/host.h"

#include <systemd/sd-id128.h>

/* Of dm-envelope: another program that hashes the machine id gets another one. */
#define APPLICATION SD_ID128_MAKE(c7, 6a, a0, c0, 60, aa, 47, 4a, 8b, bb, 8b, f5, 44, 35, 1b, 14)

/**
 * host_identify() - fill @host's ids
 *
 * Return: 0 or a negative errno, for a host without a machine id.
 */
int host_identify(struct volume_owner *host)
{
	sd_id128_t machine, boot;
	int r = sd_id128_get_machine_app_specific(APPLICATION, &machine);

	if (r >= 0)
		r = sd_id128_get_boot(&boot);
	if (r < 0)
		return r;
	sd_id128_to_string(machine, host->host);
	sd_id128_to_string(boot, host->boot);
	return 0;
}
