/* Interfaces and sizes, as people type them. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <sluice/line.h>

#include "app/options.h"
#include "base/number.h"

/* What the kernel takes for a name, but visible ASCII only: it is shown in JSON and logs. */
static bool name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IF_NAMESIZE || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] >= 0x7f || name[i] == '/' || name[i] == ':')
			return false;
	return true;
}

int interface_parse(const char *text, struct field_error *error, struct options *options)
{
	if (!name_valid(text)) {
		field_error_set(error, "--iface", "'%s' is no interface's name", text);
		return OPTIONS_E_INVALID;
	}
	for (size_t i = 0; i < options->n_interfaces; i++) {
		if (strcmp(options->interfaces[i], text) != 0)
			continue;
		field_error_set(error, "--iface", "%s is named twice", text);
		return OPTIONS_E_INVALID;
	}
	if (options->n_interfaces == DATAPATH_INTERFACES_MAX) {
		field_error_set(error, "--iface", "at most %d interfaces can be named",
				DATAPATH_INTERFACES_MAX);
		return OPTIONS_E_INVALID;
	}
	options->interfaces[options->n_interfaces++] = text;
	return 0;
}

/* Bytes of a whole number and its unit; false when it is none, or more than 64 bits hold. */
static bool parse_bytes(const char *text, uint64_t *ret)
{
	static const char *const units[] = {"KiB", "MiB", "GiB"};
	size_t digits = strspn(text, "0123456789");
	uint64_t number;

	if (number_parse_u64(text, digits, &number))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(text + digits, units[i]) == 0)
			return !__builtin_mul_overflow(number, 1024ULL << 10 * i, ret);
	return false;
}

int packet_memory_parse(const char *text, struct field_error *error, uint32_t *ret_lines)
{
	uint32_t lines = DATAPATH_LINES_MIN;
	uint64_t bytes, wanted;

	if (parse_bytes(text, &bytes)) {
		wanted = bytes / sizeof(struct sluice_line);
		if (wanted >= DATAPATH_LINES_MIN && wanted <= DATAPATH_LINES_MAX) {
			while (lines <= wanted / 2)
				lines *= 2;
			*ret_lines = lines;
			return 0;
		}
	}
	field_error_set(error, "--packet-memory",
			"'%s' is no size from 64KiB to 1GiB, with a unit: KiB, MiB or GiB", text);
	return OPTIONS_E_INVALID;
}
