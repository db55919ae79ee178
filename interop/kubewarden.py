#!/usr/bin/env python3
"""The corpora through a real kwctl and a real policy-server, from a registry of this machine.

    kubewarden.py --kwctl FILE --policy-server FILE --countersign FILE --loopback-registry FILE
                  --module annotated-policy.wasm [--old verify-image-signatures.wasm]
                  [--report ../docs/interop.md] [--record]

Every image of the corpora lies under the name that its signer knew, with its evidence pack. kwctl has no clock
but the machine's, and runs under libfaketime at the time of the case (Debian: faketime). policy-server does not
start under that: it is asked for cases whose verdict is the same today.
--record only records the sessions of examples/kwctl anew.
Exit code 1 where a verdict or a reason is another than that of `countersign verify`.
"""

import argparse
import collections
import datetime
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent.parent
CORPORA = HERE / "corpora"
# The names in what was signed.
REGISTRY = "127.0.0.1:5001"
SERVER, PROBE = 5002, 5003
# policy-server keeps what the registry says for a minute.
WARM_RUNS = 30
SLOW_MS = 200

FAMILIES = [
    ("Cosign, tags", ("cosign-a-",)),
    ("Sigstore bundles, key", ("cosign-b-", "bundle-")),
    ("Sigstore bundles, keyless", ("keyless-",)),
    ("attestations, tags", ("attestation-a-", "provenance-a-")),
    ("attestations, bundles", ("attestation-", "provenance-")),
    ("Notation", ("",)),
]


def family(case):
    return next(name for name, starts in FAMILIES if case["id"].startswith(starts))


def layout(case):
    return case["reference"].removeprefix("oci-layout:layouts/").split(":")[0]


def image(case):
    return f"{REGISTRY}/{layout(case).replace('-', '/', 1)}:1"


def review(reference):
    return {
        "uid": "7b5a5a52-0000-4000-8000-000000000000",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "name": "app", "namespace": "default", "operation": "CREATE",
        "userInfo": {"username": "alice"},
        "object": {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", "namespace": "default"},
            "spec": {"containers": [{"name": "app", "image": reference}]},
        },
    }


def at(now):
    """The environment of a program whose wall clock stands at a time, and whose other clocks run."""
    moment = datetime.datetime.fromisoformat(now)
    library = subprocess.run(["faketime", "2020-01-01", "printenv", "LD_PRELOAD"],
                             capture_output=True, text=True, check=True).stdout.strip()
    return os.environ | {
        "LD_PRELOAD": library, "FAKETIME": moment.strftime("@%Y-%m-%d %H:%M:%S"), "TZ": "UTC",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_COLOR": "1", "RUST_BACKTRACE": "0",
    }


