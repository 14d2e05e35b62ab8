/* SPDX-License-Identifier: MIT */
/* The end of a wait for udev, which libdevmapper does not have. */
#ifndef ENVELOPE_UDEV_WAIT_H
#define ENVELOPE_UDEV_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/* How long udev may take for a device. */
#define UDEV_SECONDS 20

bool udev_await(uint32_t cookie, const char *name);

#endif
