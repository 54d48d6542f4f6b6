"""What no schema can tell: that the files of deploy/ agree with each other and with the image."""

import glob
import re
import sys
import tomllib

import yaml

problems = []


def expect(holds, sentence):
    if not holds:
        problems.append(sentence)


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", duration).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]


documents = {}
for name in glob.glob("deploy/kubernetes/*.yaml"):
    with open(name, encoding="utf-8") as file:
        documents[name.rsplit("/", 1)[1]] = yaml.safe_load(file)
kustomization = documents.pop("kustomization.yaml")
expect(sorted(kustomization["resources"]) == sorted(documents), "kustomization.yaml lists every manifest, and no other")

template = documents["deployment.yaml"]["spec"]["template"]
pod = template["spec"]
gate = next(container for container in pod["initContainers"] if container["name"] == "tokigate")
app = pod["containers"][0]
config = tomllib.loads(documents["configmap.yaml"]["data"]["config.toml"])
with open("Dockerfile", encoding="utf-8") as file:
    dockerfile = file.read()

expect(gate["restartPolicy"] == "Always", "the gate is a native sidecar")
expect(pod["enableServiceLinks"] is False, "no Service variables reach the pod")
expect(pod["securityContext"]["runAsNonRoot"] is True, "nothing in the pod runs as root")
for container in (gate, app):
    expect(container["securityContext"]["readOnlyRootFilesystem"] is True, f"{container['name']}: the root file system is read-only")
    expect(container["securityContext"]["capabilities"]["drop"] == ["ALL"], f"{container['name']}: no capabilities")
user = gate["securityContext"]["runAsUser"]
expect(f"USER {user}:" in dockerfile, "the pod runs the gate as the image's user")

ports = {port["name"]: port["containerPort"] for port in gate["ports"]}
expect(f"TOKIGATE_LISTEN=0.0.0.0:{ports['gate']}" in dockerfile, "the gate's port is the image's")
expect(f"TOKIGATE_ADMIN_LISTEN=0.0.0.0:{ports['gate-admin']}" in dockerfile, "the admin port is the image's")
for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
    expect(gate[probe]["httpGet"]["port"] == "gate-admin", f"{probe} asks the admin listener")
targets = [port["targetPort"] for port in documents["service.yaml"]["spec"]["ports"]]
expect(targets == ["gate"], "the Service leads to the gate, and nowhere else")
for rule in documents["networkpolicy.yaml"]["spec"]["ingress"]:
    expect(all(port["port"] in ports for port in rule["ports"]), "the network policy names ports of the gate")

labels = template["metadata"]["labels"]
selectors = [
    documents["deployment.yaml"]["spec"]["selector"]["matchLabels"],
    documents["service.yaml"]["spec"]["selector"],
    documents["networkpolicy.yaml"]["spec"]["podSelector"]["matchLabels"],
]
expect(all(selector == labels for selector in selectors), "every selector means the pod")

volumes = {volume["name"]: volume for volume in pod["volumes"]}
expect(volumes["config"]["configMap"]["name"] == documents["configmap.yaml"]["metadata"]["name"], "the ConfigMap is there")
expect(volumes["keys"]["secret"]["secretName"] == documents["secret.yaml"]["metadata"]["name"], "the Secret is there")
mounts = {mount["name"]: mount["mountPath"] for mount in gate["volumeMounts"]}
expect(config["session"]["keys_file"] == mounts["keys"] + "/keys", "keys_file is where the Secret is mounted")
expect(mounts["config"] == "/etc/tokigate", "the configuration is where the gate looks for it")
app_port = next(variable["value"] for variable in app["env"] if variable["name"] == "PORT")
expect(config["upstream"].endswith(f":{app_port}"), "the gate knows where the application listens")

# The application is stopped first: pause, its own stop; then the gate: delay, drain. 20 s is what the comment grants the application.
pause = app["lifecycle"]["preStop"]["sleep"]["seconds"]
needed = pause + 20 + seconds(config["shutdown"]["delay"]) + seconds(config["shutdown"]["drain"])
expect(pod["terminationGracePeriodSeconds"] >= needed + 5, f"the grace period fits pause, stop and drain ({needed:.0f} s and some)")

with open("deploy/systemd/tokigate.service", encoding="utf-8") as file:
    unit = file.read()
stop = int(re.search(r"TimeoutStopSec=(\d+)s", unit).group(1))
expect(stop > 25, "systemd waits longer than the default delay and drain")
with open("deploy/systemd/socket.conf", encoding="utf-8") as file:
    socket = file.read()
expect("\nEnvironment=TOKIGATE_LISTEN=fd:tokigate.socket\n" in socket and "\nRequires=tokigate.socket\n" in socket, "the gate takes the socket by its name")
with open("deploy/compose/compose.yaml", encoding="utf-8") as file:
    compose = yaml.safe_load(file)["services"]
expect("ports" not in compose["app"], "compose publishes no port of the application")

print("\n".join(f"does not hold: {problem}" for problem in problems))
sys.exit(1 if problems else 0)
