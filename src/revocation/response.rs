//! An OCSP response, parsed ([RFC 6960 §4.2.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.2.1)).

use der::{
    AnyRef, Choice, Decode, Encode, Sequence, Tag, Tagged,
    asn1::{BitStringRef, GeneralizedTime, Null, ObjectIdentifier, OctetStringRef},
};
use spki::AlgorithmIdentifierRef;
use x509_cert::name::Name;

use super::{
    MOST_OCSP_BYTES, Reason, Revocation, RevocationError, algorithm,
    cert_id::CertId,
    elements::{Elements, Extension, extensions, generalized},
};
use crate::{crypto::Scheme, time::Time, x509::Certificate};

/// id-pkix-ocsp-basic, §4.2.1.
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");

#[derive(Sequence)]
struct OcspResponse<'a> {
    status: AnyRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    bytes: Option<ResponseBytes<'a>>,
}

#[derive(Sequence)]
struct ResponseBytes<'a> {
    kind: ObjectIdentifier,
    response: &'a OctetStringRef,
}

#[derive(Sequence)]
struct BasicOcspResponse<'a> {
    data: AnyRef<'a>,
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: BitStringRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    certificates: Option<Elements<'a>>,
}

#[derive(Sequence)]
struct ResponseData<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", default = "Default::default")]
    version: u8,
    responder: ResponderId<'a>,
    produced_at: GeneralizedTime,
    responses: Elements<'a>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Elements<'a>>,
}

/// Who says to have signed.
#[derive(Choice)]
pub(super) enum ResponderId<'a> {
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", constructed = "true")]
    Name(Name),
    /// SHA-1 of the key, as in CertID.
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", constructed = "true")]
    Key(&'a OctetStringRef),
}

#[derive(Sequence)]
struct Fields<'a> {
    id: CertId<'a>,
    status: CertStatus<'a>,
    this_update: GeneralizedTime,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    next_update: Option<GeneralizedTime>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Elements<'a>>,
}

#[derive(Choice)]
enum CertStatus<'a> {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    Good(Null),
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true")]
    Revoked(RevokedInfo<'a>),
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT")]
    Unknown(Null),
}

#[derive(Sequence)]
struct RevokedInfo<'a> {
    at: GeneralizedTime,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    reason: Option<AnyRef<'a>>,
}

/// A BasicOCSPResponse; nothing of it is believed.
pub(super) struct Response<'a> {
    /// ResponseData as it is signed.
    pub(super) signed: Vec<u8>,
    pub(super) scheme: Scheme,
    pub(super) signature: &'a [u8],
    pub(super) responder: ResponderId<'a>,
    pub(super) produced_at: Time,
    pub(super) extensions: Vec<Extension<'a>>,
    responses: Elements<'a>,
    certificates: Option<Elements<'a>>,
}

/// What it says of one certificate.
pub(super) struct SingleResponse<'a> {
    pub(super) id: CertId<'a>,
    pub(super) status: SingleStatus,
    pub(super) this_update: Time,
    pub(super) next_update: Option<Time>,
    pub(super) extensions: Vec<Extension<'a>>,
}

#[derive(Clone, Copy)]
pub(super) enum SingleStatus {
    Good,
    Revoked(Revocation),
    Unknown,
}

impl<'a> Response<'a> {
    /// The whole input.
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, RevocationError> {
        if der.len() > MOST_OCSP_BYTES {
            return Err(RevocationError::TooLarge(der.len()));
        }
        let malformed = |_| RevocationError::Malformed("OCSPResponse");
        let outer = OcspResponse::from_der(der).map_err(malformed)?;
        let bytes = match (enumerated(outer.status), outer.bytes) {
            (Some(0), Some(bytes)) => bytes,
            (Some(status), None) if status != 0 => return Err(RevocationError::Refused(status)),
            _ => return Err(RevocationError::Malformed("OCSPResponse")),
        };
        if bytes.kind != BASIC {
            return Err(RevocationError::Malformed("the type of OCSPResponse"));
        }
        let malformed = |_| RevocationError::Malformed("BasicOCSPResponse");
        let basic = BasicOcspResponse::from_der(bytes.response.as_bytes()).map_err(malformed)?;
        let data: ResponseData<'_> = basic.data.decode_as().map_err(malformed)?;
        if data.version != 0 {
            return Err(RevocationError::Malformed("the version of ResponseData"));
        }
        let signature = basic.signature.as_bytes();
        Ok(Self {
            signed: basic.data.to_der().map_err(malformed)?,
            scheme: algorithm::scheme(&basic.algorithm)?,
            signature: signature.ok_or(RevocationError::Malformed("BasicOCSPResponse"))?,
            responder: data.responder,
            produced_at: generalized(&data.produced_at),
            extensions: extensions(data.extensions)?,
            responses: data.responses,
            certificates: basic.certificates,
        })
    }

    /// Each answer; a response has no more than [`MOST_OCSP_BYTES`] of them.
    pub(super) fn singles(
        &self,
    ) -> impl Iterator<Item = Result<SingleResponse<'a>, RevocationError>> {
        let malformed = |_| RevocationError::Malformed("SingleResponse");
        self.responses.each::<Fields<'a>>().map(move |fields| single(fields.map_err(malformed)?))
    }

    /// The certificates that travel with it, which may be anybody's, each parsed when it is asked
    /// for.
    pub(super) fn certificates(&self) -> impl Iterator<Item = Option<Certificate>> {
        self.certificates.into_iter().flat_map(Elements::each::<AnyRef<'_>>).map(|element| {
            let der = element.and_then(|element| element.to_der()).ok()?;
            Certificate::from_der(&der).ok()
        })
    }
}

fn single(fields: Fields<'_>) -> Result<SingleResponse<'_>, RevocationError> {
    let status = match fields.status {
        CertStatus::Good(_) => SingleStatus::Good,
        CertStatus::Unknown(_) => SingleStatus::Unknown,
        CertStatus::Revoked(revoked) => {
            let reason = match revoked.reason.map(enumerated) {
                None => Reason::UNSPECIFIED,
                Some(Some(reason)) => Reason(reason),
                Some(None) => return Err(RevocationError::Malformed("revocationReason")),
            };
            SingleStatus::Revoked(Revocation { at: generalized(&revoked.at), reason })
        }
    };
    Ok(SingleResponse {
        id: fields.id,
        status,
        this_update: generalized(&fields.this_update),
        next_update: fields.next_update.as_ref().map(generalized),
        extensions: extensions(fields.extensions)?,
    })
}

/// An ENUMERATED of one byte, not negative.
pub(super) fn enumerated(value: AnyRef<'_>) -> Option<u8> {
    match value.value() {
        [number @ 0..=0x7f] if value.tag() == Tag::Enumerated => Some(*number),
        _ => None,
    }
}
