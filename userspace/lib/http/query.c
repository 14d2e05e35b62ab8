// SPDX-License-Identifier: MIT
/*
 * The Query protocol, as botocore's parsers and serializers of "query" speak it.
 *
 * Must never put a value into XML by itself: libxml2 writes and escapes all of it.
 */
#include "lib/http/query.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libxml/uri.h>
#include <libxml/xmlwriter.h>

#include "lib/base/json.h"
#include "lib/base/utf8.h"

#define FORM_TYPE "application/x-www-form-urlencoded"

static int malformed(struct fault *f, const char *what)
{
	return fault_set(f, "MalformedInputException", "The form in the request is malformed: %s.",
			 what);
}

/** query_is() - is @request a form? */
bool query_is(const struct http_request *request)
{
	const char *type = http_header(request, "Content-Type");

	return type && !strncasecmp(type, FORM_TYPE, strlen(FORM_TYPE));
}

/* Is no byte a NUL, and has each % two digits behind it, that are not those of a NUL? */
static bool is_escaped(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\0')
			return false;
		if (text[i] != '%')
			continue;
		if (size - i < 3 || !isxdigit((unsigned char)text[i + 1]) ||
		    !isxdigit((unsigned char)text[i + 2]) || !strncmp(text + i, "%00", 3))
			return false;
	}
	return true;
}

/* A name or a value of the form; malloc'd, or NULL with @f */
static char *decode(const char *text, size_t size, struct fault *f)
{
	char *copy, *out;

	if (!is_escaped(text, size)) {
		malformed(f, "it has a NUL, or a % without the two digits of a character");
		return NULL;
	}
	copy = strndup(text, size);
	out = copy ? calloc(1, size + 1) : NULL;
	for (char *plus = copy; plus && (plus = strchr(plus, '+')) != NULL;)
		*plus = ' ';
	if (out && size > 0)
		xmlURIUnescapeString(copy, (int)size, out);
	free(copy);
	if (!out) {
		fault_set(f, "InternalFailure", "Out of memory. Try again.");
		return NULL;
	}
	if (utf8_valid(out, strlen(out)))
		return out;
	free(out);
	malformed(f, "a value is not UTF-8");
	return NULL;
}

static int read_pair(struct json_object *params, const char *pair, size_t size, struct fault *f)
{
	const char *equals = memchr(pair, '=', size);
	size_t name_size = equals ? (size_t)(equals - pair) : size;
	char *name = decode(pair, name_size, f), *value;
	int r = 0;

	if (!name)
		return -1;
	value = decode(equals ? equals + 1 : "", equals ? size - name_size - 1 : 0, f);
	if (!value)
		r = -1;
	else if (!*name || json_has(params, name))
		r = malformed(f, "a name is empty, or is there twice");
	else
		json_add_string(params, name, value);
	free(name);
	free(value);
	return r;
}

/**
 * query_read() - read the form
 * @params: set to a new object of strings, also on failure unless memory is short
 * @f: MalformedInputException, InternalFailure
 *
 * Return: 0 or -1.
 */
int query_read(const struct http_request *request, struct json_object **params, struct fault *f)
{
	const char *at = (const char *)request->body, *end = at + request->body_size;

	*params = json_object_new_object();
	if (!*params)
		return fault_set(f, "InternalFailure", "Out of memory. Try again.");
	while (at < end) {
		const char *next = memchr(at, '&', (size_t)(end - at));
		size_t size = (size_t)((next ? next : end) - at);

		if (size > 0 && read_pair(*params, at, size, f))
			return -1;
		at += size + 1;
	}
	return 0;
}

/* XML has no control characters, no U+FFFE and no U+FFFF, not even escaped. */
static void write_text(xmlTextWriter *xml, const char *text)
{
	char *copy = strdup(text ? text : "");

	for (char *at = copy; at && *at; at++) {
		if ((unsigned char)*at < ' ' && !strchr("\t\n\r", *at))
			*at = '?';
		else if (!strncmp(at, "\xef\xbf\xbe", 3) || !strncmp(at, "\xef\xbf\xbf", 3))
			memcpy(at, "???", 3);
	}
	if (copy)
		xmlTextWriterWriteString(xml, BAD_CAST copy);
	free(copy);
}

