//! Tokens with one fault each.

use countersign::{
    crypto::{Memo, Spend},
    time::Time,
    timestamp::{self, TimestampError, Token},
};

use crate::{
    made::{
        CERTIFICATES, CONTENT, DIGESTS, MESSAGE, SIGNED_DATA, SIGNER, SIGNERS, edited, named, pss,
        signed, stamp, store, tsa, verify,
    },
    sigstore::{
        der,
        instant::SIGNED,
        keys::{Hash, Key, sha256},
        tsa::{
            Attribute, Embedded, MESSAGE_DIGEST, Naming, SIGNING_CERTIFICATE_V2, SIGNING_TIME, Tsa,
        },
    },
    tree::Node,
};

fn malformed<T>(what: &'static str) -> Result<T, TimestampError> {
    Err(TimestampError::Malformed(what))
}

const SHA1: &str = "1.3.14.3.2.26";
const MD5: &str = "1.2.840.113549.2.5";

#[test]
fn a_good_token_is_accepted() {
    let made = stamp();
    let bare = verify(&made, &made.make(MESSAGE)).unwrap();
    assert_eq!(bare.time, Time::from_unix(SIGNED + 6));
    assert_eq!(bare.earliest, Time::from_unix(SIGNED + 5));
    assert_eq!(bare.latest, Time::from_unix(SIGNED + 7));
    assert_eq!(bare.leaf.der(), made.tsa.chain()[0]);
    for status in [0, 1] {
        let mut response = made.clone();
        response.bare = false;
        response.status = status;
        assert_eq!(verify(&response, &response.make(MESSAGE)), Ok(bare.clone()));
    }
    let token = Token::parse(&made.make(MESSAGE)).unwrap();
    assert_eq!(token.claimed_time(), bare.time);
    assert_eq!(token.certificates().len(), 3);
}

#[test]
fn every_key_and_hash_is_accepted() {
    let keys = [
        Key::p256("TSA"),
        Key::p384("TSA"),
        Key::p521("TSA"),
        Key::rsa(2048),
        Key::rsa(3072),
        Key::rsa(4096),
        Key::ed25519("TSA"),
    ];
    for key in keys {
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let mut made = Tsa::new("keys", key.clone()).stamp();
            (made.imprint, made.digest) = (hash, hash);
            made.embedded = Embedded::Chain;
            let result = verify(&made, &made.make(MESSAGE));
            assert!(result.is_ok(), "{:?} {hash:?}: {result:?}", key.usual_hash());
            // The signature names its own hash.
            made.signed_with = Some(Hash::Sha512);
            assert!(verify(&made, &made.make(MESSAGE)).is_ok());
        }
    }
}

#[test]
fn rsa_of_both_kinds_is_accepted() {
    let mut made = Tsa::new("rsa", Key::rsa(2048)).stamp();
    made.bare = true;
    made.embedded = Embedded::Chain;
    let good = made.make(MESSAGE);
    let edit = |change: &dyn Fn(&mut Vec<Node>)| {
        let mut root = Node::parse(&good);
        change(root.at(SIGNER).children());
        root.encode()
    };
    // rsaEncryption: with the digest algorithm's hash.
    let plain = edit(&|signer| {
        signer[4] = Node::parse(&der::algorithm("1.2.840.113549.1.1.1", &[der::null()]))
    });
    assert!(verify(&made, &plain).is_ok());
    let by_pss = |hash: Hash, mask: Hash| {
        let generator = der::algorithm("1.2.840.113549.1.1.8", &[der::algorithm(mask.oid(), &[])]);
        let parameters = der::seq(&[
            der::explicit(0, &der::algorithm(hash.oid(), &[])),
            der::explicit(1, &generator),
            der::explicit(2, &der::number(32)),
        ]);
        edit(&|signer| {
            let mut set = signer[3].clone();
            set.tag = 0x31;
            signer[4] = Node::parse(&der::algorithm(
                "1.2.840.113549.1.1.10",
                std::slice::from_ref(&parameters),
            ));
            *signer[5].bytes() = pss(&made.tsa.leaf.key, &set.encode());
        })
    };
    assert!(verify(&made, &by_pss(Hash::Sha256, Hash::Sha256)).is_ok());
    assert_eq!(
        verify(&made, &by_pss(Hash::Sha512, Hash::Sha512)),
        Err(TimestampError::SignatureInvalid)
    );
    assert_eq!(
        verify(&made, &by_pss(Hash::Sha256, Hash::Sha512)),
        Err(TimestampError::UnsupportedAlgorithm("RSASSA-PSS with two hashes".into()))
    );
    let without = edit(&|signer| {
        signer[4] = Node::parse(&der::algorithm("1.2.840.113549.1.1.10", &[]));
    });
    assert_eq!(verify(&made, &without), Err(TimestampError::Malformed("parameters of RSASSA-PSS")));
}

