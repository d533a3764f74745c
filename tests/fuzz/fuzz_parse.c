/* Fuzzes the packet parser: no byte read past the frame, and the reference parser agrees. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/parse.h"
#include "bpf/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sluice_packet parsed, expected;
	uint8_t *frame;

	if (size > 65536)
		return 0;
	/* Exact size, so that the sanitizer sees a byte too far. */
	frame = malloc(size);
	if (size)
		memcpy(frame, data, size);
	parse_packet(frame, (__u32)size, &parsed);
	reference_parse(frame, size, &expected);
	if (memcmp(&parsed, &expected, sizeof(parsed)))
		abort();
	free(frame);
	return 0;
}
