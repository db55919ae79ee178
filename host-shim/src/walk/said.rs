//! By whom a signature says that it is made. Nothing of it is verified here.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign::{
    crypto::{hex, sha256},
    envelope::{
        bundle::{Bundle, KeyMaterial},
        layer::Annotations,
        log_entry::{self, LogEntry},
        notation::NotationEnvelope,
    },
    time::Time,
    timestamp::Token,
    transparency::{LoggedEntry, LoggedVerifier},
    trust::identity::subject_line,
    x509::{Certificate, SubjectAltName, fulcio},
};
use serde::Serialize;

/// Certificates that travel beside a signature.
const MOST_CERTIFICATES: usize = 10;

/// By whom, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// The key, where nothing more is said: `sha256:…` of its SubjectPublicKeyInfo, or a hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The certificate's first subject alternative name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The OIDC issuer in a certificate of Fulcio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The certificate's subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Who issued the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_by: Option<String>,
    /// SHA-256 of the certificate, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// When, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Who says when: `log`, `timestamp` or `signer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_by: Option<&'static str>,
    /// Position in the transparency log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_index: Option<u64>,
    /// When the signature runs out, as Notation has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { identity: Some(identity), issuer: Some(issuer), .. } => {
                write!(f, "{identity} (issuer {issuer})")?;
            }
            Self { identity: Some(name), issued_by: Some(by), .. }
            | Self { subject: Some(name), issued_by: Some(by), .. } => {
                write!(f, "{name} (certificate of {by})")?;
            }
            Self { key: Some(key), .. } => write!(f, "key {key}")?,
            _ => f.write_str("a key that it does not name")?,
        }
        if let (Some(time), Some(by)) = (&self.time, self.time_by) {
            write!(f, ", {time} by the {by}")?;
        }
        if let Some(expires) = &self.expires {
            write!(f, ", until {expires}")?;
        }
        Ok(())
    }
}

impl Said {
    /// In a layer of cosign's tag scheme.
    pub(super) fn in_annotations(annotations: &Annotations) -> Self {
        let pem = annotations.certificate.as_deref();
        let chain = pem.and_then(|pem| Certificate::from_pem_chain(pem, MOST_CERTIFICATES).ok());
        let leaf = chain.and_then(|chain| chain.into_iter().next());
        let mut said = leaf.as_ref().map(Self::in_certificate).unwrap_or_default();
        let entry = annotations.bundle.as_deref();
        if let Some(entry) = entry.and_then(|text| log_entry::from_annotation(text).ok()) {
            said.logged(&entry);
        }
        let token = annotations.timestamp.as_deref();
        if let Some(token) = token.and_then(|t| log_entry::timestamp_from_annotation(t).ok()) {
            said.timestamped(&token);
        }
        said
    }

    /// In a Sigstore bundle.
    pub(super) fn in_bundle(bundle: &Bundle) -> Self {
        let mut said = match &bundle.key {
            KeyMaterial::PublicKey { hint } => Self { key: hinted(hint), ..Self::default() },
            KeyMaterial::Certificates(chain) => Self::in_chain(chain),
        };
        if let Some(entry) = bundle.entries.first() {
            said.logged(entry);
        }
        if let Some(token) = bundle.timestamps.first() {
            said.timestamped(token);
        }
        said
    }

    /// In an envelope of Notation.
    pub(super) fn in_notation(envelope: &NotationEnvelope) -> Self {
        let attributes = &envelope.attributes;
        let time = attributes.authentic_signing_time.or(attributes.signing_time);
        Self {
            time: time.map(|time| time.to_string()),
            time_by: time.map(|_| "signer"),
            expires: attributes.expiry.map(|time| time.to_string()),
            ..Self::in_chain(&envelope.chain)
        }
    }

    fn in_chain(chain: &[Vec<u8>]) -> Self {
        let leaf = chain.first().and_then(|der| Certificate::from_der(der).ok());
        leaf.as_ref().map(Self::in_certificate).unwrap_or_default()
    }

    fn in_certificate(leaf: &Certificate) -> Self {
        let names = leaf.subject_alt_names().iter();
        Self {
            key: Some(fingerprint(leaf.spki_der())),
            identity: names.filter_map(SubjectAltName::text).next().map(str::to_owned),
            issuer: fulcio::issuer(leaf).ok(),
            subject: Some(subject_line(leaf.subject())).filter(|subject| !subject.is_empty()),
            issued_by: Some(subject_line(leaf.issuer())),
            certificate: Some(leaf.fingerprint()),
            ..Self::default()
        }
    }

    /// What a log says of it: who signed, if nothing else does, and when.
    fn logged(&mut self, entry: &LogEntry) {
        self.log_index = Some(entry.log_index);
        if let Some(time) = entry.integrated_time {
            self.time = Some(Time::from_unix(time).to_string());
            self.time_by = Some("log");
        }
        if self.key.is_some() {
            return;
        }
        let body = LoggedEntry::parse(&entry.body, None).ok();
        let signatures = body.map(|body| body.signatures).unwrap_or_default();
        if let [only] = signatures.as_slice()
            && let LoggedVerifier::Key(key) = &only.verifier
        {
            self.key = Some(fingerprint(key));
        }
    }

    fn timestamped(&mut self, token: &[u8]) {
        if self.time.is_some() {
            return;
        }
        if let Ok(token) = Token::parse(token) {
            self.time = Some(token.claimed_time().to_string());
            self.time_by = Some("timestamp");
        }
    }
}

/// cosign's hint is the base64 of the key's SHA-256.
fn hinted(hint: &str) -> Option<String> {
    match STANDARD.decode(hint) {
        Ok(digest) if digest.len() == 32 => Some(format!("sha256:{}", hex(&digest))),
        _ if hint.is_empty() => None,
        _ => Some(format!("with the hint `{hint}`")),
    }
}

fn fingerprint(spki: &[u8]) -> String {
    format!("sha256:{}", hex(&sha256(spki)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_as_much_as_it_knows() {
        let text = |said: Said| said.to_string();
        assert_eq!(text(Said::default()), "a key that it does not name");
        let key = Said { key: Some("sha256:00".into()), ..Said::default() };
        assert_eq!(text(key.clone()), "key sha256:00");
        let corporate =
            Said { subject: Some("CN=a".into()), issued_by: Some("CN=b".into()), ..key };
        assert_eq!(text(corporate.clone()), "CN=a (certificate of CN=b)");
        let keyless = Said {
            identity: Some("a@b".into()),
            issuer: Some("https://i".into()),
            time: Some("2026-11-21T03:00:00Z".into()),
            time_by: Some("log"),
            ..corporate
        };
        assert_eq!(text(keyless), "a@b (issuer https://i), 2026-11-21T03:00:00Z by the log");
    }

    #[test]
    fn a_hint_is_a_fingerprint_where_it_reads_as_one() {
        let fingerprint = STANDARD.encode([7; 32]);
        assert_eq!(hinted(&fingerprint).unwrap(), format!("sha256:{}", "07".repeat(32)));
        assert_eq!(hinted("release").unwrap(), "with the hint `release`");
        assert_eq!(hinted(""), None);
    }
}
