//! A PKI for Notation: certificates in which every field can be wrong.

pub(crate) mod der {
    //! Just enough DER.

    pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let head = match length {
            0..128 => vec![tag, length as u8],
            128..256 => vec![tag, 0x81, length as u8],
            _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
        };
        [head, content.to_vec()].concat()
    }

    pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
        tlv(0x30, &parts.concat())
    }

    pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
        tlv(3, &[&[0][..], bytes].concat())
    }

    pub(crate) fn oid(dotted: &str) -> Vec<u8> {
        tlv(6, spki::ObjectIdentifier::new_unwrap(dotted).as_bytes())
    }

    pub(crate) fn boolean(value: bool) -> Vec<u8> {
        tlv(1, &[if value { 0xff } else { 0 }])
    }
}

#[path = "notation_keys.rs"]
mod keys;

pub(crate) use keys::{Form, Key};

/// Bits of keyUsage, from the left (RFC 5280 §4.2.1.3).
pub(crate) const DIGITAL_SIGNATURE: u16 = 0x8000;
pub(crate) const CONTENT_COMMITMENT: u16 = 0x4000;
pub(crate) const KEY_ENCIPHERMENT: u16 = 0x2000;
pub(crate) const DATA_ENCIPHERMENT: u16 = 0x1000;
pub(crate) const KEY_AGREEMENT: u16 = 0x0800;
pub(crate) const KEY_CERT_SIGN: u16 = 0x0400;
pub(crate) const CRL_SIGN: u16 = 0x0200;

/// What a certificate says.
#[derive(Clone)]
pub(crate) struct Certificate {
    /// RDNs of pairs of attribute type and value.
    pub(crate) subject: Vec<Vec<(String, String)>>,
    pub(crate) key: Key,
    /// UTCTime, such as `260101000000Z`.
    pub(crate) not_before: String,
    pub(crate) not_after: String,
    /// Critical, cA, pathLenConstraint.
    pub(crate) basic_constraints: Option<(bool, bool, Option<u8>)>,
    /// Critical, bits.
    pub(crate) key_usage: Option<(bool, u16)>,
    pub(crate) purposes: Vec<&'static str>,
    /// More extensions: type, critical, value.
    pub(crate) extensions: Vec<(&'static str, bool, Vec<u8>)>,
    pub(crate) serial: u8,
    /// Writes this AlgorithmIdentifier in place of the true one.
    pub(crate) claimed_algorithm: Option<Vec<u8>>,
}

pub(crate) fn name(common_name: &str) -> Vec<Vec<(String, String)>> {
    [("2.5.4.6", "US"), ("2.5.4.8", "WA"), ("2.5.4.10", "Acme"), ("2.5.4.3", common_name)]
        .map(|(kind, value)| vec![(kind.to_owned(), value.to_owned())])
        .to_vec()
}

impl Certificate {
    pub(crate) fn authority(common_name: &str, key: Key) -> Self {
        Self {
            subject: name(common_name),
            key,
            not_before: "260101000000Z".into(),
            not_after: "360101000000Z".into(),
            basic_constraints: Some((true, true, None)),
            key_usage: Some((true, KEY_CERT_SIGN | CRL_SIGN)),
            purposes: Vec::new(),
            extensions: Vec::new(),
            serial: 1,
            claimed_algorithm: None,
        }
    }

    pub(crate) fn leaf(common_name: &str, key: Key) -> Self {
        Self {
            basic_constraints: Some((false, false, None)),
            key_usage: Some((true, DIGITAL_SIGNATURE)),
            purposes: vec!["1.3.6.1.5.5.7.3.3"],
            ..Self::authority(common_name, key)
        }
    }

    /// DER, signed by `issuer`.
    pub(crate) fn issued_by(&self, issuer: &Self) -> Vec<u8> {
        self.issued(issuer, |tbs| issuer.key.sign_certificate(tbs))
    }

    /// DER, signed by `issuer` with RSA and SHA-1.
    pub(crate) fn issued_over_sha1_by(&self, issuer: &Self) -> Vec<u8> {
        self.issued(issuer, |tbs| issuer.key.sign_certificate_over_sha1(tbs))
    }

    fn issued(
        &self,
        issuer: &Self,
        sign: impl FnOnce(&dyn Fn(&[u8]) -> Vec<u8>) -> (Vec<u8>, Vec<u8>),
    ) -> Vec<u8> {
        let tbs = |algorithm: &[u8]| {
            let algorithm = self.claimed_algorithm.as_deref().unwrap_or(algorithm);
            der::sequence(&[
                der::tlv(0xa0, &der::tlv(2, &[2])),
                der::tlv(2, &[self.serial]),
                algorithm.to_vec(),
                encode_name(&issuer.subject),
                der::sequence(&[
                    der::tlv(0x17, self.not_before.as_bytes()),
                    der::tlv(0x17, self.not_after.as_bytes()),
                ]),
                encode_name(&self.subject),
                self.key.spki(),
                der::tlv(0xa3, &der::sequence(&self.encode_extensions())),
            ])
        };
        let (algorithm, signature) = sign(&tbs);
        let signed = tbs(&algorithm);
        let algorithm = self.claimed_algorithm.clone().unwrap_or(algorithm);
        der::sequence(&[signed, algorithm, der::bits(&signature)])
    }

    pub(crate) fn self_signed(&self) -> Vec<u8> {
        self.issued_by(self)
    }

    fn encode_extensions(&self) -> Vec<Vec<u8>> {
        let mut all = self.extensions.clone();
        if let Some((critical, ca, path_len)) = self.basic_constraints {
            let mut parts = Vec::new();
            if ca {
                parts.push(der::boolean(true));
            }
            parts.extend(path_len.map(|n| der::tlv(2, &[n])));
            all.push(("2.5.29.19", critical, der::sequence(&parts)));
        }
        if let Some((critical, bits)) = self.key_usage {
            let [high, low] = bits.to_be_bytes();
            let bytes = if low == 0 { vec![high] } else { vec![high, low] };
            let unused = bytes.last().unwrap().trailing_zeros() as u8;
            let value = der::tlv(3, &[vec![unused], bytes].concat());
            all.push(("2.5.29.15", critical, value));
        }
        if !self.purposes.is_empty() {
            let purposes: Vec<_> = self.purposes.iter().map(|p| der::oid(p)).collect();
            all.push(("2.5.29.37", false, der::sequence(&purposes)));
        }
        all.iter()
            .map(|(kind, critical, value)| {
                let mut parts = vec![der::oid(kind)];
                if *critical {
                    parts.push(der::boolean(true));
                }
                parts.push(der::tlv(4, value));
                der::sequence(&parts)
            })
            .collect()
    }
}

fn encode_name(rdns: &[Vec<(String, String)>]) -> Vec<u8> {
    let rdns: Vec<_> = rdns
        .iter()
        .map(|rdn| {
            let attributes: Vec<_> = rdn
                .iter()
                .map(|(kind, value)| {
                    der::sequence(&[der::oid(kind), der::tlv(0x0c, value.as_bytes())])
                })
                .collect();
            der::tlv(0x31, &attributes.concat())
        })
        .collect();
    der::sequence(&rdns)
}
