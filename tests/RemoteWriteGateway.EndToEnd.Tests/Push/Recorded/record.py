"""Records what a client of a Pushgateway sends, byte for byte: record.py FOLDER COMMAND [ARGUMENT ...]

Listens where a Pushgateway does, runs the command with http://127.0.0.1:9091 as its last argument, answers each request as a
Pushgateway answers a good one, and writes it to FOLDER as it came: 01-put.request, 02-post.request and so on.
"""
import pathlib
import re
import socket
import subprocess
import sys
import threading


def serve(connection, folder):
    """One connection, which may carry several requests, each of a stated length."""
    pending = b""
    while True:
        while b"\r\n\r\n" not in pending:
            received = connection.recv(65536)
            if not received:
                return
            pending += received
        head = pending[: pending.index(b"\r\n\r\n") + 4]
        if re.search(rb"(?im)^transfer-encoding:", head):
            raise ValueError("a chunked request is not one of a stated length")
        length = re.search(rb"(?im)^content-length: *(\d+)", head)
        size = len(head) + (int(length[1]) if length else 0)
        while len(pending) < size:
            received = connection.recv(65536)
            if not received:
                raise EOFError("the connection ended inside a body")
            pending += received
        method = head.split(b" ")[0].decode()
        number = len(list(folder.glob("*.request"))) + 1
        (folder / f"{number:02}-{method.lower()}.request").write_bytes(pending[:size])
        pending = pending[size:]
        status = b"202 Accepted" if method == "DELETE" else b"200 OK"
        connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")


def accept(listener, folder):
    # One after the other: the clients' programs wait for each answer, and a connection is closed before the next is opened.
    while True:
        connection, _ = listener.accept()
        with connection:
            serve(connection, folder)


target = pathlib.Path(sys.argv[1])
target.mkdir(parents=True, exist_ok=True)
for old in target.glob("*.request"):
    old.unlink()
with socket.create_server(("127.0.0.1", 9091)) as server:
    threading.Thread(target=accept, args=(server, target), daemon=True).start()
    subprocess.run([*sys.argv[2:], "http://127.0.0.1:9091"], check=True)
