/* The compiled programs of bpf/, carried inside the binary. */
/* SPDX-License-Identifier: MIT */
#include "datapath/bpf_priv.h"

/* The makefile names the object; what only reads this file need not have built it. */
#ifdef SLUICE_BPF_OBJECT
__asm__(".pushsection .rodata\n"
	".balign 16\n"
	".global bpf_object_start, bpf_object_end\n"
	"bpf_object_start:\n"
	".incbin \"" SLUICE_BPF_OBJECT "\"\n"
	"bpf_object_end:\n"
	".byte 0\n"
	".popsection\n");
#endif
