# SPDX-License-Identifier: MIT
#
# dm-envelope: transparent AES-256 encryption for database cluster volumes.
# `make help` lists the targets.

VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
BUILD := $(CURDIR)/build
KDIR ?= /lib/modules/$(shell uname -r)/build
KBUILD_FLAGS ?=
PREFIX ?= /usr
LIBEXECDIR ?= $(PREFIX)/lib/envelope
UNIT_TESTS = $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*_test.c))
FUZZ_TARGETS = $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
HOST_TESTS = $(patsubst tests/host/%.sh,%,$(wildcard tests/host/*.sh))

.PHONY: all help deps kernels userspace userspace-asan modules demo bench check check-full check-quick check-style check-unit unit-mutations \
	check-host kunit kunit-mutations mutations check-vm check-bench clean
.DEFAULT_GOAL := all

all: userspace ## build the programs (the module: make modules KDIR=...)

help: ## list the targets
	@echo "dm-envelope $(VERSION)"; echo
	@awk -F ':.*## ' '/^[a-z][a-z_.-]*:.*## / { printf "  make %-21s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo; echo "Variables: KDIR (kernel to build for), DESTDIR, PREFIX=$(PREFIX), DM_ENVELOPE_CACHE (test kernels)"

deps: ## install the Debian packages that building, testing and the demo need
	@tests/deps/install

kernels: deps ## fetch and build the kernels the tests boot, into the cache
	@tests/kernels/build stock 6.1 >/dev/null
	@tests/kernels/build stock 6.12 >/dev/null
	@tests/kernels/build kunit 6.12 >/dev/null
	@tests/kernels/build kunit 7.3 >/dev/null
	@tests/kernels/build bench 7.3 >/dev/null

userspace: ## build the programs into build/userspace
	@$(MAKE) -s -C userspace O=$(BUILD)/userspace LIBEXECDIR=$(LIBEXECDIR) all

userspace-asan: ## build programs and unit tests under AddressSanitizer and UBSan into build/asan
	@$(MAKE) -s -C userspace O=$(BUILD)/asan SANITIZE=1 tests

.PHONY: userspace-fuzz fuzz check-fuzz
userspace-fuzz: ## build the fuzz targets with clang and libFuzzer into build/clang
	@$(MAKE) -s -C userspace O=$(BUILD)/clang FUZZ=1 fuzz

# 10^7 take minutes to hours for each target: see docs/CONTRIBUTING.md.
RUNS ?= 10000000
fuzz: deps userspace-fuzz ## run each fuzz target on RUNS=10000000 inputs, or one: TARGET=head
	@tests/fuzz/run --long $(RUNS) $(TARGET)

check-fuzz: deps userspace-fuzz ## the seeds of the fuzz targets, and a short run of each
	@tests/run $(FUZZ_SUITES)

.PHONY: check-node
check-node: userspace-asan ## the KMS with AWS's SDKs for Node.js 20; needs npm and its registry, so no part of check
	@tests/run "node=tests/node/run" "model of the SDK=KMS_SDK=build/node/node_modules/@aws-sdk/client-kms tests/host/kms_model_walk.sh 'npm SDK'"

.PHONY: compile_commands.json format
compile_commands.json: ## write the compiler's calls for editors (clangd): programs and unit tests
	@$(MAKE) -n -B -C userspace O=$(BUILD)/userspace LIBEXECDIR=$(LIBEXECDIR) tests | \
		userspace/compile-commands $(CURDIR)/userspace >$@.new && mv $@.new $@

format: ## clang-format on all C, except test vectors and the parts of the UML kernel
	@git ls-files -co --exclude-standard '*.c' '*.h' ':!*vectors.h' ':!tests/bench/uml' | \
		xargs clang-format -i

# Kbuild writes its objects beside the sources, and several kernels are built
# for at once: so each kernel gets a copy of the sources of its own.
MODULES_OUT ?= $(BUILD)/modules-$(notdir $(patsubst %/build,%,$(KDIR)))
modules: ## build dm-envelope.ko for the kernel whose build tree is KDIR
	@[ -e "$(KDIR)/Makefile" ] || { echo "no kernel build tree at $(KDIR): install linux-headers or pass KDIR=" >&2; exit 2; }
	@mkdir -p $(MODULES_OUT)
	@rsync -a --delete --include='/kmod/***' --include=/Kbuild --exclude='*' --filter='P *.o' --filter='P .*.cmd' \
		./ $(MODULES_OUT)/
	$(MAKE) -C $(KDIR) M=$(MODULES_OUT) $(KBUILD_FLAGS) modules

demo: deps userspace ## run PostgreSQL on an encrypted cluster volume in a VM, and disable its key
	@tests/kernels/build stock 6.12 >/dev/null
	@tests/demo/run

bench: deps ## compare with dm-crypt and dm-linear, figures in tests/bench/data; on a device of yours: DEVICE=/dev/x OVERWRITE=yes
	@$(if $(DEVICE),tests/bench/on-this-host $(DEVICE) $(if $(filter yes,$(OVERWRITE)),--overwrite),tests/bench/run)

# The suites. `make check` runs four at once: two that compute fill both processors while the others
# wait, as guests do for a lease to end. The long ones begin first, the short ones fill the end.
STYLE_SUITES = "style=tests/style/run"
UNIT_SUITES = $(foreach t,$(UNIT_TESTS),"unit $(t)=$(BUILD)/asan/unit/$(t)")
# Most of its time a mutation waits in vain. All of them take three quarters of an hour: a commit runs an eighth.
UNIT_MUTATIONS = "unit mutations=tests/mutations/run --jobs 8"
SOME_MUTATIONS = "an eighth of the unit mutations=tests/mutations/run --jobs 8 --share 8"
FUZZ_SUITES = $(foreach t,$(FUZZ_TARGETS),"fuzz $(t)=tests/fuzz/run $(t)")
HOST_SUITES = $(foreach t,$(HOST_TESTS),"host $(t)=tests/host/$(t).sh")
KUNIT_SUITES = "kunit 6.12=tests/kunit/run 6.12" "kunit 7.3=tests/kunit/run 7.3"
# Guests of arm64 are emulated, and a kernel is built for them alone: so only check-full has them.
ARM64_KERNELS = 7.3-arm64-64k
ARM64_SUITES = $(foreach k,$(ARM64_KERNELS),"kunit $(k)=tests/kunit/run $(k)") \
	$(foreach k,6.12-arm64 7.3-arm64-64k,"oracle $(k)=tests/qemu/oracle $(k)") \
	"mutations 7.3-arm64-64k=tests/mutations/run --kunit 7.3-arm64-64k"
BENCH_SUITES = "bench=tests/bench/regress"
SHARED_SUITES = "shared cache lines=tests/bench/shared-lines"
# PREEMPT_RT has a kernel of its own, which takes half an hour to build: so only check-full has it.
RT_SUITES = "kunit 7.3-rt=tests/kunit/run 7.3-rt" "mutations 7.3-rt=tests/mutations/run --kunit 7.3-rt" \
	"vm 6.12-rt=tests/qemu/vm --kernel 6.12-rt tests/integration/{oracle,key-revoke,realtime}" \
	"vm 6.12-rt scheduler=tests/qemu/vm --kernel 6.12-rt --count tests/integration/scheduler"
VM_SUITES = $(or $(shell tests/qemu/suites),"vm=false")
LONG_VM_SUITES = $(or $(shell tests/qemu/suites full),"vm=false")
QUICK_SUITES = "kunit 6.12=tests/kunit/run 6.12" $(STYLE_SUITES) \
	"vm 6.12 agent-lifecycle=tests/qemu/vm --kernel 6.12 tests/integration/agent-lifecycle"
KUNIT_MUTATIONS = $(foreach k,6.12 7.3,"mutations $(k)=tests/mutations/run --kunit $(k)")

check: deps kernels userspace userspace-asan userspace-fuzz ## run every test but the long cases in guests; ends with `N passed, N failed, N skipped`
	@tests/run -j 4 $(KUNIT_SUITES) $(VM_SUITES) $(BENCH_SUITES) $(HOST_SUITES) $(STYLE_SUITES) $(SOME_MUTATIONS) \
		$(UNIT_SUITES) $(FUZZ_SUITES)

check-full: deps kernels userspace userspace-asan userspace-fuzz ## the same with all negative controls, long cases, PREEMPT_RT and arm64: three hours
	@tests/kernels/build stock 6.12-rt >/dev/null
	@tests/kernels/build kunit 7.3-rt >/dev/null
	@for kernel in $(ARM64_KERNELS); do tests/kernels/build kunit $$kernel >/dev/null || exit 1; done
	@tests/run -j 4 $(KUNIT_SUITES) $(VM_SUITES) $(LONG_VM_SUITES) $(BENCH_SUITES) $(HOST_SUITES) $(STYLE_SUITES) $(UNIT_MUTATIONS) \
		$(UNIT_SUITES) $(FUZZ_SUITES) $(SHARED_SUITES) $(KUNIT_MUTATIONS) $(ARM64_SUITES) $(RT_SUITES)

.PHONY: check-rt
check-rt: deps userspace ## PREEMPT_RT: KUnit and its mutations on 7.3, three cases on Debian's 6.12; a part of check-full
	@tests/kernels/build stock 6.12-rt >/dev/null
	@tests/kernels/build kunit 7.3-rt >/dev/null
	@tests/run -j 2 $(RT_SUITES)

check-quick: deps userspace userspace-asan ## style, unit, host, KUnit on 6.12, one story in a guest: 5 minutes on a built tree
	@tests/kernels/build stock 6.12 >/dev/null
	@tests/kernels/build kunit 6.12 >/dev/null
	@tests/kernels/build kunit 7.3 >/dev/null
	@tests/run -j 3 $(QUICK_SUITES) $(HOST_SUITES) $(UNIT_SUITES)

check-style: deps ## rules of text and code: checkpatch, sparse and W=1 on every kernel, shellcheck, tests/style
	@tests/kernels/build kunit 7.3 >/dev/null
	@tests/run $(STYLE_SUITES)

check-unit: deps userspace userspace-asan ## unit tests, under AddressSanitizer and UBSan
	@tests/run $(UNIT_SUITES)

unit-mutations: deps userspace ## the negative controls of unit and host tests: protections taken away, seen to fail
	@tests/run $(UNIT_MUTATIONS)

check-host: deps userspace userspace-asan ## tests of the programs on this machine
	@tests/run $(HOST_SUITES)

kunit: kernels ## KUnit suites in QEMU, on 6.12 and 7.3 with KASAN, lockdep, fault injection
	@tests/run -j 2 $(KUNIT_SUITES)

.PHONY: check-arm64
check-arm64: deps ## arm64, emulated: KUnit with pages of 64 KiB, ciphertext with 4 and 64 KiB against OpenSSL and dm-crypt; a part of check-full
	@for kernel in $(ARM64_KERNELS); do tests/kernels/build kunit $$kernel >/dev/null || exit 1; done
	@tests/run -j 2 $(ARM64_SUITES)

mutations: kernels ## the negative controls of the KUnit suites: protections taken away one by one, seen to fail
	@tests/run -j 2 $(KUNIT_MUTATIONS)

kunit-mutations: kernels ## the same on 6.12 alone
	@tests/run $(firstword $(KUNIT_MUTATIONS))

check-vm: deps kernels userspace ## the integration cases, in guests with stock 6.1 and 6.12 kernels
	@tests/run -j 3 $(VM_SUITES) $(LONG_VM_SUITES)

check-bench: deps ## instructions per I/O on 6.12 and 7.3, against the committed figures
	@tests/run $(BENCH_SUITES)

clean: ## remove what was built in the checkout (the kernel cache stays)
	rm -rf $(BUILD)

include userspace/install.mk
