# The packet path: limits compiled, owned, put in force.
sluice_srcs += userspace/datapath/datapath.c
sluice_srcs += userspace/datapath/memory.c
sluice_srcs += userspace/datapath/off.c
sluice_srcs += userspace/datapath/overlap.c
sluice_srcs += userspace/datapath/regions.c
sluice_srcs += userspace/datapath/reset.c
sluice_srcs += userspace/datapath/slots.c
sluice_srcs += userspace/datapath/slots_adopt.c
sluice_srcs += userspace/datapath/slots_capacity.c
sluice_srcs += userspace/datapath/tables.c
sluice_srcs += userspace/datapath/tables_address.c
sluice_srcs += userspace/datapath/tables_port.c
sluice_srcs += userspace/datapath/tables_runs.c
