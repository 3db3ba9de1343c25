"""Build the native LUT kernel with sanitizers and feed it random jobs.

    python tests/sanitize/run.py --cases 3000

AddressSanitizer and UndefinedBehaviorSanitizer watch one run, ThreadSanitizer a shorter one.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
CSRC = HERE.parents[1] / "harmaug" / "lut" / "csrc"
# As setup.py builds it but for the optimization level; small jobs count as large ones, so that they
# use threads and are written past the caches.
FLAGS = ["-std=gnu11", "-O1", "-g", "-fno-trapping-math"]
LIMITS = ["-DCHUNK=64", "-DSERIAL=64", "-DSTREAM=4096"]


def build(sanitizers: str, program: Path) -> None:
    sources = [*sorted(CSRC.glob("*.c")), HERE / "fuzz.c"]
    compiler = shlex.split(os.environ.get("CC", "cc"))
    subprocess.run(
        [
            *compiler,
            *FLAGS,
            *LIMITS,
            f"-fsanitize={sanitizers}",
            "-fno-sanitize-recover=all",
            f"-I{CSRC}",
            *map(str, sources),
            "-o",
            str(program),
            "-lm",
            "-pthread",
        ],
        check=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Fuzz the native LUT kernel under sanitizers.")
    parser.add_argument("--cases", type=int, default=3000, help="random jobs (default: 3000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first job")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for sanitizers, cases in (
            ("address,undefined", arguments.cases),
            ("thread", max(1, arguments.cases // 20)),
        ):
            program = Path(folder) / sanitizers.replace(",", "-")
            build(sanitizers, program)
            print(f"{sanitizers}: ", end="", flush=True)
            subprocess.run([program, str(cases), str(arguments.first)], check=True)


if __name__ == "__main__":
    main()
