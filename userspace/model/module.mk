# What users create, validated once.
sluice_srcs += userspace/model/limit.c userspace/model/limit_change.c userspace/model/limit_codec.c \
	userspace/model/limit_compile.c userspace/model/limit_fields.c \
	userspace/model/limit_names.c userspace/model/limit_parse.c userspace/model/limit_text.c \
	userspace/model/packet_address.c userspace/model/packet_canonical.c \
	userspace/model/packet_match.c userspace/model/packet_parse.c \
	userspace/model/packet_per.c userspace/model/packet_write.c
