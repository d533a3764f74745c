"""Reads Prometheus' text format 0.0.4 strictly: what it lets pass, a scraper takes."""
# SPDX-License-Identifier: MIT
import re
import shutil
import subprocess

import pytest

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf'({NAME})(?:\{{(.*)\}})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


class Family:
    def __init__(self, name, text):
        self.name, self.help, self.type, self.samples = name, text, None, {}


def _labels(text):
    labels, at = {}, 0
    while at < len(text):
        found = LABEL.match(text, at)
        assert found, f"broken labels: {text}"
        assert found[1] not in labels, f"label twice: {text}"
        labels[found[1]] = re.sub(r'\\[\\"n]', lambda m: ESCAPES[m[0]], found[2])
        at = found.end()
        assert (found[3] == ",") == (at < len(text)), f"a comma too many: {text}"
    return labels


def _belongs(family, name):
    suffixes = ("_bucket", "_sum", "_count") if family.type == "histogram" else ("",)
    return name in [family.name + suffix for suffix in suffixes]


def _check_histogram(family):
    """Buckets rise to +Inf, which equals the count, for each set of the other labels."""
    groups = {}
    for (name, labels), value in family.samples.items():
        if name == family.name + "_bucket":
            le = dict(labels)["le"]
            rest = tuple(pair for pair in labels if pair[0] != "le")
            groups.setdefault(rest, []).append((float(le), value))
    assert groups, family.name
    for rest, buckets in groups.items():
        assert buckets == sorted(buckets) and buckets[-1][0] == float("inf"), buckets
        counts = [count for _, count in buckets]
        assert counts == sorted(counts), buckets
        assert family.samples[family.name + "_count", rest] == counts[-1]
        assert (family.samples[family.name + "_sum", rest] > 0) == (counts[-1] > 0)


def parse(text):
    """{family name: Family}; samples by (name, sorted labels)."""
    assert text.endswith("\n")
    families, family = {}, None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, words = line[7:].split(" ", 1)
            assert re.fullmatch(NAME, name) and name not in families, line
            family = families[name] = Family(name, words)
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name == family.name and family.type is None and not family.samples, line
            assert kind in ("counter", "gauge", "histogram"), line
            family.type = kind
        else:
            found = SAMPLE.fullmatch(line)
            assert found and family.type and _belongs(family, found[1]), line
            key = found[1], tuple(sorted(_labels(found[2] or "").items()))
            assert key not in family.samples, f"series twice: {line}"
            family.samples[key] = float(found[3])
    for one in families.values():
        assert one.type, f"{one.name} has no type"
        if one.type == "histogram":
            _check_histogram(one)
    return families


class Scrape:
    """What one client sees at /metrics at one time."""

    def __init__(self, client):
        answer = client.get("/metrics")
        assert answer.status == 200, answer
        assert answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
        self.text = answer.body.decode()
        self.families = parse(self.text)

    def value(self, series, /, **labels):
        """One series' value; None: there is no such series."""
        family = self.families.get(series) or \
            self.families.get(re.sub("_(bucket|sum|count)$", "", series))
        return family and family.samples.get((series, tuple(sorted(labels.items()))))

    def counters(self):
        """Every series that may only grow."""
        return {key: value for family in self.families.values() if family.type != "gauge"
                for key, value in family.samples.items()}


def promtool(*args, text=None):
    """Asserts that Prometheus' own tool passes it; returns what it says."""
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed (package prometheus)")
    done = subprocess.run(["promtool", "check", *map(str, args)], input=text, text=True,
                          capture_output=True, timeout=60, start_new_session=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