#[test]
fn the_message_is_the_one_that_was_stamped() {
    let made = stamp();
    let result = named(&made.tsa).verify(&made.make(b"another"), MESSAGE);
    assert_eq!(result, Err(TimestampError::ImprintMismatch));
    for change in [
        |imprint: &mut Vec<u8>| imprint.truncate(31),
        |imprint: &mut Vec<u8>| imprint.push(0),
        |imprint: &mut Vec<u8>| imprint.clear(),
    ] {
        let mut made = stamp();
        made.info.set(move |info| change(&mut info.imprint));
        assert_eq!(verify(&made, &made.make(MESSAGE)), Err(TimestampError::ImprintMismatch));
    }
}

#[test]
fn weak_hashes_are_named() {
    let weak = |name: &str| Err(TimestampError::WeakAlgorithm(name.into()));
    for (oid, name) in [(SHA1, "SHA-1"), (MD5, "MD5"), ("2.16.840.1.101.3.4.2.4", "SHA-224")] {
        let mut made = stamp();
        made.info.set(move |info| info.hash = oid.into());
        assert_eq!(verify(&made, &made.make(MESSAGE)), weak(name));
        let digest = edited(|root| {
            root.at(SIGNER).children()[2] = Node::parse(&der::algorithm(oid, &[]));
        });
        assert_eq!(verify(&stamp(), &digest), weak(name));
    }
    for (oid, name) in [
        ("1.2.840.113549.1.1.4", "RSA with MD5"),
        ("1.2.840.113549.1.1.5", "RSA with SHA-1"),
        ("1.2.840.10045.4.1", "ECDSA with SHA-1"),
    ] {
        let token = edited(|root| {
            root.at(SIGNER).children()[4] = Node::parse(&der::algorithm(oid, &[]));
        });
        assert_eq!(verify(&stamp(), &token), weak(name));
    }
    let dsa = edited(|root| {
        root.at(SIGNER).children()[4] = Node::parse(&der::algorithm("1.2.840.10040.4.3", &[]));
    });
    let unsupported = TimestampError::UnsupportedAlgorithm("1.2.840.10040.4.3".into());
    assert_eq!(verify(&stamp(), &dsa), Err(unsupported));
}

#[test]
fn the_signature_is_the_signers() {
    let invalid = Err(TimestampError::SignatureInvalid);
    let mut made = stamp();
    made.signature.set(|signature| *signature = Key::p256("another").sign(signature));
    assert_eq!(verify(&made, &made.make(MESSAGE)), invalid);
    // Over the content, as CMS has it without signed attributes.
    let content = edited(|root| {
        let content = root.at(CONTENT).children()[1].children()[0].bytes().clone();
        *root.at(SIGNER).children()[5].bytes() = tsa().leaf.key.sign(&content);
    });
    assert_eq!(verify(&stamp(), &content), invalid);
    // With the tag that the attributes travel with.
    let tagged = edited(|root| {
        let signer = root.at(SIGNER).children();
        let attributes = signer[3].encode();
        *signer[5].bytes() = tsa().leaf.key.sign(&attributes);
    });
    assert_eq!(verify(&stamp(), &tagged), invalid);
    // A scheme that is not the key's.
    let scheme = edited(|root| {
        root.at(SIGNER).children()[4] =
            Node::parse(&der::algorithm("1.2.840.113549.1.1.11", &[der::null()]));
    });
    assert_eq!(verify(&stamp(), &scheme), invalid);
    // The digest of another content.
    let mut made = stamp();
    made.attributes.set(|attributes| {
        let digest = attributes.iter_mut().find(|a| a.oid == MESSAGE_DIGEST).unwrap();
        digest.value = der::octets(&sha256(b"another"));
    });
    assert_eq!(verify(&made, &made.make(MESSAGE)), invalid);
}

