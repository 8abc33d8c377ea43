from __future__ import annotations

import argparse
import logging
import sys
import warnings
from pathlib import Path

from doyen_platform.demo.corpora.build import write


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m doyen_platform.demo.corpora", description="Write the demo's documents."
    )
    parser.add_argument("output", type=Path, help="directory for NAME.jsonl and experts.json")
    parser.add_argument(
        "--from-debian", action="store_true", help="also from Debian's documentation packages on this machine"
    )
    parser.add_argument("--root", type=Path, default=Path("/"), help="where those packages are unpacked")
    options = parser.parse_args(arguments)
    # The libraries' own deprecation notices are not about this program.
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    names = write(
        options.output,
        from_debian=options.from_debian,
        root=options.root,
        report=lambda line: print(line, file=sys.stderr, flush=True),
    )
    return 0 if names else 1


if __name__ == "__main__":
    sys.exit(main())
