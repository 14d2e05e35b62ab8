/* SPDX-License-Identifier: MIT */
/*
 * The settings of the running KMS: read anew on SIGHUP, and checked before they count.
 *
 * Must never end the KMS, a key or a call under way for a fault in new settings: the old ones stay in
 * force.
 */
#ifndef ENVELOPE_KMS_RELOAD_H
#define ENVELOPE_KMS_RELOAD_H

#include <systemd/sd-event.h>

#include "kms/call.h"
#include "kms/settings.h"
#include "lib/http/http.h"

struct reload { /* all borrowed from main() */
	int argc;
	char **argv;
	struct settings *settings;
	struct kms *kms;
	struct tls *tls;
	struct http **tls_server; /* NULL in it: no port */
};

int reload_on_hangup(sd_event *event, struct reload *reload, struct fault *f);

#endif
