//! Every mutation of one stored document, with a name for what it touches.

use std::ops::Range;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use countersign::wire::Fetch;

use crate::{
    fields,
    spans::{self, Part, Span},
    world::{World, digest, found},
};

/// A document as it is stored.
pub(crate) struct Document {
    /// What it is.
    pub(crate) role: &'static str,
    pub(crate) bytes: Vec<u8>,
    spans: Vec<Span>,
    regions: Vec<Region>,
    pieces: Vec<fields::Piece>,
}

/// One changed document.
pub(crate) struct Mutant {
    pub(crate) bytes: Vec<u8>,
    pub(crate) at: At,
}

/// Where it was changed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    /// In the bytes as they are stored.
    Stored { byte: usize, bit: u32 },
    /// In what a region decodes to.
    Decoded { region: usize, block: usize, byte: usize, bit: u32 },
}

/// A text in a JSON document that holds bytes.
struct Region {
    path: String,
    /// With the quotes.
    range: Range<usize>,
    encoding: Encoding,
    is_certificate: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Base64,
    Base64Url,
    Pem(&'static str),
}

/// The texts that hold bytes: end of the path, encoding, whether it is a certificate.
const REGIONS: &[(&str, Encoding, bool)] = &[
    ("/annotations/dev.cosignproject.cosign/signature", Encoding::Base64, false),
    ("/annotations/dev.sigstore.cosign/certificate", Encoding::Pem("CERTIFICATE"), true),
    ("/annotations/dev.sigstore.cosign/chain", Encoding::Pem("CERTIFICATE"), true),
    ("/signatures/*/sig", Encoding::Base64, false),
    ("/messageSignature/signature", Encoding::Base64, false),
    ("/messageDigest/digest", Encoding::Base64, false),
    ("/publicKey/hint", Encoding::Base64, false),
    ("/rawBytes", Encoding::Base64, true),
    ("/header/x5c/*", Encoding::Base64, true),
    ("/header/io.cncf.notary.timestampSignature", Encoding::Base64, false),
];

impl Document {
    /// The document of one answer; `None` for lists of referrers and what holds no bytes.
    pub(crate) fn of(world: &World, at: usize) -> Option<Self> {
        let item = &world.items[at];
        let bytes = found(&item.answer)?.to_vec();
        let is_subject = |digest: &str| {
            world
                .items
                .iter()
                .any(|i| matches!(&i.fetch, Fetch::Referrers { digest: d, .. } if d == digest))
        };
        let role = match &item.fetch {
            Fetch::Resolve { .. }
            | Fetch::Referrers { .. }
            | Fetch::Ocsp { .. }
            | Fetch::Crl { .. } => return None,
            Fetch::Manifest { digest, .. } if Some(digest.as_str()) == world.image() => {
                "image manifest"
            }
            Fetch::Manifest { digest, .. } if is_subject(digest) => "signed artifact manifest",
            Fetch::Manifest { .. } => "signature manifest",
            Fetch::Tag { tag, .. } if tag.ends_with(".sig") => "cosign .sig manifest",
            Fetch::Tag { tag, .. } if tag.ends_with(".att") => "cosign .att manifest",
            Fetch::Tag { .. } => return None,
            Fetch::Blob { .. } => match bytes.as_slice() {
                b if b.starts_with(b"\xd2") => "notation-cose",
                b if b.starts_with(b"{\"critical\"") => "simple signing payload",
                b if spans::scan(b).iter().any(|s| s.path == "/verificationMaterial") => "bundle",
                b if spans::scan(b).iter().any(|s| s.path == "/protected") => "notation-jws",
                b if spans::scan(b).iter().any(|s| s.path == "/payloadType") => "dsse",
                _ => panic!("an unknown blob {:?}", digest(&item.fetch)),
            },
        };
        Some(Self::new(role, bytes))
    }

    /// A policy; every PEM text of it is a region.
    pub(crate) fn policy(bytes: Vec<u8>) -> Self {
        Self::new("policy", bytes)
    }

