"""``python -m carnet_dev.cluster``: what `make` needs of this machine for a kind cluster. See `--help`."""

import argparse
import sys
from pathlib import Path

from carnet_dev.cluster.configuration import configuration
from carnet_dev.cluster.forwarding import run_forwarded
from carnet_dev.cluster.made import HOST_PORTS, Made
from carnet_dev.plan import IDENTITY_PROVIDER


def main() -> int:
    """Exit code 0 when it is done; `forward` ends as its command does."""
    options = _parser().parse_args()
    if options.command == "secrets":
        Made(options.folder.resolve()).lay_out(options.k8s, options.tag)
        return 0
    if options.command == "configuration":
        file = options.k8s / "kind" / "cluster.yaml"
        sys.stdout.write(configuration(file, restrict_oom_score=options.restrict_oom_score, allow_cgroup_v1=options.allow_cgroup_v1))
        return 0
    port = HOST_PORTS[IDENTITY_PROVIDER]
    kubectl = str(Path(sys.executable).with_name("kubectl"))
    forward = [kubectl, "--context", options.context, "--namespace", "carnet", "port-forward", "deployment/identity", str(port)]
    return run_forwarded(forward, port, options.words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cluster", description="What a kind cluster of Carnet needs from this machine")
    parser.add_argument("--k8s", type=Path, default=Path("k8s"), help="folder of the manifests (default: k8s)")
    commands = parser.add_subparsers(dest="command", required=True)
    secrets = commands.add_parser("secrets", help="make secrets and certificates, and lay them out for the kind overlay")
    secrets.add_argument("--folder", type=Path, default=Path("var/kind"), help="where they are kept (default: var/kind)")
    secrets.add_argument("--tag", required=True, help="tag of our images: the commit")
    kind = commands.add_parser("configuration", help="print what `kind create cluster --config` takes")
    kind.add_argument("--restrict-oom-score", action="store_true", help="for an engine that may not lower OOM scores")
    kind.add_argument("--allow-cgroup-v1", action="store_true", help="for a machine on cgroup v1, from Kubernetes 1.35 on")
    forward = commands.add_parser("forward", help="run a command while the cluster's identity provider is reached from here")
    forward.add_argument("--context", default="kind-carnet", help="of kubectl (default: kind-carnet)")
    forward.add_argument("words", nargs="+", metavar="COMMAND", help="after `--`")
    return parser


if __name__ == "__main__":
    sys.exit(main())
