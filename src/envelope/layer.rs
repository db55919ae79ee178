//! The annotations of a layer of Cosign's tag scheme
//! ([SIGNATURE_SPEC §Properties](https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#properties)).

/// What travels beside a signature; nothing of it is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// `dev.sigstore.cosign/certificate`: PEM.
    pub certificate: Option<String>,
    /// `dev.sigstore.cosign/chain`: PEM.
    pub chain: Option<String>,
    /// `dev.sigstore.cosign/bundle`: a log entry with its promise.
    pub bundle: Option<String>,
    /// `dev.sigstore.cosign/rfc3161timestamp`: a TimeStampResp.
    pub timestamp: Option<String>,
}

impl Annotations {
    /// Reads them by name.
    pub fn read<'a>(annotation: impl Fn(&str) -> Option<&'a str>) -> Self {
        let get = |name: &str| {
            let value = annotation(&format!("dev.sigstore.cosign/{name}"))?;
            (!value.trim_ascii().is_empty()).then(|| value.to_owned())
        };
        Self {
            certificate: get("certificate"),
            chain: get("chain"),
            bundle: get("bundle"),
            timestamp: get("rfc3161timestamp"),
        }
    }
}
