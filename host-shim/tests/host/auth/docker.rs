use std::{fs, thread, time::Duration};

use countersign_host::auth::{
    AuthError, Credential, CredentialSource, DockerConfig, Keychain, Options, Secret,
};
use serde_json::{Value, json};

use super::{basic, environment, nothing, password, script};
use crate::scratch::Scratch;

const HUB: &str = "registry-1.docker.io";

fn docker(scratch: &Scratch, config: &Value) -> DockerConfig {
    let path = scratch.write("config.json", config.to_string());
    DockerConfig::docker(path, &environment(scratch, &[]))
}

fn podman(scratch: &Scratch, config: &Value) -> DockerConfig {
    let path = scratch.write("auth.json", config.to_string());
    DockerConfig::podman(path, &environment(scratch, &[]))
}

fn auth(name: &str) -> Value {
    json!({ "username": name, "password": format!("{name}'s") })
}

/// A helper that writes down what it is asked, and answers.
fn helper(scratch: &Scratch, name: &str, answer: &str) {
    let log = scratch.path().join("asked");
    let body = format!("read server; echo \"$1 $server\" >> {}; {answer}", log.display());
    script(scratch, &format!("bin/docker-credential-{name}"), &body);
}

fn asked(scratch: &Scratch) -> String {
    fs::read_to_string(scratch.path().join("asked")).unwrap_or_default()
}

fn says(user: &str, secret: &str) -> String {
    let answer = json!({ "ServerURL": "x", "Username": user, "Secret": secret });
    format!("echo '{answer}'")
}

#[test]
fn a_helper_of_the_registry_comes_before_the_store_and_the_store_before_the_file() {
    let scratch = Scratch::new();
    helper(&scratch, "one", &says("h", "of the registry"));
    helper(&scratch, "two", &says("s", "of the store"));
    let mut config = json!({
        "auths": { "ghcr.io": auth("file"), "quay.io": auth("file") },
        "credHelpers": { "ghcr.io": "one", "docker.io": "one", "plain.example": "" },
        "credsStore": "two",
    });
    let source = docker(&scratch, &config);
    assert_eq!(source.find("ghcr.io", "a/b"), Ok(basic("h", "of the registry")));
    assert_eq!(source.find("quay.io", "a/b"), Ok(basic("s", "of the store")));
    assert_eq!(source.find(HUB, "library/nginx"), Ok(basic("h", "of the registry")));
    nothing(&source, "plain.example", "a");
    assert_eq!(asked(&scratch), "get ghcr.io\nget quay.io\nget https://index.docker.io/v1/\n");
    config["credsStore"] = "".into();
    assert_eq!(password(docker(&scratch, &config).find("quay.io", "a")), "file's");
}

#[test]
fn podman_has_helpers_and_no_store_and_names_registries_as_they_are() {
    let scratch = Scratch::new();
    helper(&scratch, "one", &says("h", "p"));
    let config = json!({
        "auths": { "quay.io": auth("file") },
        "credHelpers": { "docker.io": "one" },
        "credsStore": "two",
    });
    let source = podman(&scratch, &config);
    assert_eq!(source.find(HUB, "library/nginx"), Ok(basic("h", "p")));
    assert_eq!(password(source.find("quay.io", "a")), "file's");
    assert_eq!(asked(&scratch), "get docker.io\n");
}

#[test]
fn a_helper_without_credentials_means_anonymous() {
    let scratch = Scratch::new();
    let not_found = "echo 'credentials not found in native keychain'; exit 1";
    helper(&scratch, "none", not_found);
    helper(&scratch, "empty", &says("", ""));
    let config = json!({
        "auths": { "ghcr.io": auth("file") },
        "credHelpers": { "ghcr.io": "none", "quay.io": "empty" },
    });
    let source = docker(&scratch, &config);
    nothing(&source, "ghcr.io", "a");
    nothing(&source, "quay.io", "a");
}

#[test]
fn a_helper_gives_identity_tokens_under_a_name_that_says_so() {
    let scratch = Scratch::new();
    helper(&scratch, "acr", &says("<token>", "refresh"));
    let source = docker(&scratch, &json!({ "credHelpers": { "x.azurecr.io": "acr" } }));
    let expected = vec![Credential::Identity(Secret::new("refresh"))];
    assert_eq!(source.find("x.azurecr.io", "a"), Ok(expected));
}