    fn new(role: &'static str, bytes: Vec<u8>) -> Self {
        if role == "notation-cose" {
            let pieces = fields::cose(&bytes);
            return Self { role, bytes, spans: Vec::new(), regions: Vec::new(), pieces };
        }
        let spans = spans::scan(&bytes);
        let region = |span: &Span| {
            if span.part != Part::Value || bytes[span.range.start] != b'"' {
                return None;
            }
            let class = span.class();
            let text = &bytes[span.inner()];
            let (encoding, is_certificate) = match role {
                "policy" if text.starts_with(b"-----BEGIN CERT") => {
                    (Encoding::Pem("CERTIFICATE"), true)
                }
                "policy" if text.starts_with(b"-----BEGIN PUB") => {
                    (Encoding::Pem("PUBLIC KEY"), false)
                }
                "policy" => return None,
                "notation-jws"
                    if ["/payload", "/protected", "/signature"].contains(&class.as_str()) =>
                {
                    (Encoding::Base64Url, false)
                }
                "dsse" | "bundle" if class.ends_with("/payload") => (Encoding::Base64, false),
                _ => {
                    let (_, encoding, is_certificate) =
                        REGIONS.iter().find(|(end, ..)| class.ends_with(end))?;
                    (*encoding, *is_certificate)
                }
            };
            Some(Region { path: class, range: span.range.clone(), encoding, is_certificate })
        };
        let regions = spans.iter().filter_map(region).collect();
        Self { role, bytes, spans, regions, pieces: Vec::new() }
    }

    /// Where the text of each region stands, as a JSON text.
    pub(crate) fn region_texts(&self) -> impl Iterator<Item = (Range<usize>, String)> {
        self.regions.iter().map(|r| (r.range.clone(), text(&self.bytes[r.range.clone()]).unwrap()))
    }

    /// The document with another text in one region.
    pub(crate) fn with_text(&self, range: &Range<usize>, text: &str) -> Vec<u8> {
        let text = serde_json::to_string(text).unwrap();
        [&self.bytes[..range.start], text.as_bytes(), &self.bytes[range.end..]].concat()
    }

    /// Every mutation of the bytes as they are stored, or as far as `wanted` says.
    pub(crate) fn stored(&self, wanted: impl Fn(usize) -> bool) -> impl Iterator<Item = Mutant> {
        let bytes = (0..self.bytes.len()).filter(move |byte| wanted(*byte));
        // All bits of what is signed only: of a text, in what it decodes to.
        let is_manifest = self.role.ends_with("manifest");
        bytes.flat_map(move |byte| {
            bits(byte, is_manifest || self.is_in_region(byte)).map(move |bit| {
                let mut bytes = self.bytes.clone();
                bytes[byte] ^= 1 << bit;
                let at = At::Stored { byte, bit };
                Mutant { bytes, at }
            })
        })
    }

    /// Every mutation of what the regions decode to, encoded again.
    pub(crate) fn decoded(&self) -> impl Iterator<Item = Mutant> {
        self.regions.iter().enumerate().flat_map(move |(index, region)| {
            let text = text(&self.bytes[region.range.clone()]).unwrap();
            let blocks = region.encoding.decode(&text).unwrap();
            let places: Vec<_> = blocks
                .iter()
                .enumerate()
                .flat_map(|(block, bytes)| (0..bytes.len()).map(move |byte| (block, byte)))
                .collect();
            places.into_iter().flat_map(move |(block, byte)| {
                let blocks = blocks.clone();
                bits(byte, false).map(move |bit| {
                    let mut blocks = blocks.clone();
                    blocks[block][byte] ^= 1 << bit;
                    let at = At::Decoded { region: index, block, byte, bit };
                    let bytes = self.with_text(&region.range, &region.encoding.encode(&blocks));
                    Mutant { bytes, at }
                })
            })
        })
    }

    /// True where a byte stands in a region.
    pub(crate) fn is_in_region(&self, byte: usize) -> bool {
        self.regions.iter().any(|r| r.range.contains(&byte))
    }

    /// The name of what a mutation touched.
    pub(crate) fn class(&self, mutant: &Mutant) -> String {
        let role = self.role;
        match mutant.at {
            At::Decoded { region, block, byte, .. } => {
                self.decoded_class(&self.regions[region], block, byte)
            }
            At::Stored { byte, .. } if role == "notation-cose" => {
                let piece = self.pieces.iter().find(|p| p.range.contains(&byte)).unwrap();
                if piece.is_certificate {
                    let der = &self.bytes[piece.range.clone()];
                    let field = fields::certificate(der, byte - piece.range.start);
                    return format!("{role} {} {field}", piece.name);
                }
                if piece.name.ends_with(fields::TIMESTAMP) {
                    let der = &self.bytes[piece.range.clone()];
                    let what = fields::token(der, byte - piece.range.start);
                    return format!("{role} {} {what}", piece.name);
                }
                format!("{role} {}", piece.name)
            }
            At::Stored { byte, .. } => {
                if let Some(region) = self.regions.iter().find(|r| r.range.contains(&byte)) {
                    return self.region_class(region, &mutant.bytes);
                }
                match spans::at(&self.spans, byte) {
                    Some(span) => match span.part {
                        Part::Value => format!("{role} {}", span.class()),
                        Part::Name => format!("{role} {} (name)", span.class()),
                        Part::Container => format!("{role} {} (punctuation)", span.class()),
                    },
                    None => format!("{role} (white space)"),
                }
            }
        }
    }

