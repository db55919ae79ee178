//! The trusted root: whom to believe, and when.

use serde_json::{Value, json};

use super::{
    base64,
    ca::Ca,
    ctlog::CtLog,
    instant::{SIGNED, YEAR, rfc3339},
    keys::Key,
    rekor::Rekor,
    tsa::Tsa,
};

pub(crate) const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";

/// `validFor`.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
}

/// TransparencyLogInstance.
#[derive(Clone)]
pub(crate) struct TrustedLog {
    pub(crate) base_url: String,
    pub(crate) hash_algorithm: String,
    pub(crate) key: Vec<u8>,
    pub(crate) details: String,
    pub(crate) valid_for: Option<Window>,
    pub(crate) id: Vec<u8>,
}

/// CertificateAuthority.
#[derive(Clone)]
pub(crate) struct TrustedAuthority {
    pub(crate) organization: String,
    pub(crate) common_name: String,
    pub(crate) uri: String,
    /// DER, root last.
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) valid_for: Option<Window>,
}

#[derive(Clone)]
pub(crate) struct TrustedRoot {
    pub(crate) media_type: String,
    pub(crate) tlogs: Vec<TrustedLog>,
    pub(crate) ctlogs: Vec<TrustedLog>,
    pub(crate) certificate_authorities: Vec<TrustedAuthority>,
    pub(crate) timestamp_authorities: Vec<TrustedAuthority>,
}

impl Window {
    /// Four years before the happy paths, and open.
    pub(crate) fn open() -> Self {
        Self { start: Some(SIGNED - 4 * YEAR), end: None }
    }

    pub(crate) fn until(end: i64) -> Self {
        Self { end: Some(end), ..Self::open() }
    }

    pub(crate) fn from(start: i64) -> Self {
        Self { start: Some(start), end: None }
    }

    fn value(&self) -> Value {
        let mut value = json!({});
        if let Some(start) = self.start {
            value["start"] = json!(rfc3339(start));
        }
        if let Some(end) = self.end {
            value["end"] = json!(rfc3339(end));
        }
        value
    }
}

impl TrustedLog {
    fn new(base_url: &str, key: &Key, id: &[u8]) -> Self {
        Self {
            base_url: base_url.to_owned(),
            hash_algorithm: "SHA2_256".to_owned(),
            key: key.spki(),
            details: key.details().to_owned(),
            valid_for: Some(Window::open()),
            id: id.to_vec(),
        }
    }

    fn value(&self) -> Value {
        let mut value = json!({
            "baseUrl": self.base_url,
            "hashAlgorithm": self.hash_algorithm,
            "publicKey": {"rawBytes": base64(&self.key), "keyDetails": self.details},
            "logId": {"keyId": base64(&self.id)},
        });
        if let Some(window) = &self.valid_for {
            value["publicKey"]["validFor"] = window.value();
        }
        value
    }
}

impl From<&Rekor> for TrustedLog {
    fn from(log: &Rekor) -> Self {
        Self::new(&log.base_url, &log.key, &log.id)
    }
}

impl From<&CtLog> for TrustedLog {
    fn from(log: &CtLog) -> Self {
        Self::new(&log.base_url, &log.key, &log.id)
    }
}

impl TrustedAuthority {
    fn new(uri: &str, certificates: Vec<Vec<u8>>) -> Self {
        Self {
            organization: "sigstore.test".to_owned(),
            common_name: "sigstore".to_owned(),
            uri: uri.to_owned(),
            certificates,
            valid_for: Some(Window::open()),
        }
    }

    fn value(&self) -> Value {
        let certificates: Vec<_> =
            self.certificates.iter().map(|der| json!({"rawBytes": base64(der)})).collect();
        let mut value = json!({
            "subject": {"organization": self.organization, "commonName": self.common_name},
            "uri": self.uri,
            "certChain": {"certificates": certificates},
        });
        if let Some(window) = &self.valid_for {
            value["validFor"] = window.value();
        }
        value
    }
}

impl From<&Ca> for TrustedAuthority {
    fn from(ca: &Ca) -> Self {
        Self::new(&ca.uri, ca.chain())
    }
}

impl From<&Tsa> for TrustedAuthority {
    fn from(tsa: &Tsa) -> Self {
        Self::new(&tsa.uri, tsa.chain())
    }
}

impl TrustedRoot {
    pub(crate) fn value(&self) -> Value {
        let logs = |all: &[TrustedLog]| -> Vec<_> { all.iter().map(TrustedLog::value).collect() };
        let authorities = |all: &[TrustedAuthority]| -> Vec<_> {
            all.iter().map(TrustedAuthority::value).collect()
        };
        json!({
            "mediaType": self.media_type,
            "tlogs": logs(&self.tlogs),
            "certificateAuthorities": authorities(&self.certificate_authorities),
            "ctlogs": logs(&self.ctlogs),
            "timestampAuthorities": authorities(&self.timestamp_authorities),
        })
    }

    pub(crate) fn json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(&self.value()).unwrap()
    }
}
