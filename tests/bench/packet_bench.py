"""Floods of 1 to 8 million sources through Sluice and through what else limits packets by source."""
# SPDX-License-Identifier: MIT

import json
import os
import statistics
import tempfile

import packet_lab as lab_of

ROUNDS = 5
WARM_SECONDS, SECONDS = 1.0, 0.5
SOURCES = {"1": 1, "1k": 1000, "100k": 100000, "1M": 1000000, "8M": 8000000}

# name: (what it is called in the table, its wire, what counts its verdicts)
LIMITERS = {
    # No limiter: the most that sender and veth can do.
    "drop": ("bare XDP_DROP", "drop", None),
    "sluice": ("Sluice", "judge", lab_of.count_sluice),
    "lru": ("LRU_HASH", "lru", lab_of.count_lru),
    "nft": ("nftables", "nft", lab_of.count_nft),
    "hashlimit": ("hashlimit", "hashlimit", lab_of.count_hashlimit),
}
# The program that the service itself has attached, where next to nothing passes: what it lets
# through goes up the stack. It shows that the one of the bench measures the same.
ATTACHED = {"attached": ("as attached", "sluice", lab_of.count_sluice)}
ATTACHED_AT = SOURCES["1k"]
TITLES = {name: title for name, (title, _, _) in {**LIMITERS, **ATTACHED}.items()}


def start(lab, folder):
    lab.attach("drop", ("drop", "bench_drop"))
    lab_of.start_sluice(lab, folder)
    lab_of.start_lru(lab)
    lab_of.start_nft(lab)
    lab_of.start_hashlimit(lab)


def check_counts(limiter, sources, sent, counted):
    """A figure is worth nothing if the limiter did not do its work."""
    within, over = counted
    # What hashlimit has no room for it drops without a word, from 1.3M sources on.
    if within + over != sent and limiter != "hashlimit":
        raise RuntimeError(f"{limiter} counted {within} + {over} of {sent} packets")
    if sources == 1 and within > sent // 100:
        raise RuntimeError(f"{limiter} admitted {within} of {sent} packets of one source")
    if sources == SOURCES["8M"] and over > sent // 5:
        raise RuntimeError(f"{limiter} refused {over} of {sent} packets of 8M sources")


def run(lab, limiter, sources, seconds):
    """Mpps of one run, of the time that sending and receiving them took."""
    _, wire, count = {**LIMITERS, **ATTACHED}[limiter]
    # While a set of a million elements expires, nft takes ten seconds to say anything.
    if limiter == "nft" and sources > SOURCES["1k"]:
        count = None
    before = count(lab) if count else None
    told = lab.send(wire, sources, seconds)
    if count:
        counted = [now - then for now, then in zip(count(lab), before)]
        check_counts(limiter, sources, told["sent"], counted)
    return told["sent"] / told["busy_seconds"] / 1e6


def rounds(lab, sources):
    """One uncounted run of each limiter, which fills its table, then interleaved ones."""
    order = [*LIMITERS, *(ATTACHED if sources == ATTACHED_AT else ())]
    for limiter in order:
        run(lab, limiter, sources, WARM_SECONDS)
    found = []
    for i in range(ROUNDS):
        turn = order[i % len(order):] + order[: i % len(order)]
        found.append({limiter: run(lab, limiter, sources, SECONDS) for limiter in turn})
    return found


def compare(label, found):
    """A row beside each peer: medians of both, and the median of the ratios within each round."""
    for peer in found[0]:
        if peer == "sluice":
            continue
        yield {
            "name": f"packets_{label}_{peer}",
            "what": f"packets, {label} sources; {TITLES[peer]}",
            "value": statistics.median(r["sluice"] for r in found),
            "peer": statistics.median(r[peer] for r in found),
            "ratio": statistics.median(r["sluice"] / r[peer] for r in found),
            "unit": "Mpps",
        }


def verdict_rows(lab):
    # A line that nobody used yet has every key in its first slot, where it is found soonest.
    lab.send("judge", SOURCES["8M"], WARM_SECONDS)
    argv = [f"{lab_of.BUILD}/tests/bench/bench_packets", f"{lab_of.BUILD}/bpf/bench/judge.bpf.o"]
    argv += [lab_of.PINS, lab.cpu, lab_of.PORT, lab_of.ADMIT_PORT]
    return [json.loads(line) for line in lab.receiver.run(*argv).splitlines()]


def measure():
    """Rows of verdicts alone, and rows of comparisons; none without root."""
    if os.geteuid() != 0:
        print("Packets are not measured: namespaces and BPF need root.\n")
        return [], []
    with tempfile.TemporaryDirectory() as folder, lab_of.Lab() as lab:
        start(lab, folder)
        verdicts = verdict_rows(lab)
        floods = []
        for label, sources in SOURCES.items():
            floods += compare(label, rounds(lab, sources))
    return verdicts, floods


def cell(row, number):
    verdict = {True: "", False: " MISSED", None: ""}[row.get("holds")]
    bar = f", {row['bar']}{verdict}" if "bar" in row else ""
    return f"{number(row['peer'])} ({row['ratio']:.2f}x{bar})"


def print_table(floods, number):
    """A line for each number of sources; in brackets Sluice as a multiple of what stands there."""
    peers = [peer for peer in {**LIMITERS, **ATTACHED} if peer != "sluice"]
    print("\n| sources | Sluice, Mpps | " + " | ".join(TITLES[peer] for peer in peers) + " |")
    print("|---|---:|" + "---:|" * len(peers))
    by_name = {row["name"]: row for row in floods}
    for label in SOURCES:
        rows = [by_name.get(f"packets_{label}_{peer}") for peer in peers]
        cells = [number(rows[0]["value"]), *(cell(row, number) if row else "" for row in rows)]
        print(f"| {label} | " + " | ".join(cells) + " |")
