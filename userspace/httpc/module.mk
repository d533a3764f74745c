# The one folder that includes curl.
sluice_srcs += userspace/httpc/httpc.c
