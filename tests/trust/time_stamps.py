"""A time-stamp server on this machine: `openssl ts` behind HTTP (RFC 3161)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = Time
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[stamp]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
authorityKeyIdentifier = keyid
subjectKeyIdentifier = hash
[server]
serial = serial
signer_cert = stamp.pem
certs = root.pem
signer_key = stamp.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
"""

MAKE = (
    "req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -days 9 -config ts.cnf -extensions root",
    "req -newkey rsa:2048 -nodes -keyout stamp.key -out stamp.csr -config ts.cnf",
    "x509 -req -in stamp.csr -CA root.pem -CAkey root.key -CAcreateserial -out stamp.pem -days 9 -extfile ts.cnf "
    "-extensions stamp",
)


@contextmanager
def time_stamp_server(folder: Path) -> Iterator[str]:
    """Its address; what it needs is made in the folder, `root.pem` among it."""

    def openssl(line: str) -> bytes:
        return subprocess.run(["openssl", *line.split()], cwd=folder, check=True, capture_output=True).stdout

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (folder / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            answer = openssl("ts -reply -config ts.cnf -section server -queryfile query")
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    folder.mkdir(parents=True)
    (folder / "ts.cnf").write_text(CONFIG)
    (folder / "serial").write_text("01")
    for line in MAKE:
        openssl(line)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
