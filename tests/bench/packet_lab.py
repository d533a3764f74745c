"""Where packets are measured: two private namespaces, and a veth between them for each limiter."""
# SPDX-License-Identifier: MIT

import json
import os
import subprocess

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
PORT, ADMIT_PORT = 53, 54
PINS = "/sys/fs/bpf/sluice/v1"
TOKEN = "bench-token-0123456789abcdefghijklmnopqrstu"

# The limit of every limiter: 10 a second for each source, in bursts of 10. One of 8M sources sends
# a packet every second or less often, so nearly all of them are newcomers within their limit, and
# each claims a bucket of somebody who was not seen for long; 1M fit the buckets and are known; of
# 1k and fewer nearly every packet is over the limit.
RATE, BURST = 10, 10
# What 16 MiB of Sluice's lines hold. A limit gets at most a quarter of them all, hence 64 MiB.
BUCKETS = (16 << 20) // 64 * 5
PACKET_MEMORY = "64MiB"

NFT_RULES = """
table netdev bench {{
    counter within {{ }}
    counter over {{ }}
    set sources {{ type ipv4_addr; size {buckets}; flags dynamic, timeout; timeout 10s; }}
    chain ingress {{
        type filter hook ingress device "nft" priority 0; policy drop;
        udp dport {port} update @sources {{ ip saddr limit rate over {rate}/second burst {burst} packets }} counter name over drop
        udp dport {port} counter name within drop
    }}
}}
"""


class Namespace:
    """A network (and mount) namespace that is gone when its keeper ends, whatever ends that."""

    def __init__(self):
        # A bpffs of its own: another's would show the pins of whoever else limits packets here.
        keeper = "mount -t bpf bpf /sys/fs/bpf && ip link set lo up && echo ready && exec cat"
        self.keeper = subprocess.Popen(
            ["unshare", "--net", "--mount", "--", "sh", "-c", keeper],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self.keeper.stdout.readline() != "ready\n":
            self.close()
            raise RuntimeError("cannot make a namespace: packets are measured as root")

    def argv(self, *argv):
        """What runs argv inside."""
        return ["nsenter", "--target", str(self.keeper.pid), "--net", "--mount", "--", *argv]

    def run(self, *argv, text=None):
        argv = self.argv(*map(str, argv))
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)}: {done.stderr}{done.stdout}")
        return done.stdout

    def close(self):
        self.keeper.communicate()


class Lab:
    """Sender and receiver; `with` ends all that was started, and with it all that was made."""

    def __init__(self):
        self.namespaces, self.children = [], []
        self.limit_ids, self.cpu = {}, max(os.sched_getaffinity(0))

    def __enter__(self):
        try:
            self.sender, self.receiver = self._namespace(), self._namespace()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.stdin.close()
            child.terminate()
            child.wait()
        for namespace in self.namespaces:
            namespace.close()

    def _namespace(self):
        self.namespaces.append(Namespace())
        return self.namespaces[-1]

    def start(self, *argv, ready, env=None):
        """A process in the receiver's namespace, once it has printed a line that starts so."""
        # Whatever ends this process ends the child too: it may not read its input.
        child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", *self.receiver.argv(*argv)],
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.children.append(child)
        said = []
        for child.ready in child.stdout:
            if child.ready.startswith(ready):
                return child
            said.append(child.ready)
        raise RuntimeError(f"{argv[0]} did not say '{ready}' but:\n{''.join(said)}")

    def wire(self, name):
        """A veth of this name in both namespaces."""
        peer = f"/proc/{self.receiver.keeper.pid}/ns/net"
        self.sender.run("ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", peer)
        for namespace in self.namespaces:
            # Without an address the kernel itself sends nothing of IPv6.
            namespace.run("ip", "link", "set", name, "addrgenmode", "none")
            namespace.run("ip", "link", "set", name, "up")

    def attach(self, name, program, pins=None):
        """One of the bench's programs on the receiving end of a new wire; its process."""
        self.wire(name)
        file, function = program
        argv = [f"{BUILD}/tests/bench/bench_attach", f"{BUILD}/bpf/bench/{file}.bpf.o", function, name]
        return self.start(*argv, *([pins] if pins else []), ready="attached")

    def send(self, name, sources, seconds):
        """One run of the generator; what it says of itself."""
        argv = [f"{BUILD}/generator", "--interface", name, "--src", "10.0.0.0", "--sources", sources]
        argv += ["--dst", "192.0.2.1", "--dst-port", PORT, "--cpu", self.cpu]
        return json.loads(self.sender.run(*argv, "--for", f"{int(seconds * 1000)}ms"))


