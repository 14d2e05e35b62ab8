// SPDX-License-Identifier: MIT
#include "json_lines.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/json.h"

/** json_lines() - call @answer for each line of the input; Return: 0, or 1 for a line that is no JSON */
int json_lines(void (*answer)(struct json_object *line))
{
	char *line = NULL;
	size_t room = 0;
	ssize_t size;
	int r = 0;

	while (!r && (size = getline(&line, &room, stdin)) > 0) {
		_cleanup_json_ struct json_object *o = json_parse(line, (size_t)size);

		if (o)
			answer(o);
		else
			r = 1;
	}
	free(line);
	return r;
}
