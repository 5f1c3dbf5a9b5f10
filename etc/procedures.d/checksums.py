#!/usr/bin/python3
"""The procedure "checksums": a packet for each file, {"path", "bytes", "sha256"}.

Its arguments are paths: a list of them, or {"paths": [...]}. A file that cannot be
read is told of on the standard error, which a caller sees if the exit status is not 0.
"""

import hashlib
import json
import sys

_CHUNK_BYTES = 1 << 20


def checksum(path: str) -> dict[str, str | int]:
    """Return what is told of a file."""
    digest, length = hashlib.sha256(), 0
    with open(path, "rb") as file:  # noqa: PTH123 (harpd's arguments are strings)
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            length += len(chunk)
    return {"path": path, "bytes": length, "sha256": digest.hexdigest()}


def main() -> int:
    """Tell of all files; return the exit status."""
    given = json.load(sys.stdin)
    paths = given["paths"] if isinstance(given, dict) else given
    status = 0
    for path in paths:
        try:
            found = checksum(path)
        except OSError as error:
            sys.stderr.write(f"{path}: {error.strerror}\n")
            status = 1
        else:
            # Flushed, so that the packet is streamed now and not at the end.
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
