//! Decisions on a real server, and on one that is down, slow or somebody else's.

use std::{
    io::{Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use countersign::wire::Outcome;
use countersign_host::cache::{
    DecisionAges, DecisionStore, Decisions, Entry, Redis, RedisError, RedisFigures, RedisOptions,
    SealKey,
};
use serde_json::json;

use super::{
    Hand,
    decisions::{Ask, Counted, Open, signed},
};
use crate::{
    corpora::not_run,
    scratch::Scratch,
    signed::{by_digest, requiring},
};

pub(crate) const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
/// For servers that answer: this machine may be busy.
const LONG: Duration = Duration::from_secs(20);

/// A server of this test's own, on a socket in its own directory.
pub(crate) struct Server {
    scratch: Scratch,
    child: Option<Child>,
}

impl Server {
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    fn start_with(arguments: &[&str]) -> Option<Self> {
        let mut server = Self { scratch: Scratch::new(), child: None };
        server.run(arguments).then_some(server)
    }

    fn run(&mut self, arguments: &[&str]) -> bool {
        let spawned = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(self.socket())
            .arg("--dir")
            .arg(self.scratch.path())
            .args(arguments)
            .stdout(Stdio::null())
            .spawn();
        let Ok(child) = spawned else {
            not_run("redis-server is not installed (apt-get install redis-server)");
            return false;
        };
        self.child = Some(child);
        let until = Instant::now() + LONG;
        while std::os::unix::net::UnixStream::connect(self.socket()).is_err() {
            assert!(Instant::now() < until, "the server does not start");
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
            let _ = std::fs::remove_file(self.socket());
        }
    }

    fn socket(&self) -> PathBuf {
        self.scratch.path().join("redis.sock")
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    fn options(&self) -> RedisOptions {
        options(&self.url())
    }

    fn open(&self) -> Arc<Redis> {
        Arc::new(Redis::open(self.options()).unwrap())
    }

    /// As somebody else who may write to it.
    fn raw(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    fn keys(&self) -> Vec<String> {
        redis::cmd("KEYS").arg("*").query(&mut self.raw()).unwrap()
    }

    fn value(&self, key: &str) -> Vec<u8> {
        redis::cmd("GET").arg(key).query(&mut self.raw()).unwrap()
    }

    fn set(&self, key: &str, value: &[u8]) {
        redis::cmd("SET").arg(key).arg(value).exec(&mut self.raw()).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn options(url: &str) -> RedisOptions {
    RedisOptions { patience: LONG, ..RedisOptions::new(url, SealKey::new(KEY).unwrap()) }
}

fn over(store: &Arc<Redis>) -> Decisions {
    Decisions::new(vec![store.clone()], DecisionAges::default())
}

fn asked() -> Ask {
    Ask::of(requiring(&json!("ci")), by_digest())
}

/// How old it is, if it was found.
fn found(store: &Arc<Redis>, ask: &Ask, source: &Counted) -> Option<u64> {
    let judged = ask.ask(&over(store), source);
    assert_eq!(judged.judgement.decision.outcome, Outcome::Allow);
    judged.hit.map(|hit| hit.age)
}

#[test]
fn another_process_finds_the_decision_and_the_server_forgets_it_in_time() {
    let Some(server) = Server::start() else { return };
    let source = signed();
    let made = asked().ask(&over(&server.open()), &source);
    assert_eq!(made.hit, None);
    let judged = asked().after(9).ask(&over(&server.open()), &source);
    let hit = judged.hit.unwrap();
    assert_eq!((hit.source, hit.age), ("redis", 9));
    assert_eq!(judged.judgement.response, made.judgement.response);
    let keys = server.keys();
    assert!(keys.len() == 1 && keys[0].starts_with("countersign:decision:v1:"), "{keys:?}");
    let left: i64 = redis::cmd("PTTL").arg(&keys[0]).query(&mut server.raw()).unwrap();
    assert!((200_000..=300_000).contains(&left), "{left}");
    let value = server.value(&keys[0]);
    assert!(!value.windows(KEY.len()).any(|window| window == KEY));
}

#[test]
fn what_somebody_else_has_written_is_not_believed() {
    let Some(server) = Server::start() else { return };
    let source = signed();
    asked().ask(&over(&server.open()), &source);
    let key = server.keys().remove(0);
    let good = server.value(&key);
    let body = String::from_utf8(good[32..].to_vec()).unwrap();
    let made = body.find("\"made\":").unwrap() + 7;
    let mut younger = good.clone();
    younger[32 + made + 9] ^= 1;
    let changed = |at: usize| {
        let mut value = good.clone();
        value[at] ^= 1;
        value
    };
    let unsigned = [&[0; 32][..], &good[32..]].concat();
    for (name, value) in [
        ("another tag", changed(0)),
        ("another last byte of the tag", changed(31)),
        ("another body", changed(good.len() - 5)),
        ("another time", younger),
        ("no tag", unsigned),
        ("half", good[..good.len() / 2].to_vec()),
        ("a tag alone", good[..32].to_vec()),
        ("less than a tag", good[..31].to_vec()),
        ("more", [&good[..], b" "].concat()),
        ("garbage", b"garbage".to_vec()),
        ("much", vec![b'x'; 8 << 20]),
    ] {
        server.set(&key, &value);
        let store = server.open();
        assert_eq!(found(&store, &asked(), &source), None, "{name}");
        assert_eq!(store.figures().bad, 2, "{name}: looked for twice, before and in flight");
        assert_eq!(found(&store, &asked(), &source), Some(0), "{name}: it was written anew");
    }
    // Not even a text.
    redis::cmd("DEL").arg(&key).exec(&mut server.raw()).unwrap();
    redis::cmd("LPUSH").arg(&key).arg("x").exec(&mut server.raw()).unwrap();
    assert_eq!(found(&server.open(), &asked(), &source), None);
}

#[test]
fn a_value_under_another_key_is_none() {
    let Some(server) = Server::start() else { return };
    let source = signed();
    let refused = Ask::of(requiring(&json!("security")), by_digest());
    let store = server.open();
    asked().ask(&over(&store), &source);
    let allowed = server.keys().remove(0);
    let denied = refused.ask(&over(&store), &source);
    assert_eq!(denied.judgement.decision.outcome, Outcome::Deny);
    let other = server.keys().into_iter().find(|key| *key != allowed).unwrap();
    // What allows one image is put where the denial of another is looked for.
    server.set(&other, &server.value(&allowed));
    let store = server.open();
    let judged = refused.ask(&over(&store), &source);
    assert_eq!((judged.hit, judged.judgement.decision.outcome), (None, Outcome::Deny));
    assert!(store.figures().bad > 0);
}

#[test]
fn an_old_value_that_is_put_back_is_as_old_as_it_is() {
    let Some(server) = Server::start() else { return };
    let source = signed();
    asked().ask(&over(&server.open()), &source);
    let key = server.keys().remove(0);
    let old = server.value(&key);
    asked().after(250).ask(&over(&server.open()), &source);
    asked().after(310).ask(&over(&server.open()), &source);
    server.set(&key, &old);
    assert_eq!(found(&server.open(), &asked().after(299), &source), Some(299));
    assert_eq!(found(&server.open(), &asked().after(300), &source), None);
    server.set(&key, &old);
    assert_eq!(found(&server.open(), &asked().after(100_000), &source), None);
    // One from a time to come, of a host whose clock is ahead.
    assert_eq!(found(&server.open(), &asked(), &source), None);
}

#[test]
fn another_key_of_tags_is_another_cache() {
    let Some(server) = Server::start() else { return };
    let source = signed();
    asked().ask(&over(&server.open()), &source);
    let other = SealKey::new(&[7; 32]).unwrap();
    let store = Arc::new(Redis::open(RedisOptions { key: other, ..server.options() }).unwrap());
    assert_eq!(found(&store, &asked(), &source), None);
    assert_eq!(found(&store, &asked(), &source), Some(0));
}

#[test]
fn a_server_that_is_down_costs_one_attempt_and_is_used_when_it_is_back() {
    let Some(mut server) = Server::start() else { return };
    let (source, clock) = (signed(), Arc::new(Hand::default()));
    let store = Redis::with_clock(server.options(), clock.clone()).unwrap();
    let store = Arc::new(store);
    assert_eq!(found(&store, &asked(), &source), None);
    assert_eq!(found(&store, &asked(), &source), Some(0));
    server.stop();
    for _ in 0..3 {
        assert_eq!(found(&store, &asked(), &source), None, "decided all the same");
    }
    let RedisFigures { failed, skipped, bad } = store.figures();
    assert_eq!((failed, bad), (1, 0));
    assert!(skipped >= 5, "{skipped}");
    assert!(server.run(&[]));
    assert_eq!(found(&store, &asked(), &source), None);
    assert_eq!(store.figures().failed, 1, "it is still left alone");
    clock.forward(Duration::from_secs(1));
    assert_eq!(found(&store, &asked(), &source), None);
    assert_eq!(found(&store, &asked(), &source), Some(0));
}

#[test]
fn a_connection_that_the_server_has_closed_is_opened_anew() {
    let Some(mut server) = Server::start() else { return };
    let (source, store) = (signed(), server.open());
    let mut kill = redis::cmd("CLIENT");
    kill.arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes");
    assert_eq!(found(&store, &asked(), &source), None);
    for _ in 0..8 {
        kill.exec(&mut server.raw()).unwrap();
        assert_eq!(found(&store, &asked(), &source), Some(0));
    }
    server.stop();
    assert!(server.run(&[]));
    assert_eq!(found(&store, &asked(), &source), None);
    assert_eq!(found(&store, &asked(), &source), Some(0));
    assert_eq!(store.figures(), RedisFigures::default());
}

#[test]
fn nobody_waits_for_a_server_that_does_not_answer() {
    // Takes connections and says nothing, or says more and more.
    for drip in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut buffer = [0; 1024];
                    while drip && stream.write_all(b"+").is_ok() {
                        thread::sleep(Duration::from_millis(20));
                    }
                    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
                });
            }
        });
        let patience = Duration::from_millis(100);
        let url = format!("redis://{address}");
        let store = Redis::open(RedisOptions { patience, ..options(&url) }).unwrap();
        let (store, source) = (Arc::new(store), signed());
        let start = Instant::now();
        asked().ask(&over(&store), &source);
        let first = start.elapsed();
        assert_eq!((store.figures().failed, store.figures().bad), (1, 0), "{drip}");
        // Without it a decision takes some milliseconds; a machine may be busy.
        assert!(first < Duration::from_secs(5), "{first:?}");
        let start = Instant::now();
        drop(store);
        assert!(start.elapsed() < Duration::from_secs(1), "nobody waits for its end either");
    }
}

