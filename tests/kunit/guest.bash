# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The KUnit guest: its initrd, its boot, and what it left. Sourced by tests/kunit/run,
# which sets: here, cache, kernel, version, run (a scratch folder), timeout.

# Programs that tests start in the guest, with the libraries they are linked to.
add_program() {
	local lib
	install -D "$1" "$root/bin/$(basename "$1")"
	while read -r lib; do
		[ -e "$root$lib" ] || install -D "$lib" "$root$lib"
	done < <(ldd "$1" | grep -oE '/[^ ]+')
}

# build_initrd KO...: all but the list of runs, which boot() adds.
build_initrd() {
	root=$run/root
	mkdir -p "$root"/{bin,proc,sys,dev,tmp,sbin}
	install "$(command -v busybox)" "$root/bin/busybox"
	add_program "$(command -v dmsetup)"
	add_program "$(command -v keyctl)"
	install "$here/init" "$root/init"
	cp "$@" "$root/"
	(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$run/initrd.gz"
}

# KVM may be there and not run a kernel: believed only when a guest came up.
# What was found holds until this machine boots again.
acceleration() {
	local answer
	answer=$cache/kvm-$(cat /proc/sys/kernel/random/boot_id)
	if [ ! -e "$answer" ]; then
		echo tcg >"$run/answer"
		if [ -w /dev/kvm ] && timeout 20 qemu-system-x86_64 -accel kvm -cpu host -m 256 -display none -no-reboot \
			-kernel "$kernel/arch/x86/boot/bzImage" -append 'console=ttyS0 panic=-1' \
			-serial "file:$run/probe.log" >/dev/null 2>&1 && grep -q 'Linux version' "$run/probe.log"; then
			echo kvm >"$run/answer"
		fi
		mv "$run/answer" "$answer"
	fi
	cat "$answer"
}

# boot: one guest for the lines of $run/runs that are left; see tests/kunit/init.
boot() {
	local accel start now qemu command_line="console=ttyS0 panic=-1 oops=panic loglevel=7 tsc=reliable"
	command_line+=" kunit.enable=1 kunit.autorun=1 kasan_multi_shot no_hash_pointers"
	if [ "$(acceleration)" = kvm ]; then
		accel=(-accel kvm -cpu host)
	else
		# While a kernel finds out what its processor can, it may take five levels of page tables for
		# four; KASAN, asked by an interrupt at that moment, then reports without end.
		accel=(-accel 'tcg,thread=multi' -cpu max,-la57)
	fi
	say "booting $version with ${accel[1]}"
	rm -f "$run"/{results,console}
	: >"$run/results"
	# The kernel unpacks archives that follow each other.
	(cd "$run" && echo runs | cpio --quiet -o -H newc | gzip -1 | cat initrd.gz - >boot.gz)
	timeout --foreground "$timeout" qemu-system-x86_64 "${accel[@]}" -M q35 -smp 2 -m 1536 -display none -no-reboot \
		-kernel "$kernel/arch/x86/boot/bzImage" -initrd "$run/boot.gz" -append "$command_line" \
		-serial "file:$run/console" -monitor none \
		-device virtio-serial-pci -chardev "file,id=results,path=$run/results" \
		-device virtserialport,chardev=results,name=results >"$run/qemu.log" 2>&1 &
	qemu=$!
	trap 'kill $qemu 2>/dev/null; exit 130' INT TERM
	start=$(date +%s)
	while kill -0 $qemu 2>/dev/null; do
		sleep 1
		now=$(($(date +%s) - start))
		[ $((now % 30)) != 29 ] || say "  $version: $now s, $(tail -n 1 "$run/console" 2>/dev/null | cut -c1-90 | tr -d '\r')"
	done
	wait $qemu || say "the guest of $version was ended after $timeout s"
	trap 'exit 130' INT TERM
}

# boot_all: guests, until no run is left. Of each run there are then results and
# console as $run/NAME.results and $run/NAME.console.
boot_all() {
	local name
	while [ -s "$run/runs" ]; do
		boot
		grep -q '^begin of run ' "$run/results" || {
			tail -n 30 "$run/console" >&2
			die "the guest of $version did not begin: see above"
		}
		while read -r name _; do
			grep -qxF "begin of run $name" "$run/results" || continue
			awk -v from="begin of run $name" -v to="end of run $name" \
				'$0 == from { on = 1 } on { print } $0 == to { on = 0 }' "$run/results" >"$run/$name.results"
			awk -v from="kunit: run $name begins" \
				'/kunit: run [^ ]+ begins/ { on = index($0, from) > 0 } on { print }' "$run/console" >"$run/$name.console"
		done <"$run/runs"
		awk -v seen="$(sed -n 's/^begin of run //p' "$run/results" | tr '\n' ' ')" \
			'index(" " seen, " " $1 " ") == 0' "$run/runs" >"$run/left"
		mv "$run/left" "$run/runs"
	done
}
