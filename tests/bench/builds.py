"""The rendezvous with the library that packaging/mbedtls tunes: an ordinary release build beside the one that is measured."""
import pathlib
import platform
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ARCHITECTURES = {"x86_64": "x86-64", "aarch64": "arm64", "armv7l": "armhf"}  # as packaging/ names them
ARCHITECTURE = ARCHITECTURES.get(platform.machine(), platform.machine())
BUILD = ROOT / "build" / "bench-tuned"
PROGRAM = BUILD / "rendezvous" / "fairlead-rendezvous"
MISSING = f"not measured: no tuned build, run packaging/mbedtls/build {ARCHITECTURE}"


def build(run):
    """Builds PROGRAM by `run`, which ends everything when a command fails; without Debian's sources there is none afterwards."""
    library = subprocess.run([ROOT / "packaging" / "mbedtls" / "build", ARCHITECTURE], stdout=sys.stderr)
    if library.returncode != 0:
        PROGRAM.unlink(missing_ok=True)  # of an earlier time: not what the tree holds
        return
    run(["cmake", "--preset", "bench", "-B", BUILD, f"-DMBEDTLS_ROOT={ROOT}/build/mbedtls/{ARCHITECTURE}", "-DBUILD_TESTS=OFF"])
    run(["cmake", "--build", BUILD, "--target", "fairlead-rendezvous"])
