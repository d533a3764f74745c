# The engine's sources.
sluice_srcs += userspace/engine/anchor.c userspace/engine/ahead.c userspace/engine/apply.c userspace/engine/arena.c userspace/engine/carry.c userspace/engine/check.c \
	userspace/engine/engine.c userspace/engine/export.c userspace/engine/import.c \
	userspace/engine/index.c userspace/engine/key_hash.c \
	userspace/engine/keys.c userspace/engine/lock.c userspace/engine/memory.c \
	userspace/engine/pattern.c userspace/engine/rebase.c userspace/engine/rules.c userspace/engine/rules_change.c \
	userspace/engine/shard.c userspace/engine/slab.c userspace/engine/sweep.c \
	userspace/engine/table.c
