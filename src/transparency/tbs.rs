//! A certificate's signed part without one extension, spliced from the bytes as they are: nothing
//! is decoded and encoded again but the lengths around the gap.

/// Tags, [X.690 §8](https://www.itu.int/rec/T-REC-X.690).
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const SEQUENCE: u8 = 0x30;
/// `extensions [3]`, RFC 5280 §4.1.
const EXTENSIONS: u8 = 0xa3;

/// A certificate taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split<'a> {
    /// TBSCertificate without the extension.
    pub(super) rest: Vec<u8>,
    /// `extnValue` of the extension.
    pub(super) value: &'a [u8],
}

/// Takes the one extension with `oid` (its contents in DER) out of a certificate. `Ok(None)` if it
/// is not there, an error if the certificate cannot be walked or has it twice.
pub(super) fn split<'a>(certificate: &'a [u8], oid: &[u8]) -> Result<Option<Split<'a>>, ()> {
    take(certificate, oid).ok_or(())
}

fn take<'a>(certificate: &'a [u8], oid: &[u8]) -> Option<Option<Split<'a>>> {
    let (tbs, _) = read(only(certificate, SEQUENCE)?)?;
    let fields = children(tbs.is(SEQUENCE)?)?;
    let Some((extensions, before)) = fields.split_last().filter(|(f, _)| f.tag == EXTENSIONS)
    else {
        return Some(None);
    };
    let mut kept = Vec::new();
    let mut value = None;
    for extension in children(only(extensions.contents, SEQUENCE)?)? {
        let (id, found) = id_and_value(&extension)?;
        if id != oid {
            kept.extend_from_slice(extension.whole);
        } else if value.replace(found).is_some() {
            return None;
        }
    }
    let Some(value) = value else {
        return Some(None);
    };
    let mut rest: Vec<u8> = before.iter().flat_map(|field| field.whole).copied().collect();
    // "Extensions ::= SEQUENCE SIZE (1..MAX)": without any, the field is not there.
    if !kept.is_empty() {
        rest.extend(encode(EXTENSIONS, &encode(SEQUENCE, &kept)));
    }
    Some(Some(Split { rest: encode(SEQUENCE, &rest), value }))
}

/// The contents of an OCTET STRING that is all of the input.
pub(super) fn octet_string(der: &[u8]) -> Option<&[u8]> {
    only(der, OCTET_STRING)
}

/// Identifier, length, contents.
struct Tlv<'a> {
    tag: u8,
    whole: &'a [u8],
    contents: &'a [u8],
}

impl<'a> Tlv<'a> {
    fn is(&self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.contents)
    }
}

/// spec: RFC 5280 §4.1 "Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT
/// FALSE, extnValue OCTET STRING }"
fn id_and_value<'a>(extension: &Tlv<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let fields = children(extension.is(SEQUENCE)?)?;
    let (id, value) = match fields.as_slice() {
        [id, value] => (id, value),
        [id, critical, value] => {
            critical.is(BOOLEAN)?;
            (id, value)
        }
        _ => return None,
    };
    Some((id.is(OBJECT_IDENTIFIER)?, value.is(OCTET_STRING)?))
}

fn children(mut contents: &[u8]) -> Option<Vec<Tlv<'_>>> {
    let mut list = Vec::new();
    while !contents.is_empty() {
        let (tlv, rest) = read(contents)?;
        list.push(tlv);
        contents = rest;
    }
    Some(list)
}

fn only(der: &[u8], tag: u8) -> Option<&[u8]> {
    let (tlv, rest) = read(der)?;
    tlv.is(tag).filter(|_| rest.is_empty())
}

