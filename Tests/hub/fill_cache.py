"""Lays repositories out in a local cache with huggingface_hub's own code, from a server on this machine.

    fill_cache.py CACHE OWNER/NAME=FOLDER... [--without-links]

Prints the snapshot's path of each repository.
"""

import hashlib
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# Larger files are stored as the Hub stores those in LFS, under their SHA-256.
LARGE = 256


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub as a download asks for."""

    repositories = {}

    @staticmethod
    def commit(folder):
        digest = hashlib.sha1()
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()

    def answer(self, sends_body):
        parts = self.path.split("?")[0].strip("/").split("/")
        is_api = parts[:2] == ["api", "models"]
        name = "/".join(parts[2:4] if is_api else parts[:2])
        folder = self.repositories.get(name)
        if folder is None:
            return self.reply(404, b"", {}, sends_body)
        commit = self.commit(folder)
        files = sorted(
            str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        if is_api and "tree" in parts:
            tree = [self.entry(folder, file) for file in files]
            return self.reply(200, json.dumps(tree).encode(), {}, sends_body)
        if is_api:
            model = {"id": name, "sha": commit, "siblings": [{"rfilename": file} for file in files]}
            return self.reply(200, json.dumps(model).encode(), {}, sends_body)
        file = "/".join(parts[4:])
        if parts[2] != "resolve" or file not in files:
            return self.reply(404, b"", {"X-Error-Code": "EntryNotFound"}, sends_body)
        body = (folder / file).read_bytes()
        entry = self.entry(folder, file)
        tag = entry["lfs"]["oid"] if "lfs" in entry else entry["oid"]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{tag}"', "X-Linked-Etag": f'"{tag}"'}
        return self.reply(200, body, headers, sends_body)

    @staticmethod
    def entry(folder, file):
        body = (folder / file).read_bytes()
        oid = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
        entry = {"type": "file", "path": file, "size": len(body), "oid": oid}
        if len(body) > LARGE or file.endswith(".safetensors"):
            entry["lfs"] = {
                "oid": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 130}
        return entry

    def reply(self, status, body, headers, sends_body):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if sends_body:
            self.wfile.write(body)

    def do_GET(self):
        self.answer(True)

    def do_HEAD(self):
        self.answer(False)

    def log_message(self, *_):
        pass


def main():
    arguments = [word for word in sys.argv[1:] if word != "--without-links"]
    cache, repositories = arguments[0], dict(word.split("=", 1) for word in arguments[1:])
    Hub.repositories = {name: Path(folder) for name, folder in repositories.items()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
    os.environ["HF_HUB_DISABLE_XET"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["HF_HUB_DISABLE_SYMLINKS_WARNING"] = "1"
    from huggingface_hub import file_download, snapshot_download

    if "--without-links" in sys.argv:
        file_download.are_symlinks_supported = lambda cache_dir=None: False
    for name in repositories:
        print(snapshot_download(name, cache_dir=cache))


if __name__ == "__main__":
    main()
