use std::path::Path;

use serde_json::Value;

use super::{code, err, out, run, text};
use crate::scratch::Scratch;

fn example(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policies");
    text(&root.join(name)).to_owned()
}

#[test]
fn rules_authorities_and_the_first_needs_stand_in_plain_words() {
    let policy = example("keyless.yaml");
    let image = ["--image", "ghcr.io/acme/app:1"];
    let output = run(&[&["policy", "explain", &policy], &image[..]].concat());
    assert_eq!((code(&output), err(&output).as_str()), (0, ""));
    let said = out(&output);
    for line in [
        "rule 1 (ghcr.io/acme/**)\n  is for ghcr.io/acme/app\n",
        "rule 2 (ghcr.io/acme/tools/**)\n  is not for ghcr.io/acme/app\n",
        "\n        https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main\n",
        "\n          issuer: https://token.actions.githubusercontent.com\n",
        "\n        all of it matches /[a-z]+@acme[.]example/\n",
        "\n          an entry in a transparency log\n",
        "\nwhat no rule is for is denied\n",
        "\nwould be fetched first:\n  the digest of ghcr.io/acme/app:1\n",
    ] {
        assert!(said.contains(line), "{line:?} is not in\n{said}");
    }
    let output = run(&["policy", "explain", "--output", "json", &policy]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["policy"], "keyless");
    assert_eq!(report["said"][0]["text"], "rule 1 (ghcr.io/acme/**)");
}

#[test]
fn every_form_of_requirement_has_words() {
    let scratch = Scratch::new();
    let key = "-----BEGIN PUBLIC KEY-----\\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMbng6ysV/Pi5BDUv7W\
               F5i+FVYsm2\\ntPkBwgcOpjemc8GKMERLaUnvVHqx1lL7QBLCobII404wsRDcJy6GMGyDZg==\\n-----END \
               PUBLIC KEY-----\\n";
    let policy = format!(
        r#"
apiVersion: countersign.dev/v1
kind: ImagePolicy
spec:
  unmatched: warn
  mode: audit
  authorities:
    a: {{ cosign: {{ keys: ["{key}"], annotations: {{ env: prod }}, boundTo: repository }} }}
  rules:
    - images: ["ghcr.io/**"]
      match: {{ namespaces: [shop] }}
      require:
        any:
          - {{ all: [a], subject: platforms }}
          - cosign: {{ keys: ["{key}"] }}
          - attestation:
              {{ type: vuln, signedBy: a, maxAge: 7d, vulnerabilities: {{ allowUpTo: high }} }}
    - {{ images: ["quay.io/**"], static: deny }}
  exceptions:
    - {{ images: ["ghcr.io/a"], waive: [a], until: 2027-01-01, owner: x, reason: y }}
"#
    );
    let policy = scratch.write("policy.yaml", policy);
    let image = ["--image", "ghcr.io/a:1", "--kind", "Pod"];
    let output = run(&[&["policy", "explain", text(&policy)], &image[..]].concat());
    assert_eq!((code(&output), err(&output).as_str()), (0, ""));
    let said = out(&output);
    for line in [
        "is for ghcr.io/a as far as can be told: the namespace would tell",
        "only where namespaces: shop",
        "one of:",
        "of every platform that can run:",
        "an authority:",
        "sha256:1e184aba2df53075d165747537afc754198e99bb36f3457058a5e4c274a0c47d",
        "with the signed annotation env=prod",
        "made for the name that is asked for: repository",
        "an attestation of type vuln",
        "not older than 7d, by what its signer says",
        "of several, the youngest must hold",
        "allowUpTo: high",
        "denies them, whatever else says so",
        "what no rule is for is allowed, unverified, with a warning",
        "until 2027-01-01T00:00:00Z, x: y",
        "mode audit:",
    ] {
        assert!(said.contains(line), "{line:?} is not in\n{said}");
    }
}

#[test]
fn what_is_no_policy_and_no_reference_is_refused() {
    let scratch = Scratch::new();
    let policy = scratch.write("policy.yaml", "apiVersion: countersign.dev/v1\nkind: X\n");
    let output = run(&["policy", "explain", text(&policy)]);
    assert_eq!(code(&output), 3);
    assert!(err(&output).contains("policy.yaml:2:1: `X` is not one of"), "{}", err(&output));
    let keyless = example("keyless.yaml");
    let output = run(&["policy", "explain", &keyless, "--image", "A B"]);
    assert_eq!(code(&output), 3);
    assert!(err(&output).contains("not an image reference"), "{}", err(&output));
}

#[test]
fn a_statement_of_notation_is_for_its_scopes() {
    let policy = example("notation-trust-policy.yaml");
    let output = run(&["policy", "explain", &policy, "--image", "example.com/other:1"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert!(out(&output).contains("rule 1 (notationTrustPolicy acme)\n  is "), "{}", out(&output));
}