#[test]
fn a_password_is_given_and_never_shown() {
    let Some(server) = Server::start_with(&["--requirepass", "correct-horse"]) else { return };
    let source = signed();
    let with = |password: &str| {
        let url = format!("redis+unix://{}?pass={password}", server.socket().display());
        let options = options(&url);
        assert!(!format!("{options:?}").contains("horse"), "{options:?}");
        Arc::new(Redis::open(options).unwrap())
    };
    let good = with("correct-horse");
    found(&good, &asked(), &source);
    assert_eq!(found(&good, &asked(), &source), Some(0));
    for password in ["wrong-horse", ""] {
        let bad = with(password);
        assert_eq!(found(&bad, &asked(), &source), None);
        assert_eq!(bad.figures().failed, 1);
    }
    let url = "redis+nonsense://user:secret-horse@host";
    let Err(error) = Redis::open(options(url)) else { panic!() };
    assert!(matches!(error, RedisError::Url(_)));
    assert!(!format!("{error} {error:?}").contains("horse"), "{error}");
}

#[test]
fn a_user_of_two_commands_and_these_keys_is_enough() {
    let user = [
        "--user",
        "countersign",
        "on",
        ">acl-horse",
        "~countersign:decision:*",
        "+getrange",
        "+set",
    ];
    let Some(server) = Server::start_with(&user) else { return };
    let url = format!("redis+unix://{}?user=countersign&pass=acl-horse", server.socket().display());
    let (source, store) = (signed(), Arc::new(Redis::open(options(&url)).unwrap()));
    assert_eq!(found(&store, &asked(), &source), None);
    assert_eq!(found(&store, &asked(), &source), Some(0));
    assert_eq!(store.figures(), RedisFigures::default());
}

