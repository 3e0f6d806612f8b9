"""kubelet.py ADDRESS CERTIFICATE KEY [PORT]: stands in for a kubelet. Answers the upgrade of an exec, attach or port-forward with
101 and closes, so that the API server's audit line carries the code that a real cluster shows.
"""

from __future__ import annotations

import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Kubelet(BaseHTTPRequestHandler):
    """Every upgrade is accepted, everything else answered with a line of text."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a request of the API server."""
        upgrade = self.headers.get("Upgrade")
        if upgrade:
            self.send_response(101)
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", upgrade)
            protocols = self.headers.get("X-Stream-Protocol-Version")
            if protocols:
                self.send_header("X-Stream-Protocol-Version", protocols.split(",")[0].strip())
            self.end_headers()
            self.close_connection = True
            return
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b"one line of a container's log\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main(address: str, certificate: str, key: str, port: str = "10250") -> None:
    """Serve until killed."""
    server = ThreadingHTTPServer((address, int(port)), Kubelet)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:5])
