# Builds, checks and runs Sluice: one makefile for the whole tree (GNU make 4.3).
# SPDX-License-Identifier: MIT
#
# Sources: every folder of userspace/ has a module.mk that names its files one by one,
#     sluice_srcs += userspace/base/clock.c userspace/base/hash.c
# so that a file joins the build when its author lists it; `make check` fails on a .c that no
# module.mk lists. All of them go into libsluice.a, but for userspace/app/main.c.
#
# Tests are found by name: tests/unit/**/test_*.c and tests/bpf/test_*.c (one binary each),
# tests/fuzz/fuzz_*.c, tests/bench/bench_*.c, tests/soak/soak_*.c, tests/bpf/*.bpf.c. Any other .c below tests/ is a
# helper and goes into libtest.a, which every test is linked with.
#
# Variants live in directories: $(BUILD) (release), $(BUILD)/clang, /asan, /tsan, /fuzz. Each
# mirrors the tree: <variant>/sluice, <variant>/tests/unit/engine/test_engine, <variant>/obj/...
# Examples: `make build/asan/sluice`, `make build/tests/unit/engine/test_engine V=1`.

MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:

BUILD ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang-14
CLANG_FORMAT ?= clang-format-14
CLANG_TIDY ?= clang-tidy-14
WERROR ?= -Werror
PYTHON ?= /usr/bin/python3

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '%-5s %s\n' '$(1)' '$(patsubst $(BUILD)/%,%,$(2))')

# --- sources ---------------------------------------------------------------------------------

main_src := userspace/app/main.c
sluice_srcs :=
include $(sort $(wildcard userspace/*/module.mk userspace/doors/*/module.mk))
sluice_srcs := $(filter-out $(main_src),$(sort $(sluice_srcs)))

test_tree := $(sort $(shell find tests -name '*.c' 2>/dev/null))
unit_srcs := $(foreach f,$(filter tests/unit/%,$(test_tree)),$(if $(filter test_%,$(notdir $f)),$f))
threads_srcs := $(filter %_threads.c,$(unit_srcs))
bpf_objs_src := $(filter tests/bpf/%.bpf.c,$(test_tree))
bpf_srcs := $(filter tests/bpf/test_%.c,$(test_tree))
fuzz_srcs := $(filter tests/fuzz/fuzz_%.c,$(test_tree))
bench_srcs := $(filter tests/bench/bench_%.c,$(test_tree))
soak_srcs := $(filter tests/soak/soak_%.c,$(test_tree))
bench_objs_src := $(filter tests/bench/%.bpf.c,$(test_tree))
helper_srcs := $(filter-out $(unit_srcs) $(bpf_objs_src) $(bpf_srcs) $(fuzz_srcs) $(bench_srcs) \
	$(bench_objs_src) $(soak_srcs) tests/check/% tests/harness/%,$(test_tree))