class Registry:
    """With the referrers API, which no callback of the host asks for."""

    def __init__(self, options, names, delay=0):
        command = [options.loopback_registry, "--listen", REGISTRY, "--directory", str(options.work / "registry")]
        loads = [f"--load={CORPORA / 'layouts' / name}={name.replace('-', '/', 1)}" for name in names]
        delays = ["--delay-ms", str(delay)] if delay else []
        self.process = subprocess.Popen(
            command + loads + delays, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait(f"http://{REGISTRY}/v2/")
        if self.process.poll() is not None:
            sys.exit(f"somebody else listens on {REGISTRY}")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def wait(url):
    for _ in range(300):
        try:
            return urllib.request.urlopen(url, timeout=5).read()
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{url} does not answer")


def verify(options, case, directory, now):
    """Outcome and reason of the command, which fetches everything."""
    policy = directory / "policy.json"
    policy.write_text(json.dumps(case["policy"]))
    run = subprocess.run(
        [options.countersign, "verify", "--plain-http", "--no-cache", "--output", "json",
         "--policy", policy, "--now", now, image(case)], capture_output=True, text=True)
    judged = json.loads(run.stdout)["results"][0]["decision"]["images"][0]
    return judged["outcome"], (judged.get("reason") or {}).get("code", "")


def kwctl_run(options, module, now, settings, request, session):
    return subprocess.run(
        [options.kwctl, "run", "--sources-path", options.sources, "--settings-path", settings,
         "--request-path", request, "--record-host-capabilities-interactions", session, module],
        capture_output=True, text=True, env=at(now) | {"HOME": str(options.work)})


def kwctl(options, directory, module, settings, now, reference):
    """What kwctl answers, and how many callbacks were made."""
    (directory / "settings.json").write_text(json.dumps(settings))
    (directory / "request.json").write_text(json.dumps(review(reference)))
    session = directory / "session.yml"
    session.unlink(missing_ok=True)
    run = kwctl_run(options, module, now, directory / "settings.json", directory / "request.json", session)
    if run.returncode != 0:
        return None, 0, (run.stderr.strip().splitlines() or ["nothing"])[-1]
    answer = json.loads(run.stdout)
    text = session.read_text() if session.exists() else ""
    message = (answer.get("status") or {}).get("message", "")
    return answer, text.count("- type: Exchange"), message


def roads(answer):
    """The roads on which the evidence came, without those that brought none."""
    annotation = next((value for name, value in (answer.get("auditAnnotations") or {}).items()
                       if name.endswith("images")), "")
    words = annotation.partition("evidence: ")[2]
    used = [road.split(" (")[0] for road in words.split(", ") if road and "(none)" not in road]
    return ", ".join(used) or "none"


def corpora(options, cases, directory):
    """Every case through kwctl: rows by family, road and outcome, and what is wrong."""
    rows, wrong = collections.defaultdict(list), []
    for number, case in enumerate(cases, 1):
        outcome, reason = verify(options, case, directory, case["now"])
        # kwctl has no time-out, and a busy machine is no reason for another verdict.
        settings = json.loads(json.dumps(case["policy"]))
        settings["spec"]["evidence"] = {"timeout": "30s"}
        answer, callbacks, message = kwctl(
            options, directory, options.module, settings, case["now"], image(case))
        said = "failed" if answer is None else "allow" if answer["allowed"] else "refuse"
        should = "allow" if outcome == "allow" else "refuse"
        if said != should or (reason and f"({reason})" not in message):
            wrong.append(f"{case['id']}: verify says {outcome} {reason}, kwctl {said}: {message}")
        if (outcome == "allow") != (case["expect"] == "allow"):
            wrong.append(f"{case['id']}: must be {case['expect']}, verify says {outcome} {reason}")
        rows[family(case), roads(answer or {}), outcome].append((callbacks, case))
        print(f"\r{number} of {len(cases)} cases, {len(wrong)} wrong", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return rows, wrong


def record(options, now):
    """The sessions of the examples: those of cosign's tags before any pack is there."""
    examples = sorted((HERE / "examples/kwctl").glob("*/*-request.json"))
    tags = ("cosign-key", "cosign-own-ca", "verify-image-signatures")
    for request in sorted(examples, key=lambda request: request.parent.name not in tags):
        reference = json.loads(request.read_text())["object"]["spec"]["containers"][0]["image"]
        if request.parent.name not in tags:
            push(options, reference)
        which = request.name.removesuffix("-request.json")
        session = request.with_name(f"{which}-session.yml")
        session.unlink(missing_ok=True)
        run = kwctl_run(options, options.module, now, request.with_name("settings.yaml"), request, session)
        allowed = json.loads(run.stdout)["allowed"] if run.returncode == 0 else run.stderr
        if allowed != (which == "signed"):
            sys.exit(f"{request}: allowed {allowed}")
        print(f"{session.relative_to(HERE)}: allowed {allowed}")


def push(options, reference):
    subprocess.run([options.countersign, "evidence", "push", "--plain-http", reference],
                   check=True, stdout=subprocess.DEVNULL)


class Server:
    """policy-server with one policy a case."""

    def __init__(self, options, cases, delay):
        self.registry = Registry(options, [], delay)
        policies = {
            f"p{n}": {"module": f"file://{options.module}", "settings": case["policy"],
                      "allowedToMutate": True, "hostCapabilities": ["*"]}
            for n, case in enumerate(cases)
        }
        path = options.work / "policies.yml"
        path.write_text(json.dumps(policies))
        self.log = open(options.work / "policy-server.log", "w")
        self.process = subprocess.Popen(
            [options.policy_server, "--addr", "127.0.0.1", "--port", str(SERVER),
             "--readiness-probe-port", str(PROBE), "--policies", path, "--sources-path", options.sources,
             "--policies-download-dir", options.work, "--ignore-kubernetes-connection-failure",
             "--workers", "2", "--log-level", "error"],
            stdout=self.log, stderr=self.log, cwd=options.work, env=os.environ | {"HOME": str(options.work)})

    def start(self):
        wait(f"http://127.0.0.1:{PROBE}/readiness")
        # The host is slower at its first call than at any other.
        self.ask(0, {"reference": "layouts/no-such:1"})

    def ask(self, number, case):
        """The answer, and the milliseconds that it took."""
        body = json.dumps({"request": review(image(case))}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{SERVER}/validate/p{number}", body, {"content-type": "application/json"})
        before = time.monotonic()
        answer = json.load(urllib.request.urlopen(request, timeout=60))["response"]
        return answer, (time.monotonic() - before) * 1000

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.registry.stop()


def timed(options, cases, delay=0):
    """Milliseconds of the first and of later answers, and the answer, by case."""
    out = {}
    while left := [case for case in cases if case["id"] not in out]:
        # policy-server keeps what it has asked: no image twice.
        batch = list({image(case): case for case in reversed(left)}.values())
        server = Server(options, batch, delay)
        try:
            server.start()
            for number, case in enumerate(batch):
                answer, cold = server.ask(number, case)
                later = [] if delay else [server.ask(number, case)[1] for _ in range(WARM_RUNS)]
                out[case["id"]] = answer, cold, statistics.median(later) if later else 0
        finally:
            server.stop()
    return [out[case["id"]] for case in cases]


def of_old(case):
    """The settings of verify-image-signatures that ask the same, as far as they can."""
    spec = case["policy"]["spec"]
    if "attestation" in json.dumps(spec["rules"]):
        return None
    for authority in spec["authorities"].values():
        keys = authority.get("cosign", {}).get("keys")
        if keys:
            return {"signatures": [{"image": "**", "pubKeys": keys}]}
        for identity in authority.get("cosign", {}).get("keyless", []):
            if isinstance(identity.get("issuer"), str) and isinstance(identity.get("subject"), str):
                keyless = [{"issuer": identity["issuer"], "subject": identity["subject"]}]
                return {"signatures": [{"image": "**", "keyless": keyless}]}
    return None


def old(options, cases, directory):
    """What Kubewarden's own policy answers to the first allowed case of each family."""
    said = {}
    for case in cases:
        settings = of_old(case) if options.old else None
        if not options.old:
            said[family(case)] = "NOT RUN"
        elif settings is None:
            said[family(case)] = "has no such setting"
        else:
            answer, _, message = kwctl(options, directory, options.old, settings, case["now"], image(case))
            words = message.partition("Callback evaluation failure: ")[2].splitlines() or [message]
            said[family(case)] = "allow" if answer and answer["allowed"] else f"refuse: {words[0][:160]}"
    return said


def report(options, rows, first, fast, slow, theirs):
    lines = ["| family | road | outcome | cases | callbacks |", "|---|---|---|--:|--:|"]
    for (name, road, outcome), found in sorted(rows.items()):
        counts = sorted({callbacks for callbacks, _ in found})
        span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        lines.append(f"| {name} | {road} | {outcome} | {len(found)} | {span} |")
    lines += ["", "policy-server with two workers and its time-out of 2 s: milliseconds until the answer to one request,",
              f"the first (nothing is cached), the median of {WARM_RUNS} more (the host has its answers), and the first from a",
              f"registry that takes {SLOW_MS} ms for every request. Beside it, Kubewarden's verify-image-signatures in kwctl.", "",
              "| family | outcome | first, ms | later, ms | slow registry | slow, ms | verify-image-signatures |",
              "|---|---|--:|--:|---|--:|---|"]
    for case, (answer, cold, warm), (late, slowly, _) in zip(first, fast, slow):
        says = lambda a: "allow" if a["allowed"] else f"refuse: {code((a.get('status') or {}).get('message', ''))}"
        lines.append(f"| {family(case)} | {says(answer)} | {cold:.0f} | {warm:.1f} | {says(late)} | {slowly:.0f} | "
                     f"{theirs.get(family(case), '') if answer['allowed'] else ''} |")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.report:
        path = pathlib.Path(options.report)
        before, rest = path.read_text().split("<!-- kubewarden: begin -->\n")
        after = rest.split("<!-- kubewarden: end -->\n")[1]
        path.write_text(f"{before}<!-- kubewarden: begin -->\n{text}<!-- kubewarden: end -->\n{after}")


def code(message):
    """The reason code in a refusal, or its words where there is none."""
    found = [word for word in message.replace(")", "(").split("(") if "." in word and " " not in word and ":" not in word]
    return f"`{found[0]}`" if found else message[:120]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    resolved = lambda text: str(pathlib.Path(text).resolve())
    for name in ("kwctl", "countersign", "loopback-registry", "module"):
        parser.add_argument(f"--{name}", required=True, type=resolved)
    parser.add_argument("--policy-server", type=resolved)
    parser.add_argument("--old", type=resolved)
    parser.add_argument("--report")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    if not shutil.which("faketime"):
        sys.exit("NOT RUN: no faketime (Debian: faketime)")
    cases = json.loads((CORPORA / "cases.json").read_text())
    with tempfile.TemporaryDirectory() as work:
        options.work = pathlib.Path(work)
        options.sources = str(options.work / "sources.yml")
        pathlib.Path(options.sources).write_text(f'insecure_sources: ["{REGISTRY}"]\n')
        registry = Registry(options, sorted({layout(case) for case in cases}))
        usual = collections.Counter(case["now"] for case in cases).most_common(1)[0][0]
        try:
            if options.record:
                return record(options, usual)
            for reference in sorted({image(case) for case in cases}):
                push(options, reference)
            rows, wrong = corpora(options, cases, options.work)
            today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            holds = lambda case: verify(options, case, options.work, today)[0] == case["expect"]
            first = [next((case for case in cases
                           if family(case) == name and case["expect"] == expect and holds(case)), None)
                     for name, _ in FAMILIES for expect in ("allow", "deny")]
            first = [case for case in first if case]
            theirs = old(options, [case for case in first if case["expect"] == "allow"], options.work)
        finally:
            registry.stop()
        fast, slow = [], []
        if options.policy_server:
            fast, slow = timed(options, first), timed(options, first, SLOW_MS)
        else:
            print("NOT RUN: no policy-server (--policy-server)", file=sys.stderr)
        for case, (answer, _, _), (late, _, _) in zip(first, fast, slow):
            if answer["allowed"] != (case["expect"] == "allow"):
                wrong.append(f"{case['id']}: policy-server says {answer}")
            if "interrupted" in json.dumps(late):
                wrong.append(f"{case['id']}: cut on a slow registry: {late}")
        report(options, rows, first, fast, slow, theirs)
    for words in wrong:
        print(f"WRONG {words}", file=sys.stderr)
    print(f"{len(cases)} cases, {len(wrong)} wrong")
    sys.exit(bool(wrong))


main()
