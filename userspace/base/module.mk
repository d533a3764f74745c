# What everything stands on: text, numbers, time, randomness, errors, log lines, snapshots.
sluice_srcs += userspace/base/boot.c userspace/base/buf.c userspace/base/clock.c userspace/base/field_error.c \
	userspace/base/log.c userspace/base/log_bound.c userspace/base/log_line.c userspace/base/log_queue.c \
	userspace/base/number.c userspace/base/random.c \
	userspace/base/snapshot.c userspace/base/utc.c userspace/base/utf8.c
