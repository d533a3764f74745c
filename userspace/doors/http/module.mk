sluice_srcs += \
	userspace/doors/http/admit.c \
	userspace/doors/http/answer.c \
	userspace/doors/http/body.c \
	userspace/doors/http/counts.c \
	userspace/doors/http/etag.c \
	userspace/doors/http/exchange.c \
	userspace/doors/http/handlers_check.c \
	userspace/doors/http/handlers_health.c \
	userspace/doors/http/handlers_history.c \
	userspace/doors/http/handlers_keys.c \
	userspace/doors/http/handlers_limits.c \
	userspace/doors/http/handlers_packets.c \
	userspace/doors/http/handlers_test_clock.c \
	userspace/doors/http/metrics.c \
	userspace/doors/http/outcome.c \
	userspace/doors/http/page.c \
	userspace/doors/http/problem.c \
	userspace/doors/http/query.c \
	userspace/doors/http/ratelimit_headers.c \
	userspace/doors/http/request.c \
	userspace/doors/http/request_id.c \
	userspace/doors/http/request_log.c \
	userspace/doors/http/response.c \
	userspace/doors/http/route.c \
	userspace/doors/http/server.c \
	userspace/doors/http/trace.c \
	userspace/doors/http/worker.c
