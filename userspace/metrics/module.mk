# What is measured, and how it is told to Prometheus.
sluice_srcs += \
	userspace/metrics/counters.c \
	userspace/metrics/exposition.c \
	userspace/metrics/process.c \
	userspace/metrics/table.c \
	userspace/metrics/times.c
