# SPDX-License-Identifier: MIT
#
# make install and make uninstall: where each file goes on a Debian host. One
# manifest serves both, so that uninstall removes what install put there.
#
#   DESTDIR   install below this folder and touch nothing of the running system
#   PREFIX    default /usr; man pages, units and completion follow it
#
# Existing configuration is never overwritten. uninstall keeps changed configuration,
# credentials, the KMS's root key, /var/lib/envelope* and /var/log/envelope.

BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
DKMS_SOURCE := $(PREFIX)/src/dm-envelope-$(VERSION)

# enveloped has LIBEXECDIR built in, so another PREFIX is another build
INSTALL_PROGRAMS := $(BUILD)/userspace$(subst /,-,$(filter-out /usr/lib/envelope,$(LIBEXECDIR)))
INSTALL_UNITS := $(BUILD)/units
INSTALL_MAN := $(BUILD)/man
MAN_SOURCES := $(wildcard docs/man/*.scd)
MAN_PAGES := $(patsubst docs/man/%.scd,$(INSTALL_MAN)/%,$(MAN_SOURCES))
UNIT_FILES := systemd/enveloped.service systemd/envelope-kms.service systemd/envelope-cluster@.service \
	request-key.d/envelope.conf
KMOD_SOURCES := Kbuild dkms.conf LICENSES/GPL-2.0.txt $(filter-out %_test.c,$(wildcard kmod/*.c)) \
	$(filter-out %_test.h %_vectors.h,$(wildcard kmod/*.h)) $(wildcard kmod/uapi/*.h)

# mode, source, destination. "config" instead of a mode: see above.
define INSTALL_MANIFEST
755 $(INSTALL_PROGRAMS)/envelope $(BINDIR)/envelope
755 $(INSTALL_PROGRAMS)/enveloped $(SBINDIR)/enveloped
755 $(INSTALL_PROGRAMS)/envelope-kms $(SBINDIR)/envelope-kms
755 $(INSTALL_PROGRAMS)/envelope-kms-worker $(LIBEXECDIR)/envelope-kms-worker
755 $(INSTALL_PROGRAMS)/envelope-request-key $(LIBEXECDIR)/envelope-request-key
755 $(INSTALL_PROGRAMS)/envelope-check $(LIBEXECDIR)/envelope-check
755 $(INSTALL_PROGRAMS)/envelope-copy $(SBINDIR)/envelope-copy
755 $(INSTALL_PROGRAMS)/envelope-suspend $(LIBEXECDIR)/envelope-suspend
644 $(INSTALL_UNITS)/systemd/enveloped.service $(PREFIX)/lib/systemd/system/enveloped.service
644 $(INSTALL_UNITS)/systemd/envelope-kms.service $(PREFIX)/lib/systemd/system/envelope-kms.service
644 $(INSTALL_UNITS)/systemd/envelope-cluster@.service $(PREFIX)/lib/systemd/system/envelope-cluster@.service
644 userspace/units/udev/60-dm-envelope.rules $(PREFIX)/lib/udev/rules.d/60-dm-envelope.rules
644 userspace/units/sysusers.d/envelope.conf $(PREFIX)/lib/sysusers.d/envelope.conf
644 userspace/units/tmpfiles.d/envelope.conf $(PREFIX)/lib/tmpfiles.d/envelope.conf
644 userspace/units/modules-load.d/envelope.conf $(PREFIX)/lib/modules-load.d/envelope.conf
644 userspace/units/completion/envelope $(PREFIX)/share/bash-completion/completions/envelope
644 $(INSTALL_UNITS)/request-key.d/envelope.conf $(SYSCONFDIR)/request-key.d/envelope.conf
755 docs/recover-volume-key $(PREFIX)/share/doc/dm-envelope/recover-volume-key
config userspace/units/logrotate.d/envelope $(SYSCONFDIR)/logrotate.d/envelope
config userspace/units/etc/envelope.conf $(SYSCONFDIR)/envelope/envelope.conf
config userspace/units/etc/kms.conf $(SYSCONFDIR)/envelope/kms.conf
$(foreach m,$(MAN_PAGES),644 $(m) $(MANDIR)/man$(subst .,,$(suffix $(m)))/$(notdir $(m))$(newline))
$(foreach s,$(KMOD_SOURCES),644 $(s) $(DKMS_SOURCE)/$(s)$(newline))
endef
define newline


endef

.PHONY: install uninstall man install-programs install-files install-host uninstall-files uninstall-host

man: $(MAN_PAGES) ## build the man pages into build/man

$(INSTALL_MAN)/%: docs/man/%.scd
	@mkdir -p $(@D)
	@scdoc <$< >$@.new && mv $@.new $@

$(INSTALL_UNITS)/%: userspace/units/%.in FORCE
	@mkdir -p $(@D)
	@sed -e 's|@BINDIR@|$(BINDIR)|g' -e 's|@SBINDIR@|$(SBINDIR)|g' -e 's|@LIBEXECDIR@|$(LIBEXECDIR)|g' $< >$@

FORCE:

install: install-files $(if $(DESTDIR),,install-host) ## install into DESTDIR or, as root, on this host (DKMS, systemd)

uninstall: $(if $(DESTDIR),,uninstall-host) uninstall-files ## remove what install put there; changed files in /etc/envelope stay

$(BUILD):
	@mkdir -p $@

$(BUILD)/manifest: FORCE | $(BUILD)
	$(file >$@,$(INSTALL_MANIFEST))

install-programs:
	@$(MAKE) -s -C userspace O=$(INSTALL_PROGRAMS) LIBEXECDIR=$(LIBEXECDIR) all

install-files: install-programs man $(addprefix $(INSTALL_UNITS)/,$(UNIT_FILES)) $(BUILD)/manifest
	@set -e; while read -r mode source target; do \
		[ -n "$$mode" ] || continue; \
		if [ "$$mode" = config ]; then \
			mode=644; \
			if [ -e "$(DESTDIR)$$target" ]; then continue; fi; \
		fi; \
		install -D -m "$$mode" "$$source" "$(DESTDIR)$$target"; \
	done <$(BUILD)/manifest
	@echo "installed $$(grep -c . $(BUILD)/manifest) files below $(DESTDIR)/"

uninstall-files: $(BUILD)/manifest
	@while read -r mode source target; do \
		[ -n "$$mode" ] || continue; \
		if [ "$$mode" = config ] && [ -e "$(DESTDIR)$$target" ] && \
		   ! cmp -s "$$source" "$(DESTDIR)$$target"; then \
			echo "kept, since it was changed: $(DESTDIR)$$target"; \
			continue; \
		fi; \
		rm -f "$(DESTDIR)$$target"; \
	done <$(BUILD)/manifest
	@rm -rf "$(DESTDIR)$(DKMS_SOURCE)"
	@for folder in "$(DESTDIR)$(LIBEXECDIR)" "$(DESTDIR)$(SYSCONFDIR)/envelope" \
		"$(DESTDIR)$(PREFIX)/share/doc/dm-envelope"; do \
		[ ! -d "$$folder" ] || rmdir --ignore-fail-on-non-empty "$$folder"; \
	done

# The steps of a package's triggers. The target fails if the module cannot be built.
install-host: install-files
	@set -e; command -v dkms >/dev/null || { echo "dkms is missing: apt install dkms" >&2; exit 1; }; \
	dkms status dm-envelope/$(VERSION) | grep -q . && dkms remove dm-envelope/$(VERSION) --all; \
	dkms add "$(DKMS_SOURCE)"; \
	dkms install dm-envelope/$(VERSION); \
	systemd-sysusers "$(PREFIX)/lib/sysusers.d/envelope.conf"; \
	systemd-tmpfiles --create "$(PREFIX)/lib/tmpfiles.d/envelope.conf"; \
	if [ -d /run/systemd/system ]; then systemctl daemon-reload; udevadm control --reload; fi; \
	echo "next: envelope kms help"

# Running volumes depend on the agent, so an administrator must stop it before it is removed.
uninstall-host:
	@if [ -d /run/systemd/system ]; then for unit in enveloped envelope-kms; do \
		if systemctl is-active --quiet $$unit; then \
			echo "$$unit is running: stop the clusters, then: systemctl disable --now $$unit" >&2; \
			exit 1; \
		fi; \
	done; fi
	@if command -v dkms >/dev/null && dkms status dm-envelope/$(VERSION) | grep -q .; then \
		dkms remove dm-envelope/$(VERSION) --all; \
	fi
