/* Hands out slots of pages, fullest pages first, and gives empty pages back. */
/* SPDX-License-Identifier: MIT */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "engine/memory.h"
#include "engine/slab.h"

enum {
	SLAB_SIZE_MIN = 4,
	SLAB_PAGES_MAX = 1 << (32 - SLAB_OFFSET_BITS),
};

void slab_init(struct slab *slab, const struct engine_slab_ops *ops, const uint16_t *classes,
	       uint32_t n_classes)
{
	assert(n_classes <= SLAB_CLASSES_MAX);
	*slab = (struct slab){.ops = ops, .classes = classes, .n_classes = n_classes};
}

static size_t page_words(uint16_t slots)
{
	return (slots + 63U) / 64;
}

static size_t page_bytes(uint16_t slots)
{
	return sizeof(struct slab_page) + page_words(slots) * sizeof(uint64_t);
}

static void free_page(struct slab *slab, uint32_t number)
{
	slab->bytes -= ENGINE_SLAB_BYTES + page_bytes(slab->pages[number]->slots);
	slab->ops->unmap(slab->ops->context, slab->memory[number], ENGINE_SLAB_BYTES);
	engine_memory_free(slab->pages[number]);
	slab->memory[number] = NULL;
	slab->pages[number] = NULL;
}

static void free_tables(struct slab *slab)
{
	engine_memory_free(slab->memory);
	engine_memory_free(slab->pages);
	slab->bytes -= slab->size * (sizeof(*slab->memory) + sizeof(*slab->pages));
	slab->memory = NULL;
	slab->pages = NULL;
	slab->size = 0;
}

void slab_done(struct slab *slab)
{
	for (uint32_t i = 0; i < slab->size; i++)
		if (slab->pages[i])
			free_page(slab, i);
	free_tables(slab);
}

static uint32_t find_class(const struct slab *slab, size_t bytes)
{
	uint32_t class = 0;

	while ((size_t)slab->classes[class] * SLAB_UNIT < bytes) {
		class ++;
		assert(class < slab->n_classes);
	}
	return class;
}

size_t slab_slot_bytes(const struct slab *slab, size_t bytes)
{
	return (size_t)slab->classes[find_class(slab, bytes)] * SLAB_UNIT;
}

static int grow_tables(struct slab *slab)
{
	uint32_t size = slab->size ? slab->size * 2 : SLAB_SIZE_MIN, old = slab->size;
	struct slab_page **pages;
	char **memory;

	if (size > SLAB_PAGES_MAX)
		return -ENOMEM;
	pages = engine_memory_alloc(size * sizeof(*pages));
	memory = engine_memory_alloc(size * sizeof(*memory));
	if (!pages || !memory) {
		engine_memory_free(pages);
		engine_memory_free(memory);
		return -ENOMEM;
	}
	if (old) {
		memcpy(pages, slab->pages, old * sizeof(*pages));
		memcpy(memory, slab->memory, old * sizeof(*memory));
	}
	free_tables(slab);
	slab->pages = pages;
	slab->memory = memory;
	slab->size = size;
	slab->bytes += size * (sizeof(*pages) + sizeof(*memory));
	return 0;
}

/* The lowest number not in use; number 0 never is, since reference 0 means none. */
static uint32_t find_number(struct slab *slab)
{
	uint32_t number = 1;

	while (number < slab->size && slab->pages[number])
		number++;
	if (number < slab->size)
		return number;
	if (grow_tables(slab))
		return 0;
	return number ? number : 1;
}

static uint32_t map_page(struct slab *slab, uint32_t class)
{
	uint16_t slots = (uint16_t)(SLAB_UNITS / slab->classes[class]);
	uint32_t number = find_number(slab);
	struct slab_page *page;

	if (number == 0)
		return 0;
	page = engine_memory_alloc(page_bytes(slots));
	if (!page)
		return 0;
	slab->memory[number] = slab->ops->map(slab->ops->context, ENGINE_SLAB_BYTES);
	if (!slab->memory[number]) {
		engine_memory_free(page);
		return 0;
	}
	page->class = (uint16_t) class;
	page->slots = slots;
	for (uint16_t i = 0; i < slots; i++)
		page->free[i / 64] |= 1ULL << (i % 64);
	slab->pages[number] = page;
	slab->bytes += ENGINE_SLAB_BYTES + page_bytes(slots);
	return number;
}

/* The fullest page with a free slot, so that the emptier ones drain; 0: none. */
static uint32_t find_page(const struct slab *slab, uint32_t class)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < slab->size; i++) {
		const struct slab_page *page = slab->pages[i];

		if (!page || page->class != class || page->used == page->slots)
			continue;
		if (best == 0 || page->used > slab->pages[best]->used)
			best = i;
	}
	return best;
}

static int pick_current(struct slab *slab, uint32_t class)
{
	uint32_t number = slab->current[class];

	if (number && slab->pages[number]->used < slab->pages[number]->slots)
		return 0;
	number = find_page(slab, class);
	if (number == 0)
		number = map_page(slab, class);
	if (number == 0)
		return -ENOMEM;
	slab->current[class] = number;
	return 0;
}

uint32_t slab_alloc(struct slab *slab, size_t bytes)
{
	uint32_t class = find_class(slab, bytes), slot;
	struct slab_page *page;

	if (pick_current(slab, class))
		return 0;
	page = slab->pages[slab->current[class]];
	while (page->free[page->hint] == 0)
		page->hint++;
	slot = page->hint * 64U + (uint32_t)__builtin_ctzll(page->free[page->hint]);
	page->free[page->hint] &= page->free[page->hint] - 1;
	page->used++;
	return slab->current[class] << SLAB_OFFSET_BITS | slot * slab->classes[class];
}

void slab_free(struct slab *slab, uint32_t ref)
{
	uint32_t number = ref >> SLAB_OFFSET_BITS;
	struct slab_page *page = slab->pages[number];
	uint32_t slot = (ref & (SLAB_UNITS - 1)) / slab->classes[page->class];

	assert((page->free[slot / 64] & 1ULL << (slot % 64)) == 0);
	page->free[slot / 64] |= 1ULL << (slot % 64);
	if (slot / 64 < page->hint)
		page->hint = (uint16_t)(slot / 64);
	page->used--;
	if (page->used == 0 && slab->current[page->class] != number)
		free_page(slab, number);
}

void slab_trim(struct slab *slab)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < slab->n_classes; i++) {
		uint32_t number = slab->current[i];

		if (number && slab->pages[number]->used == 0) {
			slab->current[i] = 0;
			free_page(slab, number);
		}
	}
	for (uint32_t i = 0; i < slab->size; i++)
		kept += slab->pages[i] != NULL;
	if (kept == 0)
		free_tables(slab);
}
