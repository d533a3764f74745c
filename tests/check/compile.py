"""What the checks that compile headers share: the makefile's flags and a parallel compile."""
# SPDX-License-Identifier: MIT
import concurrent.futures
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def make_value(target):
    """What a show-* target of the makefile prints, as a list of words."""
    done = subprocess.run(["make", "-s", "--no-print-directory", target], cwd=ROOT, check=True,
                          stdout=subprocess.PIPE, text=True)
    return done.stdout.split()


def compilers():
    """The command lines, without a source: {"gcc": [...], "clang": [...], "bpf": [...]}."""
    gcc, clang = make_value("show-tools")[:2]
    host = make_value("show-cflags")
    return {"gcc": [gcc, *host], "clang": [clang, *host], "bpf": [clang, *make_value("show-bpf-cflags")]}


def compile_all(jobs):
    """Compiles each (label, argv) with empty standard input; prints failures, returns their number."""
    def one(job):
        label, argv = job
        done = subprocess.run(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        return label, done.returncode, done.stdout

    failures = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for label, status, said in pool.map(one, jobs):
            if status != 0:
                failures += 1
                print(f"{label}:\n{said}")
    return failures


def headers(*tops):
    """Every header below these folders, as paths from the root."""
    return sorted(str(path.relative_to(ROOT)) for top in tops for path in (ROOT / top).rglob("*.h"))
