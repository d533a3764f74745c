/* Follows an answer without an end, and looks at other descriptors meanwhile. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "base/clock.h"
#include "httpc/httpc_priv.h"

/* One answer that is followed. */
struct follow {
	struct httpc *httpc;
	const struct httpc_watch *watch;
	struct transfer *transfer;
	CURLM *multi;
	curl_off_t heard; /* bytes */
	uint64_t heard_ms;
	bool silent; /* for too long */
};

/* Waiting for the head counts as silence, too. */
static bool is_silent(struct follow *follow)
{
	uint64_t now = monotonic_ms();
	curl_off_t heard = 0;

	curl_easy_getinfo(follow->httpc->curl, CURLINFO_SIZE_DOWNLOAD_T, &heard);
	if (heard != follow->heard) {
		follow->heard = heard;
		follow->heard_ms = now;
	}
	return now - follow->heard_ms >= follow->watch->silent_ms;
}

/* Until something happens, at most so long. Returns whether a descriptor of the watch is ready. */
static bool wait_some(struct follow *follow, uint64_t most_ms)
{
	struct curl_waitfd fds[HTTPC_WATCH_FDS_MAX] = {{0}};
	const struct httpc_watch *watch = follow->watch;
	bool ready = false;

	assert(watch->n_fds <= HTTPC_WATCH_FDS_MAX);
	for (unsigned int i = 0; i < watch->n_fds; i++)
		fds[i] = (struct curl_waitfd){.fd = watch->fds[i], .events = CURL_WAIT_POLLIN};
	curl_multi_poll(follow->multi, fds, watch->n_fds, (int)most_ms, NULL);
	for (unsigned int i = 0; i < watch->n_fds; i++)
		ready |= fds[i].revents != 0;
	return ready;
}

/* How the transfer ended. */
static CURLcode outcome(struct follow *follow)
{
	const CURLMsg *message;
	int left;

	message = curl_multi_info_read(follow->multi, &left);
	return message && message->msg == CURLMSG_DONE ? message->data.result : CURLE_OK;
}

static CURLcode run(struct follow *follow)
{
	const struct httpc_watch *watch = follow->watch;
	uint64_t looked_ms = monotonic_ms(), waited_ms;
	int running = 1;

	follow->heard_ms = looked_ms;
	while (!follow->transfer->enough) {
		if (curl_multi_perform(follow->multi, &running) != CURLM_OK)
			return CURLE_OUT_OF_MEMORY;
		if (running == 0)
			return outcome(follow);
		if (follow->transfer->enough)
			break;
		follow->silent = is_silent(follow);
		if (follow->silent)
			return CURLE_OPERATION_TIMEDOUT;
		waited_ms = monotonic_ms() - looked_ms;
		if (waited_ms >= watch->look_ms || wait_some(follow, watch->look_ms - waited_ms)) {
			looked_ms = monotonic_ms();
			follow->transfer->enough = !watch->look(watch->data);
		}
	}
	return CURLE_OK;
}

int httpc_follow(struct httpc *httpc, const struct httpc_request *request,
		 const struct httpc_watch *watch, struct field_error *error,
		 struct httpc_answer *ret)
{
	_cleanup_(transfer_done) struct transfer transfer = {.body = &ret->body, .watch = watch};
	struct follow follow = {.httpc = httpc, .watch = watch, .transfer = &transfer};
	long status = 0;
	CURLcode r;

	ret->status = 0;
	r = transfer_prepare(httpc, request, &transfer);
	/* It has no end to wait for. */
	SET(TIMEOUT_MS, 0L);
	SET(CONNECTTIMEOUT_MS, (long)httpc->timeout_ms);
	follow.multi = curl_multi_init();
	if (r == CURLE_OK && (!follow.multi || curl_multi_add_handle(follow.multi, httpc->curl)))
		r = CURLE_OUT_OF_MEMORY;
	if (r == CURLE_OK) {
		r = run(&follow);
		curl_multi_remove_handle(follow.multi, httpc->curl);
	}
	curl_multi_cleanup(follow.multi);
	curl_easy_getinfo(httpc->curl, CURLINFO_RESPONSE_CODE, &status);
	ret->status = (unsigned int)status;
	/* What stopped the transfer is then no fault of it. */
	if (r == CURLE_OK || transfer.enough)
		return 0;
	if (!follow.silent)
		return transfer_explain(httpc, r, &transfer, error);
	field_error_set(error, httpc->url, "nothing came for %g s", watch->silent_ms / 1000.0);
	return HTTPC_E_TIMEOUT;
}
