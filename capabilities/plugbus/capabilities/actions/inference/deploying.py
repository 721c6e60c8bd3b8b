"""Actions that deploy a model, and their steps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

from ...backend import ModelDraft
from ...deployment import DEPLOYER, DeployerUnavailableError, DeploymentSpec
from ...steps import StepResult
from ..model_use import ModelUse, bring_model
from ..workflow import WorkflowAction, WorkflowStep
from .context import DeploymentContext
from .params import DeploymentProgressCategories

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...deployment import Deployer
    from ...steps import BaseStepContext, StepRegistry

P = TypeVar("P", bound=BaseModel)


class InitializeDeploymentStep(WorkflowStep[DeploymentContext]):
    """Bring the model here, and find out what it is called where it is served."""

    label = "initialize"
    weight = 0.40

    def execute(self, context: DeploymentContext) -> StepResult:
        """Bring it."""
        category, action = DeploymentProgressCategories.INITIALIZE.value, _action(context)
        context.set_progress(0, 1, category)
        action.make_deployer()  # nothing is brought where nothing serves
        bring_model(context)
        context.app_name = action.get_serve_app_name()
        context.version = "" if context.model_id is None else action.get_model(context.model_id).version
        context.set_progress(1, 1, category)
        return StepResult(data={"app_name": context.app_name, "version": context.version})


class DeployStep(WorkflowStep[DeploymentContext]):
    """Serve the model; what was served before under its name is kept until all steps are done."""

    label = "deploy"
    weight = 0.50

    def execute(self, context: DeploymentContext) -> StepResult:
        """Serve it."""
        category, action = DeploymentProgressCategories.DEPLOY.value, _action(context)
        context.set_progress(0, 1, category)
        spec = DeploymentSpec(
            name=context.app_name,
            version=context.version,
            load=partial(action.load_model, context.model_path),
            infer=action.infer,
            close=action.close_model,
            options=context.param("options", {}),
        )
        context.address = action.make_deployer().deploy(spec).address
        context.is_deployed = True
        context.set_progress(1, 1, category)
        return StepResult(data={"address": context.address})

    def rollback(self, context: DeploymentContext, result: StepResult) -> None:
        """Serve what was served before."""
        _action(context).make_deployer().revert(context.app_name)
        context.is_deployed = False


class RegisterStep(WorkflowStep[DeploymentContext]):
    """Tell the backend what is served, and give back what was served before."""

    label = "register"
    weight = 0.10

    def execute(self, context: DeploymentContext) -> StepResult:
        """Register it."""
        category, action = DeploymentProgressCategories.REGISTER.value, _action(context)
        context.set_progress(0, 1, category)
        context.serve_app_id = action.register_serve_application(context)
        action.make_deployer().confirm(context.app_name)
        context.set_progress(1, 1, category)
        return StepResult(data={"serve_app_id": context.serve_app_id})


class BaseDeploymentAction(WorkflowAction[P, DeploymentContext], ModelUse, Generic[P]):
    """Serve a trained model: override ``load_model`` and ``infer``, or ``setup_steps``, or ``execute`` alone.

    As it is, it brings the model that ``model`` or ``model_path`` of the parameters names, has it served by what the
    host offers as ``DEPLOYER``, and tells the backend. What was served before under this name serves until the new
    model is loaded, and again where a later step fails. The action itself is kept while its model is served:
    ``infer`` is called from several threads at once.

    Attributes:
        progress: What it reports the progress of.
    """

    context_class: ClassVar[type[BaseStepContext]] = DeploymentContext
    progress: ClassVar[type[DeploymentProgressCategories]] = DeploymentProgressCategories
    progress_categories: ClassVar[Mapping[str, float]] = {
        DeploymentProgressCategories.INITIALIZE: 40,
        DeploymentProgressCategories.DEPLOY: 50,
        DeploymentProgressCategories.REGISTER: 10,
    }

    def setup_steps(self, registry: StepRegistry[DeploymentContext]) -> None:
        """Register the three steps of a deployment."""
        registry.register(InitializeDeploymentStep())
        registry.register(DeployStep())
        registry.register(RegisterStep())

    def get_serve_app_name(self) -> str:
        """Return what the model is called where it is served."""
        return getattr(self.params, "name", None) or self.action_name or type(self).__qualname__

    def make_deployer(self) -> Deployer:
        """Return what serves models.

        Raises:
            DeployerUnavailableError: The job was given none.
        """
        found = self.ctx.services.find(DEPLOYER)
        if found is None:
            raise DeployerUnavailableError(self.ctx.job_id or "")
        return found

    def register_serve_application(self, context: DeploymentContext) -> int | None:
        """Tell the backend what is served, and return the id of the record; None where the job has no backend.

        It is the record of a model ``serve:<name>``, whose metadata has the name, the version, the address and the id
        of the model. The same deployment is there once.
        """
        if self.ctx.client is None:
            return None
        facts = {"name": context.app_name, "version": context.version, "address": context.address}
        version = f"{context.version or 'local'}@{context.model_id or context.model_path}"
        draft = ModelDraft(
            name=f"serve:{context.app_name}",
            version=version,
            metadata={"deployment": facts, "model": context.model_id},
            key=f"serve:{context.app_name}:{version}",
        )
        return self.ctx.client.create_model(draft).id

    def facts(self, context: DeploymentContext) -> Mapping[str, Any]:
        """Return what is served, and where."""
        return {
            "app_name": context.app_name,
            "version": context.version,
            "address": context.address,
            "serve_app_id": context.serve_app_id,
            "model_id": context.model_id,
        }


def _action(context: DeploymentContext) -> BaseDeploymentAction[Any]:
    found: BaseDeploymentAction[Any] = context.action
    return found
