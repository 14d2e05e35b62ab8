#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The CLI from outside: its output and its exit status, compared with the
# transcript cli.golden. `tests/host/cli.sh --update` writes the transcript anew
# after an intended change; read the difference before it is committed.

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/check.bash
. tests/lib/check.bash
# shellcheck source=tests/lib/wait.bash
. tests/lib/wait.bash
envelope=$(realpath "${BIN:-build/asan}")/envelope
[ -x "$envelope" ] || { echo "Bail out! $envelope is missing: make userspace-asan"; exit 1; }
golden=tests/host/cli.golden
export ENVELOPE_SOCKET=/nonexistent/agent.sock COLUMNS=80

# Runs one command line of the transcript: output, errors, exit status.
transcript() {
	local words
	eval "words=($1)"
	echo "\$ $1"
	"$envelope" "${words[@]:1}" 2>&1 | sed 's/^envelope [0-9][0-9.]*$/envelope VERSION/'
	echo "= ${PIPESTATUS[0]}"
}

if [ "${1-}" = --update ]; then
	mapfile -t lines < <(sed -n 's/^\$ //p' $golden)
	for line in "${lines[@]}"; do transcript "$line"; echo; done >"$scratch/new"
	cat "$scratch/new" >$golden
	exit
fi

# One transcript entry: from its "$" line to its "=" line.
entry() {
	awk -v want="\$ $1" '$0 == want { on = 1 } on { print } on && /^= [0-9]+$/ { exit }' $golden
}

mapfile -t lines < <(sed -n 's/^\$ //p' $golden)
for line in "${lines[@]}"; do
	check "as in the transcript: $line" same "$(entry "$line")" "$(transcript "$line")"
done

# Every command of the table answers --help, and its golden transcript is there.
commands_are_covered() {
	local noun verb status=0
	while read -r noun verb; do
		grep -qxF "\$ envelope $noun${verb:+ $verb} --help" $golden || {
			echo "no transcript of: envelope $noun $verb --help"
			status=1
		}
	done < <("$envelope" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]\+\) \([a-z-]*\) .*/\1 \2/p')
	return $status
}
check "each command's help has its transcript" commands_are_covered

# Each option has its default, or why it has none; the example is a command line that the program takes.
help_says_all() {
	local noun verb help example status=0 words output
	while read -r noun verb; do
		help=$("$envelope" "$noun" ${verb:+"$verb"} --help)
		# a line with an option, then a line with its text
		sed -n '/^Options:/,/^$/p' <<<"$help" | sed -n '/^  --/{N;s/\n */: /p}' |
			grep -vE -- '\(default: .*\)$|required|: +refused: |^  --help: ' >"$scratch/bare"
		[ ! -s "$scratch/bare" ] || { sed "s/^/no default: $noun $verb/" "$scratch/bare"; status=1; }
		example=$(sed -n '/^Example:/,/^$/s/^  //p' <<<"$help" | sed -z 's/\\\n//g')
		[ "$noun" != check ] || example+=" --timeout 2"
		eval "words=($example)"
		output=$("$envelope" "${words[@]:1}" 2>&1)
		if [ "${words[0]-}" != envelope ] || [ "${words[1]-}" != "$noun" ] || grep -q '^envelope: error:' <<<"$output"; then
			echo "the example of $noun $verb is not taken: $output"
			status=1
		fi
		grep -q '^Exit status: .*' <<<"$help" || { echo "no exit status: $noun $verb"; status=1; }
	done < <("$envelope" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]\+\) \([a-z-]*\) .*/\1 \2/p')
	return $status
}
check "each command's help has the default of each option, an example that works, and the exit statuses" help_says_all

full_disk() {
	"$envelope" --help >/dev/full && return 1
	"$envelope" cluster create --help >/dev/full
	[ $? = 1 ]
}
check "output that cannot be written is an error" full_disk

# Each command that follows something, and one that does not: on a full disk, and without standard output,
# whose number is then not that of the socket.
output_fails() {
	/usr/bin/python3 - "$envelope" "$scratch" <<-'PYTHON'
	import json, socket, subprocess, sys, threading
	envelope, scratch = sys.argv[1:]
	listener = socket.socket(socket.AF_UNIX)
	listener.bind(f"{scratch}/follow.sock")
	listener.listen(8)
	got, stayed = [], []

	def serve():
	    while True:
	        client = listener.accept()[0]
	        call = b""
	        while not call.endswith(b"\0"):
	            call += client.recv(65536)
	        more = json.loads(call[:-1]).get("more", False)
	        answer = {"parameters": {"events": [{"eventName": "Decrypt"}], "volumes": []}, "continues": more}
	        client.sendall(json.dumps(answer).encode() + b"\0")
	        # A client that follows stays connected until it ends by itself. One that goes on is noted.
	        client.settimeout(60)
	        try:
	            got.append(client.recv(65536))
	        except TimeoutError:
	            stayed.append(call)
	        client.close()

	threading.Thread(target=serve, daemon=True).start()
	for command in "events --follow", "events --follow --output json", "status --watch", "status --watch --output json", "events":
	    for redirection, why in (">/dev/full", "No space left on device"), (">&-", "Bad file descriptor"):
	        run = subprocess.run(["bash", "-c", f'"$0" {command} --socket "$1" {redirection}', envelope, f"{scratch}/follow.sock"],
	                             stderr=subprocess.PIPE, text=True, timeout=120, check=False)
	        assert run.returncode == 1 and f"The output cannot be written: {why}." in run.stderr, (command, redirection, run)
	        assert not stayed, f"{command} {redirection} went on until the agent hung up"
	assert not any(got), f"what is printed goes to the agent: {got}"
	PYTHON
}
check "a command ends with an error as soon as its output cannot be written, also one that follows" output_fails

