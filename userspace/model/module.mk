# What users create, validated once.
sluice_srcs += userspace/model/limit.c userspace/model/limit_codec.c \
	userspace/model/limit_compile.c userspace/model/limit_fields.c \
	userspace/model/limit_names.c userspace/model/limit_parse.c userspace/model/limit_text.c