    fn decoded_class(&self, region: &Region, block: usize, byte: usize) -> String {
        let before = text(&self.bytes[region.range.clone()]).unwrap();
        let blocks = region.encoding.decode(&before).unwrap();
        let role = self.role;
        let path = path_of(role, &region.path);
        let which = if blocks.len() > 1 { format!("[{block}]") } else { String::new() };
        if region.is_certificate {
            let field = fields::certificate(&blocks[block], byte);
            return format!("{role} {path}{which} certificate {field}");
        }
        if path.ends_with(fields::TIMESTAMP) {
            return format!("{role} {path} {}", fields::token(&blocks[block], byte));
        }
        format!("{role} {path}{which} decoded")
    }

    /// A mutation of the text: by what it decodes to now.
    fn region_class(&self, region: &Region, mutant: &[u8]) -> String {
        let role = self.role;
        let path = path_of(role, &region.path);
        let before = text(&self.bytes[region.range.clone()]).unwrap();
        let before = region.encoding.decode(&before).unwrap();
        // One flipped bit keeps the length of the document.
        let Some(after) = text(&mutant[region.range.clone()]) else {
            return format!("{role} {path} (not a JSON text)");
        };
        match region.encoding.decode(&after) {
            None => format!("{role} {path} (not encoded validly)"),
            Some(after) if after == before => format!("{role} {path} (same bytes encoded)"),
            Some(after) if after.len() != before.len() => format!("{role} {path} (fewer blocks)"),
            Some(after) => {
                let block = before.iter().zip(&after).position(|(a, b)| a != b).unwrap();
                let (a, b) = (&before[block], &after[block]);
                let byte = a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(0);
                self.decoded_class(region, block, byte)
            }
        }
    }
}

/// Names that a policy gives are the policy's.
fn path_of(role: &str, path: &str) -> String {
    if role != "policy" {
        return path.to_owned();
    }
    let steps: Vec<_> = path.split('/').collect();
    match steps.as_slice() {
        ["", "spec", list, _, rest @ ..] => format!("/spec/{list}/NAME/{}", rest.join("/")),
        _ => path.to_owned(),
    }
}

fn text(quoted: &[u8]) -> Option<String> {
    serde_json::from_slice(quoted).ok()
}

/// One bit of every byte, and all eight of every sixteenth unless `one` is enough.
fn bits(byte: usize, one: bool) -> impl Iterator<Item = u32> {
    (0..8).filter(move |bit| *bit == chosen(byte) || (!one && byte.is_multiple_of(16)))
}

fn chosen(byte: usize) -> u32 {
    (byte as u32).wrapping_mul(2_654_435_761) >> 29
}

impl At {
    /// True for one bit of every byte.
    pub(crate) fn is_chosen(self) -> bool {
        let (Self::Stored { byte, bit } | Self::Decoded { byte, bit, .. }) = self;
        bit == chosen(byte)
    }
}

impl Encoding {
    fn decode(self, text: &str) -> Option<Vec<Vec<u8>>> {
        match self {
            Self::Base64 => Some(vec![STANDARD.decode(text).ok()?]),
            Self::Base64Url => Some(vec![URL_SAFE_NO_PAD.decode(text).ok()?]),
            Self::Pem(label) => countersign::pem::blocks(text, label, 16).ok(),
        }
    }

    fn encode(self, blocks: &[Vec<u8>]) -> String {
        match self {
            Self::Base64 => STANDARD.encode(&blocks[0]),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(&blocks[0]),
            Self::Pem(label) => blocks.iter().map(|der| pem(label, der)).collect(),
        }
    }
}

/// As OpenSSL writes it.
fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<_> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