#[test]
fn every_signed_attribute_is_needed_once() {
    let id = "no identifier of the signing certificate";
    let missing = |index: usize| signed(|attributes| drop(attributes.remove(index)));
    // In the order of DER: content type, signing time, message digest, certificate or the reverse
    // of the last two.
    let oids = ["content type", "signing time", "message digest", "certificate"];
    let mut found = Vec::new();
    for index in 0..oids.len() {
        found.push(verify(&stamp(), &missing(index)).map(|_| ()));
    }
    assert_eq!(found[0], malformed("no content type among the signed attributes"));
    assert_eq!(found[1], Ok(()));
    let digest = malformed("no message digest among the signed attributes");
    assert!(found[2..].contains(&digest) && found[2..].contains(&malformed(id)), "{found:?}");

    for index in 0..oids.len() {
        // Twice the same is no DER set; a second with another value is one.
        let twice = signed(|attributes| {
            let mut other = attributes[index].clone();
            let values = other.children()[1].children();
            let last = values.last().unwrap().encode();
            let (tag, mut bytes) = (last[0], last);
            *bytes.last_mut().unwrap() ^= 1;
            values[0] = Node::parse(&bytes);
            assert_eq!(values[0].tag, tag);
            attributes.push(other);
            attributes.sort_by_key(Node::encode);
        });
        assert_eq!(
            verify(&stamp(), &twice),
            malformed("a signed attribute is there twice"),
            "{}",
            oids[index]
        );
        let same = signed(|attributes| attributes.insert(index, attributes[index].clone()));
        assert_eq!(verify(&stamp(), &same), malformed("the order of the signed attributes"));
        let values = signed(|attributes| {
            let values = attributes[index].children()[1].children();
            values.push(values[0].clone());
            attributes.sort_by_key(Node::encode);
        });
        assert_eq!(verify(&stamp(), &values), malformed("a signed attribute has many values"));
        let empty = signed(|attributes| {
            attributes[index].children()[1].children().clear();
            attributes.sort_by_key(Node::encode);
        });
        assert_eq!(verify(&stamp(), &empty), malformed("a signed attribute has no value"));
    }
    let reverse = signed(|attributes| attributes.reverse());
    assert_eq!(verify(&stamp(), &reverse), malformed("the order of the signed attributes"));
    let none = edited(|root| drop(root.at(SIGNER).children().remove(3)));
    assert_eq!(verify(&stamp(), &none), malformed("no signed attributes"));
    let unknown = signed(|attributes| {
        let value = der::set_of(vec![der::null()]);
        attributes.push(Node::parse(&der::seq(&[der::oid("1.2.3.4"), value])));
        attributes.sort_by_key(Node::encode);
    });
    assert!(verify(&stamp(), &unknown).is_ok());
    let many = signed(|attributes| {
        for arc in 0..32 {
            let value = der::set_of(vec![der::null()]);
            attributes.push(Node::parse(&der::seq(&[der::oid(&format!("1.2.3.{arc}")), value])));
        }
        attributes.sort_by_key(Node::encode);
    });
    assert_eq!(verify(&stamp(), &many), malformed("the signed attributes"));
}

