"""Serving models: the contract of what does it."""

from .contract import DEPLOYER, Deployer, Deployment, DeploymentSpec
from .errors import DeployerUnavailableError, DeploymentNotFoundError

__all__ = [
    "DEPLOYER",
    "Deployer",
    "DeployerUnavailableError",
    "Deployment",
    "DeploymentNotFoundError",
    "DeploymentSpec",
]
