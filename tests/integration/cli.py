"""The command line as tests run it."""
# SPDX-License-Identifier: MIT
import json
import re
import subprocess

from conftest import KEY, command, environment


class Cli:
    """Runs the binary with the environment of somebody who may do everything."""

    def __init__(self, url, key=KEY):
        self.env = environment()
        for name in ("SLUICE_URL", "SLUICE_API_KEY"):
            self.env.pop(name, None)
        self.env.update({"SLUICE_URL": url} if url else {})
        self.env.update({"SLUICE_API_KEY": key} if key is not None else {})

    def run(self, *args, **env):
        done = subprocess.run(command(*args), env={**self.env, **env}, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def ok(self, *args):
        status, out, err = self.run(*args)
        assert (status, err) == (0, ""), (args, status, out, err)
        return out

    def json(self, *args):
        out = self.ok(*args, "-o", "json")
        assert out.count("\n") == 1 and out.endswith("\n"), out
        return json.loads(out)

    def error(self, *args, **env):
        """The one line of stderr of what must fail without any output."""
        status, out, err = self.run(*args, **env)
        assert (status, out) == (2, ""), (args, status, out, err)
        assert err.startswith("sluice: ") and err.count("\n") == 1 and err.endswith("\n"), err
        return err


def fields(out):
    """What `limit show` and its like print, by label."""
    return dict(re.fullmatch(r"(.+?)  +(.*)", line).groups() for line in out.splitlines())
