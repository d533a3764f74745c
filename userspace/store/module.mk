# Configuration as records: the face, its watch machinery and two backends.
sluice_srcs += userspace/store/change.c
sluice_srcs += userspace/store/memory.c
sluice_srcs += userspace/store/sqlite.c
sluice_srcs += userspace/store/sqlite_read.c
sluice_srcs += userspace/store/sqlite_write.c
sluice_srcs += userspace/store/store.c
sluice_srcs += userspace/store/watch.c
