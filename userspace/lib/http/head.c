// SPDX-License-Identifier: MIT
/* See head.h. The grammar is that of RFC 9112, without what it calls obsolete. */
#include "lib/http/head.h"

#include <ctype.h>
#include <string.h>

#define LENGTH_DIGITS 9

enum place {
	METHOD,
	TARGET,
	VERSION,
	LINE_END, /* of the request line: the line feed */
	LINE,	  /* the first byte of a header, or of the empty line */
	NAME,
	VALUE,
	LENGTH, /* the value of Content-Length */
	LENGTH_SPACE,
	VALUE_END, /* the line feed of a header */
	HEAD_END,  /* the line feed of the empty line */
	BODY,
};

static const char version[] = "HTTP/1.1";

static bool is_token(uint8_t c)
{
	return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_text(uint8_t c)
{
	return c == '\t' || (c >= ' ' && c != 0x7f);
}

static bool is_name(const struct head *head, const char *name)
{
	return head->name_size == strlen(name) && !memcmp(head->name, name, head->name_size);
}

/* The colon of a header: which header is it? */
static bool begin_value(struct head *head)
{
	head->place = VALUE;
	if (is_name(head, "transfer-encoding"))
		return false;
	if (is_name(head, "host")) {
		if (head->has_host)
			return false;
		head->has_host = true;
	}
	if (is_name(head, "content-length")) {
		if (head->has_length)
			return false;
		head->has_length = true;
		head->place = LENGTH_SPACE;
	}
	return true;
}

static bool take_name(struct head *head, uint8_t c)
{
	if (c == ':')
		return head->name_size > 0 && begin_value(head);
	if (!is_token(c))
		return false;
	if (head->name_size < HEAD_NAME_MAX)
		head->name[head->name_size] = (char)tolower(c);
	head->name_size++;
	head->place = NAME;
	return true;
}

static bool take_length(struct head *head, uint8_t c)
{
	if (c == ' ' && head->place == LENGTH_SPACE)
		return true;
	if (c == '\r') {
		head->place = VALUE_END;
		return head->digits > 0;
	}
	head->place = LENGTH;
	head->left = head->left * 10 + (uint64_t)(c - '0');
	return isdigit(c) && ++head->digits <= LENGTH_DIGITS;
}

static bool take_version(struct head *head, uint8_t c)
{
	if (version[head->matched])
		return c == (uint8_t)version[head->matched++];
	head->place = LINE_END;
	return c == '\r';
}

static bool take_line(struct head *head, uint8_t c)
{
	head->name_size = 0;
	if (c != '\r')
		return c != ':' && take_name(head, c);
	head->place = HEAD_END;
	return true;
}

/* After the last byte of a request the next one begins. */
static void end_request(struct head *head)
{
	*head = (struct head){ 0 };
}

static bool end_head(struct head *head, uint8_t c)
{
	if (c != '\n')
		return false;
	if (head->left)
		head->place = BODY;
	else
		end_request(head);
	return true;
}

/* A text that ends with @end, where @next follows. */
static bool take_until(struct head *head, uint8_t c, uint8_t end, enum place next, bool good)
{
	if (c != end)
		return good;
	head->place = next;
	return true;
}

static bool take(struct head *head, uint8_t c)
{
	switch ((enum place)head->place) {
	case METHOD:
		if (c == ' ' && !head->matched)
			return false; /* no method */
		head->matched = c == ' ' ? 0 : 1;
		return take_until(head, c, ' ', TARGET, is_token(c));
	case TARGET:
		if (c == ' ' && !head->matched)
			return false; /* no target */
		head->matched = c == ' ' ? 0 : 1;
		return take_until(head, c, ' ', VERSION, c > ' ' && c < 0x7f);
	case VERSION:
		return take_version(head, c);
	case LINE_END:
	case VALUE_END:
		head->place = LINE;
		return c == '\n';
	case LINE:
		return take_line(head, c);
	case NAME:
		return take_name(head, c);
	case LENGTH:
	case LENGTH_SPACE:
		return take_length(head, c);
	case VALUE:
		return take_until(head, c, '\r', VALUE_END, is_text(c));
	case HEAD_END:
		return end_head(head, c);
	case BODY:
		break;
	}
	return false;
}

/**
 * head_take() - read the next bytes of a connection
 *
 * Return: true, or false when the connection must be ended: from then on always false.
 */
bool head_take(struct head *head, const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (at < size && !head->refused) {
		if (head->place == BODY) {
			uint64_t part = head->left < size - at ? head->left : size - at;

			at += part;
			head->left -= part;
			if (!head->left)
				end_request(head);
		} else if (!take(head, bytes[at++])) {
			head->refused = true;
		}
	}
	return !head->refused;
}