not_utf8() {
	local said
	said=$("$envelope" cluster start --db-cluster-identifier $'db\xff' 2>&1)
	[ $? = 2 ] && [[ $said == *"--db-cluster-identifier needs a value in UTF-8."* ]]
}
check "an argument for the agent that is not UTF-8 is wrong usage, and not an agent that is away" not_utf8

# Each class of errors by each command: an agent that answers with the fault that the cluster is named for,
# and one that is not there. Then command lines that are wrong.
errors_are_json() {
	/usr/bin/python3 - "$envelope" "$scratch" <<-'PYTHON'
	import json, os, socket, subprocess, sys, threading
	envelope, scratch = sys.argv[1:]
	CLASSES = {"InternalFailure": 1, "InvalidParameterCombination": 2, "DBClusterNotFoundFault": 3, "KMSKeyNotAccessibleFault": 4,
	           "KMSUnreachable": 5, "InvalidDBClusterStateFault": 6, "DeviceTimeout": 7}
	COMMANDS = ["cluster create --device /dev/vdb", "cluster describe", "cluster start", "cluster stop", "cluster delete",
	            "cluster modify", "status", "status --watch", "events"]
	SAID = 'It says "no".\n\t/\\ \u00fcber.'
	listener = socket.socket(socket.AF_UNIX)
	listener.bind(f"{scratch}/faults.sock")
	listener.listen(8)

	def serve():
	    while True:
	        client = listener.accept()[0]
	        call = b""
	        while not call.endswith(b"\0"):
	            call += client.recv(65536)
	        code = json.loads(call[:-1])["parameters"].get("dbClusterIdentifier", "KMSUnreachable")
	        fault = {"error": "io.dmenvelope.Cluster.Fault", "parameters": {"code": code, "message": SAID}}
	        client.sendall(json.dumps(fault).encode() + b"\0")
	        client.close()

	threading.Thread(target=serve, daemon=True).start()

	def run(words, status, code, **more):
	    text, out = (subprocess.run([envelope, *words, *output], capture_output=True, check=False, **more)
	                 for output in ([], ["--output", "json"]))
	    assert out.returncode == text.returncode == status, (words, out)
	    assert out.stdout == b"" and out.stderr.count(b"\n") == 1, (words, out)
	    error = json.loads(out.stderr.decode())
	    assert list(error) == ["__type", "message"] and error["__type"] == code, (words, error)
	    assert not text.stderr.startswith(b"{"), (words, text)
	    return error["message"]

	for command in COMMANDS:
	    for code, status in CLASSES.items():
	        name = ["--db-cluster-identifier", code]
	        if command == "events":
	            name, code, status = [], "KMSUnreachable", 5
	        assert run([*command.split(), *name, "--socket", f"{scratch}/faults.sock"], status, code) == SAID, command
	    run([*command.split(), *name, "--socket", f"{scratch}/none.sock"], 5, "AgentUnreachable")
	    run([*command.split(), "--frobnicate"], 2, "Usage")
	odd = subprocess.run([envelope, *COMMANDS[0].split(), "--db-cluster-identifier", "KMSKeyNotAccessibleFault", "--kms-key-id",
	                      "$(id)", "--socket", f"{scratch}/faults.sock"], capture_output=True, check=False)
	assert odd.stderr.endswith(b"aws kms describe-key\n"), f"a hint has what a shell would run: {odd}"
	for words in [], ["clutser"], ["cluster"], ["cluster", "make"], ["cluster", "start"], ["events", "--since", "yesterday"]:
	    run(words, 2, "Usage")
	assert "caf?" in run([b"cluster", b"caf\xe9"], 2, "Usage")
	early = subprocess.run([envelope, "cluster", "--output=json"], capture_output=True, text=True, check=False)
	assert early.returncode == 2 and json.loads(early.stderr)["__type"] == "Usage", early
	with open("/dev/full", "wb") as full:
	    out = subprocess.run([envelope, "cluster", "start", "--help", "--output", "json"], stdout=full, stderr=subprocess.PIPE,
	                         check=False)
	assert out.returncode == 1 and json.loads(out.stderr)["__type"] == "InternalFailure", out
	PYTHON
}
check "with --output json each error is one line of JSON on stderr, with the same exit status" errors_are_json

