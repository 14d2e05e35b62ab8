/* SPDX-License-Identifier: GPL-2.0 */
/*
 * um-aes: in place of x86's header, which User-mode Linux has not: no frame pointers here.
 */
#define FRAME_BEGIN
#define FRAME_END
#define FRAME_OFFSET 0
