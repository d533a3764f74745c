# Who is calling: API keys and passwords.
sluice_srcs += \
	userspace/auth/api_key.c \
	userspace/auth/api_key_json.c \
	userspace/auth/keyring.c \
	userspace/auth/password.c \
	userspace/auth/rights.c
