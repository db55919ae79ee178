//! Fetches over the callbacks of a stock Kubewarden host.
//!
//! The host re-serialises manifests, has no road to blobs and referrers, and reports errors as
//! text: a list of known "not found" texts is absent, "Not authorized" is denied, and everything
//! else is unavailable.

use countersign::wire::{Answer, Bytes, Fetch, UnavailableReason};
use serde::Deserialize;

/// One callback.
pub(crate) trait Host {
    /// Calls `operation` of the `oci` namespace with an image reference.
    fn oci(&self, operation: &str, image: &str) -> Result<Vec<u8>, String>;
}

/// The host that runs this module.
pub(crate) struct WapcHost;

impl Host for WapcHost {
    fn oci(&self, operation: &str, image: &str) -> Result<Vec<u8>, String> {
        let payload = serde_json::to_vec(image).map_err(|e| e.to_string())?;
        wapc_guest::host_call("kubewarden", "oci", operation, &payload).map_err(|e| e.to_string())
    }
}

#[derive(Deserialize)]
struct ManifestDigest {
    digest: String,
}

/// Answers one fetch.
pub(crate) fn answer(host: &impl Host, fetch: &Fetch) -> Answer {
    match fetch {
        Fetch::Resolve { reference } => match host.oci("v1/manifest_digest", reference) {
            Ok(bytes) => match serde_json::from_slice::<ManifestDigest>(&bytes) {
                Ok(found) => Answer::Resolved { digest: found.digest },
                Err(error) => unavailable(UnavailableReason::Garbled, error.to_string()),
            },
            Err(error) => failure(error),
        },
        Fetch::Manifest { repository, digest, .. } => {
            manifest(host, &format!("{repository}@{digest}"))
        }
        Fetch::Tag { repository, tag, .. } => manifest(host, &format!("{repository}:{tag}")),
        Fetch::Referrers { .. } => unsupported("this host has no callback for referrers"),
        Fetch::Blob { .. } => unsupported("this host has no callback for blobs"),
        Fetch::Ocsp { .. } | Fetch::Crl { .. } => {
            unsupported("this host has no callback for revocation")
        }
    }
}

fn manifest(host: &impl Host, image: &str) -> Answer {
    match host.oci("v1/oci_manifest", image) {
        Ok(bytes) => Answer::Found { bytes: Bytes(bytes), media_type: None, reserialised: true },
        Err(error) => failure(error),
    }
}

/// Texts of registries that answer 404, as the host passes them on. The status code itself is only
/// there where the body was not OCI's JSON.
const NOT_FOUND: &[&str] = &[
    "manifest unknown",
    "unknown manifest",
    "unknown name",
    "name unknown",
    "repository name not known to registry",
    "code: 404",
];

fn failure(error: String) -> Answer {
    let text = error.split("\n\nCaused by:").next().unwrap_or(&error);
    let text = text
        .trim_start_matches("Host error: ")
        .trim_start_matches("Callback evaluation failure: ")
        .trim_start_matches("Fail to interact with OCI registry: ");
    let message = text.to_owned();
    // Only what the registry itself said counts as its word, never what is in the URL.
    let words = match text.rsplit_once("OCI API errors: ") {
        Some((_, words)) => words.to_lowercase(),
        None => match text.strip_prefix("Server error: url ").and_then(|t| t.split_once(", ")) {
            Some((_, words)) => words.to_lowercase(),
            None => String::new(),
        },
    };
    if NOT_FOUND.iter().any(|known| words.contains(known)) {
        Answer::Absent { message }
    } else if text.starts_with("Not authorized") {
        Answer::Denied { message }
    } else if ["Digest error", "Failed to parse manifest", "Unsupported media type"]
        .iter()
        .any(|known| text.starts_with(known))
    {
        unavailable(UnavailableReason::Garbled, message)
    } else {
        unavailable(UnavailableReason::Transport, message)
    }
}

fn unsupported(message: &str) -> Answer {
    unavailable(UnavailableReason::Unsupported, message.to_owned())
}

fn unavailable(reason: UnavailableReason, message: String) -> Answer {
    Answer::Unavailable { reason, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(&'static str);

    impl Host for Failing {
        fn oci(&self, _: &str, _: &str) -> Result<Vec<u8>, String> {
            Err(format!(
                "Host error: Callback evaluation failure: Fail to interact with OCI registry: {}\n\nCaused by:\n    {}",
                self.0, self.0
            ))
        }
    }

    #[test]
    fn the_hosts_errors_are_told_apart() {
        let fetch = Fetch::Resolve { reference: "r.io/a:1".into() };
        let kind = |text| match answer(&Failing(text), &fetch) {
            Answer::Absent { .. } => "absent",
            Answer::Denied { .. } => "denied",
            Answer::Unavailable { reason: UnavailableReason::Garbled, .. } => "garbled",
            Answer::Unavailable { reason: UnavailableReason::Transport, .. } => "transport",
            other => panic!("{other:?}"),
        };
        for (text, expected) in [
            (
                "Registry error: url U, envelope: OCI API errors: [OCI API error: manifest unknown]",
                "absent",
            ),
            (
                "Registry error: url U, envelope: OCI API errors: [OCI API error: Unknown name]",
                "absent",
            ),
            ("Server error: url U, code: 404, message: nope", "absent"),
            (
                "Registry error: url U, envelope: OCI API errors: [OCI API error: slow down]",
                "transport",
            ),
            (
                "Registry error: url http://evil/code: 404/manifest unknown, envelope: OCI API errors: [OCI API error: slow down]",
                "transport",
            ),
            ("Server error: url U, code: 503, message: busy", "transport"),
            (
                "error sending request for url (http://r/v2/manifest unknown) Connection refused (os error 111)",
                "transport",
            ),
            ("Not authorized: url U", "denied"),
            ("Digest error: Invalid digest. Expected A, got B", "garbled"),
            ("Failed to parse manifest: expected value", "garbled"),
            ("Unsupported media type: X", "garbled"),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }
}
