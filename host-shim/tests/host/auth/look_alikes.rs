use countersign_host::auth::{DockerConfig, Keychain};
use serde_json::json;

use super::{environment, nothing, password, script};
use crate::scratch::Scratch;
use countersign_host::auth::CredentialSource;

/// Hosts that are not `ghcr.io`, however they look.
const LOOK_ALIKES: [&str; 28] = [
    "evil-ghcr.io",
    "evilghcr.io",
    "evil.ghcr.io",
    "ghcr.io.evil.com",
    "ghcr.io-evil.com",
    "ghcr.iox",
    "ghcr.i",
    "hcr.io",
    "ghcr_io",
    "ghcr.io.",
    ".ghcr.io",
    "ghcr..io",
    "ghcr.io:444",
    "ghcr.io:443",
    "ghcr.io:",
    "ghcr.io@evil.com",
    "evil.com@ghcr.io",
    "user:pass@ghcr.io",
    "ghcr.io#evil.com",
    "ghcr.io?evil.com",
    "ghcr.io/evil.com",
    "ghcr.io\\evil.com",
    "ghcr.io%2eevil.com",
    "ghcr.io evil.com",
    "ghcr.io\r\nevil.com",
    "ghcr.io\0",
    "https://ghcr.io",
    "\u{a789}ghcr.io",
];

#[test]
fn names_that_look_like_a_registry_get_none_of_its_credentials() {
    let scratch = Scratch::new();
    script(&scratch, "bin/docker-credential-any", r#"echo '{"Username":"u","Secret":"any"}'"#);
    let entry = json!({ "username": "u", "password": "p" });
    let config = json!({
        "auths": { "ghcr.io": entry, "ghcr.io/acme": entry, "https://index.docker.io/v1/": entry },
        "credHelpers": { "gcr.io": "any" },
    });
    let path = scratch.write("config.json", config.to_string());
    let environment = environment(&scratch, &[]);
    let keychain = Keychain::anonymous()
        .and(DockerConfig::docker(&path, &environment))
        .and(DockerConfig::podman(&path, &environment));
    assert_eq!(password(keychain.find("ghcr.io", "acme/app")), "p");
    // Names are told apart as DNS does it.
    assert_eq!(password(keychain.find("GHCR.io", "acme/app")), "p");
    assert_eq!(password(keychain.find("gcr.io", "acme/app")), "any");
    for host in LOOK_ALIKES {
        for repository in ["acme/app", "ghcr.io/acme/app", "@ghcr.io/acme", "../ghcr.io"] {
            nothing(&keychain, host, repository);
            nothing(&keychain, &host.replace("ghcr", "gcr"), repository);
        }
    }
    for host in ["docker.io.evil.com", "xdocker.io", "hub.docker.io", "docker.com", "docker.io:443"]
    {
        nothing(&keychain, host, "library/nginx");
    }
}
