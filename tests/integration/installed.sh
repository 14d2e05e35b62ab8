# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# For the cases in which systemd runs the services that `make install` put on the host.
#
#	install_files		what make install does, DKMS apart: the module is $VM_MODULE's

# Installed on the host into the run's folder, which outlives a boot, and copied from there. What make
# install does further on a host, it does here.
install_files() {
	# The guest sees what the host has: an agent that somebody tried there has left files.
	rm -rf /etc/envelope /var/lib/envelope /var/lib/envelope-kms* /var/log/envelope
	[ "$VM_BOOT" = 2 ] ||
		ask-host exec make -s -C "$VM_CHECKOUT" install DESTDIR="$VM_RUN/installed" >&2 || return
	cp -a /run/vm/installed/. / && systemd-sysusers && systemd-tmpfiles --create envelope.conf &&
		systemctl daemon-reload && udevadm control --reload
}
