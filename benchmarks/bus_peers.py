"""How other projects deliver one event to the same callables; each in the way that suits it best."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .contest import Peer, opened
from .pelix import pelix_framework
from .timing import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .bus import Audience
    from .timing import Subject


def _blinker(work: Audience) -> Subject:
    signal = import_module("blinker").Signal()
    for subscriber in work.subscribers:
        signal.connect(subscriber, weak=False)
    return Statement("signal.send(event)", signal=signal, event=work.event)


def _pyee(work: Audience) -> Subject:
    emitter = import_module("pyee").EventEmitter()
    for subscriber in work.subscribers:
        emitter.on("measured", subscriber)
    return Statement("emitter.emit('measured', event)", emitter=emitter, event=work.event)


def _psygnal(work: Audience) -> Subject:
    signal = import_module("psygnal").SignalInstance((object,))
    for subscriber in work.subscribers:
        signal.connect(subscriber)
    return Statement("signal.emit(event)", signal=signal, event=work.event)


def _pydispatcher(work: Audience) -> Subject:
    dispatcher = import_module("pydispatch.dispatcher")
    sender = object()
    for subscriber in work.subscribers:
        dispatcher.connect(subscriber, signal="measured", sender=sender, weak=False)
    return Statement("send('measured', sender, event)", send=dispatcher.send, sender=sender, event=work.event)


def _pluggy(work: Audience) -> Subject:
    pluggy = import_module("pluggy")
    spec, hook = pluggy.HookspecMarker("bench"), pluggy.HookimplMarker("bench")

    class Specification:
        @spec  # type: ignore[untyped-decorator]  # pluggy is imported dynamically
        def measured(self, event: object) -> None: ...

    manager = pluggy.PluginManager("bench")
    manager.add_hookspecs(Specification)
    for subscriber in work.subscribers:
        plugin = type("Listener", (), {"measured": staticmethod(hook(subscriber))})()
        manager.register(plugin)
    return Statement("measured(event=event)", measured=manager.hook.measured, event=work.event)


@contextmanager
def _event_admin(work: Audience) -> Iterator[Subject]:
    with pelix_framework("pelix.ipopo.core", "pelix.services.eventadmin") as context:
        services: Any = import_module("pelix.services")
        with import_module("pelix.ipopo.constants").use_ipopo(context) as ipopo:
            ipopo.instantiate(services.FACTORY_EVENT_ADMIN, "event-admin", {"pool.threads": 1})
        admin = context.get_service(context.get_service_reference(services.SERVICE_EVENT_ADMIN))
        for subscriber in work.subscribers:
            handler = type("Handler", (), {"handle_event": staticmethod(_handler(subscriber))})()
            context.register_service(
                services.SERVICE_EVENT_HANDLER, handler, {services.PROP_EVENT_TOPICS: ["measured"]}
            )
        yield Statement("admin.send('measured', {'event': event})", admin=admin, event=work.event)


def _handler(subscriber: Any) -> Any:
    return lambda topic, properties: subscriber(properties["event"])


PEERS: tuple[Peer[Audience], ...] = (
    Peer("blinker send", opened(_blinker)),
    Peer("pyee emit", opened(_pyee)),
    Peer("psygnal emit", opened(_psygnal)),
    Peer("PyDispatcher send", opened(_pydispatcher)),
    Peer("pluggy hook call", opened(_pluggy)),
    Peer("iPOPO EventAdmin.send", _event_admin),
)