#[test]
fn the_signed_content_type_is_tst_info() {
    let mut made = stamp();
    made.content_type = "1.2.840.113549.1.7.1".into();
    assert_eq!(
        verify(&made, &made.make(MESSAGE)),
        Err(TimestampError::Malformed("the content is not TSTInfo"))
    );
    let mut made = stamp();
    made.attributes.set(|attributes| attributes[0].value = der::oid("1.2.840.113549.1.7.1"));
    assert_eq!(
        verify(&made, &made.make(MESSAGE)),
        Err(TimestampError::Malformed("the signed content type is not TSTInfo"))
    );
}

/// ESSCertIDv2 with these parts.
fn identifier(parts: &[Vec<u8>]) -> Vec<u8> {
    der::seq(&[der::seq(&[der::seq(parts)])])
}

fn identified_by(value: Vec<u8>) -> Result<Time, TimestampError> {
    let mut made = stamp();
    made.naming = Naming::Absent;
    made.attributes.set(move |attributes| {
        attributes.push(Attribute { oid: SIGNING_CERTIFICATE_V2.into(), value: value.clone() });
    });
    verify(&made, &made.make(MESSAGE)).map(|timestamp| timestamp.time)
}

#[test]
fn the_signer_identifies_its_certificate() {
    let tsa = tsa();
    let leaf = tsa.chain().remove(0);
    let hash = der::octets(&sha256(&leaf));
    let directory = |name: &[u8]| der::seq(&[der::explicit(4, name)]);
    let issuer = tsa.authorities[1].subject.clone();
    let serial = der::uint(&tsa.leaf.serial);
    let issuer_serial = |names: Vec<u8>, serial: &[u8]| der::seq(&[names, serial.to_vec()]);
    let good = [
        vec![hash.clone()],
        vec![der::algorithm(Hash::Sha256.oid(), &[]), hash.clone()],
        vec![der::algorithm(Hash::Sha256.oid(), &[der::null()]), hash.clone()],
        vec![der::algorithm(Hash::Sha512.oid(), &[]), der::octets(&Hash::Sha512.of(&leaf))],
        vec![hash.clone(), issuer_serial(directory(&issuer), &serial)],
    ];
    for parts in good {
        assert_eq!(identified_by(identifier(&parts)), Ok(Time::from_unix(SIGNED + 6)));
    }
    let unknown = [
        vec![der::octets(&sha256(b"another"))],
        vec![der::octets(&[])],
        vec![der::algorithm(Hash::Sha512.oid(), &[]), hash.clone()],
        vec![hash.clone(), issuer_serial(directory(&tsa.leaf.subject), &serial)],
        vec![hash.clone(), issuer_serial(directory(&issuer), &der::number(7))],
    ];
    for parts in unknown {
        assert_eq!(identified_by(identifier(&parts)), Err(TimestampError::SignerUnknown));
    }
    let sha1 = identifier(&[der::algorithm(SHA1, &[]), hash.clone()]);
    assert_eq!(identified_by(sha1), Err(TimestampError::WeakAlgorithm("SHA-1".into())));
    let other_form = der::seq(&[der::implicit(2, b"tsa.test")]);
    let two_names = der::seq(&[der::explicit(4, &issuer), der::explicit(4, &issuer)]);
    for names in [other_form, two_names, der::seq(&[])] {
        let parts = [hash.clone(), issuer_serial(names, &serial)];
        let error = TimestampError::Malformed("the issuer of the signing certificate");
        assert_eq!(identified_by(identifier(&parts)), Err(error));
    }
    let what = TimestampError::Malformed("the identifier of the signing certificate");
    for value in [der::seq(&[der::seq(&[])]), der::seq(&[]), der::null()] {
        assert_eq!(identified_by(value), Err(what.clone()));
    }
    // Others of the chain may follow, and only the first is the signer's.
    let root = der::seq(&[der::octets(&sha256(&tsa.chain()[2]))]);
    let own = der::seq(&[hash]);
    assert!(identified_by(der::seq(&[der::seq(&[own.clone(), root.clone()])])).is_ok());
    assert_eq!(
        identified_by(der::seq(&[der::seq(&[root, own])])),
        Err(TimestampError::SignerUnknown)
    );
}

