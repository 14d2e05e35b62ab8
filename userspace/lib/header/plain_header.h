/* SPDX-License-Identifier: MIT */
/*
 * The header of a plain volume: the same LUKS2 header as that of an encrypted one, whose segment has the
 * cipher VOLUME_PLAIN_CIPHER. Its data begin at the same place, and are not encrypted. The digest in it
 * is of a key of zeros: cryptsetup opens the volume with 64 zeros, and maps it as it is.
 *
 * Nobody authenticates such a header: no KMS has a part in it.
 */
#ifndef ENVELOPE_PLAIN_HEADER_H
#define ENVELOPE_PLAIN_HEADER_H

#include "lib/base/fault.h"
#include "lib/header/draft.h"
#include "lib/header/luks.h"

int plain_header_make(struct luks *luks, const struct draft *draft, struct fault *f);

#endif
