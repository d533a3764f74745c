/* Hands out slots of pages, fullest pages first, and gives empty pages back. */
/* SPDX-License-Identifier: MIT */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "engine/memory.h"
#include "engine/slab.h"

enum {
	SLAB_SIZE_MIN = 4,
	SLAB_BESIDE_UNIT = 8,
};

void slab_init(struct slab *slab, const struct engine_slab_ops *ops, const uint16_t *sizes,
	       uint32_t n_sizes, struct slab *beside)
{
	assert(n_sizes <= SLAB_SIZES_MAX && sizes[0] >= SLAB_SLOT_BYTES_MIN);
	*slab = (struct slab){
		.ops = ops,
		.sizes = sizes,
		.n_sizes = n_sizes,
		.beside = beside,
	};
}

static void free_page(struct slab *slab, uint32_t number)
{
	struct slab_page *page = slab->pages[number];

	if (page->beside)
		slab_free(slab->beside, page->beside);
	slab->ops->unmap(slab->ops->context, slab->places[number].memory, ENGINE_SLAB_BYTES);
	engine_memory_free(page);
	slab->places[number] = (struct slab_place){0};
	slab->pages[number] = NULL;
	slab->bytes -= ENGINE_SLAB_BYTES + sizeof(*page);
}

static void free_tables(struct slab *slab)
{
	engine_memory_free(slab->places);
	engine_memory_free(slab->pages);
	slab->bytes -= slab->size * (sizeof(*slab->places) + sizeof(*slab->pages));
	slab->places = NULL;
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

/* By size of the slot and, in powers of two, by what lies beside it. */
static uint32_t find_class(const struct slab *slab, size_t bytes, size_t beside)
{
	uint32_t size = 0, step = 0;

	while (slab->sizes[size] < bytes) {
		size++;
		assert(size < slab->n_sizes);
	}
	if (beside)
		for (step = 1; (size_t)SLAB_BESIDE_UNIT << (step - 1) < beside; step++)
			assert(step + 1 < SLAB_BESIDES);
	return size * SLAB_BESIDES + step;
}

static size_t class_bytes(const struct slab *slab, uint32_t class)
{
	return slab->sizes[class / SLAB_BESIDES];
}

static size_t class_beside(uint32_t class)
{
	uint32_t step = class % SLAB_BESIDES;

	return step ? (size_t)SLAB_BESIDE_UNIT << (step - 1) : 0;
}

/* As many as both sides have room for. */
static uint16_t class_slots(const struct slab *slab, uint32_t class)
{
	size_t slots = ENGINE_SLAB_BYTES / class_bytes(slab, class);
	size_t beside = class_beside(class);

	if (beside && slots > ENGINE_SLAB_BYTES / beside)
		slots = ENGINE_SLAB_BYTES / beside;
	return (uint16_t)slots;
}

int slab_same_class(const struct slab *slab, size_t bytes, size_t beside, uint32_t ref)
{
	return slab->pages[ref >> SLAB_SLOT_BITS]->class == find_class(slab, bytes, beside);
}

static int grow_tables(struct slab *slab)
{
	uint32_t size = slab->size ? slab->size * 2 : SLAB_SIZE_MIN, old = slab->size;
	struct slab_place *places;
	struct slab_page **pages;

	if (size > SLAB_PAGES_MAX)
		return -ENOMEM;
	pages = engine_memory_alloc(size * sizeof(*pages));
	places = engine_memory_alloc(size * sizeof(*places));
	if (!pages || !places) {
		engine_memory_free(pages);
		engine_memory_free(places);
		return -ENOMEM;
	}
	if (old) {
		memcpy(pages, slab->pages, old * sizeof(*pages));
		memcpy(places, slab->places, old * sizeof(*places));
	}
	free_tables(slab);
	slab->pages = pages;
	slab->places = places;
	slab->size = size;
	slab->bytes += size * (sizeof(*pages) + sizeof(*places));
	return 0;
}

/* The lowest number not in use; 0 never is, since reference 0 means none. */
static uint32_t find_number(struct slab *slab)
{
	uint32_t number = 1;

	while (number < slab->size && slab->pages[number])
		number++;
	if (number >= slab->size && grow_tables(slab))
		return 0;
	return number;
}

/* A page of the class, not yet in the tables. NULL: no memory. */
static struct slab_page *make_page(struct slab *slab, uint32_t class, struct slab_place *place)
{
	struct slab_page *page = engine_memory_alloc(sizeof(*page));
	size_t beside = class_beside(class);

	if (!page)
		return NULL;
	page->class = (uint16_t) class;
	page->slots = class_slots(slab, class);
	for (uint16_t i = 0; i < page->slots; i++)
		page->free[i / 64] |= 1ULL << (i % 64);
	place->slot_bytes = (uint32_t)class_bytes(slab, class);
	place->beside_bytes = (uint32_t)beside;
	place->memory = slab->ops->map(slab->ops->context, ENGINE_SLAB_BYTES);
	if (place->memory && beside) {
		page->beside = slab_alloc(slab->beside, page->slots * beside, 0);
		if (page->beside)
			place->beside = slab_at(slab->beside, page->beside);
	}
	if (place->memory && !place->beside == !beside)
		return page;
	if (place->memory)
		slab->ops->unmap(slab->ops->context, place->memory, ENGINE_SLAB_BYTES);
	engine_memory_free(page);
	return NULL;
}

static uint32_t map_page(struct slab *slab, uint32_t class)
{
	uint32_t number = find_number(slab);
	struct slab_place place = {0};
	struct slab_page *page;

	if (number == 0)
		return 0;
	page = make_page(slab, class, &place);
	if (!page)
		return 0;
	slab->pages[number] = page;
	slab->places[number] = place;
	slab->bytes += ENGINE_SLAB_BYTES + sizeof(*page);
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
	slab->current[class] = (uint16_t)number;
	return 0;
}

uint32_t slab_alloc(struct slab *slab, size_t bytes, size_t beside)
{
	uint32_t class = find_class(slab, bytes, beside), at = 0;
	struct slab_page *page;
	uint32_t slot;

	if (pick_current(slab, class))
		return 0;
	page = slab->pages[slab->current[class]];
	while (page->free[at] == 0)
		at++;
	slot = at * 64 + (uint32_t)__builtin_ctzll(page->free[at]);
	page->free[at] &= page->free[at] - 1;
	page->used++;
	return (uint32_t)slab->current[class] << SLAB_SLOT_BITS | slot;
}

void slab_free(struct slab *slab, uint32_t ref)
{
	struct slab_page *page = slab->pages[ref >> SLAB_SLOT_BITS];
	uint32_t slot = ref & (SLAB_SLOTS_MAX - 1);

	assert((page->free[slot / 64] & 1ULL << (slot % 64)) == 0);
	page->free[slot / 64] |= 1ULL << (slot % 64);
	page->used--;
}

void slab_trim(struct slab *slab)
{
	uint32_t kept = 0;

	for (uint32_t i = 1; i < slab->size; i++) {
		const struct slab_page *page = slab->pages[i];

		if (page && page->used == 0) {
			slab->current[page->class] = 0;
			free_page(slab, i);
		}
		kept += slab->pages[i] != NULL;
	}
	if (kept == 0)
		free_tables(slab);
}
