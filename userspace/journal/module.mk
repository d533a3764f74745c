# The snapshot of live state, on disk or in memory.
sluice_srcs += userspace/journal/crc32c.c userspace/journal/file.c userspace/journal/file_read.c \
	userspace/journal/journal.c userspace/journal/memory.c
