// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: transparent AES-256 encryption of block devices whose key dies on command.
 *
 * Load and unload, nothing else. Start reading at envelope.h.
 */
#include <linux/module.h>

#include "envelope.h"

static int __init dm_envelope_init(void)
{
	int r;

	r = envelope_sections_init();
	if (r)
		return r;
	r = envelope_volume_key_init();
	if (r)
		goto err_volume_key;
	r = envelope_pages_init();
	if (r)
		goto err_pages;
	r = envelope_interrupt_init();
	if (r)
		goto err_interrupt;
	r = envelope_parallel_init();
	if (r)
		goto err_parallel;
	r = envelope_read_init();
	if (r)
		goto err_read;
	r = envelope_poll_init();
	if (r)
		goto err_poll;
	r = envelope_upcall_init();
	if (r)
		goto err_upcall;
	r = envelope_key_type_init();
	if (r)
		goto err_key_type;
	r = envelope_machine_init();
	if (r)
		goto err_machine;
	r = dm_register_target(&envelope_target);
	if (r)
		goto err_target;
	return 0;

err_target:
	envelope_machine_exit();
err_machine:
	envelope_key_type_exit();
err_key_type:
	envelope_upcall_exit();
err_upcall:
	envelope_poll_exit();
err_poll:
	envelope_read_exit();
err_read:
	envelope_parallel_exit();
err_parallel:
	envelope_interrupt_exit();
err_interrupt:
	envelope_pages_exit();
err_pages:
	envelope_volume_key_exit();
err_volume_key:
	envelope_sections_exit();
	return r;
}

static void __exit dm_envelope_exit(void)
{
	dm_unregister_target(&envelope_target);
	envelope_machine_exit();
	envelope_key_type_exit();
	envelope_upcall_exit();
	envelope_poll_exit();
	envelope_read_exit();
	envelope_parallel_exit();
	envelope_interrupt_exit();
	envelope_pages_exit();
	envelope_volume_key_exit();
	envelope_sections_exit();
}

module_init(dm_envelope_init);
module_exit(dm_envelope_exit);

MODULE_AUTHOR("The dm-envelope authors");
MODULE_DESCRIPTION(DM_NAME " target for encryption with keys that can be revoked");
MODULE_LICENSE("GPL");
/* Allocating xts(aes) loads no accelerated driver if a built-in driver has that name. */
#ifdef CONFIG_X86
MODULE_SOFTDEP("pre: aesni-intel");
#elif defined(CONFIG_ARM64)
MODULE_SOFTDEP("pre: aes-ce-blk aes-neon-bs");
#endif
