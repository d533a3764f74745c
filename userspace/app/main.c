/* The entry of the one binary. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/config.h"
#include "app/serve.h"
#include "app/version.h"
#include "base/log.h"

enum {
	EXIT_USAGE = 2,
};

static void print_help(void)
{
	_cleanup_buf_ struct buf options;

	buf_init(&options);
	conf_help(&options);
	printf("sluice %s: a rate limiter\n\n"
	       "usage: sluice serve [OPTION...]   answer checks and keep limits until a signal\n"
	       "       sluice config check FILE   say what is wrong with a file of settings\n"
	       "       sluice config show [-o json] [OPTION...]\n"
	       "                                  print each setting of serve, and where it comes from\n"
	       "       sluice help                this text\n"
	       "       sluice --version\n\n"
	       "options of serve:\n%s\n"
	       "Each is also a line of FILE (keys_max: 5000) and a variable (SLUICE_KEYS_MAX=5000);\n"
	       "options overrule variables, and these the file. Secrets come from files, or from\n"
	       "SLUICE_BOOTSTRAP_KEY and the like; those of the first start go to DIR/bootstrap.json.\n",
	       SLUICE_VERSION, options.failed ? "" : options.data);
}

/* A file of ours must not take the number of a closed one: what is printed would land in it. */
static void fill_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Before any thread is made, so that all of them leave these signals to signalfd. */
static void prepare_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	/* A closed terminal stops it like any other signal, unless nohup says otherwise. */
	if (signal(SIGHUP, SIG_DFL) == SIG_IGN)
		signal(SIGHUP, SIG_IGN);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* At a limit of file sizes the store refuses writes, as on a full disk. */
	signal(SIGXFSZ, SIG_IGN);
}

static int serve(int n_args, char *const *args)
{
	const struct conf_sources sources = {
		.environment = environ, .n_args = n_args, .args = args};
	_cleanup_conf_ struct conf *conf = NULL;

	if (n_args == 1 && strcmp(args[0], "--help") == 0) {
		print_help();
		return 0;
	}
	if (config_load(&sources, &conf))
		return EXIT_USAGE;
	fill_descriptors();
	log_init(LOG_LEVEL_INFO);
	prepare_signals();
	return serve_run(conf_settings(conf));
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (strcmp(command, "serve") == 0)
		return serve(argc - 2, argv + 2);
	if (strcmp(command, "config") == 0)
		return config_run(argc - 2, argv + 2);
	if (strcmp(command, "--version") == 0) {
		printf("sluice %s\n", SLUICE_VERSION);
		return 0;
	}
	if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0) {
		print_help();
		return 0;
	}
	if (*command)
		fprintf(stderr, "sluice: there is no command '%s'; see `sluice help`\n", command);
	else
		fprintf(stderr, "sluice: a command is needed; see `sluice help`\n");
	return EXIT_USAGE;
}
