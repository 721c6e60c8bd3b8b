"""Finding what tasks are annotated with.

Tasks are read, and what was found for them is made, when the step that writes asks for it. What a checkpoint can't keep
of that is opened anew by the functions of this module.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...backend import BackendFailedError
from ...errors import WorkCancelledError
from ..batches import windows
from ..export import ExportFilterError, TaskHandler
from ..inference.steps import infer
from .context import AddTaskDataContext, TaskResult
from .errors import AnnotationFileError, TaskFilterError
from .params import AddTaskDataMethod

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def check_tasks(context: AddTaskDataContext) -> int:
    """Check what says which tasks are annotated, and return how many these are.

    Raises:
        TaskFilterError: It says too little, or what is not known.
    """
    wanted = _filter(context)
    try:
        TaskHandler().check(wanted)
    except ExportFilterError as error:
        raise TaskFilterError(error.faults) from error
    client = context.runtime.current_backend
    return context.retried(lambda: TaskHandler().count(client, wanted), (BackendFailedError,))


def open_tasks(context: AddTaskDataContext, after: int) -> Iterator[dict[str, Any]]:
    """Yield the data of tasks, from the first id above ``after``.

    Tasks that this job annotates meanwhile may not meet the filter any more; the ids keep the place.
    """
    client, handler, wanted = context.runtime.current_backend, TaskHandler(), _filter(context)
    tokens, tries = context.cancellations, 0
    while True:
        try:
            for item in handler.items(client, wanted, after=after):
                yield item.to_dict()
                after, tries = item.id, 0
        except BackendFailedError:
            tries += 1
            if tries > int(context.param("max_retries", 2)):
                raise
            context.clock.wait(0.1 * 2**tries, tokens[0] if tokens else None)
            context.raise_if_cancelled()
        else:
            return


def open_results(context: AddTaskDataContext, after: int) -> Iterator[TaskResult]:
    """Yield what is found for tasks, from the first id above ``after``."""
    if context.param("method", AddTaskDataMethod.FILE) == AddTaskDataMethod.INFERENCE:
        inferred = context.inference_results if after == 0 else None
        yield from open_formatted(context, open_inferred(context, after) if inferred is None else inferred)
    else:
        yield from open_processed(context, after)


def open_processed(context: AddTaskDataContext, after: int) -> Iterator[TaskResult]:
    """Yield what the file, or the file of each data unit, holds for tasks."""
    action = context.action
    path, role = context.param("path", None), context.param("target_specification_name", None)
    if path is not None and context.annotations is None:
        context.annotations = read_annotations(Path(path))
    for task in open_tasks(context, after):
        try:
            if context.annotations is not None:
                found = _of_task(context.annotations, task)
                result = action.convert_annotations(found, task)
            else:
                files = task["files"]
                if role not in files:
                    there = ", ".join(sorted(files)) or "none"
                    raise LookupError(f"its data unit has no file '{role}'; there are {there}")
                primary = next((one["uri"] for name, one in files.items() if name != role), "")
                data = files[role]["uri"]
                result = action.convert_data_from_file(primary, _last(primary), data, _last(data), task)
            yield TaskResult(task["id"], result)
        except WorkCancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a hook may raise anything, and the other tasks go on
            yield TaskResult(task["id"], None, error)


def open_inferred(context: AddTaskDataContext, after: int) -> Iterator[tuple[dict[str, Any], Any, Exception | None]]:
    """Yield the data of tasks with what the model says of them, some at a time."""
    for window in windows(open_tasks(context, after), int(context.param("batch_size", 1))):
        context.raise_if_cancelled()
        inputs: list[tuple[dict[str, Any], Any]] = []
        faults: dict[int, Exception] = {}
        for task in window:
            try:
                inputs.append((task, context.action.make_input(task)))
            except WorkCancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - see above
                faults[task["id"]] = error
        outcomes = iter(infer(context, [one for _, one in inputs]) if inputs else ())
        for task in window:
            if task["id"] in faults:
                yield task, None, faults[task["id"]]
            else:
                outcome = next(outcomes)
                yield task, outcome.value, outcome.error


def open_formatted(context: AddTaskDataContext, inferred: Any) -> Iterator[TaskResult]:
    """Yield what the action makes of predictions."""
    for task, prediction, error in inferred:
        if error is None:
            try:
                yield TaskResult(task["id"], context.action.convert_data_from_inference(prediction, task))
                continue
            except WorkCancelledError:
                raise
            except Exception as raised:  # noqa: BLE001 - see above
                failed: Exception = raised
        else:
            failed = error
        yield TaskResult(task["id"], None, failed)


def read_annotations(path: Path) -> Mapping[str, Any]:
    """Return the annotations of a file, by the id of the task or the name of its data unit.

    The file is a JSON object of them, or a list (or, in a ``.jsonl`` file, lines) of objects with ``annotations`` and
    either ``task`` (an id) or ``name``.

    Raises:
        AnnotationFileError: It can't be read, or is something else; holds every fault.
    """
    try:
        text = path.read_text("utf-8")
        if path.suffix.lower() == ".jsonl":
            said: Any = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            said = json.loads(text)
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise AnnotationFileError(str(path), (("", told),)) from error
    if isinstance(said, dict):
        return said
    if not isinstance(said, list):
        raise AnnotationFileError(str(path), (("", f"it is a {type(said).__name__}; give an object or a list"),))
    found: dict[str, Any] = {}
    faults: list[tuple[str, str]] = []
    for number, one in enumerate(said, 1):
        key = one.get("task", one.get("name")) if isinstance(one, dict) else None
        if key is None or "annotations" not in one:
            faults.append((f"entry {number}", "it needs 'annotations', and 'task' or 'name'"))
        elif str(key) in found:
            faults.append((f"entry {number}", f"there is another one of '{key}'"))
        else:
            found[str(key)] = one["annotations"]
    if faults:
        raise AnnotationFileError(str(path), tuple(faults))
    return found


def _of_task(annotations: Mapping[str, Any], task: Mapping[str, Any]) -> Any:
    for key in (str(task["id"]), task["name"]):
        if key in annotations:
            return annotations[key]
    raise LookupError(f"the file has nothing for '{task['name']}'")


def _filter(context: AddTaskDataContext) -> dict[str, Any]:
    return {"project": context.param("project", None), **context.param("task_filters", {})}


def _last(uri: str) -> str:
    return uri.rsplit("/", 1)[-1]
