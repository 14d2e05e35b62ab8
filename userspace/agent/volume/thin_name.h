/* SPDX-License-Identifier: MIT */
/* What the name of a logical volume says of the header on it. */
#ifndef ENVELOPE_THIN_NAME_H
#define ENVELOPE_THIN_NAME_H

#include <stdbool.h>

bool thin_is_another(const char *dm_name, const char *volume_id);

#endif
