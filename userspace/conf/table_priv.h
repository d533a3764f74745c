/* The table of settings: what each is called, takes, starts with and means. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "conf/conf.h"

struct setting;

/* How the text of a setting is read and written; see types.c. */
struct setting_type {
	const char *noun; /* "takes NOUN, RANGE, not 'x'" */
	/* Fills the setting's field, or adds to it. False with error->message. */
	bool (*parse)(const struct setting *row, const char *text, struct field_error *error,
		      struct settings *settings);
	/* Whether there is a value, and the value as it would be written. */
	bool (*format)(const struct setting *row, const struct settings *settings,
		       struct buf *text);
	/* For people: what is allowed. May be NULL. */
	void (*range)(const struct setting *row, struct buf *text);
	bool plain;  /* in the file it stands without quotes */
	bool flag;   /* on the command line it needs no value */
	bool list;   /* of texts */
	bool secret; /* named by the file that holds it, but for the environment */
};

/* What puts another value in force, once it stands in a file. */
enum setting_change {
	BY_RESTART,
	BY_SIGHUP,  /* or by a restart */
	BY_NOTHING, /* it matters at the first start only */
};

struct setting {
	const char *name;
	const struct setting_type *type;
	const char *value;      /* what stands for it in the help; NULL: a flag */
	const char *by_default; /* parsed like what is typed; NULL: none */
	uint64_t least, most;   /* of numbers, milliseconds, bytes */
	enum setting_change change;
	const char *help;
	size_t offset;              /* of its field in struct settings */
	const char *const *choices; /* of a choice: its words, and a NULL */
};

enum setting_style {
	STYLE_FILE,        /* keys_max, bootstrap_key_file */
	STYLE_FLAG,        /* --keys-max, --bootstrap-key-file */
	STYLE_ENVIRONMENT, /* SLUICE_KEYS_MAX, SLUICE_BOOTSTRAP_KEY */
};

enum {
	SETTING_NAME_SIZE = 48,
	TYPED_SHOWN_MAX = 11, /* bytes of what was typed, in an error */
	SETTINGS_MAX = 32,
};

extern const struct setting settings_table[];
extern const size_t n_settings;

/* One name in the table; all spellings follow from it. */
void setting_name(const struct setting *row, enum setting_style style,
		  char text[SETTING_NAME_SIZE]);
/* NULL: there is none. */
const struct setting *setting_find(enum setting_style style, const char *text, size_t len);
/* "; did you mean 'x'?" or nothing. */
void setting_suggest(enum setting_style style, const char *text, size_t len, struct buf *ret);

/* types.c */
extern const struct setting_type type_address, type_path, type_text, type_number, type_time,
	type_size, type_flag, type_interfaces, type_choice, type_secret;
