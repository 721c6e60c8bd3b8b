"""Models that are served in this process."""

from .deployer import LocalDeployer
from .plugin import LocalDeployerPlugin

__all__ = ["LocalDeployer", "LocalDeployerPlugin"]
