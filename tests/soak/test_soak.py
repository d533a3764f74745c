"""A soak that is interrupted ends in good order, and does not pass for a whole one."""
# SPDX-License-Identifier: MIT
import os
import pathlib
import signal
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def test_interrupted_one_is_status_130_and_leaves_nothing(tmp_path):
    env = {**os.environ, "TMPDIR": str(tmp_path), "BUILD": os.environ.get("SLUICE_BUILD") or "build"}
    with subprocess.Popen([HERE / "run", "--for", "1m"], env=env, start_new_session=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as soak:
        said = ""
        for line in soak.stdout:
            said += line
            if "under way" in line:
                # As a terminal does, to all that is in the group.
                os.killpg(soak.pid, signal.SIGINT)
    assert soak.returncode == 130, said
    assert "] interrupted\n" in said and "soak: 0 promises broken" in said, said
    assert not list(tmp_path.iterdir()), said
