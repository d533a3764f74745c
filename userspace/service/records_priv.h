/* How the store's records are named, and the small ones that no model describes. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "auth/auth.h"
#include "base/buf.h"
#include "base/field_error.h"
#include "base/random.h"
#include "model/limit.h"
#include "store/store.h"

/* The record is damaged, of a newer schema or out of place; *error names its member. */
#define RECORD_E_INVALID 1

enum {
	RECORD_NAME_SIZE = 192,
};

#define RECORD_ROOT "tenants/"

enum record_kind {
	RECORD_TENANT,
	RECORD_LIMIT,
	RECORD_LIMIT_SUBJECT,
	RECORD_API_KEY,
	RECORD_USER,
	RECORD_OTHER, /* of a later version: left alone */
};

/* A record's name taken apart. */
struct record_name {
	enum record_kind kind;
	char tenant[TENANT_ID_SIZE];
	const char *id; /* the rest of the name, borrowed from it; "" for a tenant */
};

/* 0, or RECORD_E_INVALID for a name that is no tenant's. */
int record_name_parse(const char *name, struct record_name *ret);

void record_tenant_name(const char *tenant, char name[RECORD_NAME_SIZE]);
void record_limit_name(const char *tenant, const char *id, char name[RECORD_NAME_SIZE]);
void record_api_key_name(const char *tenant, const char *id, char name[RECORD_NAME_SIZE]);
void record_user_name(const char *tenant, const char *id, char name[RECORD_NAME_SIZE]);
/* Named by a digest, since a subject may be longer than a name. 0 or -ENOMEM. */
int record_subject_name(const char *tenant, const struct limit *limit, char name[RECORD_NAME_SIZE]);

void record_tenant_save(uint32_t number, struct buf *buf);
/* 0, RECORD_E_INVALID, -ENOMEM; so do the others. */
int record_tenant_load(const struct store_record *record, struct field_error *error,
		       uint32_t *ret_number);

void record_subject_save(const char *limit_id, struct buf *buf);
int record_subject_load(const struct store_record *record, struct field_error *error,
			char ret_limit_id[ID_SIZE]);

/* Also checks that the record lies under its own id, and takes over the store's revision. */
int record_limit_load(const struct store_record *record, const struct record_name *name,
		      struct field_error *error, struct limit *ret);
int record_api_key_load(const struct store_record *record, const struct record_name *name,
			struct field_error *error, struct api_key *ret);

/* One record by its name, appended to *value; *ret_revision 0: absent. As store_range(). */
int record_fetch(struct store *store, const char *name, struct buf *value, uint64_t *ret_revision);
