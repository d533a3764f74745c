"""Checks at a steady pace from soak_load, which keeps account of every answer."""
# SPDX-License-Identifier: MIT
import json
import os
import queue
import subprocess
import threading

from conftest import CHECK_KEY

# What the server says of a snapshot's age is the age of its data; who kills it knows only when
# the answers came, which is later than what they tell of.
FORGIVEN_S = 0.1


class Load:
    """One soak_load process; its violations are the soak's."""

    def __init__(self, binary, host, record, seed):
        self.host, self.record = host, record
        self.answers = queue.Queue()
        self.failures = 0
        self.process = subprocess.Popen(
            [binary, "run", str(host.port), CHECK_KEY, str(seed)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    @staticmethod
    def limits(binary):
        said = subprocess.run([binary, "limits"], check=True, capture_output=True).stdout
        return json.loads(said)

    def _read(self):
        for line in self.process.stdout:
            said = json.loads(line)
            if "violation" in said:
                self.record.violation("no check is allowed or refused against its limits",
                                      f"{said['violation']} (at {said['at_ns'] / 1e9:.3f})")
            elif "failed" in said:
                self._judge(said)
            else:
                self.answers.put(said)

    def _judge(self, said):
        """A request without an answer: fine around the server's end, and at no other time."""
        self.failures += 1
        if not self.host.disturbed(said["from_ns"] / 1e9, said["to_ns"] / 1e9):
            self.record.violation("every check is answered while the server is up", said["failed"])

    def _command(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self.answers.get(timeout=60)

    def forget(self, killed_ns, interval_s):
        """To be called between a SIGKILL and the next start."""
        self._command(f"forget {killed_ns - int((interval_s + FORGIVEN_S) * 1e9)}")

    def report(self):
        return self._command("report")

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        if self.process.returncode and self.process.returncode != -9:
            self.record.violation("the load ends well", f"exit status {self.process.returncode}")

    def close(self):
        if self.process.poll() is None:
            os.kill(self.process.pid, 9)
            self.process.wait()