no_secrets_of_its_own() {
	! nm -D --undefined-only "${envelope/asan/userspace}" | grep -E ' (keyctl|crypt_|dm_task|EVP_|curl_)'
}
check "links no key, device or network library" no_secrets_of_its_own

# A listener that takes the call and does not answer for some seconds. A terminal
# shows the wait, other outputs do not.
slow_agent() {
	/usr/bin/python3 - "$1" <<-'PYTHON' &
	import socket, sys, time
	s = socket.socket(socket.AF_UNIX)
	s.bind(sys.argv[1])
	s.listen()
	c = s.accept()[0]
	c.recv(65536)
	time.sleep(4.5)
	c.sendall(b'{"error":"io.dmenvelope.Cluster.Fault","parameters":'
	          b'{"code":"DBClusterNotFoundFault","message":"DBCluster db1 not found."}}\0')
	PYTHON
	slow_agent_pid=$!
	wait_for 120 test -S "$1"
}

progress_on_a_terminal() {
	slow_agent "$scratch/slow.sock"
	ENVELOPE_SOCKET=$scratch/slow.sock script -qec \
		"'$envelope' cluster start --db-cluster-identifier db1" /dev/null >"$scratch/tty" </dev/null
	local status=$?
	wait "$slow_agent_pid"
	cat "$scratch/tty"
	[ $status = 3 ] && grep -q 'Starting the cluster, waiting for the agent ... 2s' "$scratch/tty" &&
		grep -q '3s' "$scratch/tty" && grep -q DBClusterNotFoundFault "$scratch/tty"
}
check "a wait of more than two seconds shows on a terminal" progress_on_a_terminal

# The wait for an answer that changes nothing, and that for the first answer of a stream.
each_wait_shows() {
	local command
	for command in "cluster describe" "cluster confirm-loss --db-cluster-identifier db1" status "status --watch" events; do
		rm -f "$scratch/wait.sock"
		slow_agent "$scratch/wait.sock"
		ENVELOPE_SOCKET=$scratch/wait.sock script -qec "'$envelope' $command" /dev/null >"$scratch/tty" </dev/null
		wait "$slow_agent_pid"
		grep -q ', waiting for the agent ... 2s' "$scratch/tty" || { echo "$command: $(cat "$scratch/tty")"; return 1; }
	done
}
check "each command shows its wait on a terminal" each_wait_shows

quiet_elsewhere() {
	slow_agent "$scratch/quiet.sock"
	local seen status
	seen=$("$envelope" cluster start --db-cluster-identifier db1 --socket "$scratch/quiet.sock" 2>&1)
	status=$?
	wait "$slow_agent_pid"
	[ $status = 3 ] && same "
An error occurred (DBClusterNotFoundFault) when calling the StartDBCluster operation: DBCluster db1 not found.
hint: List the clusters of this host: envelope cluster describe" "$seen"
}
check "it shows nowhere else; the fault, its hint and exit status" quiet_elsewhere

# A listener whose queue is full: connect() to it never returns.
deaf_agent() {
	/usr/bin/python3 - "$1" "$envelope" <<-'PYTHON'
	import signal, socket, subprocess, sys, time
	s = socket.socket(socket.AF_UNIX)
	s.bind(sys.argv[1])
	s.listen(0)
	waiting = socket.socket(socket.AF_UNIX)
	waiting.connect(sys.argv[1])
	signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored here
	p = subprocess.Popen([sys.argv[2], "cluster", "stop", "--db-cluster-identifier", "db1", "--socket", sys.argv[1]],
	                     stderr=subprocess.PIPE, text=True)
	while "unix" not in open(f"/proc/{p.pid}/wchan").read():
	    time.sleep(0.1)
	p.send_signal(signal.SIGINT)
	print(p.wait(), p.stderr.read(), end="")
	PYTHON
}
check "Ctrl-C before the agent was called prints that nothing is changed" same \
	"-2 envelope: Interrupted before the agent was called. Nothing is changed." "$(deaf_agent "$scratch/deaf.sock")"

completes() {
	PATH=$(dirname "$envelope"):$PATH bash -c '
		. userspace/units/completion/envelope
		COMP_WORDS=('"$1"') COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_envelope
		printf "%s\n" "${COMPREPLY[@]}"'
}
check "completion of commands" same "$(printf 'catalog\ncheck\ncluster\nevents\nheader\nkms\npool\nsnapshot\nstatus')" "$(completes 'envelope ""')"
check "completion of verbs" same "$(printf 'start\nstop')" "$(completes 'envelope cluster st')"
check "completion of options" same "$(printf -- '--storage-encrypted\n--sector-size\n--socket')" \
	"$(completes 'envelope cluster create --s')"
finish