#[test]
fn an_identifier_of_version_one_needs_a_leaf_that_is_named() {
    let mut made = stamp();
    made.naming = Naming::V1;
    let token = made.make(MESSAGE);
    assert!(named(&made.tsa).verify(&token, MESSAGE).is_ok());
    assert_eq!(
        store(&made.tsa).verify(&token, MESSAGE),
        Err(TimestampError::WeakAlgorithm("SHA-1 for its certificate".into()))
    );
    // Where both are there, it is the second that counts.
    let mut made = stamp();
    made.attributes.set(|attributes| {
        let value = der::seq(&[der::seq(&[der::seq(&[der::octets(&[0; 20])])])]);
        attributes.push(Attribute { oid: "1.2.840.113549.1.9.16.2.12".into(), value });
    });
    assert!(verify(&made, &made.make(MESSAGE)).is_ok());
}

#[test]
fn there_is_one_signer() {
    let two = edited(|root| {
        let signers = root.at(SIGNERS).children();
        signers.push(signers[0].clone());
    });
    assert_eq!(verify(&stamp(), &two), Err(TimestampError::Malformed("more than one signer")));
    let none = edited(|root| root.at(SIGNERS).children().clear());
    assert_eq!(verify(&stamp(), &none), Err(TimestampError::Malformed("no signer")));
}

#[test]
fn signers_are_named_by_issuer_or_by_key() {
    let mut made = stamp();
    made.signer.set(|(issuer, _)| *issuer = der::seq(&[]));
    assert_eq!(verify(&made, &made.make(MESSAGE)), Err(TimestampError::SignerUnknown));
    let mut made = stamp();
    made.signer.set(|(_, serial)| serial[3] ^= 1);
    assert_eq!(verify(&made, &made.make(MESSAGE)), Err(TimestampError::SignerUnknown));

    let by_key = |version: u64, id: &[u8]| {
        edited(|root| {
            let signer = root.at(SIGNER).children();
            signer[0] = Node::parse(&der::number(version));
            signer[1] = Node::primitive(0x80, id);
        })
    };
    let id = &sha256(&tsa().leaf.spki())[..20];
    assert!(verify(&stamp(), &by_key(3, id)).is_ok());
    assert_eq!(verify(&stamp(), &by_key(3, &[7; 20])), Err(TimestampError::SignerUnknown));
    let version = Err(TimestampError::Malformed("the version of SignerInfo"));
    assert_eq!(verify(&stamp(), &by_key(1, id)), version);
    let wrong = edited(|root| *root.at(SIGNER).children()[0].bytes() = vec![3]);
    assert_eq!(verify(&stamp(), &wrong), version);
}

#[test]
fn the_structure_is_that_of_the_specifications() {
    for version in [1, 2, 4, 5] {
        let token = edited(|root| *root.at(SIGNED_DATA).children()[0].bytes() = vec![version]);
        assert_eq!(verify(&stamp(), &token), malformed("the version of SignedData"));
    }
    let digests = edited(|root| {
        root.at(DIGESTS).children()[0] = Node::parse(&der::algorithm(Hash::Sha512.oid(), &[]));
    });
    assert_eq!(verify(&stamp(), &digests), malformed("the digest algorithms"));
    let content = edited(|root| drop(root.at(CONTENT).children().remove(1)));
    assert_eq!(verify(&stamp(), &content), malformed("no content"));
    let data = edited(|root| *root.children()[0].bytes() = vec![0x2a, 3]);
    assert_eq!(verify(&stamp(), &data), malformed("not CMS SignedData"));
    let certificates = "the certificates in the token";
    let other_kind = edited(|root| root.at(CERTIFICATES).children()[0].tag = 0xa1);
    assert_eq!(verify(&stamp(), &other_kind), malformed(certificates));
    let many = edited(|root| {
        let set = root.at(CERTIFICATES).children();
        *set = vec![set[0].clone(); 11];
    });
    assert_eq!(verify(&stamp(), &many), malformed(certificates));
    // What is not signed and not used.
    let more = edited(|root| {
        let lists = Node::parse(&der::tlv(0xa1, &der::seq(&[])));
        root.at(SIGNED_DATA).children().insert(4, lists);
        let open = der::seq(&[der::oid("1.2.3"), der::set_of(vec![der::null()])]);
        root.at(&[1, 0, 5, 0]).children().push(Node::parse(&der::tlv(0xa1, &open)));
    });
    assert!(verify(&stamp(), &more).is_ok());
}