#[test]
fn a_key_is_of_some_length_and_is_never_shown() {
    let scratch = Scratch::new();
    assert!(SealKey::new(&[0; 31]).is_err() && SealKey::new(&[0; 32]).is_ok());
    let short = SealKey::load(&scratch.write("short", "too short\n")).unwrap_err();
    assert!(short.to_string().contains("9 bytes, expected 32"), "{short}");
    assert!(SealKey::load(&scratch.write("padded", [&[b'k'; 31][..], b"\n"].concat())).is_err());
    let key = SealKey::load(&scratch.write("key", [KEY, b"\n"].concat())).unwrap();
    assert_eq!(format!("{key:?}"), "SealKey(…)");
    assert!(SealKey::load(&scratch.write("large", [0; 5000])).is_err());
    let absent = SealKey::load(Path::new("/no/such/key")).unwrap_err();
    assert!(absent.to_string().contains("/no/such/key"), "{absent}");
}

#[test]
fn tls_is_checked_against_the_ca_that_is_named() {
    let stage = Scratch::new();
    let ca = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        stage.write(&format!("{name}.pem"), params.self_signed(&key).unwrap().pem());
        rcgen::Issuer::new(params, key)
    };
    let (issuer, _) = (ca("ca"), ca("other"));
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    stage.write("redis.pem", params.signed_by(&key, &issuer).unwrap().pem());
    stage.write("redis.key", key.serialize_pem());
    // A port that is free: nobody else on this machine is to take it meanwhile.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let path = |name: &str| stage.path().join(name).to_str().unwrap().to_owned();
    let (cert, key, ca) = (path("redis.pem"), path("redis.key"), path("ca.pem"));
    let Some(_server) = Server::start_with(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        "no",
        "--bind",
        "127.0.0.1",
    ]) else {
        return;
    };
    let source = signed();
    let with = |ca: &str| {
        let url = format!("rediss://127.0.0.1:{port}");
        Redis::open(RedisOptions { ca: Some(stage.path().join(ca)), ..options(&url) })
    };
    let store = Arc::new(with("ca.pem").unwrap());
    assert_eq!(found(&store, &asked(), &source), None);
    assert_eq!(found(&store, &asked(), &source), Some(0));
    let store = Arc::new(with("other.pem").unwrap());
    assert_eq!(found(&store, &asked(), &source), None);
    assert_eq!(store.figures().failed, 1);
    assert!(matches!(with("absent.pem"), Err(RedisError::Ca(..))));
}

#[test]
fn what_is_too_large_is_not_sent() {
    let Some(server) = Server::start() else { return };
    let (kept, source) = (Arc::new(Open::default()), signed());
    asked().ask(&Decisions::new(vec![kept.clone()], DecisionAges::default()), &source);
    let (key, entry) = kept.0.lock().unwrap().pop_first().unwrap();
    let store = server.open();
    // In base64 they are a third longer.
    for (bytes, sent) in [(700_000, true), (800_000, false)] {
        let entry = Entry { response: vec![b'x'; bytes], ..entry.clone() };
        redis::cmd("FLUSHALL").exec(&mut server.raw()).unwrap();
        store.put(&key, &entry, Duration::from_secs(60));
        assert!(store.get(&key) == sent.then_some(entry), "{bytes}");
        assert_eq!(server.keys().len(), usize::from(sent));
    }
    assert_eq!(store.figures(), RedisFigures::default());
}
