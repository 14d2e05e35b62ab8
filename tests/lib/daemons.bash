# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The one place where shell tests start the KMS and the agent (for Python: tests/host/kms_daemon.py
# and agent_daemon.py). Sourced after wait.bash; the programs are found in $PATH.
#
#	run_kms SOCKET OPTION...	starts envelope-kms and waits until it listens; $kms is its pid. In credentials
#					that it makes, the agent has each right of its account: most tests are about
#					other things than the grant that an agent needs
#	run_agent OPTION...		starts enveloped and waits until it answers; $agent is its pid
#	stop_daemon PID [SIGNAL]	waits for its end; its exit status does not count

# trust_agent OPTION...: makes the credentials that --credentials names, if they are missing
trust_agent() {
	local file
	file=$(printf '%s\n' "$@" | sed -n '/^--credentials$/ { n; p; }; s/^--credentials=//p')
	[ -z "$file" ] || [ -e "$file" ] && return
	(envelope-kms --init "$@") && sed -i '/^envelope_rights/d' "$file"
}

run_kms() {
	local socket=$1
	shift
	trust_agent "$@" || return
	envelope-kms --listen-unix "$socket" "$@" &
	kms=$!
	wait_for_daemon "$kms" test -S "$socket"
}

run_agent() {
	enveloped "$@" &
	agent=$!
	wait_for_daemon "$agent" envelope cluster describe
}

stop_daemon() {
	kill "-${2:-TERM}" "$1" || return
	wait "$1" || :
}

# wait_for_daemon PID COMMAND...: until the command succeeds, and no longer than the daemon lives.
wait_for_daemon() {
	daemon_is_ready=
	wait_for 120 ready_or_gone "$@" && [ -n "$daemon_is_ready" ]
}

ready_or_gone() {
	local pid=$1
	shift
	if "$@"; then daemon_is_ready=yes; else ! kill -0 "$pid"; fi
}
