// SPDX-License-Identifier: MIT
/* See finding.h. */
#include "check/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *check_status_name(enum check_status status)
{
	static const char *const names[] = { "ok", "warning", "failed", "skipped" };

	return names[status];
}

/**
 * finding_set() - all of a finding
 * @advice: NULL for none
 * @format: of what was found
 */
void finding_set(struct finding *finding, enum check_status status, const char *advice,
		 const char *format, ...)
{
	va_list args;

	finding->status = status;
	snprintf(finding->advice, sizeof(finding->advice), "%s", advice ? advice : "");
	va_start(args, format);
	vsnprintf(finding->found, sizeof(finding->found), format, args);
	va_end(args);
}

/** finding_add() - one more sentence of what was found */
void finding_add(struct finding *finding, const char *format, ...)
{
	size_t used = strlen(finding->found);
	va_list args;

	if (used && used + 1 < sizeof(finding->found))
		finding->found[used++] = ' ';
	va_start(args, format);
	vsnprintf(finding->found + used, sizeof(finding->found) - used, format, args);
	va_end(args);
}

/** finding_worse() - judge what was added last; advice counts only if nothing before was as bad */
void finding_worse(struct finding *finding, enum check_status status, const char *advice, ...)
{
	va_list args;

	if (finding->status >= status)
		return;
	finding->status = status;
	va_start(args, advice);
	vsnprintf(finding->advice, sizeof(finding->advice), advice, args);
	va_end(args);
}

/** finding_only_root() - @what only root sees: what is good so far is not called ok */
void finding_only_root(struct finding *finding, const char *what)
{
	finding_add(finding, "%s", what);
	if (finding->status != CHECK_OK)
		return;
	finding->status = CHECK_SKIPPED;
	snprintf(finding->advice, sizeof(finding->advice), "%s", AS_ROOT);
}
