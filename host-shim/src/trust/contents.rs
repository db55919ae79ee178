//! What a trusted root says: its services and when each of them is in use.

use countersign::{
    crypto::{hex, sha256},
    policy::{Authority as PolicyAuthority, Policy},
    time::Time,
    trust::sigstore::{Authority, Log, Period, TrustedRoot},
    x509::Certificate,
};
use serde::Serialize;
use serde_json::{Value, json};

/// Any key will do: it is only there so that the trusted root is read as a policy reads it.
const ANY_KEY: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
";
const PLACE: &str = "/spec/trust/instance/sigstore/trustedRoot";

/// Reads a trusted root as a policy does, and says what is wrong with it.
pub fn read(text: &str) -> Result<(Value, TrustedRoot), String> {
    let value = countersign::json::parse(text.as_bytes()).map_err(|e| e.to_string())?;
    if !value.is_object() {
        return Err("it is no JSON object".to_owned());
    }
    let policy = json!({
        "apiVersion": "countersign.dev/v1",
        "kind": "ImagePolicy",
        "spec": {
            "trust": { "instance": { "sigstore": { "trustedRoot": value } } },
            "authorities": { "signer": { "cosign": {
                "keys": [ANY_KEY], "trust": "instance", "transparencyLog": "ignore" } } },
            "rules": [{ "images": ["**"], "require": "signer" }],
        },
    });
    let policy = Policy::parse(&policy).map_err(|errors| {
        let said = errors.iter().map(|error| {
            let place = error.path.strip_prefix(PLACE).unwrap_or(&error.path);
            format!("{}: {}", if place.is_empty() { "/" } else { place }, error.message)
        });
        said.collect::<Vec<_>>().join("; ")
    })?;
    let root = match policy.authorities.get("signer") {
        Some(PolicyAuthority::Cosign(authority)) => authority.instances.first(),
        _ => None,
    };
    let root = root.ok_or("it is not read by this build")?.root.as_ref().clone();
    Ok((value, root))
}

/// One service of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// What it is.
    pub kind: Kind,
    /// The subject of its last certificate, or the host of the log; may be empty.
    pub name: String,
    /// SHA-256 of its first certificate, or the log's id, as hex.
    pub id: String,
    /// `validFor.start`: RFC 3339; absent for always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// `validFor.end`; absent while it is in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// When the first of its certificates expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificates_end: Option<String>,
    /// Whether it can be used at the time that was asked about.
    pub in_use: bool,
}

/// Kinds of services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Fulcio.
    CertificateAuthority,
    /// A certificate-transparency log.
    CtLog,
    /// RFC 3161.
    TimestampAuthority,
    /// Rekor.
    Tlog,
}

impl Kind {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::CertificateAuthority => "certificate authority",
            Self::CtLog => "certificate-transparency log",
            Self::TimestampAuthority => "timestamp authority",
            Self::Tlog => "transparency log",
        }
    }
}

/// Every service of a trusted root, as of `now`.
pub fn services(root: &TrustedRoot, now: Time) -> Vec<Service> {
    let authorities = |kind, all: &[Authority]| -> Vec<Service> {
        all.iter().map(|authority| authority_of(kind, authority, now)).collect()
    };
    let logs = |kind, all: &[Log]| -> Vec<Service> {
        all.iter().map(|log| log_of(kind, log, now)).collect()
    };
    [
        authorities(Kind::CertificateAuthority, &root.certificate_authorities),
        logs(Kind::CtLog, &root.ct_logs),
        logs(Kind::Tlog, &root.logs),
        authorities(Kind::TimestampAuthority, &root.timestamp_authorities),
    ]
    .concat()
}

fn authority_of(kind: Kind, authority: &Authority, now: Time) -> Service {
    let first = chain(authority).next();
    let last = chain(authority).last();
    let period = usable(authority);
    Service {
        kind,
        name: last.map(|c| c.subject().to_string()).unwrap_or_default(),
        id: first.map(|c| hex(&sha256(c.der()))).unwrap_or_default(),
        start: start(authority.valid_for),
        end: authority.valid_for.end.map(|end| end.to_string()),
        certificates_end: chain(authority).map(Certificate::not_after).min().map(|t| t.to_string()),
        in_use: period.contains(now),
    }
}

fn log_of(kind: Kind, log: &Log, now: Time) -> Service {
    Service {
        kind,
        name: log.origin.clone(),
        id: hex(&log.id),
        start: start(log.valid_for),
        end: log.valid_for.end.map(|end| end.to_string()),
        certificates_end: None,
        in_use: log.valid_for.contains(now),
    }
}

fn start(period: Period) -> Option<String> {
    (period.start != Period::ALWAYS.start).then(|| period.start.to_string())
}

fn chain(authority: &Authority) -> impl Iterator<Item = &Certificate> {
    authority.leaf.iter().chain(&authority.intermediates).chain(&authority.anchor)
}

/// When an authority can be used: its `validFor`, and the validity of all of its certificates.
pub(super) fn usable(authority: &Authority) -> Period {
    let mut period = authority.valid_for;
    for certificate in chain(authority) {
        period.start = period.start.max(certificate.not_before());
        let end = certificate.not_after();
        period.end = Some(period.end.map_or(end, |own| own.min(end)));
    }
    period
}
