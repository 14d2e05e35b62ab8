/* SPDX-License-Identifier: MIT */
/*
 * The methods of io.dmenvelope.Cluster.
 */
#ifndef ENVELOPE_METHODS_H
#define ENVELOPE_METHODS_H

#include "lib/varlink/varlink.h"

extern const struct varlink_service methods_service;

#endif
