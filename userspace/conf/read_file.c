/* Files that people name: of settings, and of one secret each. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/conf_priv.h"

static int read_all(int fd, char *text, size_t size, size_t *ret_len)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

static int read_file(int fd, size_t max, char **ret, size_t *ret_len)
{
	char *text = malloc(max + 1);
	size_t len = 0;
	int err;

	if (!text)
		return -ENOMEM;
	err = read_all(fd, text, max + 1, &len);
	if (!err && len > max)
		err = -EFBIG;
	if (err) {
		explicit_bzero(text, max + 1);
		free(text);
		return err;
	}
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	return 0;
}

int conf_read_file(const char *path, size_t max, char **ret, size_t *ret_len)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : read_file(fd, max, ret, ret_len);
}

int conf_read_plain_file(const char *path, size_t max, char **ret, size_t *ret_len)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat info;

	if (fd < 0 || fstat(fd, &info))
		return -errno;
	return S_ISREG(info.st_mode) ? read_file(fd, max, ret, ret_len) : -EINVAL;
}

void conf_wipe(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

static size_t drop_line_end(char *text, size_t len)
{
	if (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	if (len > 0 && text[len - 1] == '\r')
		text[--len] = '\0';
	return len;
}

/* What is no path may be the secret itself. */
static const char *show_path(const char *path)
{
	return strchr(path, '/') ? path : "the file of this name";
}

int conf_read_secret(const char *path, struct field_error *error, char **ret)
{
	const char *shown = show_path(path);
	char *text = NULL;
	size_t len = 0;
	int err = conf_read_file(path, CONF_SECRET_MAX, &text, &len);

	if (err == -ENOMEM)
		return err;
	if (err == -EFBIG)
		field_error_set(error, "", "%s has more than %d bytes", shown, CONF_SECRET_MAX);
	else if (err)
		field_error_set(error, "", "cannot read %s: %s%s", shown, strerror(-err),
				shown == path ? "" : "; a path is taken, not the secret itself");
	if (!text)
		return CONF_E_INVALID;
	len = drop_line_end(text, len);
	if (len > 0 && strlen(text) == len) {
		*ret = text;
		return 0;
	}
	explicit_bzero(text, len);
	free(text);
	field_error_set(error, "", len > 0 ? "%s holds a NUL" : "%s is empty", shown);
	return CONF_E_INVALID;
}
