/* Turns an answer into the bytes that go to the peer. */
/* SPDX-License-Identifier: MIT */

#include <string.h>
#include <time.h>

#include "httpd/httpd_priv.h"

static const struct {
	unsigned int status;
	const char *reason;
} reasons[] = {
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{204, "No Content"},
	{301, "Moved Permanently"},
	{303, "See Other"},
	{304, "Not Modified"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{412, "Precondition Failed"},
	{413, "Content Too Large"},
	{415, "Unsupported Media Type"},
	{417, "Expectation Failed"},
	{422, "Unprocessable Content"},
	{428, "Precondition Required"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{503, "Service Unavailable"},
	{505, "HTTP Version Not Supported"},
	{507, "Insufficient Storage"},
};

const char *httpd_reason(unsigned int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

/* The Date line, made once a second: formatting one costs more than the rest of an answer. */
static const char *date_line(struct loop *loop)
{
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if ((uint64_t)now.tv_sec != loop->date_second) {
		loop->date_second = (uint64_t)now.tv_sec;
		gmtime_r(&now.tv_sec, &utc);
		strftime(loop->date, sizeof(loop->date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
			 &utc);
	}
	return loop->date;
}

void answer_write(struct loop *loop, const struct httpd_exchange *exchange,
		  const struct httpd_answer *answer, bool close, struct buf *out)
{
	bool bodiless = answer->status == 204 || answer->status == 304;

	if (answer->status == 200) {
		buf_put_str(out, "HTTP/1.1 200 OK\r\n");
	} else {
		buf_put_str(out, "HTTP/1.1 ");
		buf_put_u64(out, answer->status);
		buf_put_char(out, ' ');
		buf_put_str(out, httpd_reason(answer->status));
		buf_put_str(out, "\r\n");
	}
	buf_put_str(out, date_line(loop));
	if (exchange->endless && !exchange->http10) {
		buf_put_str(out, "Transfer-Encoding: chunked\r\n");
	} else if (!exchange->endless && !bodiless) {
		buf_put_str(out, "Content-Length: ");
		buf_put_u64(out, answer->body.len);
		buf_put_str(out, "\r\n");
	}
	if (close)
		buf_put_str(out, "Connection: close\r\n");
	else if (exchange->http10)
		buf_put_str(out, "Connection: keep-alive\r\n");
	buf_put(out, answer->headers.text, answer->headers.len);
	buf_put_str(out, "\r\n");
	if (!bodiless && !exchange->head_only)
		buf_put(out, answer->body.text, answer->body.len);
}
