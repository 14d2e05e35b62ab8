/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dm-envelope: the map of the module. Headers: key.h (a volume key), section.h (its use), bounce.h
 * (pages and shared work), events.h (what is counted), device.h (a target), path.h (the way of a
 * bio).
 *
 *	payload.c	the payload of add_key(2), checked
 *	lease.c		arithmetic of the lease
 *	lifecycle.c	live -> dying -> dead, and draining of open sections
 *	section.c	the wait for open sections
 *	section_rt.c	the same, and the sections themselves, with PREEMPT_RT
 *	cipher.c	the transform, data units, IVs
 *	volume_key.c	a key in use: its transform, its devices, its end
 *	live_keys.c	all keys whose key material is in memory
 *	watchdog.c	the timer that ends idle keys
 *	machine.c	hibernation, reboot, panic, a copy of the virtual machine
 *	key_type.c	the kernel keyring's view of a volume key
 *	upcall.c	the search for a struct key, while userspace may bring it
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
 *	runs.c		runs of contiguous pages, for large writes
 *	depot.c		pages that no CPU keeps, by node; the shrinker
 *	share.c		the share of a device in these pages
 *	failure.c	the failure of a device, and its announcement
 *	events.c	counters and traces of what happens off the usual way
 *	trace.c		the tracepoints
 *	target.c	the device-mapper target
 *	main.c		load and unload
 *
 * Objects and their references
 *
 *	struct key --payload--> envelope_volume_key <--reference-- envelope_device
 *
 * A device holds a reference on the volume key, never on the struct key. So after the last
 * unlink of the key the kernel's garbage collector calls ->destroy, which kills the volume key
 * and fails its devices.
 *
 * Lock order
 *
 *	key_construction_mutex of the keys core
 *	  key->sem
 *	key->sem
 *	  envelope_volume_key.lock	(sleeps; never taken by the I/O path)
 *	    envelope_device.queue_lock
 *	    live_lock in live_keys.c
 *
 *	live_lock in live_keys.c
 *	  envelope_volume_key.lock	(the watchdog only tries it)
 *
 *	targets_lock in failure.c	(sleeps; held while the targets of a table fail)
 *	  envelope_device.queue_lock
 *
 *	shares_lock in share.c (irq), for a few instructions for each device
 *	  envelope_bounce_pool.wait.lock
 *
 *	Taken alone, for a few instructions each: envelope_bounce_pool.lock (irq), depot.lock in
 *	depot.c (irq), offered_lock in parallel.c. envelope_gather.lock (bh) is held for one data
 *	unit of CPU work.
 *
 *	With PREEMPT_RT a section holds section_lock.lock in section_rt.c, and takes within it what
 *	its bio's completion takes. Sections only try to get it. A kill waits for it in a thread
 *	that holds nothing.
 *
 * Sections
 *
 * Every use of the transform, and every completion that reports success, runs inside a
 * section: with preemption off, after the device's lifecycle was found live. A kill lets no
 * new section open, waits for the open ones, and only then frees the transform. A section
 * covers CPU work only, at most one small bio or one piece of a large bio, and never waits
 * for a disk. A piece is what the crypto driver does in 100 us (envelope_cipher_measure()). So
 * neither a hung disk nor a busy scheduler can hang a revoke. With PREEMPT_RT a section may be
 * preempted, and the thread that waits for it lends it its priority (section_rt.c).
 */
#ifndef _DM_ENVELOPE_H
#define _DM_ENVELOPE_H

#include "compat.h"
#include "key.h"
#include "section.h"
#include "bounce.h"
#include "events.h"
#include "device.h"
#include "path.h"

#define DM_MSG_PREFIX "envelope"

#endif
