#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Disks that come and go while the agent runs, on the build with AddressSanitizer: see agent_hotplug.py.
# With an argument only the tests whose name contains it.
#
# The test sends the events of an udev, which only its own network namespace hears. The agent sees in
# /run whether there is one.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
# Catalog and trail are synced with every change: not with a disk that is busy with other things.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
inside='mount -t tmpfs none /run && mkdir -p /run/udev /run/cryptsetup && touch /run/udev/control &&
	ip link set lo up && exec "$@"'
if ! unshare --mount --net sh -c "${inside%exec*}true" 2>/dev/null; then
	echo "ok 1 - disks that come # SKIP needs namespaces"
	echo "1..1"
	exit 0
fi
exec unshare --mount --net sh -c "$inside" - /usr/bin/python3 tests/host/agent_hotplug.py "${BIN:-build/asan}" "$@"
