//! What to ask, and where: the request for a responder, and the addresses in certificates.

use base64::{Engine, engine::general_purpose::STANDARD};
use der::{
    AnyRef, Decode, Encode, Sequence,
    asn1::{IntRef, ObjectIdentifier, OctetStringRef},
};
use spki::AlgorithmIdentifierRef;
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, CrlDistributionPoints,
    name::{DistributionPointName, GeneralName},
};

use super::{
    MOST_URLS, Pair, RevocationError,
    cert_id::{CertId, SHA_1, key_bits},
};
use crate::{crypto::sha1_name, x509::Certificate};

/// authorityInfoAccess, RFC 5280 §4.2.2.1.
const AUTHORITY_INFO_ACCESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1");
/// id-ad-ocsp, the same.
const OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");
/// cRLDistributionPoints, RFC 5280 §4.2.1.13.
const CRL_DISTRIBUTION_POINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");
/// freshestCRL, RFC 5280 §4.2.1.15 and §5.2.6.
pub(super) const FRESHEST_CRL: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.46");

/// RFC 6960 §4.1.1: only the fields without a default.
#[derive(Sequence)]
struct OcspRequest<'a> {
    request: TbsRequest<'a>,
}

#[derive(Sequence)]
struct TbsRequest<'a> {
    requests: Vec<Request<'a>>,
}

#[derive(Sequence)]
struct Request<'a> {
    id: CertId<'a>,
}

/// Where a CRL is: one distribution point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Point {
    /// Addresses of one CRL; those that are not for HTTP too.
    pub(super) urls: Vec<String>,
    /// fullName.
    pub(super) names: Vec<GeneralName>,
    /// It has revocations for some reasons only.
    pub(super) some_reasons: bool,
    /// It is signed by another than the certificate's issuer.
    pub(super) other_issuer: bool,
}

/// DER of an OCSPRequest about `certificate`, which `issuer` issued: the same bytes at every call.
///
/// spec: RFC 5019 §2.1.1 "OCSPRequests … MUST include only one Request", "Clients MUST use SHA1 as the
/// hashing algorithm for the CertID.issuerNameHash and the CertID.issuerKeyHash values". Without a
/// nonce, so that the answer may be one that was made before.
pub fn ocsp_request(
    certificate: &Certificate,
    issuer: &Certificate,
) -> Result<Vec<u8>, RevocationError> {
    request_for(Pair { certificate, issuer })
        .ok_or(RevocationError::Malformed("a certificate's public key or serial number"))
}

fn request_for(pair: Pair<'_>) -> Option<Vec<u8>> {
    let issuer_name = sha1_name(pair.certificate.issuer_der());
    let issuer_key = sha1_name(key_bits(pair.issuer).ok()?);
    let id = CertId {
        algorithm: AlgorithmIdentifierRef { oid: SHA_1, parameters: Some(AnyRef::NULL) },
        issuer_name: OctetStringRef::new(&issuer_name).ok()?,
        issuer_key: OctetStringRef::new(&issuer_key).ok()?,
        serial: IntRef::new(pair.certificate.serial()).ok()?,
    };
    OcspRequest { request: TbsRequest { requests: vec![Request { id }] } }.to_der().ok()
}

/// The address for GET (RFC 6960 §A.1), where it is short enough: "less than 255 bytes" of encoded
/// request, as notation-go has it too. Otherwise the request is for POST.
pub fn get_url(url: &str, request: &[u8]) -> Option<String> {
    let encoded = STANDARD.encode(request);
    let escaped = encoded.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    if escaped.len() >= 255 || url.contains(['?', '#']) {
        return None;
    }
    Some(format!("{}/{escaped}", url.trim_end_matches('/')))
}

/// True for what a host can be asked to fetch: `http://`, a host, and no characters that an address
/// cannot have. Requirements 103 and 104: HTTP only, as evidence is signed and a TLS server's
/// certificate would be the next to ask about.
pub(super) fn is_http(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    scheme.eq_ignore_ascii_case("http")
        && rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
        && rest.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The responders of a certificate, in order; also those that are not at an HTTP address.
pub(super) fn responders(certificate: &Certificate) -> Result<Vec<String>, RevocationError> {
    let Some(value) = certificate.extension(&AUTHORITY_INFO_ACCESS) else {
        return Ok(Vec::new());
    };
    let read = AuthorityInfoAccessSyntax::from_der(value)
        .map_err(|_| RevocationError::Malformed("authorityInfoAccess"))?;
    let urls: Vec<_> = read
        .0
        .iter()
        .filter(|access| access.access_method == OCSP)
        .map(|access| uri(&access.access_location).unwrap_or_default())
        .collect();
    if urls.len() > MOST_URLS {
        return Err(RevocationError::TooManyUrls);
    }
    Ok(urls)
}

/// The distribution points of a certificate's CRLs.
pub(super) fn crl_points(certificate: &Certificate) -> Result<Vec<Point>, RevocationError> {
    certificate.extension(&CRL_DISTRIBUTION_POINTS).map_or(Ok(Vec::new()), points)
}

/// CRLDistributionPoints, or FreshestCRL, which is the same.
pub(super) fn points(value: &[u8]) -> Result<Vec<Point>, RevocationError> {
    let read = CrlDistributionPoints::from_der(value)
        .map_err(|_| RevocationError::Malformed("distribution points of CRLs"))?;
    let points: Vec<Point> = read
        .0
        .into_iter()
        .map(|point| {
            let names = match point.distribution_point {
                Some(DistributionPointName::FullName(names)) => names,
                Some(DistributionPointName::NameRelativeToCRLIssuer(_)) | None => Vec::new(),
            };
            Point {
                urls: names.iter().filter_map(uri).collect(),
                names,
                some_reasons: point.reasons.is_some(),
                other_issuer: point.crl_issuer.is_some(),
            }
        })
        .collect();
    let urls: usize = points.iter().map(|point| point.urls.len()).sum();
    if points.len() > MOST_URLS || urls > MOST_URLS {
        return Err(RevocationError::TooManyUrls);
    }
    Ok(points)
}

fn uri(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_addresses_are_asked_for() {
        for url in ["http://c/1.crl", "HTTP://c", "http://[::1]:8080/x?y=z"] {
            assert!(is_http(url), "{url}");
        }
        for url in ["", "http:", "http://", "http:///x", "https://c/", "ldap://c/", "http://c/ x"] {
            assert!(!is_http(url), "{url}");
        }
        assert!(!is_http("http://c/\r\nHost: d"));
        assert!(!is_http("file:///http://c/"));
    }

    #[test]
    fn a_short_request_goes_into_the_address() {
        let request = [0xfb, 0xff, 0xfe, 0];
        assert_eq!(get_url("http://o/", &request).unwrap(), "http://o/%2B%2F%2F%2BAA%3D%3D");
        assert_eq!(get_url("http://o", &request).unwrap(), "http://o/%2B%2F%2F%2BAA%3D%3D");
        assert!(get_url("http://o/?a", &request).is_none());
        assert!(get_url("http://o/", &[0; 189]).is_some());
        assert!(get_url("http://o/", &[0; 192]).is_none());
    }
}
