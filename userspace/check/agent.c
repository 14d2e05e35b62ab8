// SPDX-License-Identifier: MIT
/* The agent: does it answer, is it of this version, and does it report a problem? */
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include "check/ask_agent.h"
#include "check/check.h"
#include "lib/base/json.h"

#define SERVICE "enveloped.service"
#define LOG	"Start the agent: systemctl start enveloped. See its log: journalctl -u enveloped"

static char *property(sd_bus *bus, const char *path, const char *name)
{
	char *text = NULL;

	sd_bus_get_property_string(bus, "org.freedesktop.systemd1", path,
				   "org.freedesktop.systemd1.Unit", name, NULL, &text);
	return text;
}

/* What systemd says about a service that does not answer. */
static void add_service(struct finding *finding)
{
	char *path = NULL, *loaded = NULL, *active = NULL, *state = NULL;
	sd_bus *bus = NULL;

	if (sd_booted() <= 0) {
		finding_add(finding, "systemd does not run here.");
		return;
	}
	if (sd_bus_open_system(&bus) < 0 ||
	    sd_bus_path_encode("/org/freedesktop/systemd1/unit", SERVICE, &path) < 0) {
		finding_add(finding, "systemd cannot be asked about " SERVICE ".");
	} else {
		loaded = property(bus, path, "LoadState");
		active = property(bus, path, "ActiveState");
		state = property(bus, path, "UnitFileState");
		if (loaded && !strcmp(loaded, "not-found"))
			finding_add(finding, "systemd has no " SERVICE ".");
		else
			finding_add(finding, SERVICE " is %s, %s.", active ? active : "?",
				    state && *state ? state : "not installed");
	}
	free(path);
	free(loaded);
	free(active);
	free(state);
	sd_bus_unref(bus);
}

static void judge(struct json_object *info, struct json_object *status, struct finding *finding)
{
	const char *version = json_get_string(info, "version");
	const char *problem = json_get_string(status, "problem");
	struct json_object *volumes = json_get_array(status, "volumes");

	finding_set(finding, CHECK_OK, NULL, "The agent answers. It has version %s and %zu %s.",
		    version ? version : "?", volumes ? json_object_array_length(volumes) : 0,
		    volumes && json_object_array_length(volumes) == 1 ? "volume" : "volumes");
	if (problem) {
		finding_add(finding, "%s", problem);
		finding_worse(finding, CHECK_WARNING, "See: journalctl -u enveloped");
	}
	if (version && strcmp(version, ENVELOPE_VERSION)) {
		finding_add(finding, "This program has version %s.", ENVELOPE_VERSION);
		finding_worse(finding, CHECK_WARNING,
			      "Restart the agent, which keeps running volumes: systemctl restart enveloped");
	}
}

void check_agent(const struct settings *settings, struct finding *finding)
{
	_cleanup_json_ struct json_object *info = NULL, *status = NULL;
	struct fault f = { 0 };

	if (ask_agent(settings, "org.varlink.service.GetInfo", &info, &f) == 0 &&
	    ask_agent(settings, AGENT_INTERFACE "Status", &status, &f) == 0) {
		judge(info, status, finding);
		return;
	}
	if (!strcmp(f.code, "AccessDeniedException")) {
		finding_set(finding, CHECK_SKIPPED,
			    "Run the command as root or as a member of the group envelope.", "%s",
			    f.message);
		return;
	}
	finding_set(finding, CHECK_FAILED, LOG, "%s", f.message);
	add_service(finding);
}
