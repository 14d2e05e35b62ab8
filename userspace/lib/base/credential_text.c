// SPDX-License-Identifier: MIT
/*
 * Judges the texts of credentials. They become parts of HTTP headers, where a line's end would begin
 * a header of its own.
 */
#include "lib/base/credential_text.h"

/** credential_text_is_plain() - has the text no control character, such as a line's end? */
bool credential_text_is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == '\x7f')
			return false;
	return true;
}
