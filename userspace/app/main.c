/* The entry of the one binary. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/backup.h"
#include "app/config.h"
#include "app/doctor.h"
#include "app/recover.h"
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
static int backup(int n_args, char *const *args);
static int recover(int n_args, char *const *args);
static int doctor(int n_args, char *const *args);
static int complete(int n_args, char *const *args);
static int print_help(int n_args, char *const *args);
static int print_version(int n_args, char *const *args);

static void put_show_words(struct buf *words)
{
	buf_put_str(words, "-o ");
	conf_put_options(words);
}

static void put_backup_words(struct buf *words)
{
	buf_put_str(words, "--force --with-bootstrap -o ");
	conf_put_options(words);
}

static void put_recover_words(struct buf *words)
{
	buf_put_str(words, "--data --config --help");
}

/* The commands of this room: those of the cli are its own. run() gets what stands behind `sluice`. */
static const struct command {
	struct cli_other known;
	int (*run)(int n_args, char *const *args);
} commands[] = {
	{{NULL, "serve", "[OPTION...]", "answer checks and keep limits until a signal",
	  conf_put_options},
	 serve},
	{{"config", "check", "FILE", "say what is wrong with a file of settings", NULL}, config},
	{{"config", "show", "[-o json]", "print each setting of serve, and where it comes from",
	  put_show_words},
	 config},
	{{NULL, "config", "", NULL, NULL}, config},
	{{NULL, "backup", "FILE [--force]", "put limits, keys and quotas into one file of tar",
	  put_backup_words},
	 backup},
	{{"key", "recover", "[--data DIR]",
	  "make a new key when all are lost; the server is stopped", put_recover_words},
	 recover},
	{{NULL, "doctor", "[-o json]", "what on this host stands in the way, and what to do",
	  put_show_words},
	 doctor},
	{{NULL, "completion", "bash", "print a script for the shell to load", NULL}, complete},
	{{NULL, "help", "", "this text; `sluice limit add --help` has its options", NULL},
	 print_help},
	{{NULL, "--help", "", NULL, NULL}, print_help},
	{{NULL, "--version", "", "which version this is", NULL}, print_version},
};

enum {
	N_COMMANDS = sizeof(commands) / sizeof(commands[0]),
};

/* As the cli wants them. */
static void list_commands(struct cli_other others[N_COMMANDS + 1])
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		others[i] = commands[i].known;
	others[N_COMMANDS] = (struct cli_other){.name = NULL};
}

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

static int backup(int n_args, char *const *args)
{
	return backup_run(n_args - 1, args + 1);
}

static int recover(int n_args, char *const *args)
{
	return recover_run(n_args - 2, args + 2);
}

static int doctor(int n_args, char *const *args)
{
	return doctor_command(n_args - 1, args + 1);
}

static int complete(int n_args, char *const *args)
{
	struct cli_other others[N_COMMANDS + 1];

	list_commands(others);
	return cli_completion(n_args, args, others, conf_each_choice);
}

static int print_help(int n_args, char *const *args)
{
	struct cli_other others[N_COMMANDS + 1];
	_cleanup_buf_ struct buf options;

	(void)n_args;
	(void)args;
	buf_init(&options);
	conf_help(&options);
	list_commands(others);
	printf("sluice %s: a rate limiter\n\nusage:\n", SLUICE_VERSION);
	cli_print_commands(others);
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

/* NULL: none of this room. */
static const struct command *find_command(int n_args, char *const *args)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct cli_other *known = &commands[i].known;
		const char *first = known->group ? known->group : known->name;

		if (strcmp(first, args[0]) == 0 &&
		    (!known->group || (n_args > 1 && strcmp(known->name, args[1]) == 0)))
			return &commands[i];
	}
	return NULL;
}

static int run(int n_args, char *const *args)
{
	const struct command *command = find_command(n_args, args);
	struct cli_other others[N_COMMANDS + 1];

	if (command)
		return command->run(n_args, args);
	list_commands(others);
	if (cli_knows(args[0]))
		return cli_run(n_args, args, others);
	fprintf(stderr, "sluice: there is no command '%s'; see `sluice help`\n", args[0]);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	fill_descriptors();
	if (argc > 1)
		return run(argc - 1, argv + 1);
	fprintf(stderr, "sluice: a command is needed; see `sluice help`\n");
	return EXIT_USAGE;
}