static void write_element(xmlTextWriter *xml, const char *name, const char *text)
{
	xmlTextWriterStartElement(xml, BAD_CAST name);
	write_text(xml, text);
	xmlTextWriterEndElement(xml);
}

static void write_value(xmlTextWriter *xml, const char *name, struct json_object *value);

static void write_members(xmlTextWriter *xml, struct json_object *o)
{
	json_object_object_foreach(o, name, value)
		write_value(xml, name, value);
}

static void write_value(xmlTextWriter *xml, const char *name, struct json_object *value)
{
	xmlTextWriterStartElement(xml, BAD_CAST name);
	if (json_object_is_type(value, json_type_object))
		write_members(xml, value);
	else if (json_object_is_type(value, json_type_array))
		for (size_t i = 0; i < json_object_array_length(value); i++)
			write_value(xml, "member", json_object_array_get_idx(value, i));
	else
		write_text(xml, json_object_get_string(value));
	xmlTextWriterEndElement(xml);
}

/* A document whose first element is @root. @buffer: set; NULL when memory is short */
static xmlTextWriter *begin(const struct query_answer *answer, const char *root, const char *end,
			    xmlBuffer **buffer)
{
	char name[128] = "";
	xmlTextWriter *xml;

	*buffer = xmlBufferCreate();
	xml = *buffer ? xmlNewTextWriterMemory(*buffer, 0) : NULL;
	if (!xml)
		return NULL;
	strncat(name, root, sizeof(name) - strlen(end) - 1);
	strcat(name, end);
	xmlTextWriterStartElement(xml, BAD_CAST name);
	xmlTextWriterWriteAttribute(xml, BAD_CAST "xmlns", BAD_CAST answer->xmlns);
	return xml;
}

/* Ends all elements. Return: malloc'd text, or NULL */
static char *finish(xmlTextWriter *xml, xmlBuffer *buffer)
{
	char *text = NULL;

	if (xml) {
		if (xmlTextWriterEndDocument(xml) >= 0)
			text = strdup((const char *)xmlBufferContent(buffer));
		xmlFreeTextWriter(xml);
	}
	if (buffer)
		xmlBufferFree(buffer);
	return text;
}

/**
 * query_reply() - the answer of an operation that has been carried out
 * @reply: members of the result; an operation without output has none
 *
 * Return: malloc'd text, or NULL when memory is short.
 */
char *query_reply(const struct query_answer *answer, struct json_object *reply)
{
	xmlBuffer *buffer;
	xmlTextWriter *xml = begin(answer, answer->operation, "Response", &buffer);
	char result[128] = "";

	if (xml && json_object_object_length(reply) > 0) {
		strncat(result, answer->operation, sizeof(result) - sizeof("Result"));
		strcat(result, "Result");
		write_value(xml, result, reply);
	}
	if (xml) {
		xmlTextWriterStartElement(xml, BAD_CAST "ResponseMetadata");
		write_element(xml, "RequestId", answer->request_id);
	}
	return finish(xml, buffer);
}

/**
 * query_fault() - the answer of an operation that was refused
 * @ours: the fault is on the side of the service
 *
 * Return: malloc'd text, or NULL when memory is short.
 */
char *query_fault(const struct query_answer *answer, const char *code, const char *message,
		  bool ours)
{
	xmlBuffer *buffer;
	xmlTextWriter *xml = begin(answer, "Error", "Response", &buffer);

	if (xml) {
		xmlTextWriterStartElement(xml, BAD_CAST "Error");
		write_element(xml, "Type", ours ? "Receiver" : "Sender");
		write_element(xml, "Code", code);
		write_element(xml, "Message", message);
		xmlTextWriterEndElement(xml);
		write_element(xml, "RequestId", answer->request_id);
	}
	return finish(xml, buffer);
}
