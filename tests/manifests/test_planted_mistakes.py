"""Each mistake that was ever worth fearing, planted in what an overlay renders and caught by name."""

import base64
from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

import pytest
from carnet_dev.manifests.gate import faults
from carnet_dev.manifests.objects import DuplicateKeyError, Object, load
from manifests.kustomize import Kustomizations, knowledge
from manifests.schemas import validate


class Planted(NamedTuple):
    """A mistake: where, how, and the rule that names it."""

    rule: str
    plant: Callable[[list[Object]], Any]
    overlay: str = "kind"


def find(objects: list[Object], kind: str, called: str) -> Object:
    """The object of that kind whose name begins so."""
    return next(one for one in objects if one["kind"] == kind and one["metadata"]["name"].startswith(called))


def pod(objects: list[Object], called: str, kind: str = "Deployment") -> Object:
    """The pod specification of a workload."""
    spec: Object = find(objects, kind, called)["spec"]["template"]["spec"]
    return spec


def service(objects: list[Object], called: str = "consent") -> Object:
    """The container of a service."""
    container: Object = pod(objects, called)["containers"][0]
    return container


def settings(objects: list[Object], called: str = "consent") -> Object:
    """The settings of a service."""
    data: Object = find(objects, "ConfigMap", f"{called}-settings")["data"]
    return data


def volume(objects: list[Object], name: str, called: str = "consent") -> Object:
    """A volume of a service."""
    found: Object = next(one for one in pod(objects, called)["volumes"] if one["name"] == name)
    return found


def drop(objects: list[Object], kind: str, called: str) -> None:
    """Forget an object."""
    objects.remove(find(objects, kind, called))


def context(objects: list[Object]) -> Object:
    """The security context of a container."""
    found: Object = service(objects)["securityContext"]
    return found


def policy(objects: list[Object], called: str) -> Object:
    """The specification of a network policy."""
    spec: Object = find(objects, "NetworkPolicy", called)["spec"]
    return spec


def secret_text(objects: list[Object], called: str, key: str, text: str) -> None:
    """Another content for a key of a Secret."""
    find(objects, "Secret", called)["data"][key] = base64.b64encode(text.encode()).decode()


def certificate(objects: list[Object]) -> Object:
    """The certificate of consent."""
    spec: Object = find(objects, "Certificate", "consent")["spec"]
    return spec


def everybody_reaches_consent(objects: list[Object]) -> None:
    """One policy lets everybody out to consent, another lets everybody in."""
    policy(objects, "consent-serves-identity")["ingress"][0]["from"] = [{"podSelector": {}}]
    policy(objects, "documents-calls-consent")["podSelector"] = {}


