/* Opens the backend in the kernel on interfaces and pins that only this process sees. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "datapath/bpf_priv.h"

/* In the sandbox's own bpffs. */
#define NIC_PIN_DIR "/sys/fs/bpf/sluice"
#define NIC_PINS    NIC_PIN_DIR "/v1"

enum { NIC_BURST = 20, NIC_LINES = 4096 };

/* Group setup, and setup and teardown of each test: an empty bpffs, and veth0 with its peer0. */
int nic_enter(void **state);
int nic_begin(void **state);
int nic_end(void **state);
/* First in each test: skips it if namespaces cannot be made. */
void nic_need(void);

/* On this interface, or none (NULL). Closed by datapath_close(). */
struct datapath_bpf *nic_open(const char *name, uint32_t lines);
/* On veth0, and on peer0 too if n is 2. */
struct datapath_bpf *nic_open_first(size_t n);
/* On veth0, and packets are limited. */
struct datapath_bpf *nic_open_working(void);
/* Leaves the pins of a controller behind that goes on enforcing; returns its program. */
uint32_t nic_leave_pins(void);

/* `why` is a part of what is said; "": nothing is. */
void nic_assert_mode(struct datapath_bpf *b, enum datapath_mode mode, const char *why);
void nic_assert_off(struct datapath_bpf *b, const char *why);
bool nic_is_there(const char *path);
/* The program on an interface, or 0. */
uint32_t nic_program_on(const char *name);
uint32_t nic_link_id(const char *path);
/* The program that is pinned. */
uint32_t nic_pinned_program(void);

/* Puts one limit in force by hand: NIC_BURST packets in all, and one more in a minute. */
void nic_publish_limit(struct datapath_bpf *b);
struct packet;
void nic_make_packet(struct packet *p);
/* How many of n such packets the program lets pass. */
unsigned int nic_count_passed(const struct datapath_bpf *b, unsigned int n);
