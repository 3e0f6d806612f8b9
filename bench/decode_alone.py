"""decode_alone.py CONFIG FILE…: does only what every scan must do at least: read the bytes, decode the engine's own
projection of each Kubernetes record, throw it away. One process; rules and settings are loaded as for a scan.
"""

from __future__ import annotations

import sys

from vedette import app
from vedette.scan import Plan, Scanner
from vedette.sources.files import Range, chunks, describe


def main(config: str, names: list[str]) -> None:
    """Decode every file; prints how many records there were."""
    settings = app.load_settings(config)
    scanner = Scanner(Plan(app.usable_rules(app.load_rules(settings)), app.trusted_proxies(settings)))
    projector = scanner.formats["kube_audit"].projector(scanner.projections["kube_audit"])
    records = 0
    for name in names:
        for chunk in chunks(describe(name), Range(0, 0)):
            decoded = projector.lines(chunk)
            if decoded is None:
                raise SystemExit(f"{name}: a line that cannot be decoded at C speed; the corpus must hold none")
            records += len(decoded)
    print(records)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
