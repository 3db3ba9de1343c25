"""Build the native LUT kernel with sanitizers and feed it random jobs.

    python tests/sanitize/run.py --cases 3000

AddressSanitizer and UndefinedBehaviorSanitizer watch one run, ThreadSanitizer a shorter one. Where
a cross compiler and an emulator for ARM are installed, NEON gets a short run without sanitizers.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
CSRC = HERE.parents[1] / "harmaug" / "lut" / "csrc"
# As setup.py builds it, at another optimization level. Small jobs count as large ones, so that they
# use threads and are written past the caches.
FLAGS = ["-std=gnu11", "-O1", "-g", "-fno-trapping-math"]
LIMITS = ["-DCHUNK=64", "-DSERIAL=64", "-DSMALL=256", "-DSTREAM=4096"]

# For ARM on another machine.
CROSS, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"


def build(program: Path, compiler: list[str], *options: str) -> None:
    sources = [*sorted(CSRC.glob("*.c")), HERE / "fuzz.c"]
    inputs = [f"-I{CSRC}", *map(str, sources), "-o", str(program), "-lm", "-pthread"]
    subprocess.run([*compiler, *FLAGS, *LIMITS, *options, *inputs], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fuzz the native LUT kernel under sanitizers.")
    parser.add_argument("--cases", type=int, default=3000, help="random jobs (default: 3000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first job")
    arguments = parser.parse_args()
    compiler = shlex.split(os.environ.get("CC", "cc"))
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "fuzz"

        def run(name: str, command: list[str | Path], cases: int) -> None:
            print(f"{name}: ", end="", flush=True)
            subprocess.run([*command, str(max(1, cases)), str(arguments.first)], check=True)

        for sanitizers, share in (("address,undefined", 1), ("thread", 20)):
            build(program, compiler, f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all")
            run(sanitizers, [program], arguments.cases // share)
        if shutil.which(CROSS) and shutil.which(EMULATOR):
            build(program, [CROSS], "-static")
            run("emulated ARM", [EMULATOR, program], arguments.cases // 10)


if __name__ == "__main__":
    main()