/// One element at the start, and what is after it. Lengths are definite and as short as can be
/// (X.690 §10.1); no type of a certificate has a tag above 30.
fn read(input: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let (&[tag, first], after) = input.split_first_chunk()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (length, after) = match first {
        0..=0x7f => (usize::from(first), after),
        0x81..=0x83 => {
            let (bytes, after) = after.split_at_checked(usize::from(first & 0x7f))?;
            let length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            (length, after)
        }
        _ => return None,
    };
    let (contents, rest) = after.split_at_checked(length)?;
    let header = input.len() - after.len();
    if header != header_of(tag, length).len() {
        return None;
    }
    let whole = input.get(..header + length)?;
    Some((Tlv { tag, whole, contents }, rest))
}

fn encode(tag: u8, contents: &[u8]) -> Vec<u8> {
    [&header_of(tag, contents.len()), contents].concat()
}

fn header_of(tag: u8, length: usize) -> Vec<u8> {
    let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect();
    match bytes.as_slice() {
        [] => vec![tag, 0],
        [short @ ..=0x7f] => vec![tag, *short],
        // A length has at most eight bytes.
        long => [&[tag, 0x80 | (long.len() as u8)], long].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OID: &[u8] = &[0x2a, 3];

    fn extension(oid: &[u8], value: &[u8]) -> Vec<u8> {
        let id = encode(OBJECT_IDENTIFIER, oid);
        encode(SEQUENCE, &[id, encode(OCTET_STRING, value)].concat())
    }

    fn certificate(extensions: &[Vec<u8>]) -> Vec<u8> {
        let field = encode(EXTENSIONS, &encode(SEQUENCE, &extensions.concat()));
        let tbs = encode(SEQUENCE, &[encode(2, &[1]), field].concat());
        encode(SEQUENCE, &[tbs, encode(3, &[0])].concat())
    }

    fn tbs(certificate: &[u8]) -> &[u8] {
        read(only(certificate, SEQUENCE).unwrap()).unwrap().0.whole
    }

    #[test]
    fn the_rest_is_the_certificate_without_the_extension() {
        // Lengths of one, two and three bytes around the gap.
        for size in [0, 1, 60, 100, 120, 127, 128, 200, 255, 256, 300, 65_400, 65_536] {
            let (a, b) = (extension(&[0x55, 1], &vec![7; size]), extension(&[0x55, 2], b"b"));
            let ours = extension(OID, b"value");
            let without = certificate(&[a.clone(), b.clone()]);
            for order in [
                [ours.clone(), a.clone(), b.clone()],
                [a.clone(), ours.clone(), b.clone()],
                [a.clone(), b.clone(), ours.clone()],
            ] {
                let whole = certificate(&order);
                let split = split(&whole, OID).unwrap().unwrap();
                assert_eq!(split.rest, tbs(&without), "{size}");
                assert_eq!(split.value, b"value");
            }
            assert_eq!(split(&without, OID), Ok(None));
        }
    }

    #[test]
    fn the_only_extension_leaves_no_field() {
        let whole = certificate(&[extension(OID, b"v")]);
        let split = split(&whole, OID).unwrap().unwrap();
        assert_eq!(split.rest, encode(SEQUENCE, &encode(2, &[1])));
    }

    #[test]
    fn an_extension_that_is_there_twice_is_an_error() {
        let ours = extension(OID, b"v");
        assert_eq!(split(&certificate(&[ours.clone(), ours]), OID), Err(()));
    }

    #[test]
    fn what_is_not_der_is_an_error() {
        let whole = certificate(&[extension(OID, b"v")]);
        for cut in 0..whole.len() {
            assert_eq!(split(&whole[..cut], OID), Err(()), "{cut}");
        }
        assert_eq!(split(&[&whole[..], &[0]].concat(), OID), Err(()));
        for wrong in [
            // Indefinite, longer than needed, beyond the input, a tag of several bytes.
            &[0x30, 0x80, 0, 0][..],
            &[0x30, 0x81, 0],
            &[0x30, 0x82, 0, 0x80],
            &[0x30, 0x84, 0, 0, 0, 0],
            &[0x30, 0x83, 0xff, 0xff, 0xff],
            &[0x3f, 0x81, 0],
            &[],
        ] {
            assert_eq!(split(wrong, OID), Err(()), "{wrong:x?}");
        }
    }
}
