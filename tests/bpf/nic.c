/* Opens the backend in the kernel on interfaces and pins that only this process sees. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include <sluice/params.h>

#include "base/random.h"
#include "bpf/nic.h"
#include "bpf/packets.h"
#include "bpf/sandbox.h"

static int sandbox; /* 0, or why there is none */

int nic_enter(void **state)
{
	sandbox = random_init();
	if (!sandbox)
		sandbox = sandbox_enter();
	return 0;
}

/* Only a missing right is a reason to skip. */
int nic_begin(void **state)
{
	if (sandbox == -EPERM)
		return 0;
	assert_int_equal(sandbox, 0);
	sandbox_run("ip link add veth0 type veth peer name peer0 && ip link set veth0 up && "
		    "ip link set peer0 up");
	return 0;
}

int nic_end(void **state)
{
	if (sandbox)
		return 0;
	/* Another bpffs, empty, for the next. */
	assert_int_equal(umount2("/sys/fs/bpf", MNT_DETACH), 0);
	assert_int_equal(mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0755"), 0);
	sandbox_run("ip link del veth0 2>/dev/null || true");
	return 0;
}

void nic_need(void)
{
	if (sandbox == -EPERM) {
		print_message("# SKIP no right to make namespaces (CAP_SYS_ADMIN)\n");
		skip();
	}
}

static struct datapath_bpf *open_on(const char *const *names, size_t n, uint32_t lines)
{
	struct datapath_config config = {
		.pin_dir = NIC_PIN_DIR, .interfaces = names, .n_interfaces = n, .lines = lines};
	struct datapath *datapath = NULL;

	assert_int_equal(datapath_open_bpf(&config, &datapath), 0);
	return (struct datapath_bpf *)datapath;
}

struct datapath_bpf *nic_open(const char *name, uint32_t lines)
{
	return open_on(&name, name != NULL, lines);
}

struct datapath_bpf *nic_open_first(size_t n)
{
	static const char *const names[] = {"veth0", "peer0"};

	return open_on(names, n, NIC_LINES);
}

/* The usual: on veth0, and it works. */
struct datapath_bpf *nic_open_working(void)
{
	struct datapath_bpf *b = nic_open("veth0", NIC_LINES);

	if (datapath_off(&b->base))
		fail_msg("off: %s", datapath_off(&b->base));
	return b;
}

static struct datapath_interface look_at_interface(struct datapath_bpf *b)
{
	struct datapath_interface found;

	assert_int_equal(datapath_interfaces(&b->base, &found, 1), 1);
	return found;
}

void nic_assert_mode(struct datapath_bpf *b, enum datapath_mode mode, const char *why)
{
	struct datapath_interface found = look_at_interface(b);

	if (found.mode != mode || !strstr(found.why, why) || (!*why && *found.why))
		fail_msg("mode %d, '%s' instead of mode %d, '%s'", found.mode, found.why, mode,
			 why);
}

void nic_assert_off(struct datapath_bpf *b, const char *why)
{
	if (!datapath_off(&b->base) || !strstr(datapath_off(&b->base), why))
		fail_msg("'%s' does not say '%s'", datapath_off(&b->base), why);
}

bool nic_is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* The program on an interface, or 0. */
uint32_t nic_program_on(const char *name)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, found);

	assert_int_equal(bpf_xdp_query((int)if_nametoindex(name), 0, &found), 0);
	return found.prog_id;
}

uint32_t nic_link_id(const char *path)
{
	struct bpf_link_info info = {0};
	__u32 len = sizeof(info);
	int fd = bpf_obj_get(path);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.id;
}

uint32_t nic_pinned_program(void)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);
	int fd = bpf_obj_get(NIC_PINS "/program");

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.id;
}

/* One limit of NIC_BURST packets in all, and one more in a minute. */
void nic_publish_limit(struct datapath_bpf *b)
{
	struct sluice_spec spec = {.limit = 1,
				   .burst = NIC_BURST,
				   .interval_ns = 60000000000ULL,
				   .cost_min = 1,
				   .algorithm = SLUICE_TOKEN_BUCKET};
	struct sluice_tables *tables = calloc(1, sizeof(*tables));

	assert_non_null(tables);
	tables->rules = tables->enforce = tables->family4 = tables->family6 = 1;
	for (size_t i = 0; i < 256; i++)
		tables->proto[i] = 1;
	tables->rule[0].line_count = 1;
	assert_int_equal(sluice_params_compile(&spec, 0, &tables->rule[0].params), 0);
	assert_int_equal(b->base.ops->publish(&b->base, tables), 0);
	free(tables);
}

void nic_make_packet(struct packet *p)
{
	packet_eth(p, 0x0800);
	packet_ip4(p, (struct packet_ip4){.proto = 17});
	packet_udp(p, 1000, 53);
	packet_finish(p);
}

/* How many of n packets from one source the program lets pass. */
unsigned int nic_count_passed(const struct datapath_bpf *b, unsigned int n)
{
	struct packet packet;
	unsigned int passed = 0;

	nic_make_packet(&packet);
	for (unsigned int i = 0; i < n; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.bytes,
			    .data_size_in = packet.n);

		assert_int_equal(bpf_prog_test_run_opts(b->program, &options), 0);
		passed += options.retval == XDP_PASS;
	}
	return passed;
}

/* Leaves pins of one controller behind that goes on enforcing. */
uint32_t nic_leave_pins(void)
{
	struct datapath_bpf *b = nic_open_working();

	datapath_close(&b->base, false);
	return nic_program_on("veth0");
}
