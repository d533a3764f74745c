/* Fills field errors; what is too long is cut between two characters. */
/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/field_error.h"
#include "base/utf8.h"

static void copy_cut(char *to, size_t size, const char *text)
{
	size_t len = strnlen(text, size);

	if (len == size)
		len = utf8_cut(text, size - 1);
	memcpy(to, text, len);
	to[len] = '\0';
}

void field_error_set(struct field_error *error, const char *field, const char *format, ...)
{
	/* Composed aside: field and arguments may lie in *error itself, to add a prefix. */
	char name[FIELD_NAME_SIZE], message[FIELD_MESSAGE_SIZE + 1];
	va_list args;

	if (!error)
		return;
	copy_cut(name, sizeof(name), field);
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	memcpy(error->field, name, strlen(name) + 1);
	copy_cut(error->message, sizeof(error->message), message);
}
