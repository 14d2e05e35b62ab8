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

bool json_has(struct json_object *o, const char *key);
bool json_has_type(struct json_object *o, const char *key, enum json_type type);
bool json_find(struct json_object *o, const char *key, struct json_object **value);
struct json_object *json_get(struct json_object *o, const char *key);
struct json_object *json_get_object(struct json_object *o, const char *key);
const char *json_get_string(struct json_object *o, const char *key);
int json_copy_string(struct json_object *o, const char *key, char *field, size_t size);
struct json_object *json_get_array(struct json_object *o, const char *key);
int64_t json_get_int(struct json_object *o, const char *key, int64_t fallback);
bool json_get_bool(struct json_object *o, const char *key, bool fallback);
void json_add_string(struct json_object *o, const char *key, const char *value);
void json_add_object(struct json_object *o, const char *key, struct json_object *value);
void json_add_int(struct json_object *o, const char *key, int64_t value);
void json_add_bool(struct json_object *o, const char *key, bool value);
struct json_object *json_parse(const char *text, size_t size);

#endif
