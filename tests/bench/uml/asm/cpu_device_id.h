/* SPDX-License-Identifier: GPL-2.0 */
/*
 * um-aes: in place of x86's header, which User-mode Linux has not; nothing of it is used.
 */
