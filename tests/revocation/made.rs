//! A chain, OCSP responses and CRLs in which every field can be wrong.

use std::{collections::BTreeMap, path::PathBuf};

use countersign::{
    crypto::{Memo, Spend},
    revocation::{
        Answer, Evidence, Finding, Method, Report, Status, Terms, evaluate, ocsp_request,
    },
    time::{Horizon, Now, Time},
    x509::{self, notation_profile::Profile},
};
use sha1::{Digest, Sha1};

pub(crate) use crate::shared::not_run;
use crate::sigstore::{
    certificate::{Certificate, DIGITAL_SIGNATURE, EXTENDED_KEY_USAGE, Issuer, name},
    der, instant,
    keys::{Key, sha256},
};

/// 2026-11-21T03:00:00Z, as notation-go's answers were measured on that day.
pub(crate) const NOW: i64 = 1_795_230_000;
pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 86_400;

pub(crate) const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";
pub(crate) const NO_CHECK: &str = "1.3.6.1.5.5.7.48.1.5";
pub(crate) const AUTHORITY_INFO_ACCESS: &str = "1.3.6.1.5.5.7.1.1";
pub(crate) const CRL_DISTRIBUTION_POINTS: &str = "2.5.29.31";
pub(crate) const FRESHEST_CRL: &str = "2.5.29.46";
pub(crate) const INVALIDITY_DATE: &str = "2.5.29.24";
pub(crate) const REASON_CODE: &str = "2.5.29.21";
pub(crate) const CRL_NUMBER: &str = "2.5.29.20";
pub(crate) const DELTA_CRL_INDICATOR: &str = "2.5.29.27";
pub(crate) const ISSUING_DISTRIBUTION_POINT: &str = "2.5.29.28";

const SHA_1: &str = "1.3.14.3.2.26";
const SHA_256: &str = "2.16.840.1.101.3.4.2.1";