generator_srcs := $(sort $(wildcard generator/*.c))
generator_bpf := $(filter %.bpf.c,$(generator_srcs))
generator_srcs := $(filter-out $(generator_bpf),$(generator_srcs))
# The demo sends with it.
demo_srcs := demo/demo.c $(filter-out generator/main.c generator/options.c,$(generator_srcs))

# --- flags -----------------------------------------------------------------------------------

# Expanded on first use: on a fresh machine `make deps` runs before pkg-config exists.
packages := jansson sqlite3 libsodium libbpf libcurl yaml-0.1 libarchive openssl
pkg_cflags = $(eval pkg_cflags := $$(shell pkg-config --cflags $(packages)))$(pkg_cflags)
pkg_libs = $(eval pkg_libs := $$(shell pkg-config --libs $(packages)))$(pkg_libs)

# llhttp comes as C source (package node-llhttp) and is compiled here, strict, warnings not ours.
llhttp_dir := /usr/share/llhttp
llhttp_srcs := $(llhttp_dir)/api.c $(llhttp_dir)/http.c $(llhttp_dir)/llhttp.c
llhttp_cflags := -isystem /usr/share/include -DLLHTTP_STRICT_MODE=1

lang_flags := -std=gnu17 -D_GNU_SOURCE -Iinclude -Iuserspace $(llhttp_cflags)
warn_flags := -Wall -Wextra $(WERROR) -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2
base_cflags = $(lang_flags) $(warn_flags) -g -fno-omit-frame-pointer -pthread $(pkg_cflags)
# cmocka hands every test a state pointer that few of them want.
test_cflags := -Itests -I. -Wno-unused-parameter -DSLUICE_BPF_DIR='"$(abspath $(BUILD))/bpf"'
hard_cflags := -O2 -fPIE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
hard_ldflags := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
san_cflags := -O1 -fPIE -fno-sanitize-recover=all
san_ldflags := -pie -Wl,--as-needed

variants := release clang asan tsan fuzz

dir_release := $(BUILD)
cc_release := $(CC)
cflags_release := $(hard_cflags)
ldflags_release := $(hard_ldflags)

dir_clang := $(BUILD)/clang
cc_clang := $(CLANG)
cflags_clang := $(hard_cflags)
ldflags_clang := $(hard_ldflags)

dir_asan := $(BUILD)/asan
cc_asan := $(CLANG)
cflags_asan := $(san_cflags) -fsanitize=address,undefined
ldflags_asan := $(san_ldflags) -fsanitize=address,undefined

dir_tsan := $(BUILD)/tsan
cc_tsan := $(CLANG)
cflags_tsan := $(san_cflags) -fsanitize=thread
ldflags_tsan := $(san_ldflags) -fsanitize=thread

dir_fuzz := $(BUILD)/fuzz
cc_fuzz := $(CLANG)
cflags_fuzz := $(san_cflags) -fsanitize=fuzzer-no-link,address,undefined
ldflags_fuzz := $(san_ldflags) -fsanitize=address,undefined

# The packet path's program is a file of its own for the kernel, and carried inside the binary.
bpf_program := $(BUILD)/bpf/sluice_xdp.bpf.o
bpf_carrier := userspace/datapath/bpf_object

# The generator holds its program's object.
generator_object := $(BUILD)/bpf/flow.bpf.o
generator_cflags := -I. -DGENERATOR_FLOW_OBJECT='"$(abspath $(generator_object))"'

# What a file's folder adds, by source when compiling and by target when linking.
folder_cflags = $(if $(filter tests/%,$(1)),$(test_cflags)) \
	$(if $(filter tests/fuzz/%,$(1)),-Wno-missing-prototypes) \
	$(if $(filter $(bpf_carrier).c,$(1)),-DSLUICE_BPF_OBJECT='"$(bpf_program)"') \
	$(if $(filter generator/% demo/%,$(1)),$(generator_cflags))
folder_libs = $(if $(findstring /tests/fuzz/,$(1)),-fsanitize=fuzzer)

# --- rules -----------------------------------------------------------------------------------

.PHONY: FORCE
FORCE:

# The rules of one variant. `.flags` changes only when the command line does, so that changed
# flags rebuild what they touch and unchanged ones nothing.
define variant_rules
objs_$(1) := $$(sluice_srcs:%.c=$$(dir_$(1))/obj/%.o) \
	$$(llhttp_srcs:$$(llhttp_dir)/%.c=$$(dir_$(1))/obj/llhttp/%.o)
helpers_$(1) := $$(helper_srcs:%.c=$$(dir_$(1))/obj/%.o)

$$(dir_$(1))/.flags: FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$$(subst ','\'',$$(cc_$(1)) $$(base_cflags) $$(cflags_$(1)) $$(test_cflags))' \
		> $$@.$$$$$$$$ && if cmp -s $$@.$$$$$$$$ $$@; then rm $$@.$$$$$$$$; else mv $$@.$$$$$$$$ $$@; fi

$$(dir_$(1))/obj/%.o: %.c $$(dir_$(1))/.flags
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(cc_$(1)) $$(base_cflags) $$(cflags_$(1)) $$(call folder_cflags,$$<) \
		-MMD -MP -c -o $$@ $$<

$$(dir_$(1))/obj/$(bpf_carrier).o: $(bpf_program)

$$(dir_$(1))/obj/llhttp/%.o: $$(llhttp_dir)/%.c $$(dir_$(1))/.flags
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(cc_$(1)) $$(cflags_$(1)) $$(llhttp_cflags) -I/usr/share/include/llhttp -w -g -c -o $$@ $$<

$$(dir_$(1))/libsluice.a: $$(objs_$(1)) $$(dir_$(1))/.flags
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(AR) rcsD $$@ $$(objs_$(1))

$$(dir_$(1))/libtest.a: $$(helpers_$(1)) $$(dir_$(1))/.flags
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(AR) rcsD $$@ $$(helpers_$(1))

$$(dir_$(1))/sluice: $$(dir_$(1))/obj/$$(main_src:.c=.o) $$(dir_$(1))/libsluice.a
	$$(call say,LINK,$$@)
	$$(Q)$$(cc_$(1)) $$(ldflags_$(1)) -pthread -o $$@ $$^ $$(pkg_libs)

$$(dir_$(1))/obj/generator/generator.o: $$(generator_object)

$$(dir_$(1))/generator: $$(generator_srcs:%.c=$$(dir_$(1))/obj/%.o) $$(dir_$(1))/libsluice.a
	$$(call say,LINK,$$@)
	$$(Q)$$(cc_$(1)) $$(ldflags_$(1)) -pthread -o $$@ $$^ -lbpf

$$(dir_$(1))/demo: $$(demo_srcs:%.c=$$(dir_$(1))/obj/%.o) $$(dir_$(1))/libsluice.a
	$$(call say,LINK,$$@)
	$$(Q)$$(cc_$(1)) $$(ldflags_$(1)) -pthread -o $$@ $$^ -lbpf

$$(dir_$(1))/tests/%: $$(dir_$(1))/obj/tests/%.o $$(dir_$(1))/libtest.a $$(dir_$(1))/libsluice.a
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(cc_$(1)) $$(ldflags_$(1)) -pthread -o $$@ $$^ $$(call folder_libs,$$@) \
		$$(pkg_libs) -lcmocka -lgmp -lm

-include $$(wildcard $$(patsubst %.c,$$(dir_$(1))/obj/%.d,$$(main_src) $$(sluice_srcs) \
	$$(generator_srcs) demo/demo.c $$(test_tree)))
endef
$(foreach v,$(variants),$(eval $(call variant_rules,$v)))

# <asm/types.h> lies in the host's multiarch directory, which `-target bpf` does not search.
bpf_cflags = $(eval bpf_cflags := -target bpf -O2 -g -mcpu=v3 -Wall -Werror -Iinclude -Itests -I. \
	-idirafter /usr/include/$$(shell $(CC) -print-multiarch))$(bpf_cflags)

# Programs of the product and of tests lie side by side; no two may have one name.
define compile_bpf
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(bpf_cflags) -MMD -MP -c -o $@ $<
endef

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c
	$(compile_bpf)

$(BUILD)/bpf/%.bpf.o: tests/bpf/%.bpf.c
	$(compile_bpf)

$(BUILD)/bpf/bench/%.bpf.o: tests/bench/%.bpf.c
	$(compile_bpf)

$(BUILD)/bpf/%.bpf.o: generator/%.bpf.c
	$(compile_bpf)

-include $(wildcard $(BUILD)/bpf/*.d $(BUILD)/bpf/bench/*.d)

# --- targets ---------------------------------------------------------------------------------
# A "## name: what" line is a row of `make help`.

# Under sudo the build directory goes back to the user, whose next `make` must write there.
give_back := [ "$$(id -u)" != 0 ] || [ -z "$$SUDO_UID" ] || chown -R "$$SUDO_UID:$$SUDO_GID" '$(BUILD)'

unit_bins = $(unit_srcs:%.c=$(1)/%)
bpf_bins := $(bpf_srcs:%.c=$(BUILD)/%)
bpf_objs := $(patsubst tests/bpf/%.c,$(BUILD)/bpf/%.o,$(bpf_objs_src))
bench_bins := $(bench_srcs:%.c=$(BUILD)/%) $(BUILD)/generator \
	$(bench_objs_src:tests/bench/%.c=$(BUILD)/bpf/bench/%.o)
soak_bins := $(soak_srcs:%.c=$(BUILD)/%) $(BUILD)/generator
fuzz_bins := $(fuzz_srcs:%.c=$(dir_fuzz)/%)

.PHONY: all deps up check check-long soak bench lint fmt install uninstall clean help
## make: build build/sluice
all: $(BUILD)/sluice

## deps: install what building, running and testing need (Debian, root; nothing when all is there)
deps:
	@scripts/deps build test bench lint

## up: build and run on a demo network, or IFACE=eth0; DATA=dir keeps, LISTEN=address:port
up:
	@scripts/deps build
	@$(MAKE) --no-print-directory up-bins
	@$(give_back)
	@exec env BUILD='$(BUILD)' scripts/up

## check: run every test, under 8 minutes; T=engine runs only what matches
check:
	@scripts/deps build test
	@BUILD='$(BUILD)' PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/harness/run $(if $(T),--only '$(T)')

## check-long: the same with the long forms (SLUICE_LONG=1) and ten minutes of fuzzing
check-long:
	@SLUICE_LONG=1 $(MAKE) --no-print-directory check

## soak: everything at once for FOR=2m (or 8h), with kills; SEED=N repeats one run's choices
soak:
	@scripts/deps build test
	@$(MAKE) --no-print-directory all soak-bins
	@$(give_back)
	@BUILD='$(BUILD)' PYTHONDONTWRITEBYTECODE=1 tests/soak/run --for '$(or $(FOR),2m)' \
		$(if $(SEED),--seed '$(SEED)')

## bench: measure, print the table, write build/bench.json
bench:
	@scripts/deps build test bench
	@$(MAKE) --no-print-directory all bench-bins
	@$(give_back)
	@BUILD='$(BUILD)' PYTHONDONTWRITEBYTECODE=1 tests/bench/run

## lint: clang-tidy over userspace (.clang-tidy says which checks and why)
# One file a process: with several, version 14 reports va_lists of all but the first as unset.
lint:
	@scripts/deps build lint
	@printf '%s\n' $(main_src) $(sluice_srcs) | xargs -P "$$(nproc)" -I FILE \
		$(CLANG_TIDY) --quiet --warnings-as-errors='*' FILE -- $(lang_flags) $(pkg_cflags)

## fmt: format every C file in place
fmt:
	@find $(wildcard include bpf userspace generator demo tests) -name '*.[ch]' | xargs -r $(CLANG_FORMAT) -i

## install: copy to PREFIX (/usr/local) and SYSCONFDIR (/etc), below DESTDIR; `make uninstall` undoes it
install: all
	@env BUILD='$(BUILD)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' DESTDIR='$(DESTDIR)' \
		scripts/install

uninstall:
	@env PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' DESTDIR='$(DESTDIR)' scripts/install --remove

## clean: remove the build directory
clean:
	rm -rf '$(BUILD)'

## help: this table
help:
	@sed -n 's/^## \([a-z-]*\): /\1\t/p' $(firstword $(MAKEFILE_LIST)) | \
		awk -F '\t' '{ printf "  %-12s %s\n", $$1, $$2 }'
	@echo 'V=1 shows commands, BUILD=dir builds elsewhere.'

# Groups that the test runner and people ask for. clang sees the unit tests in asan-tests.
.PHONY: up-bins unit-tests asan-tests tsan-tests bpf-tests fuzz-tests soak-bins bench-bins clang-all gcc-all
up-bins: all $(BUILD)/demo
unit-tests: $(call unit_bins,$(BUILD))
asan-tests: $(call unit_bins,$(dir_asan))
tsan-tests: $(threads_srcs:%.c=$(dir_tsan)/%)
bpf-tests: $(bpf_objs) $(bpf_bins)
fuzz-tests: $(fuzz_bins)
soak-bins: $(soak_bins)
bench-bins: $(bench_bins)
gcc-all: all unit-tests soak-bins bench-bins $(BUILD)/demo
clang-all: $(dir_clang)/sluice $(dir_clang)/generator $(dir_clang)/demo \
	$(soak_srcs:%.c=$(dir_clang)/%) $(bench_srcs:%.c=$(dir_clang)/%)

# What the static checks compile with: one source for these flags.
.PHONY: show-cflags show-bpf-cflags show-tools show-srcs
show-cflags:
	@printf '%s\n' "$(lang_flags) $(warn_flags) $(pkg_cflags)"
show-bpf-cflags:
	@printf '%s\n' "$(bpf_cflags)"
show-tools:
	@printf '%s\n' '$(CC)' '$(CLANG)' '$(CLANG_FORMAT)'
show-srcs:
	@printf '%s\n' $(main_src) $(sluice_srcs)