def start_sluice(lab, folder):
    """The service with two limits by source: one that refuses floods, one that admits them."""
    lab.wire("sluice")
    argv = [f"{BUILD}/sluice", "serve", "--listen", "127.0.0.1:0", "--data", folder]
    argv += ["--iface", "sluice", "--packet-memory", PACKET_MEMORY]
    env = {"SLUICE_BOOTSTRAP_KEY": TOKEN}
    lab.url = lab.start(*argv, ready="sluice: listening on ", env=env).ready.split()[-1]
    make_limit(lab, PORT, RATE, BURST)
    make_limit(lab, ADMIT_PORT, 100000000, 100000000)
    lab.attach("judge", ("judge", "bench_judge"), PINS)


def ask(lab, path, body=None):
    argv = ["curl", "-sS", "--fail-with-body", "-H", f"Authorization: Bearer {TOKEN}"]
    if body is not None:
        argv += ["-d", json.dumps(body)]
    return json.loads(lab.receiver.run(*argv, lab.url + path))


def make_limit(lab, port, rate, burst):
    limit = {"scope": "packet", "match": {"proto": "udp", "dst_port": port}, "per": "src"}
    limit.update({"limit": rate, "burst": burst, "interval": "1s"})
    lab.limit_ids[port] = ask(lab, "/api/limits", limit)["id"]


# Each count_ says how many packets a limiter has found within the limit so far, and how many over.


def count_sluice(lab):
    stats = ask(lab, f"/api/limits/{lab.limit_ids[PORT]}")["stats"]
    return stats["allowed"], stats["denied"]


def start_lru(lab):
    lab.lru = lab.attach("lru", ("lru", "bench_lru"))


def count_lru(lab):
    lab.lru.stdin.write("\n")
    lab.lru.stdin.flush()
    within, over = lab.lru.stdout.readline().split()
    return int(within), int(over)


def start_nft(lab):
    lab.attach("nft", ("drop", "bench_pass"))
    rules = NFT_RULES.format(buckets=BUCKETS, port=PORT, rate=RATE, burst=BURST)
    lab.receiver.run("nft", "-f", "-", text=rules)


def count_nft(lab):
    found = json.loads(lab.receiver.run("nft", "-j", "list", "counters"))
    counters = [item["counter"] for item in found["nftables"] if "counter" in item]
    packets = {counter["name"]: counter["packets"] for counter in counters}
    return packets["within"], packets["over"]


def start_hashlimit(lab):
    lab.attach("hashlimit", ("drop", "bench_pass"))
    rule = ["iptables", "-t", "raw", "-A", "PREROUTING", "-i", "hashlimit", "-p", "udp"]
    limit = ["-m", "hashlimit", "--hashlimit-name", "bench", "--hashlimit-mode", "srcip"]
    limit += ["--hashlimit-above", f"{RATE}/sec", "--hashlimit-burst", str(BURST)]
    limit += ["--hashlimit-htable-size", str(BUCKETS), "--hashlimit-htable-max", str(BUCKETS)]
    lab.receiver.run(*rule, "--dport", PORT, *limit, "-j", "DROP")
    lab.receiver.run(*rule, "--dport", PORT, "-j", "DROP")


def count_hashlimit(lab):
    lines = lab.receiver.run("iptables", "-t", "raw", "-nvxL", "PREROUTING").splitlines()
    over, within = (int(line.split()[0]) for line in lines if "DROP" in line and "udp" in line)
    return within, over
