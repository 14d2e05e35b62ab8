# SPDX-License-Identifier: MIT
#
# An HTTP proxy that makes tunnels (CONNECT), and one that makes none. It can lead to another port than asked
# for, so that a server is reached through it alone.

import base64
import contextlib
import select
import socket
import socketserver
import threading

# A denial in the words of a KMS. Only a KMS may deny.
DENIAL = b'{"__type":"AccessDeniedException","message":"The proxy does not like you."}'
HEADERS = "x-amzn-ErrorType: AccessDeniedException\r\nx-envelope-kms-id: proxy\r\n"


class ConnectProxy(socketserver.ThreadingTCPServer):
    """`routes`: port asked for -> port. `answer`: a status that it gives instead of a tunnel. `asked`: heads of requests."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, login=None):
        self.routes, self.asked, self.answer = {}, [], None
        self.login = login and "Basic " + base64.b64encode(login.encode()).decode()
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def targets(self):
        return {head.split()[1] for head in self.asked}


class Tunnel(socketserver.BaseRequestHandler):
    def handle(self):
        head = b""
        while b"\r\n\r\n" not in head:
            got = self.request.recv(4096)
            if not got:
                return
            head += got
        head = head.decode()
        self.server.asked.append(head)
        status = self.server.answer
        if not status and self.server.login and f"Proxy-Authorization: {self.server.login}\r\n" not in head:
            status = 407
        if status:
            self.request.sendall(f"HTTP/1.1 {status} No\r\n{HEADERS}Content-Length: {len(DENIAL)}\r\n\r\n".encode() + DENIAL)
            return
        port = int(head.split()[1].rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", self.server.routes.get(port, port))) as there:
            self.request.sendall(f"HTTP/1.1 200 OK\r\n{HEADERS}\r\n".encode())
            with contextlib.suppress(OSError):
                relay(self.request, there)


def relay(one, other):
    while True:
        for readable in select.select([one, other], [], [])[0]:
            data = readable.recv(65536)
            if not data:
                return
            (other if readable is one else one).sendall(data)
