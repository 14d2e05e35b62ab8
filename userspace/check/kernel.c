// SPDX-License-Identifier: MIT
/*
 * The kernel: does it have the module, or would it take it? The module is not loaded for an answer: the
 * agent loads it when it starts.
 */
#include <glob.h>
#include <libdevmapper.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check/check.h"
#include "check/host_file.h"
#include "dm-envelope.h"

#define MODINFO	 "/sbin/modinfo"
#define MODULE	 "dm-envelope"
#define BUILT	 "/lib/modules/%s/{updates/dkms,updates,extra}/dm-envelope.ko*"
#define LOCKDOWN "/sys/kernel/security/lockdown"

/* A field of the installed module; false if there is no such module for the running kernel. */
static bool modinfo(const char *module, const char *field, char *text, size_t size)
{
	return host_program((const char *const[]){ MODINFO, "-F", field, module, NULL }, text,
			    size) == 0;
}

/* The kernel lists the targets that it has. It loads none for that. */
static void add_target_version(struct finding *finding)
{
	struct dm_task *task = NULL;
	struct dm_versions *target;

	if (geteuid() == 0)
		task = dm_task_create(DM_DEVICE_LIST_VERSIONS);
	if (!task) {
		finding_only_root(finding, "Only root sees its target.");
		return;
	}
	target = dm_task_run(task) ? dm_task_get_versions(task) : NULL;
	while (target && strcmp(target->name, ENVELOPE_TARGET_NAME))
		target = target->next ? (void *)((char *)target + target->next) : NULL;
	if (target) {
		finding_add(finding, "Its target " ENVELOPE_TARGET_NAME " has version %u.%u.%u.",
			    target->version[0], target->version[1], target->version[2]);
	} else {
		finding_add(finding,
			    "Device mapper does not list its target " ENVELOPE_TARGET_NAME ".");
		finding_worse(finding, CHECK_FAILED,
			      "Look at dmesg, then load the module again: modprobe -r dm-envelope && modprobe dm-envelope");
	}
	dm_task_destroy(task);
}

/* The release of a kernel for which the module is built, of several any. */
static bool built_for_another(char *release, size_t size)
{
	char pattern[128];
	glob_t found = { 0 };
	bool any;

	snprintf(pattern, sizeof(pattern), BUILT, "*");
	any = glob(pattern, GLOB_BRACE, NULL, &found) == 0 && found.gl_pathc;
	if (any) {
		snprintf(release, size, "%s", found.gl_pathv[0] + strlen("/lib/modules/"));
		release[strcspn(release, "/")] = 0;
	}
	globfree(&found);
	return any;
}

static void no_module(const char *release, struct finding *finding)
{
	char other[128], advice[400];

	snprintf(advice, sizeof(advice),
		 "Install the headers and build it: apt install linux-headers-%.65s; dkms autoinstall -k %.65s. See: dkms status",
		 release, release);
	if (built_for_another(other, sizeof(other)))
		finding_set(finding, CHECK_FAILED, advice,
			    "Linux %s has no module " MODULE
			    ". The module is built for another kernel, %s.",
			    release, other);
	else
		finding_set(finding, CHECK_FAILED, advice, "Linux %s has no module " MODULE ".",
			    release);
}

/* Does the kernel take only modules with a signature that it trusts? */
static bool wants_signature(const char **who)
{
	char line[128];

	if (host_line(LOCKDOWN, line, sizeof(line)) && !strstr(line, "[none]")) {
		*who = "The kernel is locked down (" LOCKDOWN ")";
		return true;
	}
	*who = "The kernel runs with module.sig_enforce";
	return host_line("/sys/module/module/parameters/sig_enforce", line, sizeof(line)) &&
	       line[0] == 'Y';
}

/* The module is installed and not loaded: would the kernel take it? */
static void judge_module(const char *release, const char *vermagic, struct finding *finding)
{
	char signer[128], text[16];
	const char *who;

	if (strncmp(vermagic, release, strlen(release)) || vermagic[strlen(release)] != ' ') {
		finding_set(finding, CHECK_FAILED,
			    "Build it again: dkms remove dm-envelope --all, then make install.",
			    "Linux %s refuses the module " MODULE ", which is built for %.*s.",
			    release, (int)strcspn(vermagic, " "), vermagic);
		return;
	}
	if (host_line("/proc/sys/kernel/modules_disabled", text, sizeof(text)) && text[0] == '1') {
		finding_set(finding, CHECK_FAILED,
			    "Restart the host. /usr/lib/modules-load.d/envelope.conf loads the module before.",
			    "Linux %s takes no more modules until its restart (kernel.modules_disabled).",
			    release);
		return;
	}
	finding_set(finding, CHECK_OK, NULL,
		    "Linux %s. The module " MODULE
		    " is installed and not loaded: the agent loads it.",
		    release);
	if (!wants_signature(&who))
		return;
	modinfo(MODULE, "signer", signer, sizeof(signer));
	if (signer[0]) {
		finding_add(finding, "%s, and the module is signed by '%s'.", who, signer);
		finding_worse(finding, CHECK_WARNING,
			      "See whether the kernel trusts the key: modprobe dm-envelope. If not, enroll it: mokutil --import");
	} else {
		finding_add(finding, "%s, and the module has no signature.", who);
		finding_worse(finding, CHECK_FAILED,
			      "Let DKMS sign the module (mok_signing_key in /etc/dkms/framework.conf), and enroll the key: mokutil --import");
	}
}

void check_kernel(const struct settings *settings, struct finding *finding)
{
	char vermagic[256], depends[256];
	struct utsname host;

	uname(&host);
	if (access("/sys/module/dm_envelope", F_OK) == 0) {
		finding_set(finding, CHECK_OK, NULL, "Linux %s. The module " MODULE " is loaded.",
			    host.release);
		add_target_version(finding);
	} else if (access("/proc/modules", F_OK)) {
		finding_set(finding, CHECK_FAILED,
			    "Start a kernel that takes modules, such as Debian's linux-image-amd64.",
			    "Linux %s was built without loadable modules, so it cannot take " MODULE
			    ".",
			    host.release);
	} else if (access(MODINFO, X_OK)) {
		finding_set(finding, CHECK_SKIPPED, "Install it: apt install kmod",
			    "Linux %s. The module " MODULE " is not loaded, and " MODINFO
			    ", which finds it, is missing.",
			    host.release);
	} else if (!modinfo(MODULE, "vermagic", vermagic, sizeof(vermagic))) {
		no_module(host.release, finding);
	} else if (!host_has("/proc/misc", "device-mapper") &&
		   !modinfo("dm-mod", "vermagic", depends, sizeof(depends))) {
		finding_set(finding, CHECK_FAILED, "Install the modules of the running kernel.",
			    "Linux %s has no device mapper (dm-mod).", host.release);
	} else {
		judge_module(host.release, vermagic, finding);
	}
}
