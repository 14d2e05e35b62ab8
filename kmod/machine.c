// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: events of the machine that leave the memory to another reader: a copy of a virtual
 * machine, hibernation, the next kernel, a crash dump.
 *
 *	copy of the machine	all keys end: the copy must ask the KMS itself
 *	hibernation		refused while key material is in memory. With the parameter
 *				wipe_at_hibernation all keys end instead
 *	reboot, power off and	all keys end, after the other users of the reboot notifiers
 *	kexec
 *	panic			all key schedules are overwritten. The kernel calls panic notifiers
 *				before it starts the crash kernel only with the kernel parameter
 *				crash_kexec_post_notifiers
 *
 * Suspend to RAM needs no event: the lease goes on, and no other kernel sees the memory.
 */
#include <linux/moduleparam.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/suspend.h>

#include "envelope.h"

bool envelope_wipe_at_hibernation;
module_param_named(wipe_at_hibernation, envelope_wipe_at_hibernation, bool, 0644);
MODULE_PARM_DESC(wipe_at_hibernation,
		 "End all keys when the machine hibernates, instead of refusing hibernation");

static int machine_copied(struct notifier_block *nb, unsigned long action, void *data)
{
	envelope_live_keys_kill(ENVELOPE_MACHINE_COPIED);
	return NOTIFY_DONE;
}

static int refuse_hibernation(void)
{
	DMWARN("hibernation is refused: the image would hold a volume key. Stop all clusters.");
	return notifier_from_errno(-EBUSY);
}

/* The kernel that loads an image sends PM_RESTORE_PREPARE: its memory is replaced. */
static int power_changes(struct notifier_block *nb, unsigned long action, void *data)
{
	switch (action) {
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		if (READ_ONCE(envelope_wipe_at_hibernation))
			envelope_live_keys_kill(ENVELOPE_HIBERNATION);
		if (envelope_live_keys_close())
			return NOTIFY_OK;
		return refuse_hibernation();
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		envelope_live_keys_open();
		return NOTIFY_OK;
	default:
		return NOTIFY_DONE;
	}
}

static int machine_stops(struct notifier_block *nb, unsigned long action, void *data)
{
	do
		envelope_live_keys_kill(ENVELOPE_MACHINE_STOPS);
	while (!envelope_live_keys_close());
	return NOTIFY_DONE;
}

static int kernel_failed(struct notifier_block *nb, unsigned long action, void *data)
{
	envelope_live_keys_overwrite();
	return NOTIFY_DONE;
}

struct notifier_block envelope_machine_copied = { .notifier_call = machine_copied };
struct notifier_block envelope_machine_power = { .notifier_call = power_changes };
/* Last: other users may still write to their devices. */
struct notifier_block envelope_machine_stops = {
	.notifier_call = machine_stops,
	.priority = INT_MIN,
};

/* First: another user may hang. */
static struct notifier_block panic_block = { .notifier_call = kernel_failed, .priority = INT_MAX };

/**
 * envelope_machine_init() - when the module is loaded
 *
 * Return: 0 or a negative error, and then no event is waited for.
 */
int envelope_machine_init(void)
{
	int r;

	r = register_random_vmfork_notifier(&envelope_machine_copied);
	if (r)
		return r;
	r = register_pm_notifier(&envelope_machine_power);
	if (r)
		goto err_pm;
	r = register_reboot_notifier(&envelope_machine_stops);
	if (r)
		goto err_reboot;
	atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
	return 0;

err_reboot:
	unregister_pm_notifier(&envelope_machine_power);
err_pm:
	unregister_random_vmfork_notifier(&envelope_machine_copied);
	return r;
}

/**
 * envelope_machine_exit() - when the module is unloaded
 */
void envelope_machine_exit(void)
{
	atomic_notifier_chain_unregister(&panic_notifier_list, &panic_block);
	unregister_reboot_notifier(&envelope_machine_stops);
	unregister_pm_notifier(&envelope_machine_power);
	unregister_random_vmfork_notifier(&envelope_machine_copied);
}
