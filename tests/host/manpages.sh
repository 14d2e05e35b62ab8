#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Man pages: each program has one, it renders without a warning, it documents each
# option of the program's --help, and --help names each option of the page.

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/check.bash
. tests/lib/check.bash
bin=$(realpath "${BIN:-build/asan}")

make -s man >"$scratch/make.out" 2>&1 || { sed 's/^/# /' "$scratch/make.out"; echo "Bail out! man pages do not build"; exit 1; }

renders() {
	local warnings
	warnings=$(LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z "$1" 2>&1 >/dev/null)
	[ -z "$warnings" ] || { echo "$warnings"; return 1; }
	# an empty or headless page renders without a warning too
	LC_ALL=C.UTF-8 MANWIDTH=100 man -l "$1" | col -b | grep -q '^NAME$'
}

# man page, without escapes and line breaks
page() {
	[ -f "build/man/$1" ] || { echo "there is no man page $1" >&2; return 1; }
	LC_ALL=C.UTF-8 MANWIDTH=1000 man -l "build/man/$1" | col -b
}

# help_of PROGRAM: its --help and, for the CLI, that of each command
help_of() {
	"$bin/$1" --help
	[ "$1" = envelope ] || return 0
	"$bin/envelope" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]\+\) \([a-z-]*\) .*/\1 \2/p' |
		while read -r noun verb; do "$bin/envelope" "$noun" ${verb:+"$verb"} --help; done
}

flags() {
	grep -oE -- '(^|[^a-z-])--[a-z][a-z-]*' | grep -oE -- '--[a-z-]+' | sort -u
}

# The aws CLI's own flags in the tutorial are not ours.
foreign='--(endpoint-url|ca-bundle|description|query|alias-name|target-key-id|key-id)$'

documented() {
	local program=$1 page=$2
	page "$page" >"$scratch/page" || return 1
	help_of "$program" >"$scratch/help" || { echo "$program --help fails"; return 1; }
	comm -23 <(flags <"$scratch/help" | grep -vE -- "$foreign") <(flags <"$scratch/page") >"$scratch/missing"
	sed 's/^/in --help, but not in the man page: /' "$scratch/missing"
	[ ! -s "$scratch/missing" ]
}

# Every bold flag of an OPTIONS section is known to the program.
known() {
	local program=$1 page=$2
	page "$page" | sed -n '/^OPTIONS/,/^[A-Z]/p' | grep -E '^ +-' | flags >"$scratch/page"
	help_of "$program" | flags >"$scratch/help"
	[ -s "$scratch/page" ] || { echo "no OPTIONS in $page"; return 1; }
	comm -23 "$scratch/page" "$scratch/help" | grep -vxF -- "--version" >"$scratch/unknown"
	sed 's/^/in the man page, but not in --help: /' "$scratch/unknown"
	[ ! -s "$scratch/unknown" ]
}

commands_documented() {
	page envelope.1 >"$scratch/page"
	local command status=0
	while read -r command; do
		grep -qE "^ +$command\$" "$scratch/page" || { echo "not described: $command"; status=1; }
	done < <("$bin/envelope" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]\+\( [a-z-]\+\)\?\) \+[A-Z].*/\1/p')
	return $status
}

# The man page lists each fault with the status that fault.c gives it.
faults_documented() {
	local code name number status=0
	page envelope.1 | sed -n '/^EXIT STATUS/,/^ENV/p' >"$scratch/statuses"
	while read -r name code; do
		number=$(sed -n "s/^\t$code = \([0-9]\),\$/\1/p" userspace/lib/base/fault.c)
		sed -n "/^ \+$number\$/,/^ \+[0-9]\$/p" "$scratch/statuses" | grep -qwF "$name" ||
			{ echo "not under the exit status $number: $name"; status=1; }
	done < <(sed -n 's/^\t{ "\([A-Za-z.]*\)", \(EXIT_[A-Z_]*\) },$/\1 \2/p' userspace/lib/base/fault.c)
	[ -n "$number" ] || { echo "fault.c has no table"; status=1; }
	return $status
}

exit_codes_documented() {
	local code
	for code in $("$bin/envelope" --help | tr '\n' ' ' | sed 's/.*Exit status: //' | grep -oE '\b[0-9]\b'); do
		page envelope.1 | sed -n '/^EXIT STATUS/,/^ENV/p' | grep -qE "^ +$code\$" ||
			{ echo "exit status $code is not described"; return 1; }
	done
}

sample_complete() {
	local key status=0
	while read -r key; do
		grep -qE "^#$key=" userspace/units/etc/envelope.conf || { echo "not in the sample: $key="; status=1; }
	done < <(sed -n 's/^\*\([A-Z][A-Za-z]*\)=\*.*/\1/p' docs/man/envelope.conf.5.scd)
	return $status
}

missing_key_documented() {
	page envelope.1 >"$scratch/page"
	sed -n '/^ *4$/,/^$/p' "$scratch/page" | grep -q 'KMS has no such key' &&
		! sed -n '/^ *3$/,/^$/p' "$scratch/page" | grep -q 'cluster or key'
}

for page in build/man/*; do
	check "renders without a warning: ${page##*/}" renders "$page"
done
for pair in envelope:1 enveloped:8 envelope-kms:8 envelope-kms-worker:8 envelope-request-key:8 envelope-check:8 \
	envelope-copy:8 envelope-suspend:8; do
	program=${pair%:*} page=${pair/:/.}
	check "$page documents each option of $program --help" documented "$program" "$page"
	check "the options of $page are known to $program" known "$program" "$page"
done
check "each command of envelope is described" commands_documented
check "each exit status of envelope is described" exit_codes_documented
check "each fault is listed with its exit status" faults_documented
check "a key that the KMS does not have is exit status 4" missing_key_documented
check "the sample of envelope.conf has each key of envelope.conf(5)" sample_complete
finish