/// extnID, critical, extnValue.
pub(crate) type Extension = (&'static str, bool, Vec<u8>);

pub(crate) fn extensions(list: &[Extension]) -> Vec<u8> {
    let each = list.iter().map(|(oid, critical, value)| {
        let critical = if *critical { der::boolean(true) } else { Vec::new() };
        der::seq(&[der::oid(oid), critical, der::octets(value)])
    });
    der::seq(&each.collect::<Vec<_>>())
}

pub(crate) fn generalized(seconds: i64) -> Vec<u8> {
    der::tlv(0x18, instant::generalized(seconds).as_bytes())
}

pub(crate) fn uri(url: &str) -> Vec<u8> {
    der::implicit(6, url.as_bytes())
}

/// One distribution point for each list of addresses.
pub(crate) fn points(lists: &[&[&str]]) -> Vec<u8> {
    let point = |urls: &&[&str]| {
        let names: Vec<u8> = urls.iter().flat_map(|url| uri(url)).collect();
        der::seq(&[der::explicit(0, &der::explicit(0, &names))])
    };
    der::seq(&lists.iter().map(point).collect::<Vec<_>>())
}

/// A root, an intermediate and what the intermediate issues.
pub(crate) struct World {
    pub(crate) root: Certificate,
    pub(crate) inter: Certificate,
    pub(crate) leaf_key: Key,
    pub(crate) other_key: Key,
}

impl World {
    pub(crate) fn new() -> Self {
        let authority = |name: &str| valid(Certificate::authority(name, Key::p256(name)));
        Self {
            root: authority("root"),
            inter: authority("inter"),
            leaf_key: Key::p256("leaf"),
            other_key: Key::p256("other"),
        }
    }

    pub(crate) fn issuer(&self) -> Issuer {
        self.inter.as_issuer()
    }

    /// Serial number 3.
    pub(crate) fn leaf(&self) -> Certificate {
        let mut leaf = valid(Certificate::authority("leaf", self.leaf_key.clone()))
            .without("2.5.29.19")
            .usage(DIGITAL_SIGNATURE);
        leaf.serial = vec![3];
        leaf
    }

    pub(crate) fn leaf_with_ocsp(&self) -> Certificate {
        with_ocsp(self.leaf(), &["http://o/"])
    }

    pub(crate) fn leaf_with_crls(&self, urls: &[&str]) -> Certificate {
        self.leaf().with(CRL_DISTRIBUTION_POINTS, false, points(&[urls]))
    }

    /// Of the intermediate, for OCSP, without nocheck.
    pub(crate) fn responder(&self) -> Certificate {
        let mut made = valid(Certificate::authority("ocsp", self.other_key.clone()))
            .without("2.5.29.19")
            .usage(DIGITAL_SIGNATURE);
        made.serial = vec![9];
        made.with(EXTENDED_KEY_USAGE, false, der::seq(&[der::oid(OCSP_SIGNING)]))
    }

    /// DER.
    pub(crate) fn issue(&self, certificate: &Certificate) -> Vec<u8> {
        certificate.issued_by(&self.issuer())
    }

    /// Leaf, intermediate, root.
    pub(crate) fn chain(&self, leaf: &Certificate) -> Vec<x509::Certificate> {
        let root = self.root.as_issuer();
        [self.issue(leaf), self.inter.issued_by(&root), self.root.issued_by(&root)]
            .iter()
            .map(|der| x509::Certificate::from_der(der).unwrap())
            .collect()
    }

    /// A response about serial number 3, by the intermediate.
    pub(crate) fn response(&self) -> Response {
        Response {
            status: 0,
            answers: vec![self.good()],
            responder: der::explicit(1, &self.inter.subject),
            produced_at: NOW - HOUR,
            extensions: Vec::new(),
            key: self.inter.key.clone(),
            embedded: Vec::new(),
        }
    }

    /// The same by a delegate.
    pub(crate) fn response_by(&self, responder: &Certificate) -> Response {
        Response {
            responder: der::explicit(1, &responder.subject),
            key: responder.key.clone(),
            embedded: vec![self.issue(responder)],
            ..self.response()
        }
    }

    pub(crate) fn good(&self) -> SingleResponse {
        SingleResponse {
            sha256: false,
            issuer_name: self.inter.subject.clone(),
            issuer_key: key_bits(&self.inter.key),
            serial: vec![3],
            status: der::implicit(0, &[]),
            this_update: NOW - HOUR,
            next_update: Some(NOW + HOUR),
            extensions: Vec::new(),
        }
    }

    /// CRL 5 of the intermediate, without entries.
    pub(crate) fn crl(&self) -> Crl {
        Crl {
            issuer: self.issuer(),
            this_update: NOW - HOUR,
            next_update: Some(NOW + HOUR),
            entries: Vec::new(),
            extensions: vec![(CRL_NUMBER, false, der::number(5))],
        }
    }

    /// The same with one entry.
    pub(crate) fn crl_with(&self, entry: Entry) -> Crl {
        Crl { entries: vec![entry], ..self.crl() }
    }
}

fn valid(mut certificate: Certificate) -> Certificate {
    (certificate.not_before, certificate.not_after) = (NOW - 2 * DAY, NOW + 20 * DAY);
    certificate
}

pub(crate) fn with_ocsp(certificate: Certificate, urls: &[&str]) -> Certificate {
    let access = |url: &&str| der::seq(&[der::oid("1.3.6.1.5.5.7.48.1"), uri(url)]);
    let value = der::seq(&urls.iter().map(access).collect::<Vec<_>>());
    certificate.with(AUTHORITY_INFO_ACCESS, false, value)
}

pub(crate) fn sha1(data: &[u8]) -> Vec<u8> {
    Sha1::digest(data).to_vec()
}

/// The contents of the key's BIT STRING.
pub(crate) fn key_bits(key: &Key) -> Vec<u8> {
    let spki = key.spki();
    let info = spki::SubjectPublicKeyInfoRef::try_from(&spki[..]).unwrap();
    info.subject_public_key.raw_bytes().to_vec()
}

/// What a response says of one certificate.
#[derive(Clone)]
pub(crate) struct SingleResponse {
    pub(crate) sha256: bool,
    pub(crate) issuer_name: Vec<u8>,
    pub(crate) issuer_key: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) status: Vec<u8>,
    pub(crate) this_update: i64,
    pub(crate) next_update: Option<i64>,
    pub(crate) extensions: Vec<Extension>,
}

