//! Mutators that sign what they have changed.
//!
//! Behind a signature that no longer holds there is nothing to be found. So most mutations change an
//! element below the encoding, keep the lengths around it right, and sign again, with the keys of the
//! seeds (`tests/support`: P-256, the SHA-256 of a name). The target's body knows nothing of it, and
//! the corpus is envelopes, tokens, responses and lists as they are.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use countersign::crypto::sha256;
use p256::ecdsa::{Signature, SigningKey, signature::Signer};

use crate::{
    cbor::{self, Item},
    der::Node,
    random::Random,
};

/// messageDigest, RFC 5652 §11.2, as DER.
const MESSAGE_DIGEST: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04";

/// How a target's input is changed: nothing where it is not what the target reads.
pub type Change = fn(&[u8], u32) -> Option<Vec<u8>>;

/// The body of `fuzz_mutator!`: one mutation in four is libFuzzer's own, on the whole.
pub fn mutate(data: &mut [u8], size: usize, max: usize, seed: u32, change: Change) -> usize {
    let changed = if seed % 4 == 0 { None } else { change(&data[..size], seed) };
    match changed {
        Some(bytes) if (1..=max).contains(&bytes.len()) => {
            data[..bytes.len()].copy_from_slice(&bytes);
            bytes.len()
        }
        _ => libfuzzer_sys::fuzzer_mutate(data, size, max),
    }
}

/// An OCSP response, by the issuer or by its delegate, and a CRL that may come after it.
pub fn ocsp(data: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut random = Random::new(seed);
    let mut list = changed_list(data, &mut random)?;
    let (response, lists) = list.split_first_mut()?;
    if let Some(basic) = response.at(&[1, 0, 1, 0])
        && let Some(parts) = basic.children()
    {
        let key = if parts.len() > 3 && !random.one_in(8) { "other" } else { "inter" };
        sign_first(parts, key);
    }
    lists.iter_mut().filter_map(Node::children).for_each(|parts| sign_first(parts, "inter"));
    Some(list.iter().flat_map(Node::encode).collect())
}

/// A CRL, and its delta that may come after it.
pub fn crl(data: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut list = changed_list(data, &mut Random::new(seed))?;
    list.iter_mut().filter_map(Node::children).for_each(|parts| sign_first(parts, "inter"));
    Some(list.iter().flat_map(Node::encode).collect())
}

/// One of several is changed, and sometimes how many there are.
fn changed_list(data: &[u8], random: &mut Random) -> Option<Vec<Node>> {
    let mut list = Node::parse_all(data)?;
    let at = random.below(list.len());
    list[at].change(random);
    if random.one_in(32) {
        list.push(list[at].clone());
    } else if list.len() > 1 && random.one_in(32) {
        list.remove(at);
    }
    Some(list)
}

/// A token, bare or in its response.
pub fn timestamp(data: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut random = Random::new(seed);
    let mut root = Node::parse(data)?;
    root.change(&mut random);
    let _ = stamp(&mut root, None);
    Some(root.encode())
}

/// Identities, and a subject after a zero byte.
pub fn distinguished_name(data: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut random = Random::new(seed);
    let at = data.iter().position(|byte| *byte == 0)?;
    let (text, subject) = data.split_at(at);
    if random.one_in(2) {
        return Some([&random.bytes(text.to_vec()), subject].concat());
    }
    let mut root = Node::parse(&subject[1..])?;
    root.change(&mut random);
    Some([text, b"\0", &root.encode()].concat())
}

/// An envelope of P-256 in JWS.
pub fn jws(data: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut random = Random::new(seed);
    let whole: serde_json::Value = serde_json::from_slice(data).ok()?;
    let decoded = |name: &str| URL_SAFE_NO_PAD.decode(whole.get(name)?.as_str()?).ok();
    let (mut protected, mut payload) = (decoded("protected")?, decoded("payload")?);
    let mut signature = decoded("signature")?;
    let mut header = whole.get("header")?.clone();
    match random.below(8) {
        0..3 => protected = random.bytes(protected),
        3 => payload = random.bytes(payload),
        4 => {
            let text = random.bytes(header.to_string().into_bytes());
            header = serde_json::from_slice(&text).ok()?;
        }
        5 => {
            let list = header.get_mut("x5c")?.as_array_mut().filter(|list| !list.is_empty())?;
            let at = random.below(list.len());
            change_text(&mut list[at], &mut random)?;
        }
        6 => change_text(header.get_mut("io.cncf.notary.timestampSignature")?, &mut random)?,
        _ => {
            let list = header.get_mut("x5c")?.as_array_mut().filter(|list| !list.is_empty())?;
            match random.below(3) {
                0 => drop(list.remove(random.below(list.len()))),
                1 => list.push(list[random.below(list.len())].clone()),
                _ => list.rotate_left(1),
            }
        }
    }
    let protected = URL_SAFE_NO_PAD.encode(protected);
    let payload = URL_SAFE_NO_PAD.encode(payload);
    if decoded("protected").map(|was| URL_SAFE_NO_PAD.encode(was)).as_ref() != Some(&protected)
        || decoded("payload").map(|was| URL_SAFE_NO_PAD.encode(was)).as_ref() != Some(&payload)
    {
        signature = fixed("leaf", format!("{protected}.{payload}").as_bytes());
        if let Some(token) = header.get_mut("io.cncf.notary.timestampSignature")
            && let Some(mut root) =
                STANDARD.decode(token.as_str()?).ok().and_then(|t| Node::parse(&t))
        {
            let _ = stamp(&mut root, Some(&signature));
            *token = STANDARD.encode(root.encode()).into();
        }
    }
    let signature = URL_SAFE_NO_PAD.encode(signature);
    let text = format!(
        r#"{{"payload":"{payload}","protected":"{protected}","header":{header},"signature":"{signature}"}}"#
    );
    Some(text.into_bytes())
}

