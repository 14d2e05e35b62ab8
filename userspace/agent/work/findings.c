// SPDX-License-Identifier: MIT
/* See findings.h. A look finds at most one thing wrong with a device. */
#include "agent/work/findings.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"

/**
 * struct finding - in the agent's list
 * @text: as it was logged, owned
 * @seen: by the look under way
 */
struct finding {
	struct finding *next;
	char *text;
	bool seen;
	char device[];
};

/** findings_begin() - a look begins to be judged: no finding is known to be there still */
void findings_begin(struct agent *agent)
{
	for (struct finding *it = agent->findings; it; it = it->next)
		it->seen = false;
}

static struct finding *find(struct agent *agent, const char *device)
{
	struct finding *it = agent->findings;

	while (it && strcmp(it->device, device))
		it = it->next;
	return it;
}

/* Return: whether @text is to be logged; it is always without memory. */
static bool is_news(struct agent *agent, const char *device, const char *text)
{
	struct finding *it = find(agent, device);
	char *copy;

	if (it)
		it->seen = true;
	if (it && !strcmp(it->text, text))
		return false;
	copy = strdup(text);
	if (copy && !it) {
		it = calloc(1, sizeof(*it) + strlen(device) + 1);
		if (it) {
			strcpy(it->device, device);
			it->seen = true;
			it->next = agent->findings;
			agent->findings = it;
		}
	}
	if (!copy || !it) {
		free(copy);
		return true;
	}
	free(it->text);
	it->text = copy;
	return true;
}

static void found(struct agent *agent, const char *device,
		  void (*log)(const char *format, ...) __attribute__((format(printf, 1, 2))),
		  const char *format, va_list arguments)
{
	char *text;

	if (vasprintf(&text, format, arguments) < 0)
		return;
	if (is_news(agent, device, text))
		log("%s", text);
	free(text);
}

/** findings_warning() - a look has found this on a device: log a warning, unless it is known */
void findings_warning(struct agent *agent, const char *device, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	found(agent, device, log_warning, format, arguments);
	va_end(arguments);
}

/** findings_info() - as findings_warning(), of what needs nobody's help */
void findings_info(struct agent *agent, const char *device, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	found(agent, device, log_info, format, arguments);
	va_end(arguments);
}

/** findings_end() - a look has been judged: what it has not found is gone */
void findings_end(struct agent *agent)
{
	struct finding **link = &agent->findings;

	while (*link) {
		struct finding *it = *link;

		if (it->seen) {
			link = &it->next;
			continue;
		}
		log_info("This is no longer so: %s", it->text);
		*link = it->next;
		free(it->text);
		free(it);
	}
}

/** findings_forget() - free all findings */
void findings_forget(struct agent *agent)
{
	while (agent->findings) {
		struct finding *it = agent->findings;

		agent->findings = it->next;
		free(it->text);
		free(it);
	}
}
