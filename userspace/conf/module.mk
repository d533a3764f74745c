# Settings: one table, four sources; the only room that includes libyaml.
sluice_srcs += userspace/conf/address.c userspace/conf/describe.c userspace/conf/limits.c userspace/conf/load.c \
	userspace/conf/load_arguments.c userspace/conf/load_environment.c userspace/conf/load_file.c \
	userspace/conf/read_file.c userspace/conf/table.c userspace/conf/types.c userspace/conf/yaml_events.c userspace/conf/yaml_limits.c userspace/conf/yaml_reader.c