/// An envelope of P-256 in COSE.
pub fn cose(data: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut random = Random::new(seed);
    let (root, []) = Item::parse(data, 0)? else {
        return None;
    };
    let Item::Tag(tag, list) = root else {
        return None;
    };
    let Item::List(4, mut parts) = *list else {
        return None;
    };
    let [Item::Text(2, protected), open, Item::Text(2, payload), Item::Text(2, signature)] =
        parts.as_mut_slice()
    else {
        return None;
    };
    let before = (protected.clone(), payload.clone());
    match random.below(8) {
        0..4 => {
            let (mut header, _) = Item::parse(protected, 0)?;
            header.change(&mut random, |_, _| None);
            *protected = header.encode();
        }
        4 => *protected = random.bytes(protected.clone()),
        5 => *payload = random.bytes(payload.clone()),
        _ => open.change(&mut random, change_der),
    }
    if before != (protected.clone(), payload.clone()) {
        let part = |bytes: &[u8]| [&cbor::head(2, bytes.len() as u64), bytes].concat();
        let message =
            [&b"\x84\x6aSignature1"[..], &part(protected), b"\x40", &part(payload)].concat();
        *signature = fixed("leaf", &message);
        stamp_again(open, signature);
    }
    Some(Item::Tag(tag, Box::new(Item::List(4, parts))).encode())
}

/// The token of a COSE envelope is over its signature.
fn stamp_again(open: &mut Item, signature: &[u8]) {
    let Item::List(5, pairs) = open else {
        return;
    };
    for pair in pairs.chunks_exact_mut(2) {
        if let [Item::Text(3, name), Item::Text(2, token)] = pair
            && name == b"io.cncf.notary.timestampSignature"
            && let Some(mut root) = Node::parse(token)
        {
            let _ = stamp(&mut root, Some(signature));
            *token = root.encode();
        }
    }
}

fn change_text(text: &mut serde_json::Value, random: &mut Random) -> Option<()> {
    let der = STANDARD.decode(text.as_str()?).ok()?;
    *text = STANDARD.encode(change_der(&der, random)?).into();
    Some(())
}

/// Changes a certificate or a token, and signs it again.
fn change_der(der: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let mut root = Node::parse(der)?;
    root.change(random);
    if stamp(&mut root, None).is_none() {
        // As in a certificate: its issuer is the fourth part of what is signed, but for the version.
        let issuer = root.at(&[0, 3]).map(|issuer| issuer.encode()).unwrap_or_default();
        let is = |name: &[u8]| issuer.windows(name.len()).any(|part| part == name);
        sign_first(root.children()?, if is(b"intermediate") { "intermediate" } else { "root" });
    }
    Some(root.encode())
}

/// What X.509 signs: the first part; the signature is the third.
fn sign_first(parts: &mut [Node], key: &str) {
    if let [signed, _, signature, ..] = parts {
        signature.set([&[0][..], &sign(key, &signed.encode())].concat());
    }
}

/// Makes the token's signature and digest anew, and its imprint where there is something to stamp.
fn stamp(root: &mut Node, message: Option<&[u8]>) -> Option<()> {
    let info = if root.at(&[0])?.tag == 6 { root } else { root.at(&[1])? };
    let data = info.at(&[1, 0])?;
    let content = data.at(&[2, 1, 0])?;
    if let Some(message) = message
        && let Some(imprint) = content.at(&[0, 2, 1])
    {
        imprint.set(sha256(message).to_vec());
    }
    let digest = sha256(&content.content());
    let signer = data.children()?.last_mut()?.at(&[0])?.children()?;
    let attributes = signer.iter_mut().find(|part| part.tag == 0xa0)?;
    for attribute in attributes.children()? {
        if attribute.at(&[0]).is_some_and(|oid| oid.encode() == MESSAGE_DIGEST)
            && let Some(value) = attribute.at(&[1, 0])
        {
            value.set(digest.to_vec());
        }
    }
    let mut signed = attributes.clone();
    signed.tag = 0x31;
    let made = sign("TSA", &signed.encode());
    signer.iter_mut().find(|part| part.tag == 4)?.set(made);
    Some(())
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_slice(&sha256(name.as_bytes())).expect("the hash of a name is a key")
}

fn sign(name: &str, message: &[u8]) -> Vec<u8> {
    let made: Signature = key(name).sign(message);
    made.to_der().as_bytes().to_vec()
}

/// r and s of fixed width.
fn fixed(name: &str, message: &[u8]) -> Vec<u8> {
    let made: Signature = key(name).sign(message);
    made.to_bytes().to_vec()
}
