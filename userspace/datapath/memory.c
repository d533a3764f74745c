/* The backend in this process's memory: everything but the program and its interfaces. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/random.h"
#include "datapath/memory_priv.h"

struct memory {
	struct datapath base;
	struct memory_pins *pins;
	bool owned; /* pins go with it */
};

static struct memory_pins *pins_of(struct datapath *datapath)
{
	return ((struct memory *)datapath)->pins;
}

static size_t pins_bytes(uint32_t lines)
{
	return sizeof(struct memory_pins) + (size_t)lines * sizeof(struct sluice_line);
}

int memory_pins_new(uint32_t lines, struct memory_pins **ret)
{
	uint32_t n = lines ? lines : DATAPATH_LINES_DEFAULT;
	struct memory_pins *pins = mmap(NULL, pins_bytes(n), PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (pins == MAP_FAILED)
		return -ENOMEM;
	pins->n_lines = n;
	random_bytes(pins->seed, sizeof(pins->seed));
	*ret = pins;
	return 0;
}

void memory_pins_free(struct memory_pins *pins)
{
	if (pins)
		munmap(pins, pins_bytes(pins->n_lines));
}

const struct sluice_tables *memory_tables(const struct memory_pins *pins)
{
	return &pins->tables[__atomic_load_n(&pins->published, __ATOMIC_ACQUIRE) % 2];
}

static int memory_publish(struct datapath *datapath, const struct sluice_tables *tables)
{
	struct memory_pins *pins = pins_of(datapath);
	uint32_t next = pins->published + 1;

	memcpy(&pins->tables[next % 2], tables, sizeof(*tables));
	__atomic_store_n(&pins->published, next, __ATOMIC_RELEASE);
	return 0;
}

static int memory_counts(struct datapath *datapath, uint32_t slot, struct sluice_counts *ret)
{
	*ret = pins_of(datapath)->counts[slot];
	return 0;
}

static int memory_clear_counts(struct datapath *datapath, uint32_t slot)
{
	pins_of(datapath)->counts[slot] = (struct sluice_counts){0};
	return 0;
}

static int memory_reasons(struct datapath *datapath, struct sluice_reasons *ret)
{
	*ret = pins_of(datapath)->reasons;
	return 0;
}

static int memory_times(struct datapath *datapath, struct sluice_times *ret)
{
	(void)datapath;
	*ret = (struct sluice_times){0};
	return 0;
}

static void memory_tend(struct datapath *datapath)
{
	(void)datapath;
}

static size_t memory_interfaces(struct datapath *datapath, struct datapath_interface *ret, size_t n)
{
	(void)datapath;
	(void)ret;
	(void)n;
	return 0;
}

static void empty_pins(struct memory_pins *pins)
{
	memset(pins->slots, 0, sizeof(pins->slots));
	memset(pins->tables, 0, sizeof(pins->tables));
	memset(pins->counts, 0, sizeof(pins->counts));
	pins->reasons = (struct sluice_reasons){0};
}

static void memory_close(struct datapath *datapath, bool detach)
{
	struct memory *memory = (struct memory *)datapath;

	if (detach)
		empty_pins(memory->pins);
	if (memory->owned)
		memory_pins_free(memory->pins);
	datapath_done(datapath);
	free(memory);
}

static const struct datapath_ops memory_ops = {
	.publish = memory_publish,
	.counts = memory_counts,
	.clear_counts = memory_clear_counts,
	.reasons = memory_reasons,
	.times = memory_times,
	.tend = memory_tend,
	.interfaces = memory_interfaces,
	.close = memory_close,
};

int datapath_open_memory_at(struct memory_pins *pins, struct datapath **ret)
{
	struct memory *memory = calloc(1, sizeof(*memory));
	int r;

	if (!memory)
		return -ENOMEM;
	r = datapath_init(&memory->base, &memory_ops);
	if (r) {
		free(memory);
		return r;
	}
	memory->pins = pins;
	memory->base.lines = pins->lines;
	memory->base.n_lines = pins->n_lines;
	memory->base.slots = pins->slots;
	memcpy(memory->base.seed, pins->seed, sizeof(pins->seed));
	datapath_adopt(&memory->base);
	*ret = &memory->base;
	return 0;
}

int datapath_open_memory(uint32_t lines, struct datapath **ret)
{
	struct memory_pins *pins;
	int r = memory_pins_new(lines, &pins);

	if (r)
		return r;
	r = datapath_open_memory_at(pins, ret);
	if (r)
		memory_pins_free(pins);
	else
		((struct memory *)*ret)->owned = true;
	return r;
}
