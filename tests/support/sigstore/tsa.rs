//! Timestamp authorities (RFC 3161).

use super::{
    Tweak,
    certificate::{Certificate, Issuer, TIME_STAMPING},
    der,
    instant::{self, SIGNED},
    keys::{Form, Hash, Key, sha256},
};

pub(crate) const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
pub(crate) const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
pub(crate) const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
pub(crate) const SIGNING_CERTIFICATE: &str = "1.2.840.113549.1.9.16.2.12";
pub(crate) const SIGNING_CERTIFICATE_V2: &str = "1.2.840.113549.1.9.16.2.47";
pub(crate) const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";

/// An authority: its certificates can be changed before they are issued.
#[derive(Clone)]
pub(crate) struct Tsa {
    pub(crate) uri: String,
    /// Root first.
    pub(crate) authorities: Vec<Certificate>,
    pub(crate) leaf: Certificate,
}

/// TSTInfo (RFC 3161 §2.4.2).
#[derive(Clone)]
pub(crate) struct TstInfo {
    pub(crate) version: u8,
    pub(crate) policy: String,
    pub(crate) hash: String,
    pub(crate) imprint: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    /// GeneralizedTime.
    pub(crate) time: String,
    /// Seconds, milliseconds, microseconds.
    pub(crate) accuracy: Option<(u64, u64, u64)>,
    pub(crate) ordering: bool,
    pub(crate) nonce: Option<Vec<u8>>,
}

/// A signed attribute of one value.
#[derive(Clone)]
pub(crate) struct Attribute {
    pub(crate) oid: String,
    pub(crate) value: Vec<u8>,
}

/// How a token names the certificate that signs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// ESSCertID, SHA-1 (RFC 2634 §5.4).
    V1,
    /// ESSCertIDv2 (RFC 5035 §4).
    V2,
    Absent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Embedded {
    Nothing,
    Leaf,
    Chain,
}

/// How one timestamp is made.
#[derive(Clone)]
pub(crate) struct Stamp {
    pub(crate) tsa: Tsa,
    pub(crate) time: i64,
    /// Of the message imprint.
    pub(crate) imprint: Hash,
    /// Of the signed attributes.
    pub(crate) digest: Hash,
    /// Of the signature over them; `None`: the same.
    pub(crate) signed_with: Option<Hash>,
    pub(crate) embedded: Embedded,
    pub(crate) naming: Naming,
    /// PKIStatus of the response.
    pub(crate) status: u8,
    /// A token without the response around it.
    pub(crate) bare: bool,
    /// Type of the content.
    pub(crate) content_type: String,
    /// The bytes that are stamped.
    pub(crate) over: Tweak<Vec<u8>>,
    /// Before anything is hashed.
    pub(crate) info: Tweak<TstInfo>,
    /// Before they are signed.
    pub(crate) attributes: Tweak<Vec<Attribute>>,
    /// The signature, once it is made.
    pub(crate) signature: Tweak<Vec<u8>>,
    /// The certificates that the token carries.
    pub(crate) certificates: Tweak<Vec<Vec<u8>>>,
    /// Issuer and serial number of the signer.
    pub(crate) signer: Tweak<(Vec<u8>, Vec<u8>)>,
    /// The whole.
    pub(crate) whole: Tweak<Vec<u8>>,
}

impl Tsa {
    /// A root, an intermediate, and a leaf with this key.
    pub(crate) fn new(name: &str, key: Key) -> Self {
        let root = Certificate::authority(
            &format!("{name} TSA root"),
            Key::p384(&format!("{name} TSA root")),
        );
        let root = root.clone().identified_by(&root.as_issuer());
        let middle = Certificate::authority(
            &format!("{name} TSA intermediate"),
            Key::p256(&format!("{name} TSA intermediate")),
        )
        .basic(true, Some(0))
        .purposes(&[TIME_STAMPING])
        .identified_by(&root.as_issuer());
        let leaf =
            Certificate::stamper(&format!("{name} TSA"), key).identified_by(&middle.as_issuer());
        let uri = format!("https://timestamp.{name}.test/api/v1/timestamp");
        Self { uri, authorities: vec![root, middle], leaf }
    }

    fn issuer(&self) -> Issuer {
        self.authorities.last().unwrap().as_issuer()
    }

    /// DER, leaf first, root last.
    pub(crate) fn chain(&self) -> Vec<Vec<u8>> {
        let mut chain = Vec::new();
        let mut issuer = self.authorities[0].as_issuer();
        for authority in &self.authorities {
            chain.push(authority.issued_by(&issuer));
            issuer = authority.as_issuer();
        }
        chain.push(self.leaf.issued_by(&issuer));
        chain.reverse();
        chain
    }

    /// The plan of a timestamp by this authority.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp {
            tsa: self.clone(),
            time: SIGNED + 6,
            imprint: Hash::Sha256,
            digest: Hash::Sha256,
            signed_with: None,
            embedded: Embedded::Leaf,
            naming: Naming::V2,
            status: 0,
            bare: false,
            content_type: TST_INFO.to_owned(),
            over: Tweak::default(),
            info: Tweak::default(),
            attributes: Tweak::default(),
            signature: Tweak::default(),
            certificates: Tweak::default(),
            signer: Tweak::default(),
            whole: Tweak::default(),
        }
    }
}

