/* A raw HTTP client for tests: sends bytes as they are and reads what comes. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { CLIENT_WAIT_MS = 5000 };

/* From now on client_connect() speaks TLS below what the test sees. */
void client_speak_tls(void);

/* Each fails the test when it does not come to an end in CLIENT_WAIT_MS. */
int client_connect(uint16_t port);
void client_send(int fd, const char *bytes, size_t len);
void client_send_text(int fd, const char *text);
/* Reads until the peer's end, which must not be a reset. NUL-terminated, for free(). */
char *client_read_to_end(int fd);
/* Reads `n` answers (heads and bodies) and no byte more. Without their Date lines; for free(). */
char *client_read_answers(int fd, unsigned int n);
/* Whether the peer's end comes within the time, before any byte. */
int client_sees_end(int fd, int wait_ms);
/* The answers' status codes, "200 404 "; for free(). */
char *client_statuses(const char *answers);
uint64_t client_now_ms(void);
