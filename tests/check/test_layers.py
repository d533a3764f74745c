"""The layer check finds each kind of bad include in a tree made to be wrong, and no other."""
# SPDX-License-Identifier: MIT
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent

GOOD = {
    "include/sluice/abi.h": "#include <linux/types.h>\n",
    "include/sluice/algorithm.h": "#include <sluice/abi.h>\n",
    "bpf/maps.h": "#include <bpf/bpf_helpers.h>\n#include <sluice/abi.h>\n",
    "bpf/x.bpf.c": '#include "maps.h"\n',
    "userspace/base/clock.h": "#include <time.h>\n",
    "userspace/json/json.h": "#include <stddef.h>\n",
    "userspace/json/json.c": "#include <jansson.h>\n",
    "userspace/engine/engine.h": '#include <sluice/algorithm.h>\n#include "base/clock.h"\n',
    "userspace/engine/engine_priv.h": '#include "engine/engine.h"\n',
    "userspace/engine/engine.c": '#include "engine/engine_priv.h"\n',
    "userspace/service/check.h": '#include "engine/engine.h"\n',
    "userspace/cli/cli.c": '#include "json/json.h"\n',
}

BAD = {
    "upward": ("userspace/engine/engine.c", '#include "service/check.h"', "upward"),
    "narrow": ("userspace/cli/cli.c", '#include "engine/engine.h"', "narrow"),
    "sideways": ("userspace/engine/engine.c", '#include "json/json.h"', "sideways"),
    "private": ("userspace/service/check.c", '#include "engine/engine_priv.h"', "_priv.h"),
    "library": ("userspace/service/check.c", "#include <jansson.h>", "only json"),
    "test library": ("userspace/service/check.c", "#include <cmocka.h>", "only tests"),
    "unknown header": ("userspace/service/check.c", "#include <boost.h>", "not in layers.txt"),
    "relative": ("userspace/engine/engine.c", '#include "engine.h"', "no such file"),
    "contract": ("include/sluice/abi.h", "#include <sluice/none.h>", "no such file"),
    "bpf to userspace": ("bpf/x.bpf.c", '#include "base/clock.h"', "no such file"),
    "circle": ("userspace/base/clock.h", '#include "base/clock.h"', "circular"),
    "new folder": ("userspace/misc/x.c", "#include <time.h>", "stands in no layer"),
    "spaced": ("userspace/engine/engine.c", '  #  include "service/check.h"', "upward"),
}


def make_tree(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def check(tree):
    done = subprocess.run([HERE / "layers", "--tree", tree], stdout=subprocess.PIPE, text=True)
    return done.returncode, done.stdout


def test_good_tree_passes(tmp_path):
    assert check(make_tree(tmp_path, GOOD)) == (0, "")


@pytest.mark.parametrize("kind", BAD)
def test_bad_include_is_named_by_file_and_line(tmp_path, kind):
    name, line, why = BAD[kind]
    tree = make_tree(tmp_path, GOOD)
    make_tree(tmp_path, {name: "/* first line */\n" + line + "\n"})
    status, said = check(tree)
    assert status == 1
    assert f"{name}:" in said and why in said
    assert kind == "new folder" or f"{name}:2: #include" in said
    assert len(said.splitlines()) == 1


def test_circle_through_two_headers_is_found(tmp_path):
    tree = make_tree(tmp_path, {**GOOD, "userspace/base/a.h": '#include "base/b.h"\n',
                                "userspace/base/b.h": '#include "base/a.h"\n'})
    status, said = check(tree)
    assert status == 1
    assert "userspace/base/a.h -> userspace/base/b.h -> userspace/base/a.h" in said
