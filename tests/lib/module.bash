# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Unloading dm-envelope. A key of its type holds the module until the kernel's garbage collector
# has destroyed the key. Needs wait.bash.

serials_of() { awk -v type="$1" '$8 == type { print $1 }' /proc/keys; }

# drop_keys: unlink all keys of the type from all keyrings. A failed key can be unlinked only.
drop_keys() {
	local key keyring
	for key in $(serials_of envelope); do
		for keyring in $(serials_of keyring); do
			keyctl unlink $((16#$key)) $((16#$keyring)) 2>/dev/null
		done
	done
	return 0
}

# unload_envelope: unlink the keys of the type, then unload the module.
unload_envelope() {
	drop_keys
	wait_for 60 rmmod dm-envelope || rmmod dm-envelope
}
