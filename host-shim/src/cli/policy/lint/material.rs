//! Lints of trust material: certificates that have expired, or soon will.

use countersign::{time::Time, trust::identity::subject_line, x509::Certificate};
use serde_json::Value;

use super::finding::{Lints, instant, places};

/// Lists of PEM certificates that are judged at the time of the decision, or lead to those.
const CERTIFICATES: &[&str] = &[
    "/spec/authorities/*/cosign/certificate/pem",
    "/spec/trust/*/x509/intermediates/#",
    "/spec/trust/*/x509/roots/#",
    "/spec/trust/*/notation/ca/#",
    "/spec/trust/*/notation/signingAuthority/#",
    "/spec/trust/*/notation/tsa/#",
    "/spec/notationTrustPolicy/stores/ca/*/#",
    "/spec/notationTrustPolicy/stores/signingAuthority/*/#",
    "/spec/notationTrustPolicy/stores/tsa/*/#",
];
/// Certificates of one file.
const MOST: usize = 64;

pub(super) fn run(lints: &mut Lints, document: &Value) {
    for pattern in CERTIFICATES {
        for (at, pem) in places(document, pattern) {
            let chain = pem.as_str().and_then(|pem| Certificate::from_pem_chain(pem, MOST).ok());
            for certificate in chain.unwrap_or_default() {
                let what = format!("the certificate `{}`", subject_line(certificate.subject()));
                lints.ends("certificate", &at, &what, certificate.not_after(), "replace it");
            }
        }
    }
    instances(lints, document);
}

/// Of a trusted root that is written out: a service of which nothing is in use any more.
fn instances(lints: &mut Lints, document: &Value) {
    for pattern in ["/spec/trust/*/sigstore/trustedRoot", "/spec/trust/*/sigstore"] {
        for (at, root) in places(document, pattern) {
            for field in ["certificateAuthorities", "ctlogs", "timestampAuthorities", "tlogs"] {
                let services = root[field].as_array().map(Vec::as_slice).unwrap_or_default();
                let ends: Vec<_> = services.iter().map(end).collect();
                // One without an end is in use.
                let last: Option<Vec<Time>> = ends.into_iter().collect();
                if let Some(last) = last.and_then(|ends| ends.into_iter().max()) {
                    let what = format!("the last of `{field}`");
                    let then = "renew the trusted root";
                    lints.ends("trust", &format!("{at}/{field}"), &what, last, then);
                }
            }
        }
    }
}

fn end(service: &Value) -> Option<Time> {
    let places = ["/validFor/end", "/publicKey/validFor/end"];
    let found = places.iter().find_map(|place| service.pointer(place)?.as_str());
    found.and_then(instant)
}
