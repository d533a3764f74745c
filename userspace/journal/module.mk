# The snapshot of live state and the ledger, on disk or in memory.
sluice_srcs += userspace/journal/crc32c.c userspace/journal/file.c userspace/journal/file_read.c \
	userspace/journal/journal.c userspace/journal/memory.c \
	userspace/journal/ledger.c userspace/journal/ledger_aside.c userspace/journal/ledger_file.c \
	userspace/journal/ledger_memory.c userspace/journal/ledger_usage.c
