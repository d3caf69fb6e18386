"""A step for each command sent to MongoDB within a sampled call, told by the driver itself.

Both drivers run a command, and tell of it, in the context of the call: PyMongo in its task, motor in a thread that is given a copy.
Only the command's name, collection and database are read, never what it was given. What a connection says to open itself is left out.
"""

from typing import Final

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from carnet_platform.telemetry.registry import MONGO_COMMAND
from carnet_platform.telemetry.steps import Step, present

_OF_CONNECTIONS: Final = frozenset({"hello", "ismaster", "isMaster", "saslStart", "saslContinue", "authenticate", "endSessions"})


class MongoSteps(CommandListener):
    """Listens to a client."""

    def started(self, event: CommandStartedEvent) -> None:
        """Begin a step, if the call in hand is sampled."""
        parent = present()
        if parent is None or event.command_name in _OF_CONNECTIONS:
            return
        name, collection = event.command_name, _collection(event)
        attributes: dict[str, str | int] = {"db.system.name": "mongodb", "db.operation.name": name, "db.namespace": event.database_name}
        if collection:
            attributes["db.collection.name"] = collection
        attributes["server.address"], port = event.connection_id
        if port is not None:
            attributes["server.port"] = port
        step = parent.begin(MONGO_COMMAND, f"{name} {collection or event.database_name}", attributes)
        parent.commands[event.connection_id, event.request_id] = step

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """End its step."""
        if (step := _ended(event)) is not None:
            step.end()

    def failed(self, event: CommandFailedEvent) -> None:
        """End its step with the store's number and name of the error; its message may quote a value."""
        if (step := _ended(event)) is None:
            return
        code = event.failure.get("code")
        if code is not None:
            step.span.set_attribute("db.response.status_code", str(code))
        step.end(str(event.failure.get("codeName") or event.failure.get("errtype") or "error"))


def _ended(event: CommandSucceededEvent | CommandFailedEvent) -> Step | None:
    parent = present()
    return None if parent is None else parent.commands.pop((event.connection_id, event.request_id), None)


def _collection(event: CommandStartedEvent) -> str:
    """The collection a command names; empty for one about a database or about everything."""
    named = event.command.get("collection" if event.command_name == "getMore" else event.command_name)
    return named if isinstance(named, str) and event.database_name != "admin" else ""
