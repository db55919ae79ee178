//! HTTPS: an own CA, HTTP/2, certificates of clients.

use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper::{Request, StatusCode, body::Bytes, client::conn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use loopback_registry::{Fault, Options, Registry, Tls, What, sha256};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};

use crate::conformance::with_image;

struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Certificate and key, as PEM.
    fn leaf(&self) -> (String, String) {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Version, status and body of one GET; an error where the connection ends first.
fn get(
    registry: &Registry,
    path: &str,
    ca: &Ca,
    client: Option<(String, String)>,
    protocols: &[&str],
) -> Result<(hyper::Version, StatusCode, Vec<u8>), String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match client {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            config.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let text = |e: &dyn std::fmt::Display| e.to_string();
        let stream = tokio::net::TcpStream::connect(&registry.host).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        let stream = stream.map_err(|e| text(&e))?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let request = Request::get(format!("https://{}{path}", registry.host))
            .header("Host", &registry.host)
            .body(Empty::<Bytes>::new())
            .unwrap();
        let io = TokioIo::new(stream);
        let response = if http2 {
            let connected = conn::http2::handshake(TokioExecutor::new(), io).await;
            let (mut sender, connection) = connected.map_err(|e| text(&e))?;
            tokio::spawn(connection);
            sender.send_request(request).await
        } else {
            let (mut sender, connection) =
                conn::http1::handshake(io).await.map_err(|e| text(&e))?;
            tokio::spawn(connection);
            sender.send_request(request).await
        };
        let response = response.map_err(|e| text(&e))?;
        let (version, status) = (response.version(), response.status());
        let body = response.into_body().collect().await.map_err(|e| text(&e))?;
        Ok((version, status, body.to_bytes().to_vec()))
    })
}

fn https(tls: impl Fn(Tls) -> Tls, ca: &Ca) -> Registry {
    let (certificate, key) = ca.leaf();
    with_image(Options { tls: Some(tls(Tls::new(certificate, key))), ..Options::default() })
}

fn path() -> String {
    format!("/v2/a/app/blobs/{}", sha256(b"0123456789"))
}

#[test]
fn https_speaks_http_2_and_1_as_the_client_likes() {
    let ca = Ca::new();
    let registry = https(|tls| tls, &ca);
    assert!(registry.url().starts_with("https://127.0.0.1:"));
    for (protocols, version) in [
        (&["h2", "http/1.1"][..], hyper::Version::HTTP_2),
        (&["http/1.1"], hyper::Version::HTTP_11),
        (&[], hyper::Version::HTTP_11),
    ] {
        let answer = get(&registry, &path(), &ca, None, protocols);
        assert_eq!(answer, Ok((version, StatusCode::OK, b"0123456789".to_vec())));
    }
    assert_eq!(registry.log()[0].version, "HTTP/2.0");
    let old = https(Tls::without_http2, &ca);
    let answer = get(&old, &path(), &ca, None, &["h2", "http/1.1"]).unwrap();
    assert_eq!(answer.0, hyper::Version::HTTP_11);
}

#[test]
fn another_ca_is_not_believed() {
    let registry = https(|tls| tls, &Ca::new());
    assert!(get(&registry, &path(), &Ca::new(), None, &[]).is_err());
    assert!(registry.log().is_empty());
}

#[test]
fn a_client_without_a_certificate_of_the_right_ca_is_not_heard() {
    let (ca, clients) = (Ca::new(), Ca::new());
    let registry = https(|tls| tls.client_ca(&clients.pem), &ca);
    assert!(get(&registry, &path(), &ca, None, &["h2"]).is_err());
    assert!(get(&registry, &path(), &ca, Some(ca.leaf()), &["http/1.1"]).is_err());
    assert!(registry.log().is_empty());
    let answer = get(&registry, &path(), &ca, Some(clients.leaf()), &["h2"]).unwrap();
    assert_eq!(answer.1, StatusCode::OK);
}

#[test]
fn faults_work_over_http_2() {
    let ca = Ca::new();
    let registry = https(|tls| tls, &ca);
    for what in [What::Reset, What::CutBody(3), What::WrongLength(2), What::LoseReply] {
        registry.clear_faults();
        registry.fault(Fault::on("GET", "*", what.clone()));
        assert!(get(&registry, &path(), &ca, None, &["h2"]).is_err(), "{what:?}");
    }
    registry.clear_faults();
    registry.fault(Fault::on("GET", "*", What::NoLength));
    assert_eq!(get(&registry, &path(), &ca, None, &["h2"]).unwrap().2, b"0123456789");
}

#[test]
fn tls_that_cannot_work_is_refused_at_the_start_and_shows_no_key() {
    let (certificate, key) = Ca::new().leaf();
    let (_, other) = Ca::new().leaf();
    for tls in [
        Tls::new("", key.clone()),
        Tls::new(certificate.clone(), ""),
        Tls::new(certificate.clone(), other),
    ] {
        let options = Options { tls: Some(tls), ..Options::default() };
        assert!(Registry::try_start(options).is_err());
    }
    assert!(!format!("{:?}", Tls::new(certificate, key)).contains("KEY"));
}
