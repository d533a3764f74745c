/* The match of a limit of packets is read, or refused by the value at fault. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "unit/model/limit_text.h"

/* Good limits but for what stands in the match. */
#define WITH(members)  "{\"scope\":\"packet\",\"limit\":10,\"interval\":\"1s\"," members "}"
#define MATCH(members) WITH("\"match\":{" members "}")

#define CHECK(rows) limits_must_be_refused(rows, sizeof(rows) / sizeof(rows[0]))

static void packets_take_the_families_of_their_addresses(void **state)
{
	static const struct {
		const char *text;
		bool takes4, takes6;
	} rows[] = {
		{MATCH(""), true, true},
		{MATCH("\"proto\":\"icmpv6\""), true, true},
		{MATCH("\"dst\":\"192.0.2.1\""), true, false},
		{MATCH("\"src\":\"::/0\""), false, true},
		{MATCH("\"dst\":\"::1\",\"proto\":1"), false, true},
		{MATCH("\"dst\":[\"192.0.2.1\",\"::1\"]"), true, true},
		{MATCH("\"dst\":[\"192.0.2.1\",\"::1\"],\"src\":\"10.0.0.0/8\""), true, false},
		{MATCH("\"src\":[\"192.0.2.1\",\"::1\"],\"dst\":\"::/1\""), false, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_limit_ struct limit limit;

		limit_must_parse(rows[i].text, &limit);
		if (packet_match_takes(limit.match, 4) != rows[i].takes4 ||
		    packet_match_takes(limit.match, 6) != rows[i].takes6)
			fail_msg("%s", rows[i].text);
	}
}

static void match_of_a_wrong_form_is_refused(void **state)
{
	static const struct limit_refusal rows[] = {
		{WITH("\"match\":null"), "match", "must be an object, not null"},
		{WITH("\"match\":[]"), "match", "must be an object, not an array"},
		{WITH("\"match\":\"udp\""), "match", "must be an object, not a string"},
		{MATCH("\"\":1"), "match", "member without a name"},
		{MATCH("\"ttl\":1"), "match.ttl", "those are dst, src, proto and dst_port"},
		{MATCH("\"per\":\"src\""), "match.per", "is not a field of match"},
		{MATCH("\"dts\":1"), "match.dts", "did you mean \"dst\"?"},
		{MATCH("\"SRC\":1"), "match.SRC", "did you mean \"src\"?"},
		{MATCH("\"protos\":1"), "match.protos", "did you mean \"proto\"?"},
		{MATCH("\"dst-port\":1"), "match.dst-port", "did you mean \"dst_port\"?"},
		{MATCH("\"dst\":[]"), "match.dst", "must not be empty"},
		{MATCH("\"src\":[]"), "match.src", "must not be empty"},
		{MATCH("\"proto\":[]"), "match.proto", "must not be empty"},
		{MATCH("\"dst_port\":[]"), "match.dst_port", "must not be empty"},
		{MATCH("\"dst\":5"), "match.dst", "must be an address or a prefix"},
		{MATCH("\"dst\":null"), "match.dst", "not null"},
		{MATCH("\"src\":{}"), "match.src", "not an object"},
		{MATCH("\"src\":[\"::1\",[\"::2\"]]"), "match.src[1]", "not an array"},
		{MATCH("\"proto\":true"), "match.proto", "not true or false"},
		{MATCH("\"proto\":6.0"), "match.proto", "not a number with a fraction"},
		{MATCH("\"proto\":[6,null]"), "match.proto[1]", "not null"},
		{MATCH("\"dst_port\":1e3"), "match.dst_port", "not a number with a fraction"},
		{MATCH("\"dst_port\":[1,{}]"), "match.dst_port[1]", "not an object"},
	};

	CHECK(rows);
}

static void match_of_wrong_addresses_is_refused(void **state)
{
	static const struct limit_refusal rows[] = {
#define DST(text) MATCH("\"dst\":\"" text "\"")
		{DST(""), "match.dst", "must be an address or a prefix such as"},
		{DST("/8"), "match.dst", "must be an address"},
		{DST("host.example"), "match.dst", "must be an address"},
		{DST("192.0.2"), "match.dst", "must be an address"},
		{DST("192.0.2.256"), "match.dst", "must be an address"},
		{DST("192.0.2.01"), "match.dst", "must be an address"},
		{DST("192.0.2.1.1"), "match.dst", "must be an address"},
		{DST("0300.0.2.1"), "match.dst", "must be an address"},
		{DST("0xc0.0.2.1"), "match.dst", "must be an address"},
		{DST("3221225985"), "match.dst", "must be an address"},
		{DST(" 192.0.2.1"), "match.dst", "must be an address"},
		{DST("192.0.2.1 "), "match.dst", "must be an address"},
		{DST("::1%lo"), "match.dst", "must be an address"},
		{DST("[::1]"), "match.dst", "must be an address"},
		{DST(":::"), "match.dst", "must be an address"},
		{DST("1:2:3:4:5:6:7:8:9"), "match.dst", "must be an address"},
		{DST("2001:0db8:0000:0000:0000:0000:0000:0000:000000000000000"), "match.dst",
		 "must be an address"},
		{DST("192.0.2.0/"), "match.dst", "length from 0 to 32: \"192.0.2.0/32\""},
		{DST("192.0.2.0/33"), "match.dst", "length from 0 to 32"},
		{DST("192.0.2.0/024"), "match.dst", "length from 0 to 32"},
		{DST("192.0.2.0/+24"), "match.dst", "length from 0 to 32"},
		{DST("192.0.2.0/-1"), "match.dst", "length from 0 to 32"},
		{DST("192.0.2.0/24/24"), "match.dst", "length from 0 to 32"},
		{DST("192.0.2.0/ 24"), "match.dst", "length from 0 to 32"},
		{DST("192.0.2.0/255.255.255.0"), "match.dst", "length from 0 to 32"},
		{DST("192.0.2.0/99999999999999999999"), "match.dst", "length from 0 to 32"},
		{DST("2001:db8::/129"), "match.dst", "length from 0 to 128: \"2001:db8::/128\""},
		{DST("192.0.2.1/24"), "match.dst",
		 "beyond /24: did you mean \"192.0.2.0/24\" or \"192.0.2.1\"?"},
		{DST("192.0.2.1/31"), "match.dst", "\"192.0.2.0/31\""},
		{DST("128.0.0.0/0"), "match.dst", "\"0.0.0.0/0\" or \"128.0.0.0\""},
		{DST("2001:db8::1/64"), "match.dst", "\"2001:db8::/64\" or \"2001:db8::1\""},
		{DST("::ffff:192.0.2.1"), "match.dst", "write \"192.0.2.1\""},
		{DST("::FFFF:c000:200/120"), "match.dst", "write \"192.0.2.0/24\""},
		{DST("::ffff:0:0/96"), "match.dst", "write \"0.0.0.0/0\""},
		{MATCH("\"src\":[\"10.0.0.0/8\",\"10.1\"]"), "match.src[1]", "must be an address"},
		{MATCH("\"src\":[\"10.0.0.1\",\"::1\",\"10.0.0.1/32\"]"), "match.src[2]",
		 "is there twice"},
		{MATCH("\"src\":[\"2001:DB8::\",\"2001:0db8:0::0\"]"), "match.src[1]",
		 "is there twice"},
		{MATCH("\"dst\":\"192.0.2.1\",\"src\":\"::/0\""), "match.src",
		 "is IPv6 only and dst IPv4 only"},
		{MATCH("\"src\":[\"1.1.1.1\",\"2.2.2.2\"],\"dst\":[\"::1\",\"::2\"]"), "match.src",
		 "is IPv4 only and dst IPv6 only"},
	};

	CHECK(rows);
}

static void match_of_wrong_protocols_and_ports_is_refused(void **state)
{
	static const struct limit_refusal rows[] = {
		{MATCH("\"proto\":\"\""), "match.proto", "must be a protocol such as"},
		{MATCH("\"proto\":\"6\""), "match.proto", "must be a protocol such as"},
		{MATCH("\"proto\":-1"), "match.proto", "from 0 to 255"},
		{MATCH("\"proto\":256"), "match.proto", "from 0 to 255"},
		{MATCH("\"proto\":4294967302"), "match.proto", "from 0 to 255"},
		{MATCH("\"proto\":\"TCP\""), "match.proto", "did you mean \"tcp\"?"},
		{MATCH("\"proto\":\"icmp6\""), "match.proto", "did you mean \"icmpv6\"?"},
		{MATCH("\"proto\":[\"tcp\",\"upd\"]"), "match.proto[1]", "did you mean \"udp\"?"},
		{MATCH("\"proto\":[\"tcp\",6]"), "match.proto[1]", "is there twice"},
		{MATCH("\"dst_port\":-1"), "match.dst_port", "from 0 to 65535"},
		{MATCH("\"dst_port\":65536"), "match.dst_port", "from 0 to 65535"},
		{MATCH("\"dst_port\":4294967349"), "match.dst_port", "from 0 to 65535"},
		{MATCH("\"dst_port\":\"53\""), "match.dst_port", "a number from 0 to 65535"},
		{MATCH("\"dst_port\":\"\""), "match.dst_port", "a number from 0 to 65535"},
		{MATCH("\"dst_port\":\"1-\""), "match.dst_port", "a range such as"},
		{MATCH("\"dst_port\":\"-1\""), "match.dst_port", "a range such as"},
		{MATCH("\"dst_port\":\"1-2-3\""), "match.dst_port", "a range such as"},
		{MATCH("\"dst_port\":\"01-2\""), "match.dst_port", "a range such as"},
		{MATCH("\"dst_port\":\"1 - 2\""), "match.dst_port", "a range such as"},
		{MATCH("\"dst_port\":\"1-65536\""), "match.dst_port", "a range such as"},
		{MATCH("\"dst_port\":\"2000-1000\""), "match.dst_port",
		 "did you mean \"1000-2000\"?"},
		{MATCH("\"dst_port\":[53,\"1-2\",\"53-53\"]"), "match.dst_port[2]",
		 "is there twice"},
		{MATCH("\"dst_port\":53,\"proto\":\"icmp\""), "match.dst_port",
		 "protocol 1 (icmp), which has no ports"},
		{MATCH("\"proto\":[\"udp\",200],\"dst_port\":53"), "match.dst_port",
		 "protocol 200, which has no ports"},
		{MATCH("\"proto\":[6,44],\"dst\":\"::/0\""), "match.proto", "extension header"},
	};

	CHECK(rows);
}

static void match_of_odd_but_possible_values_is_read(void **state)
{
	static const char *const texts[] = {
		MATCH("\"proto\":[0,43,44,51,60,255]"),
		MATCH("\"proto\":[44],\"dst\":[\"::/0\",\"0.0.0.0/0\"]"),
		MATCH("\"proto\":\"icmp\",\"dst\":\"::/0\""),
		MATCH("\"dst_port\":[\"0-65535\",0,65535,\"7-7\"]"),
		MATCH("\"dst_port\":1,\"proto\":[\"tcp\",\"udp\",\"dccp\",\"sctp\",\"udplite\"]"),
		MATCH("\"dst\":[\"10.0.0.0/8\",\"10.1.0.0/16\",\"10.1.2.3/32\"]"),
		MATCH("\"dst\":[\"::\",\"::/1\",\"::1.2.3.4\",\"64:ff9b::192.0.2.1\"]"),
		MATCH("\"dst\":\"::/95\""),
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		_cleanup_limit_ struct limit limit;

		limit_must_parse(texts[i], &limit);
	}
}

/* n different values, of which each is a %u in the format. */
static void make_list(const char *member, const char *format, unsigned int n, struct buf *buf)
{
	buf_printf(buf, "{\"scope\":\"packet\",\"limit\":1,\"interval\":\"1s\",\"match\":{\"%s\":[",
		   member);
	for (unsigned int i = 0; i < n; i++) {
		buf_put_str(buf, i ? "," : "");
		if (format[0] == '"')
			buf_printf(buf, "\"10.0.0.%u\"", i);
		else
			buf_printf(buf, "%u", i);
	}
	buf_put_str(buf, "]}}");
}

static void match_takes_lists_of_up_to_64(void **state)
{
	static const struct {
		const char *member, *format;
	} rows[] = {{"dst", "\""}, {"src", "\""}, {"proto", ""}, {"dst_port", ""}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_buf_ struct buf most = {0}, more = {0};
		_cleanup_limit_ struct limit limit;
		struct field_error error = {0};
		struct limit refused;
		char field[32];
		int r;

		make_list(rows[i].member, rows[i].format, 64, &most);
		make_list(rows[i].member, rows[i].format, 65, &more);
		limit_must_parse(most.data, &limit);
		r = limit_from_text(more.data, &error, &refused);
		snprintf(field, sizeof(field), "match.%s", rows[i].member);
		limit_must_be_refused(r, &error, field, "at most 64 values, not 65", more.data);
	}
}

static void match_member_of_any_name_is_quoted_whole_or_cut(void **state)
{
	struct field_error error = {0};
	struct limit limit = {0};
	char text[1000];

	snprintf(text, sizeof(text), MATCH("\"%0200d\xE2\x82\xAC\":1"), 7);
	assert_int_equal(limit_from_text(text, &error, &limit), MODEL_E_INVALID);
	assert_true(utf8_valid(error.field, strlen(error.field)));
	for (int zeros = 75; zeros < 95; zeros++) {
		snprintf(text, sizeof(text), MATCH("\"%0*d\xE2\x82\xAC\":1"), zeros, 7);
		assert_int_equal(limit_from_text(text, &error, &limit), MODEL_E_INVALID);
		assert_true(utf8_valid(error.field, strlen(error.field)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_take_the_families_of_their_addresses),
		cmocka_unit_test(match_of_a_wrong_form_is_refused),
		cmocka_unit_test(match_of_wrong_addresses_is_refused),
		cmocka_unit_test(match_of_wrong_protocols_and_ports_is_refused),
		cmocka_unit_test(match_of_odd_but_possible_values_is_read),
		cmocka_unit_test(match_takes_lists_of_up_to_64),
		cmocka_unit_test(match_member_of_any_name_is_quoted_whole_or_cut),
	};

	return cmocka_run_group_tests_name("packet_match", tests, NULL, NULL);
}
