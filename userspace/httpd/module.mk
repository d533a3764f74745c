sluice_srcs += userspace/httpd/answer.c \
	userspace/httpd/connection.c \
	userspace/httpd/httpd.c \
	userspace/httpd/loop.c \
	userspace/httpd/request.c
