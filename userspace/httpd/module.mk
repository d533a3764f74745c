sluice_srcs += userspace/httpd/answer.c \
	userspace/httpd/budget.c \
	userspace/httpd/connection.c \
	userspace/httpd/exchange.c \
	userspace/httpd/head.c \
	userspace/httpd/httpd.c \
	userspace/httpd/input.c \
	userspace/httpd/loop.c \
	userspace/httpd/output.c \
	userspace/httpd/peer.c \
	userspace/httpd/request.c \
	userspace/httpd/stream.c \
	userspace/httpd/tls.c \
	userspace/httpd/tls_files.c \
	userspace/httpd/transport_tls.c \
	userspace/httpd/turn.c
