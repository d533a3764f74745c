sluice_srcs += userspace/cli/answers.c \
	userspace/cli/body.c \
	userspace/cli/commands.c \
	userspace/cli/completion.c \
	userspace/cli/completion_ids.c \
	userspace/cli/do_check.c \
	userspace/cli/do_history.c \
	userspace/cli/do_key.c \
	userspace/cli/do_limit.c \
	userspace/cli/key_view.c \
	userspace/cli/do_status.c \
	userspace/cli/do_top.c \
	userspace/cli/limit_view.c \
	userspace/cli/options.c \
	userspace/cli/problem.c \
	userspace/cli/session.c \
	userspace/cli/sse.c \
	userspace/cli/grid.c \
	userspace/cli/terminal.c \
	userspace/cli/text.c \
	userspace/cli/top_view.c \
	userspace/cli/view.c
