# Backups of a data directory; the one folder that includes libarchive's headers.
sluice_srcs += \
	userspace/backup/backup.c \
	userspace/backup/describe.c \
	userspace/backup/parts.c \
	userspace/backup/stage.c \
	userspace/backup/tar.c
