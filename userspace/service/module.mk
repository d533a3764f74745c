# The service: checks, changes, and what carries the store into the engine.
sluice_srcs += \
	userspace/service/admin.c \
	userspace/service/admin_keys.c \
	userspace/service/audit.c \
	userspace/service/bootstrap.c \
	userspace/service/catalog.c \
	userspace/service/check.c \
	userspace/service/draft.c \
	userspace/service/draft_keys.c \
	userspace/service/files.c \
	userspace/service/files_plan.c \
	userspace/service/health.c \
	userspace/service/history.c \
	userspace/service/identify.c \
	userspace/service/keeper.c \
	userspace/service/limit_table.c \
	userspace/service/measure.c \
	userspace/service/operation.c \
	userspace/service/packets.c \
	userspace/service/reconcile.c \
	userspace/service/records.c \
	userspace/service/recover.c \
	userspace/service/reset.c \
	userspace/service/resets.c \
	userspace/service/saver.c \
	userspace/service/saver_head.c \
	userspace/service/saver_restore.c \
	userspace/service/scribe.c \
	userspace/service/scribe_notes.c \
	userspace/service/scribe_usage.c \
	userspace/service/service.c \
	userspace/service/sweeper.c \
	userspace/service/tally.c
