"""pod.py IMAGE GATE_PORT ADMIN_PORT: the pod of deploy/kubernetes as podman can play it, on standard output.

What differs from the manifests, and why: the native sidecar is an ordinary container (podman takes it for an init container that
must end, and waits for ever); probes are left to the test, which asks the same addresses (podman runs them as commands inside the
image, which has none); the keys come by a ConfigMap (podman 4.3 mounts the values of a Secret still encoded); the application is the
image's own stand-in provider, listening where an application would; ports are published on loopback.
"""

import base64
import os
import sys

import yaml

image, gate_port, admin_port = sys.argv[1:]


def read(name):
    with open(f"deploy/kubernetes/{name}.yaml", encoding="utf-8") as file:
        return yaml.safe_load(file)


template = read("deployment")["spec"]["template"]
spec = template["spec"]
gate = spec.pop("initContainers")[0]
app = spec["containers"][0]

gate["image"] = image
for unknown in ("restartPolicy", "startupProbe", "readinessProbe", "livenessProbe"):
    gate.pop(unknown)
published = {"gate": int(gate_port), "gate-admin": int(admin_port)}
for port in gate["ports"]:
    port.update(hostPort=published[port["name"]], hostIP="127.0.0.1")
gate["env"] = [{"name": "TOKIGATE_RULES", "value": '[{path="/public/**",access="public"}]'}]

app["image"] = image
app["args"] = ["provider", "--listen", "127.0.0.1:3000"]
app.pop("lifecycle")

key = base64.urlsafe_b64encode(os.urandom(32)).decode()
keys = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tokigate-keys"}, "data": {"keys": f"# one key a line\n{key}\n"}}
spec["volumes"] = [
    {"name": "config", "configMap": {"name": "tokigate"}},
    {"name": "keys", "configMap": {"name": "tokigate-keys"}},
]
spec["containers"] = [gate, app]
spec["restartPolicy"] = "Never"
pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tokigate-test", **template["metadata"]}, "spec": spec}
print(yaml.safe_dump_all([read("configmap"), keys, pod], sort_keys=False))
