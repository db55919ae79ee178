use std::{fs, time::Duration};

use countersign_host::auth::{
    AuthError, CredentialSource, Environment, Keychain, KubeletPlugins, Options, kubelet::Kubelet,
};
use serde_json::{Value, json};

use super::{basic, fake::Clock, nothing, password, script};
use crate::scratch::Scratch;

const V1: &str = "credentialprovider.kubelet.k8s.io/v1";
const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

fn provider(name: &str, images: &[&str]) -> Value {
    json!({
        "name": name,
        "matchImages": images,
        "defaultCacheDuration": "12h",
        "apiVersion": V1,
    })
}

fn config(providers: &[Value]) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1",
        "kind": "CredentialProviderConfig",
        "providers": providers,
    })
}

/// A provider that writes down what it is asked, and answers.
fn plugin(scratch: &Scratch, name: &str, answer: &str) {
    let log = scratch.path().join("asked");
    let body = format!("cat >> {0}; echo \" $* $REGION\" >> {0}; {answer}", log.display());
    script(scratch, &format!("bin/{name}"), &body);
}

fn asked(scratch: &Scratch) -> Vec<String> {
    let text = fs::read_to_string(scratch.path().join("asked")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn response(key_type: &str, duration: Option<&str>, auth: Value) -> Value {
    json!({
        "apiVersion": V1,
        "kind": "CredentialProviderResponse",
        "cacheKeyType": key_type,
        "cacheDuration": duration,
        "auth": auth,
    })
}

fn says(response: &Value) -> String {
    format!("echo '{response}'")
}

fn auth(password: &str) -> Value {
    json!({ "username": "AWS", "password": password })
}

fn open(scratch: &Scratch, config: &str, clock: &Clock) -> Result<Kubelet, AuthError> {
    let path = scratch.write("config.yaml", config);
    let environment = clock.of(Environment::fixed::<&str, &str>([]));
    Kubelet::open(&path, &scratch.path().join("bin"), &environment)
}

#[test]
fn a_provider_is_asked_in_its_own_protocol() {
    let (scratch, clock) = (Scratch::new(), Clock::new());
    let auths = json!({ "*.dkr.ecr.*.amazonaws.com": auth("p"), "other.example": auth("o") });
    plugin(&scratch, "ecr-credential-provider", &says(&response("Registry", Some("6h"), auths)));
    let yaml = format!(
        "apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: ecr-credential-provider
    matchImages: ['*.dkr.ecr.*.amazonaws.com', '*.dkr.ecr.*.amazonaws.com.cn']
    defaultCacheDuration: 12h0m0s
    apiVersion: {V1}
    args: [get-credentials, --verbose]
    env:
      - name: REGION
        value: eu-west-1
"
    );
    let source = open(&scratch, &yaml, &clock).unwrap();
    assert_eq!(source.find(HOST, "team/app"), Ok(basic("AWS", "p")));
    nothing(&source, "ghcr.io", "team/app");
    nothing(&source, "other.example", "team/app");
    nothing(&source, &format!("{HOST}.evil.com"), "team/app");
    let request = json!({
        "apiVersion": V1,
        "kind": "CredentialProviderRequest",
        "image": format!("{HOST}/team/app"),
    });
    let log = asked(&scratch);
    assert_eq!(log.len(), 1);
    let (sent, rest) = log[0].rsplit_once("} ").unwrap();
    assert_eq!(serde_json::from_str::<Value>(&format!("{sent}}}")).unwrap(), request);
    assert_eq!(rest, "get-credentials --verbose eu-west-1");
}

#[test]
fn answers_are_kept_by_the_key_and_for_the_time_that_they_say() {
    for (key_type, duration, asked_after) in [
        // After another image of the registry, another registry, 54 minutes, and an hour.
        ("Image", Some("1h"), [1, 2, 3, 3, 4]),
        ("Registry", Some("1h"), [1, 1, 2, 2, 3]),
        ("Global", Some("1h"), [1, 1, 1, 1, 2]),
        ("Global", None, [1, 1, 1, 1, 1]),
        ("Global", Some("0s"), [1, 2, 3, 4, 5]),
        ("Registry", Some("0"), [1, 2, 3, 4, 5]),
    ] {
        let (scratch, clock) = (Scratch::new(), Clock::new());
        let auths = json!({ "a.example": auth("a"), "b.example": auth("b") });
        plugin(&scratch, "p", &says(&response(key_type, duration, auths)));
        let config = config(&[provider("p", &["*.example"])]).to_string();
        let source = open(&scratch, &config, &clock).unwrap();
        let mut counts = Vec::new();
        for (host, image, wait) in [
            ("a.example", "one", 0),
            ("a.example", "two", 0),
            ("b.example", "one", 0),
            ("a.example", "one", 3239),
            ("a.example", "one", 61),
        ] {
            clock.pass(wait);
            assert_eq!(password(source.find(host, image)), host[..1]);
            counts.push(asked(&scratch).len());
        }
        assert_eq!(counts, asked_after, "{key_type} {duration:?}");
    }
}

#[test]
fn the_answers_of_all_providers_that_match_are_taken() {
    let (scratch, clock) = (Scratch::new(), Clock::new());
    let auths = json!({ "ghcr.io": auth("host"), "ghcr.io/acme": auth("acme") });
    plugin(&scratch, "one", &says(&response("Image", None, auths)));
    let auths = json!({ "ghcr.io/acme/app": auth("app"), "ghcr.io": auth("other") });
    plugin(&scratch, "two", &says(&response("Image", None, auths)));
    plugin(&scratch, "none", &says(&response("Image", None, Value::Null)));
    plugin(&scratch, "elsewhere", "exit 1");
    let config = config(&[
        provider("one", &["ghcr.io"]),
        provider("two", &["ghcr.io/acme"]),
        provider("none", &["ghcr.io"]),
        provider("elsewhere", &["quay.io"]),
    ]);
    let source = open(&scratch, &config.to_string(), &clock).unwrap();
    let found = source.find("ghcr.io", "acme/app").unwrap();
    let found: Vec<String> = found.into_iter().map(|c| password(Ok(vec![c]))).collect();
    assert_eq!(found, ["app", "acme", "host", "other"]);
    assert_eq!(password(source.find("ghcr.io", "other/app")), "host");
}

#[test]
fn a_provider_that_fails_is_an_error_that_says_how() {
    let good = || response("Image", None, json!({ "ghcr.io": auth("hunter2") }));
    let with = |name: &str, value: Value| {
        let mut response = good();
        response[name] = value;
        says(&response)
    };
    for (answer, expected) in [
        ("echo 'no role' >&2; exit 1".to_owned(), "exit status: 1: no role"),
        ("exit 2".to_owned(), "exit status: 2"),
        ("echo nonsense".to_owned(), "is no CredentialProviderResponse"),
        (with("kind", "Other".into()), "is no CredentialProviderResponse"),
        (with("apiVersion", "credentialprovider.kubelet.k8s.io/v1beta1".into()), "is no Cred"),
        (with("cacheKeyType", "World".into()), "is no CredentialProviderResponse"),
        (with("cacheKeyType", Value::Null), "is no CredentialProviderResponse"),
        (with("cacheDuration", "-1h".into()), "is no CredentialProviderResponse"),
        (with("auth", json!({ "ghcr.io": { "password": "hunter2" } })), "user name that none can"),
        (
            with("auth", json!({ "ghcr.io": { "username": "a:b", "password": "hunter2" } })),
            "user name",
        ),
        ("sleep 20".to_owned(), "has not ended after 0.5 s and was killed"),
        ("head -c 2000000 /dev/zero".to_owned(), "wrote more than 1048576 bytes"),
    ] {
        let (scratch, clock) = (Scratch::new(), Clock::new());
        plugin(&scratch, "p", &answer);
        let config = config(&[provider("p", &["ghcr.io"])]).to_string();
        let source = open(&scratch, &config, &clock).unwrap();
        let source = source.with_time_limit(Duration::from_millis(500));
        let error = source.find("ghcr.io", "a").unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(matches!(error, AuthError::Unavailable { .. }), "{text}");
        assert!(text.starts_with("credential provider `p` "), "{text}");
        assert!(text.contains(expected) && !text.contains("hunter2"), "{answer}: {text}");
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused_at_once() {
    let with = |name: &str, value: Value| {
        let mut provider = provider("p", &["ghcr.io"]);
        provider[name] = value;
        config(&[provider]).to_string()
    };
    let mut other_kind = config(&[provider("p", &["ghcr.io"])]);
    other_kind["kind"] = "Pod".into();
    let twice = config(&[provider("p", &["ghcr.io"]), provider("p", &["quay.io"])]);
    for (config, expected) in [
        (with("name", "../evil".into()), "a name that is no file name"),
        (with("name", "..".into()), "a name that is no file name"),
        (with("name", "a b".into()), "a name that is no file name"),
        (with("name", "absent".into()), "absent`: is no program that can be run"),
        (with("apiVersion", "credentialprovider.kubelet.k8s.io/v2".into()), "expected one of"),
        (with("matchImages", json!([])), "has no `matchImages`"),
        (with("matchImages", json!(["u@ghcr.io"])), "is no pattern of a registry"),
        (with("defaultCacheDuration", "12 hours".into()), "such as `12h`"),
        (with("defaultCacheDuration", Value::Null), "is no CredentialProviderConfig"),
        (with("unknown", "x".into()), "unknown field `unknown`"),
        (
            with("tokenAttributes", json!({ "serviceAccountTokenAudience": "a" })),
            "cannot be had here",
        ),
        (with("env", json!([{ "name": "A=B", "value": "c" }])), "is no name of a variable"),
        (other_kind.to_string(), "is a `Pod`"),
        (twice.to_string(), "`p` is there twice"),
        (config(&[]).to_string(), "has no `providers`"),
        ("a: [".to_owned(), "1:"),
    ] {
        let (scratch, clock) = (Scratch::new(), Clock::new());
        plugin(&scratch, "p", "true");
        let error = open(&scratch, &config, &clock).err().unwrap();
        assert!(matches!(error, AuthError::Misconfigured { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_directory_of_configuration_is_read_in_order() {
    let scratch = Scratch::new();
    for (name, password) in [("one", "1"), ("two", "2")] {
        let auths = json!({ "ghcr.io": auth(password) });
        plugin(&scratch, name, &says(&response("Image", None, auths)));
    }
    let one = |name| config(&[provider(name, &["ghcr.io"])]).to_string();
    scratch.write("config/10-two.yaml", one("two"));
    scratch.write("config/20-one.json", one("one"));
    scratch.write("config/README.md", "not read");
    let plugins = KubeletPlugins {
        config: scratch.path().join("config"),
        programs: scratch.path().join("bin"),
    };
    let options = Options {
        docker_config: Some(scratch.write("config.json", "{}")),
        kubelet: Some(plugins),
        ..Options::default()
    };
    let environment = Environment::fixed::<&str, &str>([]);
    let keychain = Keychain::open(&options, &environment).unwrap();
    let found = keychain.find("ghcr.io", "a").unwrap();
    assert_eq!(found, [basic("AWS", "2"), basic("AWS", "1")].concat());
    fs::create_dir_all(scratch.path().join("empty")).unwrap();
    let empty = Kubelet::open(&scratch.path().join("empty"), scratch.path(), &environment);
    assert!(empty.err().unwrap().to_string().contains("has no `.json`"));
    let absent = Kubelet::open(&scratch.path().join("absent"), scratch.path(), &environment);
    assert!(absent.err().unwrap().to_string().contains("is not there"));
}
