"""Cargo.lock against minimum versions that are kept by hand, because an advisory database may be out of reach of a build,
and against the bans of deny.toml that hold for everything this machine's target builds."""

import subprocess
import sys
import tomllib

# Each with its reason. A crate that is not in the lock file is no problem.
MINIMUM = {
    "hyper": ("1.11.0", "Content-Length before Transfer-Encoding (#4124), max_buf_size (#4093), trailer limits"),
    "h2": ("0.4.18", "header-size overflow, floods of small DATA frames, reset limits"),
    "rustls-webpki": ("0.103.13", "RUSTSEC-2026-0049, -0098, -0099, -0104"),
    "aws-lc-sys": ("0.39.0", "RUSTSEC-2026-0044"),
    "jsonwebtoken": ("10.3.0", "CVE-2026-25537"),
    "ring": ("0.17.12", "RUSTSEC-2025-0009"),
    "idna": ("1.0.3", "RUSTSEC-2024-0421"),
    "pingora": ("0.9.0", "CVE-2026-2833, -2835"),
    "lru": ("0.16.3", "RUSTSEC-2026-0002"),
}


def version(text):
    """The three numbers; a pre-release counts as its release, build metadata as nothing."""
    return tuple(int(part) for part in text.split("+")[0].split("-")[0].split("."))


def built():
    """Names of what is compiled for this machine: the lock file also lists what only other targets would build."""
    tree = subprocess.run(
        ["cargo", "tree", "--locked", "--prefix", "none", "--edges", "all", "--format", "{p}"],
        check=True, capture_output=True, text=True,
    ).stdout
    return {line.split()[0] for line in tree.splitlines() if line}


def main():
    with open("Cargo.lock", "rb") as file:
        packages = tomllib.load(file)["package"]
    with open("deny.toml", "rb") as file:
        banned = {entry["crate"] for entry in tomllib.load(file)["bans"]["deny"]}
    problems = [
        f"{package['name']} {package['version']} is below {MINIMUM[package['name']][0]}: {MINIMUM[package['name']][1]}"
        for package in packages
        if package["name"] in MINIMUM and version(package["version"]) < version(MINIMUM[package["name"]][0])
    ]
    problems += [f"{name} is banned (deny.toml says why)" for name in sorted(banned & built())]
    print("\n".join(problems))
    return 1 if problems else 0


sys.exit(main())
