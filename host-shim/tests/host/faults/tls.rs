//! TLS with own authorities, client certificates and HTTP/2.

use std::{path::Path, sync::Arc};

use countersign_host::registry::{Options, Registry as Client};
use loopback_registry::{Options as Kind, Tls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::{Ask, Known, World, ask, options, outcome};
use crate::scratch::Scratch;

/// An authority, and what it has issued: certificate and key in PEM.
struct Ca {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

fn world(ca: &Ca, change: impl FnOnce(Tls) -> Tls) -> World {
    let (certificate, key) = ca.issue("127.0.0.1");
    World::new(Kind { tls: Some(change(Tls::new(certificate, key))), ..Kind::default() })
}

fn client(certs: &Path) -> Client {
    let options = Options { plain_http: false, certs: vec![certs.to_owned()], ..options() };
    Client::with_credentials(&options, Arc::new(Known::default()))
}

#[test]
fn an_own_authority_is_believed_for_its_host_and_http_2_is_spoken() {
    let ca = Ca::new();
    let world = world(&ca, |tls| tls);
    let scratch = Scratch::new();
    assert_eq!(outcome(&ask(&client(scratch.path()), &world, Ask::Manifest)), "transport");
    assert!(world.registry.log().is_empty());
    scratch.write(&format!("{}/ca.crt", world.registry.host), &ca.pem);
    assert_eq!(outcome(&ask(&client(scratch.path()), &world, Ask::Manifest)), "found");
    assert_eq!(world.registry.log()[0].version, "HTTP/2.0");
}

#[test]
fn a_registry_without_http_2_is_spoken_to_as_well() {
    let ca = Ca::new();
    let world = world(&ca, Tls::without_http2);
    let scratch = Scratch::new();
    scratch.write(&format!("{}/ca.crt", world.registry.host), &ca.pem);
    assert_eq!(outcome(&ask(&client(scratch.path()), &world, Ask::Blob)), "found");
    assert_eq!(world.registry.log()[0].version, "HTTP/1.1");
}

#[test]
fn another_authority_is_not_believed() {
    let (ca, other) = (Ca::new(), Ca::new());
    let world = world(&ca, |tls| tls);
    let scratch = Scratch::new();
    scratch.write(&format!("{}/ca.crt", world.registry.host), &other.pem);
    assert_eq!(outcome(&ask(&client(scratch.path()), &world, Ask::Manifest)), "transport");
}

#[test]
fn a_client_certificate_is_shown_where_there_is_one() {
    let ca = Ca::new();
    let world = world(&ca, |tls| tls.client_ca(&ca.pem));
    let scratch = Scratch::new();
    let file = |name: &str| format!("{}/{name}", world.registry.host);
    scratch.write(&file("ca.crt"), &ca.pem);
    assert_eq!(outcome(&ask(&client(scratch.path()), &world, Ask::Manifest)), "transport");
    let (certificate, key) = ca.issue("client");
    scratch.write(&file("client.cert"), &certificate);
    let answer = ask(&client(scratch.path()), &world, Ask::Manifest);
    assert!(format!("{answer:?}").contains("needs its key beside it"), "{answer:?}");
    scratch.write(&file("client.key"), &key);
    let answer = ask(&client(scratch.path()), &world, Ask::Manifest);
    assert_eq!(outcome(&answer), "found", "{answer:?}");
}
