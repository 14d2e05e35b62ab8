/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dm-envelope: the map of the module. Headers: key.h (a volume key), bounce.h (pages and shared
 * work), device.h (a target), path.h (the way of a bio).
 *
 *	payload.c	what add_key(2) hands us, checked
 *	lease.c		arithmetic of the lease
 *	lifecycle.c	live -> dying -> dead, and draining of open sections
 *	cipher.c	the transform, data units, IVs
 *	volume_key.c	a key in use: its transform, its devices, its end
 *	key_type.c	the kernel keyring's view of a volume key
 *	table.c		arguments of the table line
 *	map.c		the top of the path, where a bio comes in
 *	complete.c	the bottom of the path, where a bio completes
 *	crypt.c		a range of a bio's data through the cipher of its device
 *	read.c		reads, from map to plaintext
 *	write.c		writes, from map to the lower device
 *	interrupt.c	bios that complete in a hard interrupt
 *	poll.c		bios whose submitter polls for their completion
 *	parallel.c	one large bio on several CPUs
 *	bounce.c	the pages that hold the ciphertext of a write, and the reserve of them
 *	pages.c		the pages that writes use again and again
 *	failure.c	what a device does when it fails, and whom it tells
 *	target.c	the device-mapper target
 *	main.c		load and unload
 *
 * Objects and who holds whom
 *
 *	struct key --payload--> envelope_volume_key <--reference-- envelope_device
 *
 * A device holds a reference on the volume key, never on the struct key. So the
 * last unlink of the key is seen by the kernel's garbage collector, whose call
 * of ->destroy kills the volume key and fails its devices.
 *
 * Lock order
 *
 *	key->sem
 *	  envelope_volume_key.lock	(sleeps; never taken by the I/O path)
 *	    envelope_device.queue_lock
 *
 *	Taken alone, for a few instructions each: envelope_bounce_pool.lock (irq), the depot's
 *	in pages.c (irq), that of the offered bios in parallel.c. envelope_gather.lock (bh) is
 *	held for one data unit of CPU work.
 *
 * Sections
 *
 * Everything that uses the transform, and every completion that reports success,
 * runs inside a section: under rcu_read_lock(), in which the device's lifecycle was
 * found live. Killing closes the door for new sections, waits for the open ones, and
 * only then frees the transform. A section covers CPU work only, at most one small bio
 * or one chunk of a large one, and never waits for a disk, hence a hung disk cannot
 * hang a revoke.
 */
#ifndef _DM_ENVELOPE_H
#define _DM_ENVELOPE_H

#include "compat.h"
#include "key.h"
#include "bounce.h"
#include "device.h"
#include "path.h"

#define DM_MSG_PREFIX "envelope"

#endif
