/* SPDX-License-Identifier: MIT */
/*
 * Typed reads of json-c objects that tell "absent" from "wrong type".
 *
 * Must never print what it reads.
 */
#ifndef ENVELOPE_JSON_H
#define ENVELOPE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

void json_freep(struct json_object **o);
#define _cleanup_json_ __attribute__((cleanup(json_freep)))

/** json_has() - true when @o is an object with a member @key that is not null */
bool json_has(struct json_object *o, const char *key);

bool json_find(struct json_object *o, const char *key, struct json_object **value);
bool json_has_type(struct json_object *o, const char *key, enum json_type type);

/** json_get_object() - member @key when it is an object (borrowed), else NULL */
struct json_object *json_get_object(struct json_object *o, const char *key);

/** json_get_string() - member @key when it is a string (borrowed from @o), else NULL */
const char *json_get_string(struct json_object *o, const char *key);

int json_copy_string(struct json_object *o, const char *key, char *field, size_t size);

/** json_get_int() - member @key when it is an integer, else @fallback */
int64_t json_get_int(struct json_object *o, const char *key, int64_t fallback);

/** json_get_bool() - member @key when it is a boolean, else @fallback */
bool json_get_bool(struct json_object *o, const char *key, bool fallback);

/** json_add_string() - set member @key of @o to @value; NULL sets nothing */
void json_add_string(struct json_object *o, const char *key, const char *value);

void json_add_object(struct json_object *o, const char *key, struct json_object *value);

/** json_add_int() - set member @key of @o to @value */
void json_add_int(struct json_object *o, const char *key, int64_t value);

/** json_add_bool() - set member @key of @o to @value */
void json_add_bool(struct json_object *o, const char *key, bool value);

/**
 * json_parse() - parse exactly one JSON text
 * @text: need not be terminated
 * @size: bytes
 *
 * Nesting deeper than 32 levels, trailing garbage and empty input are errors.
 *
 * Return: a new reference for the caller, or NULL.
 */
struct json_object *json_parse(const char *text, size_t size);

#endif