MISTAKES = {
    # Names that meet nothing
    "a selector that misses its own pods": Planted(
        "selector", lambda o: find(o, "Deployment", "consent")["spec"]["selector"]["matchLabels"].update({"app.kubernetes.io/name": "x"})
    ),
    "a spread that misses its own pods": Planted(
        "selector", lambda o: pod(o, "audit")["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"].update({"a": "b"})
    ),
    "a Service without pods": Planted(
        "service-selector", lambda o: find(o, "Service", "consent")["spec"].update(selector={"app.kubernetes.io/name": "consnet"})
    ),
    "a Service for a port that no pod has": Planted(
        "service-port", lambda o: find(o, "Service", "consent")["spec"]["ports"][0].update(targetPort="grcp")
    ),
    "a probe of a port that is not there": Planted("probe-port", lambda o: service(o)["readinessProbe"]["grpc"].update(port=7302)),
    "an autoscaler without a target": Planted(
        "autoscaler-target",
        lambda o: find(o, "HorizontalPodAutoscaler", "audit")["spec"]["scaleTargetRef"].update(name="audits"),
        "production",
    ),
    "replicas beside an autoscaler": Planted(
        "autoscaler-replicas", lambda o: find(o, "Deployment", "audit")["spec"].update(replicas=2), "production"
    ),
    "an autoscaler with nothing to measure": Planted(
        "autoscaler-cpu", lambda o: service(o, "audit")["resources"]["requests"].pop("cpu"), "production"
    ),
    "a disruption budget for nobody": Planted(
        "disruption-budget", lambda o: find(o, "PodDisruptionBudget", "consent")["spec"]["selector"]["matchLabels"].update(x="y")
    ),
    "an account that is not there": Planted("service-account", lambda o: pod(o, "consent").update(serviceAccountName="consnet")),
    "an object twice": Planted("duplicate-object", lambda o: o.append(deepcopy(find(o, "Service", "audit")))),
    "a route to a port that is not there": Planted(
        "route-backend", lambda o: find(o, "TLSRoute", "audit")["spec"]["rules"][0]["backendRefs"][0].update(port=443), "production"
    ),
    "a route of another gateway": Planted("route-gateway", lambda o: drop(o, "Gateway", "carnet"), "production"),
    # ConfigMaps and Secrets
    "a ConfigMap that is not there": Planted("config-map", lambda o: drop(o, "ConfigMap", "consent-settings")),
    "a Secret that is not there": Planted("secret", lambda o: volume(o, "stores")["secret"].update(secretName="consent-store")),
    "a Secret that production does not list": Planted(
        "secret", lambda o: volume(o, "master-keys")["secret"].update(secretName="consent-keys"), "production"
    ),
    "a key that a Secret does not have": Planted(
        "secret-key", lambda o: volume(o, "certificate")["secret"]["items"][0].update(key="tls.pem")
    ),
    "a key that a certificate of cert-manager does not have": Planted(
        "secret-key", lambda o: volume(o, "certificate")["secret"]["items"][2].update(key="ca.pem"), "production"
    ),
    "a Secret with less than the list says": Planted(
        "secret-list", lambda o: find(o, "Secret", "documents-stores")["data"].pop("keys_mongo_url")
    ),
    "a mount without its volume": Planted("volume", lambda o: pod(o, "consent")["volumes"].remove(volume(o, "tmp"))),
    "a mount that never sees a renewed certificate": Planted(
        "sub-path", lambda o: service(o)["volumeMounts"][0].update(subPath="cert.pem")
    ),
    "a secret in the environment": Planted(
        "secret-in-environment",
        lambda o: service(o)["env"].append(
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "redis-users", "key": "users.acl"}}}
        ),
    ),
    # Pods
    "a container that may run as root": Planted("restricted", lambda o: pod(o, "consent")["securityContext"].update(runAsNonRoot=False)),
    "a container without a numeric user": Planted("restricted", lambda o: pod(o, "consent")["securityContext"].pop("runAsUser")),
    "a container that may gain rights": Planted("restricted", lambda o: context(o).update(allowPrivilegeEscalation=True)),
    "a container that may write to itself": Planted("restricted", lambda o: context(o).pop("readOnlyRootFilesystem")),
    "a container that keeps a capability": Planted("restricted", lambda o: context(o)["capabilities"].update(add=["NET_RAW"])),
    "a pod without a seccomp profile": Planted("restricted", lambda o: pod(o, "redis")["securityContext"].pop("seccompProfile")),
    "a folder of the node": Planted(
        "restricted", lambda o: pod(o, "redis")["volumes"].append({"name": "node", "hostPath": {"path": "/etc"}})
    ),
    "a mounted token": Planted("token-mounted", lambda o: pod(o, "mongodb", "StatefulSet").pop("automountServiceAccountToken")),
    "Services as variables": Planted("service-links", lambda o: pod(o, "consent").update(enableServiceLinks=True)),
    "a tag that floats": Planted("floating-tag", lambda o: service(o).update(image="carnet/consent:latest")),
    "an image without a tag": Planted("floating-tag", lambda o: pod(o, "redis")["containers"][0].update(image="valkey/valkey")),
    "a tag in production": Planted("image-by-tag", lambda o: service(o).update(image="carnet/consent:0.1.0"), "production"),
    "a quantity that is none": Planted("quantity", lambda o: service(o)["resources"]["requests"].update(cpu="one")),
    "memory that may be taken away": Planted("memory", lambda o: service(o)["resources"]["requests"].update(memory="64Mi")),
    "a stop without a pause": Planted("pre-stop", lambda o: service(o).pop("lifecycle")),
    "a stop without time": Planted("grace-period", lambda o: pod(o, "consent").update(terminationGracePeriodSeconds=15)),
    "liveness that depends on a store": Planted("probe", lambda o: service(o)["livenessProbe"]["grpc"].update(service="readiness")),
    # Settings
    "a setting that no service knows": Planted("setting", lambda o: settings(o).update(CARNET_EMERGENCY_DURATON="PT2H")),
    "a setting that a service lacks": Planted("setting", lambda o: settings(o).pop("CARNET_AUDIT_TARGET")),
    "a setting that cannot be": Planted("setting", lambda o: settings(o).update(CARNET_EMERGENCY_DURATION="four hours")),
    "an identity provider in clear in production": Planted(
        "setting",
        lambda o: settings(o, "identity").update(CARNET_PATIENT_ISSUERS='["http://patients.example"]'),
        "production",
    ),
    "a movable clock in production": Planted("setting", lambda o: settings(o).update(CARNET_CLOCK_OFFSET_FILE="/clock"), "production"),
    "a path where nothing is mounted": Planted("setting-path", lambda o: service(o)["env"][0].update(value="/etc/carnet/certificate")),
    "a path to a key that the Secret lacks": Planted(
        "setting-path", lambda o: service(o)["env"][2].update(value="/run/carnet/stores/mongo")
    ),
    "an address of nobody": Planted("address", lambda o: settings(o).update(CARNET_AUDIT_TARGET="dns:///audi:7104")),
    "an address with another port": Planted("address", lambda o: settings(o).update(CARNET_AUDIT_TARGET="dns:///audit:7101")),
    # Network policies and certificates
    "no default": Planted("default-deny", lambda o: drop(o, "NetworkPolicy", "default-deny")),
    "a policy for a caller that the table does not have": Planted("policy-too-wide", everybody_reaches_consent),
    "an address block that takes in pods": Planted(
        "policy-too-wide", lambda o: policy(o, "services-serve-node-ports")["ingress"][0]["from"][0]["ipBlock"].pop("except")
    ),
    "an edge of the table without a policy": Planted("policy-too-narrow", lambda o: drop(o, "NetworkPolicy", "consent-serves-documents")),
    "an edge of the table without a way out": Planted("policy-too-narrow", lambda o: drop(o, "NetworkPolicy", "documents-calls-consent")),
    "a policy for another port": Planted(
        "policy-too-narrow", lambda o: policy(o, "consent-serves-documents")["ingress"][0]["ports"][0].update(port=7103)
    ),
    "a store that services do not reach": Planted("policy-too-narrow", lambda o: drop(o, "NetworkPolicy", "redis-serves-identity")),
    "a store at another port than it is told": Planted(
        "policy-too-narrow",
        lambda o: secret_text(o, "identity-stores", "redis_url", "redis://identity:word@redis:6380/0"),
    ),
    "a Collector that services do not reach": Planted("policy-too-narrow", lambda o: drop(o, "NetworkPolicy", "services-tell-collector")),
    "probes that are refused": Planted("health-port", lambda o: drop(o, "NetworkPolicy", "health-answers-everybody")),
    "a certificate with two URI names": Planted(
        "certificate-uri", lambda o: certificate(o)["uris"].append("spiffe://carnet/audit"), "production"
    ),
    "a certificate in another's name": Planted(
        "certificate", lambda o: certificate(o).update(uris=["spiffe://carnet/audit"]), "production"
    ),
    "a certificate for nobody we know": Planted(
        "certificate-unknown", lambda o: certificate(o).update(uris=["spiffe://carnet/billing"]), "production"
    ),
    "a certificate without its DNS name": Planted("certificate-dns", lambda o: certificate(o)["dnsNames"].remove("consent"), "production"),
    "a certificate put elsewhere": Planted("certificate-secret", lambda o: certificate(o).update(secretName="consent-tls"), "production"),
    "a certificate of no issuer": Planted("certificate-issuer", lambda o: certificate(o)["issuerRef"].update(name="other"), "production"),
}
AGAINST_THE_SCHEMA = {
    "a number that is a word": Planted("schema", lambda o: find(o, "Deployment", "consent")["spec"].update(replicas="three")),
    "a field that is misspelt": Planted("schema", lambda o: service(o).update(lifecylce={})),
    "an API that is gone": Planted("unknown-api", lambda o: find(o, "PodDisruptionBudget", "audit").update(apiVersion="policy/v1beta1")),
    "a kind that nobody knows": Planted("unknown-api", lambda o: find(o, "Service", "audit").update(kind="Servcie")),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_caught_by_name(kustomizations: Kustomizations, mistake: str) -> None:
    planted = MISTAKES[mistake]
    objects = kustomizations.overlay(planted.overlay)
    planted.plant(objects)
    assert planted.rule in {fault.rule for fault in faults(objects, knowledge(planted.overlay))}


@pytest.mark.parametrize("mistake", AGAINST_THE_SCHEMA)
def test_a_planted_mistake_against_the_schema_is_caught_by_name(kustomizations: Kustomizations, mistake: str) -> None:
    planted = AGAINST_THE_SCHEMA[mistake]
    before, after = kustomizations.overlay(planted.overlay), kustomizations.overlay(planted.overlay)
    planted.plant(after)
    changed = [one for one in after if one not in before]
    assert [fault.rule for one in changed for fault in validate(one)] == [planted.rule]


def test_a_key_that_is_given_twice_is_caught_by_name() -> None:
    with pytest.raises(DuplicateKeyError, match=r"line 3: name is given twice"):
        load("metadata:\n  name: consent\n  name: audit\n")


def test_an_unknown_environment_of_the_test_run_stays_as_it_was(monkeypatch: pytest.MonkeyPatch, kustomizations: Kustomizations) -> None:
    """What is judged is what manifests give, not what this shell happens to have."""
    monkeypatch.setenv("CARNET_NO_SUCH_SETTING", "1")
    assert faults(kustomizations.overlay("kind"), knowledge("kind")) == []
