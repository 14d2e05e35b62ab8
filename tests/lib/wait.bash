# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The one way in which shell tests wait (the one for Python is wait.py).
#
#	nap SECONDS			sleep
#	wait_for SECONDS COMMAND...	until the command succeeds; fails after so many seconds. What
#					the command prints is not shown. $wait_step is the time between
#					two tries.
#
# A limit ends a hang and measures nothing: it is meant for a machine that has a lot else to do.

wait_step=0.1

# Without a process, which costs an emulated machine more than it waits.
exec {never}<> <(:)
nap() { read -rt "$1" -u "$never" || :; }

wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		nap "$wait_step"
	done
}
