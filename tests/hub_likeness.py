"""A hub of model repositories on this machine, that writes down what it is asked."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def hub(repositories: Mapping[str, Path]) -> Iterator[tuple[str, list[str]]]:
    """Serves folders as repositories, as far as downloads need it.

    Args:
        repositories: ``owner/name`` -> folder.

    Yields:
        The address, and the list of requests, ``GET /owner/name/...``.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            parts = self.path.partition("?")[0].strip("/").split("/")
            if parts[:2] == ["api", "models"] and "/".join(parts[2:4]) in repositories:
                files = sorted(p.name for p in repositories["/".join(parts[2:4])].iterdir())
                told = {"id": "/".join(parts[2:4]), "sha": COMMIT, "private": False}
                content = {**told, "siblings": [{"rfilename": name} for name in files]}
                if len(parts) == 4 or parts[4] == "revision":
                    self._send(200, json.dumps(content).encode())
                    return
            elif len(parts) == 5 and parts[2] == "resolve":
                file = repositories.get("/".join(parts[:2]), Path("none")) / parts[4]
                if file.is_file():
                    self._send(200, file.read_bytes())
                    return
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            self.do_GET()

        def _send(
            self, status: int, content: bytes, headers: Mapping[str, str] | None = None
        ) -> None:
            self.send_response(status)
            told = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha1(content).hexdigest()}"'}
            for name, value in {**told, **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