impl SingleResponse {
    pub(crate) fn revoked(self, at: i64, reason: Option<u8>) -> Self {
        let reason = reason.map(|reason| der::explicit(0, &[0x0a, 1, reason]));
        let status = der::explicit(1, &[generalized(at), reason.unwrap_or_default()].concat());
        Self { status, ..self }
    }

    pub(crate) fn unknown(self) -> Self {
        Self { status: der::implicit(2, &[]), ..self }
    }

    pub(crate) fn with(mut self, oid: &'static str, critical: bool, value: Vec<u8>) -> Self {
        self.extensions.push((oid, critical, value));
        self
    }

    fn encode(&self) -> Vec<u8> {
        let oid = if self.sha256 { SHA_256 } else { SHA_1 };
        let hash = |data: &[u8]| if self.sha256 { sha256(data) } else { sha1(data) };
        let id = der::seq(&[
            der::algorithm(oid, &[der::null()]),
            der::octets(&hash(&self.issuer_name)),
            der::octets(&hash(&self.issuer_key)),
            der::uint(&self.serial),
        ]);
        let next = self.next_update.map(|next| der::explicit(0, &generalized(next)));
        let mut parts = vec![id, self.status.clone(), generalized(self.this_update)];
        parts.extend(next);
        if !self.extensions.is_empty() {
            parts.push(der::explicit(1, &extensions(&self.extensions)));
        }
        der::seq(&parts)
    }
}

/// An OCSP response.
#[derive(Clone)]
pub(crate) struct Response {
    pub(crate) status: u8,
    pub(crate) answers: Vec<SingleResponse>,
    pub(crate) responder: Vec<u8>,
    pub(crate) produced_at: i64,
    pub(crate) extensions: Vec<Extension>,
    pub(crate) key: Key,
    pub(crate) embedded: Vec<Vec<u8>>,
}

impl Response {
    pub(crate) fn saying(mut self, change: impl FnOnce(SingleResponse) -> SingleResponse) -> Self {
        let last = self.answers.pop().unwrap();
        self.answers.push(change(last));
        self
    }

    pub(crate) fn make(&self) -> Vec<u8> {
        if self.status != 0 {
            return der::seq(&[vec![0x0a, 1, self.status]]);
        }
        let answers: Vec<_> = self.answers.iter().map(SingleResponse::encode).collect();
        let mut data =
            vec![self.responder.clone(), generalized(self.produced_at), der::seq(&answers)];
        if !self.extensions.is_empty() {
            data.push(der::explicit(1, &extensions(&self.extensions)));
        }
        let data = der::seq(&data);
        let signature = der::bits(&self.key.sign(&data));
        let mut basic = vec![data, self.key.algorithm(self.key.usual_hash()), signature];
        if !self.embedded.is_empty() {
            basic.push(der::explicit(0, &der::seq(&self.embedded)));
        }
        let bytes = der::seq(&[der::oid("1.3.6.1.5.5.7.48.1.1"), der::octets(&der::seq(&basic))]);
        der::seq(&[vec![0x0a, 1, 0], der::explicit(0, &bytes)])
    }
}

/// An entry of a CRL.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) serial: Vec<u8>,
    pub(crate) at: i64,
    pub(crate) extensions: Vec<Extension>,
}

impl Entry {
    /// Serial number 3, a minute ago, for this reason.
    pub(crate) fn new(reason: u8) -> Self {
        let extensions = vec![(REASON_CODE, false, vec![0x0a, 1, reason])];
        Self { serial: vec![3], at: NOW - MINUTE, extensions }
    }

    pub(crate) fn at(self, at: i64) -> Self {
        Self { at, ..self }
    }

