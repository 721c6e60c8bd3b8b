"""The tests elsewhere: core without extras, oldest dependencies, other Pythons; and what the wheel holds."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import nox

nox.options.sessions = ["core", "lowest", "stores", "wheel", "extras"]
nox.options.reuse_existing_virtualenvs = True

PROJECT = nox.project.load_toml("pyproject.toml")
TEST_GROUP = nox.project.dependency_groups(PROJECT, "test")
PYTHONS = ["3.11", "3.12", "3.13"]

# Of the tests of the kernel, those of what rests on blinker and packaging; the rest of it needs the interpreter alone.
ON_KERNEL = ("bus*", "asynchrony", "unheard_events", "versions*", "resolver*", "kernel")
# Those that look for what chance finds, at length: the others have to reach every line and branch without them.
SEARCHES = ("bus_properties", "bus_storm", "interrupts", "kernel_model", "leaks", "swap_model", "swap_storms")
ON_DEPENDENCIES = [
    *(
        str(one)
        for one in sorted(Path("tests").iterdir())
        if one.is_dir() and one.name not in {"kernel", "architecture"}
    ),
    *(str(one) for kind in ON_KERNEL for one in sorted(Path("tests/kernel").glob(f"test_{kind}.py"))),
    "plugins",
    "docs",
]


@nox.session
def core(session: nox.Session) -> None:
    """Install without extras: the core works, and imports nothing that an extra brings."""
    session.install("-e", ".", *TEST_GROUP)
    run = ("pytest", "-q", "-n", "auto", "--hypothesis-profile", "quick")
    if session.posargs:
        session.run(*run, *session.posargs)
        return
    session.run(*run, "--ignore=tests/kernel")
    # The kernel needs no extra: here its tests have to reach every line and branch of it, too.
    reach = ("--cov=plugbus.kernel", "--cov-report=term-missing", "--cov-fail-under=100", "--timeout=600")
    session.run(*run, *reach, *(f"--ignore=tests/kernel/test_{one}.py" for one in SEARCHES), "tests/kernel")


@nox.session(python=PYTHONS)
def extras(session: nox.Session) -> None:
    """Install everything, on each Python that is supported."""
    session.install("-e", ".[all]", *TEST_GROUP, *nox.project.dependency_groups(PROJECT, "lint"))
    # The kernel's apart, as in the Makefile.
    for part in [session.posargs] if session.posargs else (["tests/kernel"], ["--ignore=tests/kernel"]):
        session.run("pytest", "-q", "-n", "auto", *part)


@nox.session
def lowest(session: nox.Session) -> None:
    """Install the oldest dependencies that are promised."""
    project = PROJECT["project"]
    promised = list(project["dependencies"])
    extras = project["optional-dependencies"]
    for extra in re.findall(r"[\w-]+", extras["all"][0].partition("[")[2]):
        promised += extras[extra]
    session.install(*(re.sub(r">=", "==", one) for one in promised))
    session.install("-e", ".", *TEST_GROUP)
    session.run("pytest", "-q", "-n", "auto", "--hypothesis-profile", "quick", *(session.posargs or ON_DEPENDENCIES))


@nox.session
def stores(session: nox.Session) -> None:
    """Keep files in S3, GCS and by SFTP: with servers on loopback, in an environment of their own."""
    session.install("-e", ".[s3,gcs,sftp]", *TEST_GROUP)
    servers = Path(session.create_tmp()).absolute() / "servers"
    session.run("python", "-m", "venv", "--clear", str(servers))
    python = str(servers / "bin" / "python")
    session.run(
        python, "-m", "pip", "install", "--quiet", *nox.project.dependency_groups(PROJECT, "stores"), external=True
    )
    env = {"PLUGBUS_STORE_SERVERS": python}
    session.run("pytest", "-q", *(session.posargs or ["tests/contracts/test_fs_storage_remote.py"]), env=env)


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel: nothing but plugbus/ goes into site-packages, and typing markers and manifests are in it."""
    session.install("build")
    out = Path(session.create_tmp()) / "dist"
    session.run("python", "-m", "build", "--outdir", str(out), silent=True)
    (built,) = sorted(out.glob("*.whl"))[-1:]
    names = zipfile.ZipFile(built).namelist()
    strangers = [one for one in names if not one.startswith("plugbus/") and ".dist-info/" not in one]
    if strangers:
        session.error(f"the wheel puts more than plugbus/ into site-packages: {strangers[:5]}")
    if "plugbus/__init__.py" in names:
        session.error("plugbus is a namespace package: there is no plugbus/__init__.py")
    if any("/tests/" in one and not one.endswith(".tmpl") for one in names):
        session.error("the wheel carries tests")
    templates = Path("loaders/plugbus/loaders/templates/files")
    lacking = {f"plugbus/{one.relative_to('loaders/plugbus')}" for one in templates.rglob("*.tmpl")} - {*names}
    if lacking or not any(one.endswith(".tmpl") for one in names):
        session.error(f"the wheel lacks templates of new plugins: {sorted(lacking)[:5]}")
    for layer in ("kernel", "capabilities", "loaders", "plugins"):
        if f"plugbus/{layer}/py.typed" not in names:
            session.error(f"plugbus/{layer}/py.typed is missing")
    if "plugbus/plugins/digits/plugin.yaml" not in names:
        session.error("the wheel lacks the manifests of the plugins")
    # The wheel, and not the source tree, is what a user gets: use it from an empty folder.
    session.install(f"{built}[cli]")
    session.chdir(out)
    session.run("plugbus", "list", "--json", silent=True)
