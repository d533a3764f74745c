"""Certificates that sign themselves, made by the openssl command, and clients that trust them."""
# SPDX-License-Identifier: MIT
import hashlib
import os
import pathlib
import ssl
import subprocess

NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


def openssl(*args, stdin=b""):
    return subprocess.run(["openssl", *map(str, args)], input=stdin, capture_output=True,
                          timeout=30, check=False)


class Pair:
    """Certificate and key in files of their own; days 0: expired."""

    def __init__(self, folder, name, days=365, passphrase=None):
        self.cert, self.key = folder / f"{name}.crt", folder / f"{name}.key"
        request, names = folder / f"{name}.csr", folder / f"{name}.ext"
        hidden = ("-passout", f"pass:{passphrase}") if passphrase else ("-nodes",)
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", *hidden,
                "-keyout", self.key, "-subj", f"/CN={name}", "-out", request)
        names.write_text(NAMES)
        shown = ("-passin", f"pass:{passphrase}") if passphrase else ()
        done = openssl("x509", "-req", "-in", request, "-signkey", self.key, *shown, "-days", days,
                       "-extfile", names, "-out", self.cert)
        assert done.returncode == 0, done.stderr
        os.chmod(self.key, 0o600)

    @property
    def options(self):
        return "--tls-cert", self.cert, "--tls-key", self.key

    @property
    def digest(self):
        der = ssl.PEM_cert_to_DER_cert(self.cert.read_text())
        return hashlib.sha256(der).hexdigest()


def trusting(*pairs):
    """A context that trusts these and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for pair in pairs:
        context.load_verify_locations(pair.cert)
    return context


def digest_of(sock):
    return hashlib.sha256(sock.getpeercert(binary_form=True)).hexdigest()


class Mount:
    """A directory as a mounted Secret is one: names lead through `..data`, which is exchanged."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.version = 0
        for name in ("tls.crt", "tls.key"):
            (self.folder / name).symlink_to(f"..data/{name}")

    @property
    def options(self):
        return "--tls-cert", self.folder / "tls.crt", "--tls-key", self.folder / "tls.key"

    def put(self, cert, key):
        self.version += 1
        fresh = self.folder / f"..v{self.version}"
        fresh.mkdir()
        (fresh / "tls.crt").write_bytes(cert)
        (fresh / "tls.key").write_bytes(key)
        os.chmod(fresh / "tls.key", 0o600)
        link = self.folder / "..data_tmp"
        link.symlink_to(fresh.name)
        link.rename(self.folder / "..data")

    def put_pair(self, pair):
        self.put(pair.cert.read_bytes(), pair.key.read_bytes())