    pub(crate) fn of(self, serial: &[u8]) -> Self {
        Self { serial: serial.to_vec(), ..self }
    }

    pub(crate) fn with(mut self, oid: &'static str, critical: bool, value: Vec<u8>) -> Self {
        self.extensions.push((oid, critical, value));
        self
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut parts = vec![der::uint(&self.serial), der::validity(self.at)];
        if !self.extensions.is_empty() {
            parts.push(extensions(&self.extensions));
        }
        der::seq(&parts)
    }
}

/// A CRL.
#[derive(Clone)]
pub(crate) struct Crl {
    pub(crate) issuer: Issuer,
    pub(crate) this_update: i64,
    pub(crate) next_update: Option<i64>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) extensions: Vec<Extension>,
}

impl Crl {
    pub(crate) fn with(mut self, oid: &'static str, critical: bool, value: Vec<u8>) -> Self {
        self.extensions.retain(|known| known.0 != oid);
        self.extensions.push((oid, critical, value));
        self
    }

    pub(crate) fn entry(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    pub(crate) fn until(self, next_update: Option<i64>) -> Self {
        Self { next_update, ..self }
    }

    pub(crate) fn from(self, this_update: i64) -> Self {
        Self { this_update, ..self }
    }

    pub(crate) fn make(&self) -> Vec<u8> {
        let key = &self.issuer.key;
        let algorithm = key.algorithm(key.usual_hash());
        let mut tbs = vec![
            der::number(1),
            algorithm.clone(),
            self.issuer.name.clone(),
            der::validity(self.this_update),
        ];
        tbs.extend(self.next_update.map(der::validity));
        if !self.entries.is_empty() {
            tbs.push(der::seq(&self.entries.iter().map(Entry::encode).collect::<Vec<_>>()));
        }
        if !self.extensions.is_empty() {
            tbs.push(der::explicit(0, &extensions(&self.extensions)));
        }
        let tbs = der::seq(&tbs);
        let signature = der::bits(&key.sign(&tbs));
        der::seq(&[tbs, algorithm, signature])
    }
}

/// What was fetched: by address, whatever the request is. What is not there is unavailable.
#[derive(Clone, Default)]
pub(crate) struct Fetched {
    pub(crate) bodies: BTreeMap<String, Vec<u8>>,
    /// What is not there is missing.
    pub(crate) asks: bool,
}

impl Fetched {
    pub(crate) fn new(bodies: &[(&str, Vec<u8>)]) -> Self {
        let bodies = bodies.iter().map(|(url, body)| ((*url).to_owned(), body.clone())).collect();
        Self { bodies, asks: false }
    }

    pub(crate) fn asking(bodies: &[(&str, Vec<u8>)]) -> Self {
        Self { asks: true, ..Self::new(bodies) }
    }
}

impl Evidence for Fetched {
    fn ocsp(&self, url: &str, _: &[u8]) -> Answer<'_> {
        self.crl(url)
    }

    fn crl(&self, url: &str) -> Answer<'_> {
        match self.bodies.get(url) {
            Some(body) => Answer::Found(body),
            None if self.asks => Answer::Missing,
            None => Answer::Unavailable("connection refused".to_owned()),
        }
    }
}

pub(crate) fn terms(profile: Profile) -> Terms<'static> {
    Terms { profile, now: Now::alone(Time::from_unix(NOW)), signed_at: None, max_age: None }
}

/// What is known, which stays so until the first instant that was looked at.
pub(crate) fn report(chain: &[x509::Certificate], fetched: &Fetched, terms: &Terms<'_>) -> Report {
    let at = |now: Now<'_>| {
        let terms = Terms { now, ..*terms };
        evaluate(chain, fetched, &terms, &Spend::new(1000, Memo::default())).unwrap()
    };
    let (horizon, now) = (Horizon::default(), terms.now.time());
    let report = at(Now::new(now, &horizon));
    let last = horizon.first().map(|first| first.minus(1));
    let later = [1, 86_400, 3_200_000_000].map(|seconds| now.plus(seconds));
    for time in later.into_iter().chain(last).filter(|time| last.is_none_or(|last| *time <= last)) {
        assert_eq!(at(Now::alone(time)), report, "{now}, {last:?}, {time}");
    }
    report
}

