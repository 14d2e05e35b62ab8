/* SPDX-License-Identifier: MIT */
/* The identity of this host, as volume headers name it. */
#ifndef ENVELOPE_HOST_H
#define ENVELOPE_HOST_H

#include "lib/header/volume_header.h"

int host_identify(struct volume_owner *host);

#endif
