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
#include "cli/cli.h"

enum {
	EXIT_USAGE = 2,
};

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
	/* A closed terminal stops what was started without files, unless nohup says otherwise. */
	if (signal(SIGHUP, SIG_DFL) == SIG_IGN)
		signal(SIGHUP, SIG_IGN);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* At a limit of file sizes the store refuses writes, as on a full disk. */
	signal(SIGXFSZ, SIG_IGN);
}

static int serve(int n_args, char *const *args);
static int config(int n_args, char *const *args);
static int complete(int n_args, char *const *args);
static int print_help(int n_args, char *const *args);
static int print_version(int n_args, char *const *args);

static void put_config_words(struct buf *words)
{
	buf_put_str(words, "check show");
}

/* A command of this binary; args[0] is its name. The help of those of the cli is theirs. */
static const struct command {
	const char *name;
	int (*run)(int n_args, char *const *args);
	const char *usage, *help;
	void (*put_words)(struct buf *words); /* for completion */
} commands[] = {
	{"serve", serve, "serve [OPTION...]", "answer checks and keep limits until a signal",
	 conf_put_options},
	{"config", config, "config check FILE", "say what is wrong with a file of settings",
	 put_config_words},
	{"config", config, "config show [-o json]",
	 "print each setting of serve, and where it comes from", NULL},
	{"check", cli_run, NULL, NULL, NULL},
	{"limit", cli_run, NULL, NULL, NULL},
	{"status", cli_run, NULL, NULL, NULL},
	{"completion", complete, "completion bash", "print a script for the shell to load", NULL},
	{"help", print_help, "help", "this text; `sluice limit add --help` has its options", NULL},
	{"--help", print_help, NULL, NULL, NULL},
	{"--version", print_version, "--version", "which version this is", NULL},
};

enum {
	N_COMMANDS = sizeof(commands) / sizeof(commands[0]),
};

static int serve(int n_args, char *const *args)
{
	const struct conf_sources sources = {
		.environment = environ, .n_args = n_args - 1, .args = args + 1};
	_cleanup_conf_ struct conf *conf = NULL;
	const struct settings *settings;
	int status;

	if (n_args == 2 && strcmp(args[1], "--help") == 0)
		return print_help(n_args, args);
	if (config_load(&sources, &conf))
		return EXIT_USAGE;
	settings = conf_settings(conf);
	log_init(settings->log_level, settings->log_format);
	prepare_signals();
	/* Without a thread, lines are written by whoever logs them. */
	if (log_start())
		log_warning("there is no thread for the log: whoever logs may wait for its reader");
	status = serve_run(conf);
	log_stop();
	return status;
}

static int config(int n_args, char *const *args)
{
	return config_run(n_args - 1, args + 1);
}

/* What the cli does not know itself, each name once. */
static int complete(int n_args, char *const *args)
{
	struct cli_other others[N_COMMANDS + 1] = {{.name = NULL}};
	size_t n = 0;

	for (size_t i = 0; i < N_COMMANDS; i++)
		if (commands[i].run != cli_run &&
		    (n == 0 || strcmp(others[n - 1].name, commands[i].name) != 0))
			others[n++] = (struct cli_other){commands[i].name, commands[i].put_words};
	return cli_completion(n_args, args, others);
}

static int print_help(int n_args, char *const *args)
{
	_cleanup_buf_ struct buf options;
	char left[48];

	(void)n_args;
	(void)args;
	buf_init(&options);
	conf_help(&options);
	printf("sluice %s: a rate limiter\n\nusage:\n", SLUICE_VERSION);
	cli_print_commands();
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (!commands[i].usage)
			continue;
		snprintf(left, sizeof(left), "sluice %s", commands[i].usage);
		printf("  %-30s %s\n", left, commands[i].help);
	}
	printf("\noptions of serve:\n%s\n"
	       "Each is also a line of FILE (keys_max: 5000) and a variable (SLUICE_KEYS_MAX=5000);\n"
	       "options overrule variables, and these the file. Secrets come from files, or from\n"
	       "SLUICE_BOOTSTRAP_KEY and the like; those of the first start go to DIR/bootstrap.json.\n",
	       options.failed ? "" : options.data);
	return 0;
}

static int print_version(int n_args, char *const *args)
{
	(void)n_args;
	(void)args;
	printf("sluice %s\n", SLUICE_VERSION);
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	fill_descriptors();
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (*name)
		fprintf(stderr, "sluice: there is no command '%s'; see `sluice help`\n", name);
	else
		fprintf(stderr, "sluice: a command is needed; see `sluice help`\n");
	return EXIT_USAGE;
}
