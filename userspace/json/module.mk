# JSON in and out; the only room that includes jansson.
sluice_srcs += userspace/json/copy.c userspace/json/json.c userspace/json/writer.c
