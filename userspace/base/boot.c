/* Which boot of the host this is. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "base/boot.h"

void boot_id(char ret[BOOT_ID_SIZE])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, ret, BOOT_ID_SIZE - 1);

	if (fd >= 0)
		close(fd);
	ret[n == BOOT_ID_SIZE - 1 ? n : 0] = '\0';
}
