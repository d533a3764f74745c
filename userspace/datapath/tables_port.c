/* Compiles the port ranges of all rules into one class for each port. */
/* SPDX-License-Identifier: MIT */
#include "datapath/tables_priv.h"

static void make_runs(struct tables_work *work)
{
	uint64_t base = 0;

	tables_edges_clear(work);
	for (size_t i = 0; i < work->n; i++) {
		const struct packet_match *match = work->match[i];

		if (match->n_dst_port == 0)
			base |= 1ULL << i;
		for (size_t j = 0; j < match->n_dst_port; j++)
			tables_edges_add(work, (int)i, match->dst_port[j].first,
					 match->dst_port[j].last, UINT16_MAX);
	}
	tables_runs_make(work, base);
}

static bool is_asked(const struct tables_work *work)
{
	for (size_t i = 0; i < work->n; i++)
		if (work->match[i]->n_dst_port > 0)
			return true;
	return false;
}

int tables_port_fill(struct tables_work *work, struct field_error *error,
		     struct sluice_port_table *ret)
{
	if (!is_asked(work))
		return 0;
	ret->used = 1;
	make_runs(work);
	tables_classes_begin(work, ret->row);
	for (size_t i = 0; i < work->n_runs; i++) {
		size_t end = i + 1 < work->n_runs ? (size_t)work->run[i + 1].first : 65536;
		int class = tables_class_of(work, work->run[i].rules);

		if (class < 0) {
			field_error_set(error, "match.dst_port",
					"the ports of all packet limits together make more than "
					"%d different sets of limits",
					SLUICE_CLASSES_MAX);
			return DATAPATH_E_TOO_MANY;
		}
		for (size_t port = (size_t)work->run[i].first; port < end; port++)
			ret->class[port] = (uint16_t) class;
	}
	return 0;
}