#[test]
fn only_der_is_read() {
    let token = stamp().make(MESSAGE);
    // BER: no length, and an end.
    let content = &token[4..];
    let indefinite = [&[0x30, 0x80], content, &[0, 0]].concat();
    let long = [&[0x30, 0x83, 0], &token[2..]].concat();
    for ber in [indefinite, long, [&token[..], &[0]].concat(), Vec::new(), vec![0x30, 0]] {
        assert!(matches!(verify(&stamp(), &ber), Err(TimestampError::Malformed(_))));
    }
    let large = vec![0x30; timestamp::MOST_BYTES + 1];
    assert_eq!(verify(&stamp(), &large), Err(TimestampError::TooLarge(large.len())));
    // As deep as a token can be.
    let mut deep = vec![5, 0];
    while deep.len() < timestamp::MOST_BYTES - 8 {
        deep = der::seq(&[deep]);
    }
    assert!(matches!(verify(&stamp(), &deep), Err(TimestampError::Malformed(_))));
}

#[test]
fn a_refusal_of_the_tsa_is_one() {
    for status in 2..=5 {
        let mut made = stamp();
        (made.bare, made.status) = (false, status);
        assert_eq!(verify(&made, &made.make(MESSAGE)), Err(TimestampError::NotGranted(status)));
        let status_info = der::seq(&[der::number(status.into()), der::seq(&[der::utf8("no")])]);
        let refused = der::seq(&[status_info]);
        assert_eq!(verify(&stamp(), &refused), Err(TimestampError::NotGranted(status)));
    }
    let nothing = der::seq(&[der::seq(&[der::number(0)])]);
    let error = TimestampError::Malformed("a response without a token");
    assert_eq!(verify(&stamp(), &nothing), Err(error));
}

#[test]
fn a_token_is_paid_for() {
    let made = stamp();
    let token = Token::parse(&made.make(MESSAGE)).unwrap();
    let trust = named(&made.tsa);
    // Two certificates and the token.
    for left in 0..3 {
        let spend = Spend::new(left, Memo::default());
        let result = timestamp::verify(&token, MESSAGE, &trust.authority(), &spend);
        assert_eq!(result, Err(TimestampError::Budget), "{left}");
    }
    let memo = Memo::default();
    let spend = Spend::new(3, memo.clone());
    assert!(timestamp::verify(&token, MESSAGE, &trust.authority(), &spend).is_ok());
    assert_eq!(spend.used(), 3);
    // The certificates are known by now.
    let spend = Spend::new(1, memo);
    assert!(timestamp::verify(&token, MESSAGE, &trust.authority(), &spend).is_ok());
}

#[test]
fn the_signing_time_is_one_of_the_certificates() {
    let at = |value: Vec<u8>| {
        let mut made = stamp();
        made.attributes.set(move |attributes| {
            let time = attributes.iter_mut().find(|a| a.oid == SIGNING_TIME).unwrap();
            time.value.clone_from(&value);
        });
        verify(&made, &made.make(MESSAGE)).map(|_| ())
    };
    assert_eq!(at(der::tlv(0x17, b"250601120100Z")), Ok(()));
    assert_eq!(at(der::tlv(0x17, b"490601120100Z")), Err(TimestampError::CertificateExpired));
    assert_eq!(at(der::tlv(0x17, b"990601120100Z")), Err(TimestampError::CertificateNotYetValid));
    assert_eq!(at(der::tlv(0x17, b"2506011201Z")), Err(TimestampError::Malformed("signingTime")));
}