/// What is known of the leaf.
pub(crate) fn finding(
    world: &World,
    leaf: &Certificate,
    fetched: &Fetched,
    terms: &Terms<'_>,
) -> Finding {
    report(&world.chain(leaf), fetched, terms).findings.remove(0)
}

/// Status of a leaf with a responder at `http://o/`, which answers this.
pub(crate) fn by_ocsp(world: &World, response: &Response, terms: &Terms<'_>) -> Status {
    let fetched = Fetched::new(&[("http://o/", response.make())]);
    finding(world, &world.leaf_with_ocsp(), &fetched, terms).status
}

/// Status of a leaf with a CRL at `http://c/1.crl`, which is this.
pub(crate) fn by_crl(world: &World, crl: &Crl, terms: &Terms<'_>) -> Status {
    let fetched = Fetched::new(&[("http://c/1.crl", crl.make())]);
    finding(world, &world.leaf_with_crls(&["http://c/1.crl"]), &fetched, terms).status
}

/// As notation-core-go writes result and method.
pub(crate) fn verdict(finding: &Finding) -> String {
    let status = match finding.status {
        Status::Ok => "OK",
        Status::NonRevokable => "NonRevokable",
        Status::Revoked(_) => "Revoked",
        Status::Unknown(_) => "Unknown",
    };
    let method = match finding.method {
        Some(Method::Crl) => "CRL",
        Some(Method::Ocsp) => "OCSP",
        Some(Method::OcspFallbackCrl) => "OCSPFallbackCRL",
        None => "Unknown",
    };
    format!("{status}/{method}")
}

#[test]
fn the_request_is_the_one_of_rfc_5019() {
    let world = World::new();
    let chain = world.chain(&world.leaf());
    let request = ocsp_request(&chain[0], &chain[1]).unwrap();
    let id = der::seq(&[
        der::algorithm(SHA_1, &[der::null()]),
        der::octets(&sha1(&world.inter.subject)),
        der::octets(&sha1(&key_bits(&world.inter.key))),
        der::number(3),
    ]);
    assert_eq!(request, der::seq(&[der::seq(&[der::seq(&[der::seq(&[id])])])]));
    // As many bytes, and the same first ones, as notation-go's in rev.txt.
    let url = countersign::revocation::get_url("http://o/", &request).unwrap();
    assert!(url.starts_with("http://o/MEIwQDA%2BMDwwOjAJBgUrDgMCGgUABBQ"), "{url}");
}

/// Serial numbers whose first bit is set have a zero before it.
#[test]
fn serial_numbers_are_compared_as_numbers() {
    let world = World::new();
    for profile in [Profile::Spec, Profile::Compat] {
        for (serial, listed, expected) in [
            (&[0x80][..], &[0x80][..], "Revoked/CRL"),
            (&[0xff, 1], &[0xff, 1], "Revoked/CRL"),
            (&[0xff; 20], &[0xff; 20], "Revoked/CRL"),
            (&[0x80], &[0x80, 0], "OK/CRL"),
            (&[0xff], &[0x7f], "OK/CRL"),
        ] {
            let mut leaf = world.leaf_with_crls(&["http://c/1.crl"]);
            leaf.serial = serial.to_vec();
            let crl = world.crl_with(Entry::new(1).of(listed));
            let fetched = Fetched::new(&[("http://c/1.crl", crl.make())]);
            let found = finding(&world, &leaf, &fetched, &terms(profile));
            assert_eq!(verdict(&found), expected, "{serial:x?} {listed:x?}");
        }
    }
}

/// The name of an authority.
pub(crate) fn named(common_name: &str, key: Key) -> Issuer {
    Issuer { name: name(common_name), key }
}

/// The public vectors of this test.
pub(crate) fn vectors() -> Option<PathBuf> {
    crate::shared::vectors("notation")
}
