# Looks at a host and says what stands in a controller's way.
sluice_srcs += \
	userspace/doctor/data.c \
	userspace/doctor/doctor.c \
	userspace/doctor/host.c \
	userspace/doctor/interfaces.c \
	userspace/doctor/packets.c \
	userspace/doctor/port.c \
	userspace/doctor/show.c \
	userspace/doctor/tls.c \
	userspace/doctor/xdp_features.c
