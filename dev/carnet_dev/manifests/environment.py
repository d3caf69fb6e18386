"""The settings each service gets: judged by the service itself, their paths and addresses by what is rendered.

What a service says of its settings is asked through a function, because tools of development know services by their contracts alone.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

from carnet_dev.manifests.contents import Outside, keys, source, texts
from carnet_dev.manifests.objects import Fault, Object, Rendered, Workload
from carnet_dev.manifests.pods import amount

Judge = Callable[[str, Mapping[str, str]], list[str]]
"""The name of a service and its `CARNET_` variables to what is wrong with them, a line each."""
_PREFIX = "CARNET_"
_ADDRESS = re.compile(r"(?:dns:///|https?://)([a-z0-9-]+):([0-9]+)")
_HOST_AND_PORT = re.compile(r"(?<![\w.-])(?:[a-z0-9-]+\.)?([a-z][a-z0-9-]*):([0-9]{2,5})(?![\w.-])")


def check(rendered: Rendered, outside: Outside, judge: Judge) -> Iterator[Fault]:
    """Every variable that a service would not start with, and every path and address that leads nowhere."""
    for workload in rendered.workloads:
        if not workload.is_service:
            continue
        container = workload.containers[0]
        variables = settings(rendered, container)
        for line in judge(workload.app, variables):
            yield Fault("setting", workload.where, line)
        for variable, value in variables.items():
            if value.startswith("/"):
                yield from _path(rendered, outside, workload, container, variable, value)
            for host, port in _ADDRESS.findall(value):
                yield from _address(rendered, workload.where, variable, host, int(port))


def settings(rendered: Rendered, container: Object) -> dict[str, str]:
    """The `CARNET_` variables of a container, those of its own over those of its ConfigMaps."""
    variables: dict[str, str] = {}
    for one in container.get("envFrom", []):
        found = rendered.find("ConfigMap", one.get("configMapRef", {}).get("name", ""))
        variables |= (found or {}).get("data", {})
    for variable in container.get("env", []):
        variables[variable["name"]] = variable["value"] if "value" in variable else _taken(variable, container)
    return {name: value for name, value in variables.items() if name.startswith(_PREFIX)}


def reached(rendered: Rendered, workload: Workload) -> set[tuple[str, int]]:
    """The Services with their ports that a pod is told of: in its arguments, variables, mounted ConfigMaps and Secrets."""
    told = [argument for container in workload.all_containers for argument in container.get("args", [])]
    told += [value for container in workload.containers for value in settings(rendered, container).values()]
    for volume in workload.spec.get("volumes", []):
        shown = source(volume)
        if shown is not None and shown[0] == "ConfigMap":
            told += (rendered.find("ConfigMap", shown[1]) or {}).get("data", {}).values()
        elif shown is not None:
            told += texts(rendered, shown[1])
    named = {(host, int(port)) for text in told for host, port in _HOST_AND_PORT.findall(text)}
    return {(host, port) for host, port in named if rendered.find("Service", host) is not None and host != workload.app}


def _taken(variable: Object, container: Object) -> str:
    chosen = variable["valueFrom"].get("resourceFieldRef")
    if chosen is None or chosen["resource"] != "requests.cpu":
        return ""
    asked = str(container["resources"]["requests"].get("cpu", "0"))
    try:
        return str(math.ceil(amount(asked) / amount(chosen.get("divisor", "1"))))
    except ValueError:  # told where quantities are looked at
        return asked


def _path(rendered: Rendered, outside: Outside, workload: Workload, container: Object, variable: str, value: str) -> Iterator[Fault]:
    path = PurePosixPath(value)
    mounts = {PurePosixPath(mount["mountPath"]): mount["name"] for mount in container.get("volumeMounts", [])}
    place = next((place for place in (path, *path.parents) if place in mounts), None)
    if place is None:
        yield Fault("setting-path", workload.where, f"{variable}: nothing is mounted at {value}")
        return
    volume: Object = next((one for one in workload.spec["volumes"] if one["name"] == mounts[place]), {})
    shown = source(volume)
    if shown is None or path == place:
        return
    kind, name, items = shown
    files = {item["path"] for item in items} or keys(rendered, outside, kind, name) or frozenset()
    if str(path.relative_to(place)) not in files:
        yield Fault("setting-path", workload.where, f"{variable}: {kind} {name} has no {path.relative_to(place)}")


def _address(rendered: Rendered, where: str, variable: str, host: str, port: int) -> Iterator[Fault]:
    service = rendered.find("Service", host)
    if host == "localhost":
        return
    if service is None:
        yield Fault("address", where, f"{variable}: there is no Service {host}")
    elif port not in [one["port"] for one in service["spec"]["ports"]]:
        yield Fault("address", where, f"{variable}: Service {host} has no port {port}")
