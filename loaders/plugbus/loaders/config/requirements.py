"""What a plugin needs of its environment, checked before anything of it is imported."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from plugbus.kernel import parse_range

from ..errors import LoaderError
from ..import_errors import offer_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .plugin import PluginConfig


class RequirementsError(LoaderError, RuntimeError):
    """Refuse to run a plugin in an environment that lacks what it needs.

    Args:
        plugin: The plugin's code.
        faults: What is lacking, all at once.
    """

    def __init__(self, plugin: str, faults: tuple[str, ...]) -> None:
        super().__init__(plugin, faults)
        self.plugin = plugin
        self.faults = faults

    def __str__(self) -> str:
        return f"cannot run plugin '{self.plugin}': {'; '.join(self.faults)}"


def installed_cuda() -> str | None:
    """Return the newest CUDA version that the driver of this machine can run; None without a driver.

    Asked of the driver itself (``cuDriverGetVersion``, CUDA Driver API, section "Version Management"), which answers
    1000 times the major and 10 times the minor version; no framework is imported for it.
    """
    import ctypes  # here, as few plugins ask

    for name in ("libcuda.so.1", "nvcuda.dll"):
        try:
            driver = ctypes.CDLL(name)
            found = ctypes.c_int(0)
            if driver.cuDriverGetVersion(ctypes.byref(found)) == 0 and found.value > 0:
                return f"{found.value // 1000}.{found.value % 1000 // 10}.0"
        except (OSError, AttributeError):
            continue
    return None


def check_requirements(
    config: PluginConfig,
    available: Mapping[str, str] | None = None,
    *,
    find_cuda: Callable[[], str | None] = installed_cuda,
) -> None:
    """Raise unless this environment has what a configuration requires and depends on.

    Args:
        config: The plugin's configuration.
        available: Code of each plugin that is there to its version.
        find_cuda: Says which version of CUDA there is, None for none; called only where one is required.

    Raises:
        RequirementsError: Something is lacking; holds every fault.
    """
    faults: list[str] = []
    requires, present = config.requires, available or {}
    if requires.sdk is not None:
        try:
            ours = version("plugbus")
        except PackageNotFoundError:
            faults.append(f"it needs plugbus {requires.sdk}, and plugbus is not installed so that its version is known")
        else:
            if not parse_range(requires.sdk).matches(ours):
                faults.append(f"it needs plugbus {requires.sdk}, and this is {ours}")
    if requires.python is not None:
        python = platform.python_version().rstrip("+")
        if not parse_range(requires.python).matches(python):
            faults.append(f"it needs Python {requires.python}, and this is {python}")
    if requires.cuda is not None:
        cuda = find_cuda()
        if cuda is None:
            faults.append(f"it needs CUDA {requires.cuda}, and this machine has no CUDA driver")
        elif not parse_range(requires.cuda).matches(cuda):
            faults.append(f"it needs CUDA {requires.cuda}, and the driver of this machine can run {cuda}")
    for code, wanted in config.dependencies.items():
        if code not in present:
            near = offer_names(code, present)
            faults.append(f"it depends on plugin '{code}' {wanted}, which is not there{f' ({near})' if near else ''}")
        elif not parse_range(wanted).matches(present[code]):
            faults.append(f"it depends on plugin '{code}' {wanted}, and there is {present[code]}")
    if faults:
        raise RequirementsError(config.code, tuple(faults))