impl TstInfo {
    fn encode(&self) -> Vec<u8> {
        let hash = der::algorithm(&self.hash, &[]);
        let mut parts = vec![
            der::number(self.version.into()),
            der::oid(&self.policy),
            der::seq(&[hash, der::octets(&self.imprint)]),
            der::uint(&self.serial),
            der::tlv(0x18, self.time.as_bytes()),
        ];
        if let Some((seconds, millis, micros)) = self.accuracy {
            let mut accuracy = vec![der::number(seconds)];
            let small = |n: u8, value: u64| der::implicit(n, &der::number(value)[2..]);
            accuracy.extend((millis > 0).then(|| small(0, millis)));
            accuracy.extend((micros > 0).then(|| small(1, micros)));
            parts.push(der::seq(&accuracy));
        }
        if self.ordering {
            parts.push(der::boolean(true));
        }
        parts.extend(self.nonce.as_deref().map(der::uint));
        der::seq(&parts)
    }
}

impl Stamp {
    /// TimeStampResp over `signature`, or a bare token.
    pub(crate) fn make(&self, signature: &[u8]) -> Vec<u8> {
        let mut message = signature.to_vec();
        self.over.apply(&mut message);
        let mut info = TstInfo {
            version: 1,
            policy: "1.3.6.1.4.1.57264.2".to_owned(),
            hash: self.imprint.oid().to_owned(),
            imprint: self.imprint.of(&message),
            serial: sha256(&message)[..16].to_vec(),
            time: instant::generalized(self.time),
            accuracy: Some((1, 0, 0)),
            ordering: false,
            nonce: None,
        };
        self.info.apply(&mut info);
        let token = self.token(&info.encode());
        let mut whole = if self.bare {
            token
        } else {
            let status = der::seq(&[der::number(self.status.into())]);
            der::seq(&[status, token])
        };
        self.whole.apply(&mut whole);
        whole
    }

    /// ContentInfo with SignedData (RFC 5652 §5).
    fn token(&self, content: &[u8]) -> Vec<u8> {
        let chain = self.tsa.chain();
        let mut attributes = vec![
            Attribute { oid: CONTENT_TYPE.to_owned(), value: der::oid(&self.content_type) },
            Attribute { oid: SIGNING_TIME.to_owned(), value: der::validity(self.time) },
            Attribute {
                oid: MESSAGE_DIGEST.to_owned(),
                value: der::octets(&self.digest.of(content)),
            },
        ];
        attributes.extend(self.naming.attribute(&chain[0]));
        self.attributes.apply(&mut attributes);
        let attributes = attributes
            .iter()
            .map(|a| der::seq(&[der::oid(&a.oid), der::set_of(vec![a.value.clone()])]))
            .collect();
        let attributes = der::set_of(attributes);

        let key = &self.tsa.leaf.key;
        let hash = self.signed_with.unwrap_or(self.digest);
        let mut signature = key.sign_as(hash, Form::Usual, &attributes);
        self.signature.apply(&mut signature);
        let mut signer = (self.tsa.issuer().name, self.tsa.leaf.serial.clone());
        self.signer.apply(&mut signer);
        let digest_algorithm = der::algorithm(self.digest.oid(), &[]);
        let signer_info = der::seq(&[
            der::number(1),
            der::seq(&[signer.0, der::uint(&signer.1)]),
            digest_algorithm.clone(),
            [&[0xa0], &attributes[1..]].concat(),
            key.algorithm(hash),
            der::octets(&signature),
        ]);
        let mut certificates = match self.embedded {
            Embedded::Nothing => Vec::new(),
            Embedded::Leaf => chain[..1].to_vec(),
            Embedded::Chain => chain,
        };
        self.certificates.apply(&mut certificates);
        let mut parts = vec![
            der::number(3),
            der::set_of(vec![digest_algorithm]),
            der::seq(&[der::oid(&self.content_type), der::explicit(0, &der::octets(content))]),
        ];
        if !certificates.is_empty() {
            parts.push([&[0xa0], &der::set_of(certificates)[1..]].concat());
        }
        parts.push(der::set_of(vec![signer_info]));
        der::seq(&[der::oid(SIGNED_DATA), der::explicit(0, &der::seq(&parts))])
    }
}

impl Naming {
    fn attribute(self, certificate: &[u8]) -> Option<Attribute> {
        let (oid, hash) = match self {
            Self::V1 => (SIGNING_CERTIFICATE, super::sha1::sha1(certificate)),
            Self::V2 => (SIGNING_CERTIFICATE_V2, sha256(certificate)),
            Self::Absent => return None,
        };
        let value = der::seq(&[der::seq(&[der::seq(&[der::octets(&hash)])])]);
        Some(Attribute { oid: oid.to_owned(), value })
    }
}
