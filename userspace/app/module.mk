# main.c is not listed: it is linked beside the library.
sluice_srcs += userspace/app/address.c userspace/app/bootstrap.c userspace/app/data_dir.c \
	userspace/app/options.c userspace/app/packet_options.c userspace/app/packets.c userspace/app/serve.c
