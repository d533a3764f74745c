# The one folder that includes curl.
sluice_srcs += userspace/httpc/follow.c userspace/httpc/httpc.c