#[test]
fn a_helper_that_fails_is_an_error_that_says_how() {
    for (answer, expected) in [
        ("echo 'error: the keychain is locked'; exit 1", "exit status: 1: error: the keychain"),
        ("echo 'no agent' >&2; exit 3", "exit status: 3: no agent"),
        ("kill -9 $$", "signal: 9"),
        ("echo nonsense", "is not the JSON"),
        ("exit 0", "is not the JSON"),
        (r#"echo '{"Username":"u"}'"#, "has a user name and no secret"),
        (r#"echo '{"Secret":"hunter2"}'"#, "has a secret and no user name"),
        (r#"echo '{"Username":"u:v","Secret":"hunter2"}'"#, "has a user name with a colon"),
        (r#"echo '{"Username":3,"Secret":"hunter2"}'"#, "is not the JSON"),
        (r#"echo '{"Secret":"hunter2"}'; exit 1"#, "exit status: 1"),
        ("head -c 70000 /dev/zero", "wrote more than 65536 bytes and was killed"),
        ("yes", "wrote more than 65536 bytes and was killed"),
    ] {
        let scratch = Scratch::new();
        helper(&scratch, "bad", answer);
        let source = docker(&scratch, &json!({ "credHelpers": { "ghcr.io": "bad" } }));
        let error = source.find("ghcr.io", "a").unwrap_err();
        assert!(matches!(error, AuthError::Unavailable { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("credential helper `docker-credential-bad` "), "{text}");
        assert!(text.contains(expected), "{answer}: {text}");
        assert!(!format!("{text} {error:?}").contains("hunter2"), "{text}");
    }
}

#[test]
fn a_helper_that_hangs_is_killed_with_all_that_it_started() {
    let scratch = Scratch::new();
    let alive = scratch.path().join("alive");
    helper(&scratch, "slow", &format!("(sleep 1; touch {}) & sleep 60", alive.display()));
    let source = docker(&scratch, &json!({ "credHelpers": { "ghcr.io": "slow" } }))
        .with_helper_time_limit(Duration::from_millis(300));
    let error = source.find("ghcr.io", "a").unwrap_err().to_string();
    assert!(error.contains("has not ended after 0.3 s and was killed"), "{error}");
    thread::sleep(Duration::from_millis(1200));
    assert!(!alive.exists(), "what the helper started lives on");
}

#[test]
fn a_helper_that_is_not_there_or_no_name_is_an_error_with_the_file_in_it() {
    let scratch = Scratch::new();
    script(&scratch, "evil", "true");
    fs::create_dir_all(scratch.path().join("bin/docker-credential-dir")).unwrap();
    scratch.write("bin/docker-credential-text", "not executable");
    for (name, expected) in [
        ("absent", "`docker-credential-absent`, which is not in PATH"),
        ("dir", "which is not in PATH"),
        ("text", "which is not in PATH"),
        ("../evil", "is no name of a credential helper"),
        ("x/../../evil", "is no name of a credential helper"),
        ("a b", "is no name of a credential helper"),
    ] {
        let source = docker(&scratch, &json!({ "credHelpers": { "ghcr.io": name } }));
        let error = source.find("ghcr.io", "a").unwrap_err();
        assert!(matches!(error, AuthError::Misconfigured { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("config.json`") && text.contains(expected), "{name}: {text}");
        nothing(&source, "quay.io", "a");
    }
}

#[test]
fn a_helper_is_asked_once_a_minute() {
    let scratch = Scratch::new();
    helper(&scratch, "one", &says("u", "p"));
    let source = docker(&scratch, &json!({ "credsStore": "one" }));
    for repository in ["a", "b", "a"] {
        assert_eq!(source.find("ghcr.io", repository), Ok(basic("u", "p")));
    }
    assert_eq!(asked(&scratch), "get ghcr.io\n");
}

#[test]
fn the_entry_with_the_longest_path_is_the_one() {
    let scratch = Scratch::new();
    let config = json!({ "auths": {
        "ghcr.io": auth("all"),
        "ghcr.io/acme": auth("acme"),
        "ghcr.io/acme/app": auth("app"),
        "quay.io/acme": auth("quay"),
    }});
    for source in [podman(&scratch, &config), docker(&scratch, &config)] {
        assert_eq!(password(source.find("ghcr.io", "acme/app")), "app's");
        assert_eq!(password(source.find("ghcr.io", "acme/app/sub")), "app's");
        assert_eq!(password(source.find("ghcr.io", "acme/application")), "acme's");
        assert_eq!(password(source.find("ghcr.io", "acmes/app")), "all's");
        // A path is never taken for its registry.
        nothing(&source, "quay.io", "other/app");
    }
}

#[test]
fn docker_hub_is_found_under_each_of_its_names() {
    let scratch = Scratch::new();
    for key in [
        "https://index.docker.io/v1/",
        "https://index.docker.io/v2/",
        "index.docker.io/v1/",
        "index.docker.io",
        "docker.io",
        "registry-1.docker.io",
    ] {
        let source = docker(&scratch, &json!({ "auths": { key: auth("hub") } }));
        for host in ["docker.io", "index.docker.io", HUB] {
            assert_eq!(password(source.find(host, "library/nginx")), "hub's", "{key} {host}");
        }
        nothing(&source, "auth.docker.io", "library/nginx");
    }
    let both = json!({ "auths": {
        "docker.io": auth("old"),
        "https://index.docker.io/v1/": auth("hub"),
        "registry-1.docker.io": auth("old"),
    }});
    assert_eq!(password(docker(&scratch, &both).find(HUB, "library/nginx")), "hub's");
}

#[test]
fn files_are_asked_in_the_order_of_their_tools() {
    let scratch = Scratch::new();
    let below = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    let files = [
        "named.json",
        "docker/config.json",
        "home/.docker/config.json",
        "run/containers/auth.json",
        "config/containers/auth.json",
        "home/.config/containers/auth.json",
    ];
    for (n, file) in files.iter().enumerate() {
        let mut auths = json!({ "everywhere.example": auth(file) });
        auths[format!("only{n}.example")] = auth(file);
        scratch.write(file, json!({ "auths": auths }).to_string());
    }
    let found = |variables: &[(&str, &str)], host: &str| {
        let environment = environment(&scratch, variables);
        Keychain::open(&Options::default(), &environment).unwrap().find(host, "a")
    };
    let named = below("named.json");
    let (docker, run, config) = (below("docker"), below("run"), below("config"));
    let all: &[(&str, &str)] = &[
        ("REGISTRY_AUTH_FILE", &named),
        ("DOCKER_CONFIG", &docker),
        ("XDG_RUNTIME_DIR", &run),
        ("XDG_CONFIG_HOME", &config),
    ];
    for (taken, expected) in ["named.json's", "docker/config.json's"].iter().enumerate() {
        assert_eq!(password(found(&all[taken..], "everywhere.example")), *expected);
    }
    assert_eq!(password(found(&all[2..], "everywhere.example")), "home/.docker/config.json's");
    assert_eq!(password(found(all, "only3.example")), "run/containers/auth.json's");
    assert_eq!(password(found(all, "only4.example")), "config/containers/auth.json's");
    assert_eq!(found(all, "only2.example"), Ok(Vec::new()));
    assert_eq!(found(all, "only5.example"), Ok(Vec::new()));
    assert_eq!(password(found(&[], "only5.example")), "home/.config/containers/auth.json's");
    // An empty variable is as good as none.
    let empty = [("DOCKER_CONFIG", ""), ("XDG_CONFIG_HOME", "")];
    assert_eq!(password(found(&empty, "only2.example")), "home/.docker/config.json's");
}

#[test]
fn a_file_that_was_named_must_be_there_and_the_others_need_not() {
    let scratch = Scratch::new();
    let environment_of = |variables: &[(&str, &str)]| environment(&scratch, variables);
    let keychain = Keychain::open(&Options::default(), &environment_of(&[])).unwrap();
    nothing(&keychain, "ghcr.io", "a");
    let absent = scratch.path().join("absent.json");
    let text = absent.to_str().unwrap();
    let options = Options { docker_config: Some(absent.clone()), ..Options::default() };
    for keychain in [
        Keychain::open(&Options::default(), &environment_of(&[("REGISTRY_AUTH_FILE", text)])),
        Keychain::open(&options, &environment_of(&[])),
    ] {
        let error = keychain.unwrap().find("ghcr.io", "a").unwrap_err().to_string();
        assert!(error.contains("absent.json`: is not there"), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_an_error_and_does_not_show_what_is_in_it() {
    let scratch = Scratch::new();
    let large = vec![b' '; (1 << 20) + 1];
    for (bytes, expected) in [
        (&br#"{"auths": {"ghcr.io": {"password": "hunter2"}"#[..], "is not JSON (line 1"),
        (br#"{"auths": {"ghcr.io": {"password": ["hunter2"]}}}"#, "is not in Docker's format"),
        (br#"{"auths": "hunter2"}"#, "is not in Docker's format"),
        (br#"{"credHelpers": {"ghcr.io": 2}}"#, "is not in Docker's format"),
        (b"[]", "is not in Docker's format"),
        (&large, "is larger than 1048576 bytes"),
    ] {
        let path = scratch.write("config.json", bytes);
        let source = DockerConfig::docker(path, &environment(&scratch, &[]));
        let error = source.find("ghcr.io", "a").unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(matches!(error, AuthError::Misconfigured { .. }), "{text}");
        assert!(text.contains(expected) && !text.contains("hunter2"), "{text}");
    }
    let directory = DockerConfig::docker(scratch.path(), &environment(&scratch, &[]));
    assert!(directory.find("ghcr.io", "a").is_err());
    for empty in ["", " \n", "{}", r#"{"auths":null,"credHelpers":null,"credsStore":null}"#] {
        let path = scratch.write("config.json", empty);
        nothing(&DockerConfig::docker(path, &environment(&scratch, &[])), "ghcr.io", "a");
    }
}

#[test]
fn one_bad_entry_fails_its_own_registry_only() {
    let scratch = Scratch::new();
    let config = json!({ "auths": {
        "bad.example": { "auth": "hunter2" },
        "https://u:p@odd.example/": auth("odd"),
        "good.example": auth("good"),
        "mark.example": {},
    }});
    let source = docker(&scratch, &config);
    let error = source.find("bad.example", "a").unwrap_err().to_string();
    assert!(error.contains("the entry for `bad.example` has an `auth` that is not"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    assert_eq!(password(source.find("good.example", "a")), "good's");
    nothing(&source, "mark.example", "a");
    nothing(&source, "odd.example", "a");
}

#[test]
fn a_file_that_changes_is_read_anew() {
    let scratch = Scratch::new();
    let source = docker(&scratch, &json!({ "auths": { "ghcr.io": auth("old") } }));
    assert_eq!(password(source.find("ghcr.io", "a")), "old's");
    docker(&scratch, &json!({ "auths": { "ghcr.io": auth("new") } }));
    assert_eq!(password(source.find("ghcr.io", "a")), "new's");
}

#[test]
fn a_source_that_fails_is_not_passed_over() {
    let scratch = Scratch::new();
    helper(&scratch, "bad", "exit 1");
    let broken = docker(&scratch, &json!({ "credHelpers": { "ghcr.io": "bad" } }));
    let good = podman(&scratch, &json!({ "auths": { "ghcr.io": auth("a"), "quay.io": auth("a") }}));
    let keychain = Keychain::anonymous().and(broken).and(good);
    assert!(keychain.find("ghcr.io", "a").is_err());
    assert_eq!(password(keychain.find("quay.io", "a")), "a's");
    nothing(&Keychain::anonymous(), "quay.io", "a");
}

#[test]
fn secrets_are_not_in_debug() {
    let secret = || Secret::new("hunter2");
    for credential in [
        Credential::Basic { username: "u".to_owned(), password: secret() },
        Credential::Identity(secret()),
        Credential::Bearer(secret()),
    ] {
        let text = format!("{credential:?} {credential:#?}");
        assert!(text.contains("hidden") && !text.contains("hunter2"), "{text}");
    }
}
