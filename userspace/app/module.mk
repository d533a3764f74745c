# main.c is not listed: it is linked beside the library.
sluice_srcs += \
	userspace/app/announce.c \
	userspace/app/arguments.c \
	userspace/app/backup.c \
	userspace/app/bootstrap.c \
	userspace/app/config.c \
	userspace/app/data_dir.c \
	userspace/app/doctor.c \
	userspace/app/limits.c \
	userspace/app/notify.c \
	userspace/app/packets.c \
	userspace/app/recover.c \
	userspace/app/reload.c \
	userspace/app/report.c \
	userspace/app/serve.c \
	userspace/app/tls.c \
	userspace/app/watch.c
