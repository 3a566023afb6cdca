"""Builds that are measured beside the ordinary one: static agents, and the rendezvous with the library that is tuned.

Both need Debian's source packages; where they cannot be had there is no program, and its rows say so."""
import pathlib
import platform
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PACKAGING = ROOT / "packaging"
ARCHITECTURES = ("x86-64", "arm64", "armhf")  # as packaging/ names them
HERE = {"x86_64": "x86-64", "aarch64": "arm64", "armv7l": "armhf"}.get(platform.machine(), platform.machine())
TUNED = ROOT / "build" / "bench-tuned"
TUNED_RENDEZVOUS = TUNED / "rendezvous" / "fairlead-rendezvous"
MISSING = "not measured: not built, Debian's source packages are needed"


def static_agent(arch):
    """Stripped; the file may be missing."""
    return ROOT / "build" / "static" / arch / "fairlead-agent"


def build(run):
    """`run` runs a command and ends everything when it fails."""
    if packaged("static", *ARCHITECTURES):
        build_tuned(run)
    else:
        TUNED_RENDEZVOUS.unlink(missing_ok=True)  # of an earlier time: not what the tree holds


def packaged(name, *words):
    """Runs packaging/NAME/build; False where it lacks packages."""
    status = subprocess.run([PACKAGING / name / "build", *words], stdout=sys.stderr).returncode
    if status not in (0, 3):
        sys.exit(f"packaging/{name}/build failed")
    return status == 0


def build_tuned(run):
    run(["cmake", "--preset", "bench", "-B", TUNED, f"-DMBEDTLS_ROOT={ROOT}/build/mbedtls/{HERE}", "-DBUILD_TESTS=OFF"])
    run(["cmake", "--build", TUNED, "--target", "fairlead-rendezvous"])
