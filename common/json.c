// SPDX-License-Identifier: Apache-2.0
#include "common/json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define JSON_MOST_BYTES (1u << 20)
#define JSON_MOST_DEPTH 64

// The opaque type is cJSON itself, so no wrapper object is allocated.
static cJSON *tree(const struct fg_json *json)
{
    return (cJSON *)(uintptr_t)json;
}

static struct fg_json *checked(cJSON *json)
{
    if (!json)
        abort(); // a few hundred bytes: nothing sensible is left to do
    return (struct fg_json *)json;
}

// cJSON recurses for each level; a hostile text must not choose our stack. An escaped NUL would
// end a C string early: "guest\u0000" would be guest.
static const char *unwelcome(const char *text, size_t length)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == 0)
            return "with a NUL byte";
        if (quoted) {
            if (text[i] == '\\' && length - i >= 6 && memcmp(text + i, "\\u0000", 6) == 0)
                return "with an escaped NUL";
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                quoted = false;
        } else if (text[i] == '"') {
            quoted = true;
        } else if (text[i] == '{' || text[i] == '[') {
            if (++depth > JSON_MOST_DEPTH)
                return "nested over 64 deep";
        } else if (text[i] == '}' || text[i] == ']') {
            depth--;
        }
    }
    return NULL;
}

int fg_json_parse(const void *text, size_t length, struct fg_json **ret, struct fg_error *err)
{
    if (length > JSON_MOST_BYTES)
        return fg_fail(err, -EINVAL, "JSON of %zu bytes; the limit is %u", length, JSON_MOST_BYTES);
    const char *why = unwelcome(text, length);
    if (why)
        return fg_fail(err, -EINVAL, "JSON %s", why);
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text, length, &end, false);
    if (!json)
        return fg_fail(err, -EINVAL, "not JSON at byte %zu",
                       end ? (size_t)(end - (const char *)text) : 0);
    for (const char *rest = end; rest < (const char *)text + length; rest++) {
        if (!strchr(" \t\r\n", *rest)) {
            cJSON_Delete(json);
            return fg_fail(err, -EINVAL, "something after the JSON at byte %zu",
                           (size_t)(rest - (const char *)text));
        }
    }
    *ret = (struct fg_json *)json;
    return 0;
}

struct fg_json *fg_json_object(void)
{
    return checked(cJSON_CreateObject());
}

struct fg_json *fg_json_array(void)
{
    return checked(cJSON_CreateArray());
}

void fg_json_destroy(struct fg_json *json)
{
    cJSON_Delete(tree(json));
}

void fg_json_add(struct fg_json *parent, const char *name, struct fg_json *child)
{
    if (!(name ? cJSON_AddItemToObject(tree(parent), name, tree(child))
               : cJSON_AddItemToArray(tree(parent), tree(child))))
        abort();
}

void fg_json_add_string(struct fg_json *parent, const char *name, const char *value)
{
    fg_json_add(parent, name, checked(cJSON_CreateString(value)));
}

void fg_json_add_number(struct fg_json *parent, const char *name, double value)
{
    fg_json_add(parent, name, checked(cJSON_CreateNumber(value)));
}

void fg_json_add_bool(struct fg_json *parent, const char *name, bool value)
{
    fg_json_add(parent, name, checked(cJSON_CreateBool(value)));
}

const struct fg_json *fg_json_get(const struct fg_json *object, const char *name)
{
    return (const struct fg_json *)cJSON_GetObjectItemCaseSensitive(tree(object), name);
}

const char *fg_json_get_string(const struct fg_json *object, const char *name, const char *absent)
{
    const char *value = fg_json_string(fg_json_get(object, name));
    return value ? value : absent;
}

double fg_json_get_number(const struct fg_json *object, const char *name, double absent)
{
    const cJSON *item = tree(fg_json_get(object, name));
    return cJSON_IsNumber(item) && isfinite(item->valuedouble) ? item->valuedouble : absent;
}

bool fg_json_get_bool(const struct fg_json *object, const char *name, bool absent)
{
    const cJSON *item = tree(fg_json_get(object, name));
    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : absent;
}

size_t fg_json_count(const struct fg_json *array)
{
    const cJSON *json = tree(array);
    return cJSON_IsArray(json) || cJSON_IsObject(json) ? (size_t)cJSON_GetArraySize(json) : 0;
}

const struct fg_json *fg_json_at(const struct fg_json *array, size_t index)
{
    return (const struct fg_json *)cJSON_GetArrayItem(tree(array), (int)index);
}

const struct fg_json *fg_json_next(const struct fg_json *member)
{
    return member ? (const struct fg_json *)tree(member)->next : NULL;
}

const char *fg_json_string(const struct fg_json *json)
{
    return cJSON_IsString(tree(json)) ? tree(json)->valuestring : NULL;
}

const char *fg_json_name(const struct fg_json *member)
{
    return member ? tree(member)->string : NULL;
}

bool fg_json_is_object(const struct fg_json *json)
{
    return cJSON_IsObject(tree(json));
}

bool fg_json_is_array(const struct fg_json *json)
{
    return cJSON_IsArray(tree(json));
}

char *fg_json_print(const struct fg_json *json, bool indented)
{
    char *text = indented ? cJSON_Print(tree(json)) : cJSON_PrintUnformatted(tree(json));
    if (!text)
        abort();
    return text;
}
