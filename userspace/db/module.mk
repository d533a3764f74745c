# The one folder that includes sqlite3.h.
sluice_srcs += userspace/db/copy.c
sluice_srcs += userspace/db/db.c
sluice_srcs += userspace/db/errors.c
sluice_srcs += userspace/db/lock.c
sluice_srcs += userspace/db/schema.c
sluice_srcs += userspace/db/statement.c
