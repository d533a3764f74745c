"""The table at the end of a soak."""
# SPDX-License-Identifier: MIT
from vitals import GROWTH_MAX_KB


def _row(cells, widths):
    return "  ".join(str(cell).rjust(width) if i else str(cell).ljust(width)
                     for i, (cell, width) in enumerate(zip(cells, widths))).rstrip()


def _print(rows):
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print(_row(row, widths))


def _operations(soak):
    rows = [["operation", "done", "interrupted", "p50 ms", "p99 ms", "max ms"]]
    for name, kind in (("check, GET", "get"), ("checks, POST of 2 to 200", "batch")):
        one = soak.load_report[kind]
        rows.append([name, one["n"], one["failed"]] +
                    [f"{one[column]:.2f}" for column in ("p50_ms", "p99_ms", "max_ms")])
    for name in sorted(soak.record.kinds):
        rows.append([name, *soak.record.kinds[name].row()])
    return rows


def _figures(soak):
    load, lives = soak.load_report, soak.vitals.lives
    checks = {what: load["get"][what] + load["batch"][what] for what in ("allowed", "refused")}
    yield "checks allowed, refused", f"{checks['allowed']:,}, {checks['refused']:,}"
    packets = soak.record.packets
    if packets:
        yield "packets sent, passed", f"{packets['sent']:,}, {packets['passed']:,}"
    yield "restarts", f"{soak.kills.kills} by SIGKILL, {soak.kills.stops} by SIGTERM"
    yield "longest without an answer", f"{load['longest_gap_ms']:.0f} ms"
    for i, (name, unit, scale) in enumerate(
            (("memory", " MiB", 1024), ("descriptors", "", 1), ("threads", "", 1))):
        if not lives:
            return
        first, last = lives[0][i], lives[-1][3 + i]
        most = max(max(life[i], life[3 + i]) for life in lives)
        yield f"{name} at start, end, most", \
            ", ".join(f"{value / scale:.0f}{unit}" for value in (first, last, most))
    yield "memory, most growth of a life once warm", \
        f"{soak.vitals.growth_kb / 1024:.1f} of {GROWTH_MAX_KB / 1024:.0f} MiB"


def show(soak):
    print()
    _print(_operations(soak))
    print()
    _print([[name, value] for name, value in _figures(soak)])
    print()
    for promise, what in soak.record.violations:
        print(f"BROKEN {promise}: {what}")
    broken = len({promise for promise, _ in soak.record.violations})
    print(f"soak: {broken} promises broken, seed {soak.seed}")
