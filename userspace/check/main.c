// SPDX-License-Identifier: MIT
/*
 * envelope-check: is this host ready for encrypted clusters? Prints one line of JSON for each check, as
 * soon as the check has ended. envelope(1) starts it and shows the lines.
 *
 * Must never change anything: see check.h.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "lib/base/json.h"
#include "lib/base/standard_files.h"

#define SOCKET	   "/run/envelope/agent.sock"
#define TIMEOUT	   30	/* seconds */
#define LONGEST	   3600 /* seconds */
#define EXIT_LACKS 7

static const struct {
	const char *name;
	look_t look;
} checks[] = {
	{ "kernel", check_kernel },   { "driver", check_driver },
	{ "keyring", check_keyring }, { "configuration", check_configuration },
	{ "agent", check_agent },     { "clock", check_clock },
	{ "kms", check_kms },	      { "state", check_state },
	{ "log", check_log },
};

static int usage(FILE *stream, const char *name)
{
	fprintf(stream,
		"usage: %s [--socket PATH] [--config FILE] [--timeout SECONDS] [--device DEVICE]...\n"
		"\n"
		"Checks whether this host is ready for encrypted clusters. envelope check starts it.\n"
		"\n"
		"  --socket PATH     the agent's socket (default: " SOCKET ")\n"
		"  --config FILE     read FILE instead of /etc/envelope/envelope.conf (or $ENVELOPE_CONFIG)\n"
		"  --timeout SECONDS limit of each check (default: 30)\n"
		"  --device DEVICE   also check this disk; may be given more than once\n"
		"  --help            show this help\n"
		"  --version         show the version\n"
		"\n"
		"See envelope-check(8) and envelope(1).\n",
		name);
	return stream == stdout ? 0 : 2;
}

/* Return: whether the check has failed, or -1 when its line cannot be printed. */
static int report(const char *name, look_t look, const struct settings *settings)
{
	_cleanup_json_ struct json_object *line = json_object_new_object();
	struct finding finding = { 0 };

	limit_run(look, settings, &finding);
	json_add_string(line, "Check", name);
	if (settings->device)
		json_add_string(line, "Device", settings->device);
	json_add_string(line, "Status", check_status_name(finding.status));
	json_add_string(line, "Found", finding.found);
	json_add_string(line, "Advice", finding.advice);
	if (puts(json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN |
							      JSON_C_TO_STRING_NOSLASHESCAPE)) <
		    0 ||
	    fflush(stdout))
		return -1;
	return finding.status == CHECK_FAILED;
}

static int check_all(struct settings *settings, char **devices)
{
	bool failed = false;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < sizeof(checks) / sizeof(*checks); i++) {
		r = report(checks[i].name, checks[i].look, settings);
		failed |= r > 0;
	}
	for (; r >= 0 && *devices; devices++) {
		settings->device = *devices;
		r = report("disk", check_disk, settings);
		failed |= r > 0;
	}
	return r < 0 ? 1 : failed ? EXIT_LACKS : 0;
}

static int parse_timeout(const char *text, unsigned int *seconds)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (end == text || *end || !number || number > LONGEST)
		return -1;
	*seconds = (unsigned int)number;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "config", required_argument, NULL, 'c' },
		{ "timeout", required_argument, NULL, 't' },
		{ "device", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	struct settings settings = { .socket = SOCKET, .timeout_s = TIMEOUT };
	char **devices = calloc((size_t)argc + 1, sizeof(*devices));
	size_t count = 0;
	int option, r = -1;

	standard_files_hold();
	while (devices && r < 0 && (option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 's')
			settings.socket = optarg;
		else if (option == 'c')
			settings.config = optarg;
		else if (option == 'd')
			devices[count++] = optarg;
		else if (option == 'h')
			r = usage(stdout, argv[0]);
		else if (option == 'v')
			r = printf("envelope-check %s\n", ENVELOPE_VERSION) < 0;
		else if (option != 't' || parse_timeout(optarg, &settings.timeout_s) < 0)
			r = usage(stderr, argv[0]);
	}
	if (devices && r < 0)
		r = optind < argc ? usage(stderr, argv[0]) : check_all(&settings, devices);
	free(devices);
	return r < 0 ? 1 : r;
}
