sluice_srcs += userspace/cli/commands.c \
	userspace/cli/completion.c \
	userspace/cli/do_check.c \
	userspace/cli/do_limit.c \
	userspace/cli/do_status.c \
	userspace/cli/limit_body.c \
	userspace/cli/limit_view.c \
	userspace/cli/options.c \
	userspace/cli/pages.c \
	userspace/cli/problem.c \
	userspace/cli/session.c \
	userspace/cli/grid.c \
	userspace/cli/text.c
