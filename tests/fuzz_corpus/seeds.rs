//! Seeds of the targets of Notation, and the certificates that they are judged by.

use std::fs;

use countersign::{
    crypto::Memo,
    envelope::{cose, jws},
    revocation::{Status, Terms},
    time::Time,
    timestamp::Token,
    x509,
};

use crate::{
    draft::{Draft, EXPIRY, Format, MIN_VERSION, PLUGIN, SCHEME, TIMESTAMP, Value, field, text},
    fuzz,
    made::{
        Crl, DAY, DELTA_CRL_INDICATOR, Entry, FRESHEST_CRL, HOUR, INVALIDITY_DATE,
        ISSUING_DISTRIBUTION_POINT, NOW, World, generalized, points, uri,
    },
    pki::{self, Key},
    sigstore::{
        der,
        keys::{Hash, Key as TsaKey},
        tsa::{Embedded, Naming, Stamp, Tsa},
    },
    targets,
    tree::Node,
};

/// As [`NOW`], an hour before.
const SIGNED_AT: i64 = NOW - HOUR;
const PAYLOAD: &[u8] = br#"{"targetArtifact":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:73c803930ea3ba1e54bc25c2bdc53edd0284c62ed651fe7b00369da519a3c333","size":16724,"annotations":{"io.wabbit-networks.buildId":"123"}}}"#;

/// A file below `fuzz`, and what it holds.
type File = (String, Vec<u8>);

fn check(files: Vec<File>) {
    for (path, bytes) in files {
        let path = fuzz().join(path);
        if std::option_env!("WRITE_SEEDS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        let known = fs::read(&path).unwrap_or_default();
        assert!(known == bytes, "{}: write it anew with WRITE_SEEDS=1", path.display());
    }
}

fn tsa() -> Tsa {
    Tsa::new("stamps", TsaKey::p256("TSA"))
}

fn stamp() -> Stamp {
    Stamp { bare: true, embedded: Embedded::Chain, ..tsa().stamp() }
}

/// Leaf, intermediate, root.
fn chain(key: Key) -> Vec<Vec<u8>> {
    let root = pki::Certificate::authority("root", Key::p256("root"));
    let intermediate = pki::Certificate::authority("intermediate", Key::p256("intermediate"));
    let leaf = pki::Certificate::leaf("leaf", key);
    vec![leaf.issued_by(&intermediate), intermediate.issued_by(&root), root.self_signed()]
}

fn draft(format: Format, key: Key) -> Draft {
    Draft::new(format, key.clone(), chain(key), PAYLOAD, SIGNED_AT)
}

/// With a timestamp of a minute later.
fn stamped(format: Format) -> Draft {
    let mut draft = draft(format, Key::p256("leaf"));
    let envelope = draft.build();
    let parsed = match format {
        Format::Jws => jws::parse(&envelope),
        Format::Cose => cose::parse(&envelope),
    };
    let stamp = Stamp { time: SIGNED_AT + 60, ..stamp() };
    let token = stamp.make(&parsed.unwrap().signature);
    draft.set_open(field(TIMESTAMP), Value::Bytes(token));
    draft
}

#[test]
fn the_seeds_of_envelopes_are_whole_envelopes() {
    let mut files = vec![("src/signer_root.der".to_owned(), chain(Key::p256("leaf")).remove(2))];
    let tsa = tsa().chain();
    for (name, der) in ["tsa_leaf", "tsa_intermediate", "tsa_root"].into_iter().zip(tsa) {
        files.push((format!("src/{name}.der"), der));
    }
    for (target, format) in [("jws", Format::Jws), ("cose", Format::Cose)] {
        let plain = || draft(format, Key::p256("leaf"));
        let with = |change: fn(&mut Draft)| {
            let mut draft = plain();
            change(&mut draft);
            draft
        };
        for (name, made) in [
            ("made", plain()),
            ("stamped", stamped(format)),
            ("p384", draft(format, Key::p384("leaf"))),
            ("rsa", draft(format, Key::rsa(2048))),
            ("authority", with(|draft| draft.by_authority(SIGNED_AT))),
            (
                "expiry",
                with(|draft| {
                    draft.set(field(EXPIRY), Value::Time(NOW + 60));
                    draft.crit(&[SCHEME, EXPIRY]);
                }),
            ),
            (
                "plugin",
                with(|draft| {
                    draft.set(field(PLUGIN), text("com.example.plugin"));
                    draft.set(field(MIN_VERSION), text("1.0.0"));
                    draft.crit(&[SCHEME, PLUGIN, MIN_VERSION]);
                }),
            ),
            (
                "extended",
                with(|draft| {
                    draft.set(field("com.example.note"), text("x"));
                    draft.set(field("com.example.other"), text("y"));
                    draft.crit(&[SCHEME, "com.example.other"]);
                }),
            ),
        ] {
            let envelope = made.build();
            let media_type = match format {
                Format::Jws => jws::MEDIA_TYPE,
                Format::Cose => cose::MEDIA_TYPE,
            };
            let good = !["plugin", "extended"].contains(&name);
            assert_eq!(targets::is_accepted(&envelope, media_type), good, "{target}/{name}");
            files.push((format!("corpus/{target}/{name}"), envelope));
        }
    }
    check(files);
}

#[test]
fn the_seeds_of_tokens_are_whole_tokens() {
    let message = b"a signature";
    let mut accurate = stamp();
    accurate.info.set(|info| {
        info.accuracy = Some((1, 5, 7));
        info.ordering = true;
        info.nonce = Some(vec![1, 2, 3]);
        info.time = "20250601120006.25Z".to_owned();
    });
    let with_signers = |change: fn(&mut Vec<Node>)| {
        let mut root = Node::parse(&stamp().make(message));
        change(root.at(&[1, 0, 4]).children());
        root.encode()
    };
    let files = [
        ("bare", stamp().make(message)),
        ("granted", Stamp { bare: false, ..stamp() }.make(message)),
        ("refused", Stamp { bare: false, status: 2, ..stamp() }.make(message)),
        ("alone", Stamp { embedded: Embedded::Nothing, ..stamp() }.make(message)),
        ("version_1", Stamp { naming: Naming::V1, ..stamp() }.make(message)),
        ("sha512", Stamp { imprint: Hash::Sha512, digest: Hash::Sha384, ..stamp() }.make(message)),
        ("accurate", accurate.make(message)),
        ("two_signers", with_signers(|signers| signers.push(signers[0].clone()))),
    ];
    for (name, by) in [("bare", 2), ("granted", 2), ("alone", 1), ("version_1", 1), ("sha512", 2)] {
        let (_, token) = files.iter().find(|(other, _)| *other == name).unwrap();
        assert_eq!(targets::believed(&Token::parse(token).unwrap()), by, "{name}");
    }
    check(files.map(|(name, bytes)| (format!("corpus/timestamp/{name}"), bytes)).to_vec());
}

#[test]
fn the_seeds_of_revocation_have_what_is_fetched_after_them() {
    let world = World::new();
    let distribution = points(&[&["http://c/1.crl"]]);
    let delegate = world.responder().with("2.5.29.31", false, distribution);
    let base = world.crl().with(FRESHEST_CRL, false, points(&[&["http://c/delta.crl"]]));
    let delta = |entry: Entry| {
        let list = Crl { entries: vec![entry], ..base.clone() };
        let list = Crl { extensions: world.crl().extensions, ..list };
        list.with("2.5.29.20", false, der::number(6)).with(
            DELTA_CRL_INDICATOR,
            true,
            der::number(5),
        )
    };
    let held = Crl { entries: vec![Entry::new(6)], ..base.clone() };
    let invalid = Entry::new(1).with(INVALIDITY_DATE, false, generalized(NOW - HOUR));
    let name = der::explicit(0, &der::explicit(0, &uri("http://c/1.crl")));
    let point = der::seq(&[name, der::implicit(1, &[0xff])]);
    let named = world.crl().with(ISSUING_DISTRIBUTION_POINT, true, point);
    let spared = world.response().saying(|answer| {
        let at = generalized(NOW - HOUR);
        answer.revoked(NOW - DAY, Some(4)).with(INVALIDITY_DATE, false, at)
    });
    let by_delegate = world.response_by(&delegate).make();
    let files = [
        ("ocsp/delegate_and_list", [by_delegate, world.crl().make()].concat()),
        ("ocsp/spared", spared.make()),
        ("crl/base_and_delta", [base.make(), delta(Entry::new(1)).make()].concat()),
        ("crl/held_and_released", [held.make(), delta(Entry::new(8).at(NOW - 1)).make()].concat()),
        ("crl/spared", world.crl_with(invalid).make()),
        ("crl/named", named.make()),
    ];
    for (path, bytes) in &files {
        let fetched = match path.split_once('/') {
            Some(("ocsp", _)) => targets::answers(bytes),
            _ => targets::lists(bytes),
        };
        let good = ["ocsp/delegate_and_list", "crl/held_and_released", "crl/named"].contains(path);
        for (signed_at, good) in [(None, good), (Some(NOW - DAY), good || path.ends_with("spared"))]
        {
            let terms = Terms { signed_at: signed_at.map(Time::from_unix), ..targets::TERMS };
            let status = targets::status(&fetched, false, &terms, &Memo::default());
            assert_eq!(status == Status::Ok, good, "{path}: {status:?}");
            assert!(good || matches!(status, Status::Revoked(..)), "{path}: {status:?}");
        }
    }
    check(files.map(|(path, bytes)| (format!("corpus/{path}"), bytes)).to_vec());
}

/// One RDN for each list of type, tag and value.
fn subject(rdns: &[&[(&str, u8, &[u8])]]) -> Vec<u8> {
    let rdns = rdns.iter().map(|rdn| {
        let attribute = |(kind, tag, value): &(&str, u8, &[u8])| {
            der::seq(&[der::oid(kind), der::tlv(*tag, value)])
        };
        der::set_of(rdn.iter().map(attribute).collect())
    });
    der::seq(&rdns.collect::<Vec<_>>())
}

#[test]
fn the_seeds_of_names_are_identities_and_subjects() {
    const C: &str = "2.5.4.6";
    const ST: &str = "2.5.4.8";
    const O: &str = "2.5.4.10";
    const OU: &str = "2.5.4.11";
    const CN: &str = "2.5.4.3";
    let acme: [&[(&str, u8, &[u8])]; 3] =
        [&[(C, 0x13, b"US")], &[(ST, 0x0c, b"WA")], &[(O, 0x0c, b"Acme")]];
    let more = |rdns: &[&[(&str, u8, &[u8])]]| {
        let all: Vec<_> = acme.iter().copied().chain(rdns.iter().copied()).collect();
        subject(&all)
    };
    let files = [
        ("plain", "x509.subject: C=US, ST=WA, O=Acme", subject(&acme)),
        (
            "two",
            "x509.subject: C=US, ST=WA, O=Acme, OU=a\nx509.subject: C=US, ST=WA, O=Acme",
            more(&[&[(OU, 0x0c, b"a")], &[(CN, 0x1e, b"\0l\0e\0a\0f")]]),
        ),
        (
            "escaped",
            r#"x509.subject:C=US;S=WA;O=\"Acme\"\, Inc\; \+ \\ \<\> \c3\a4,CN=\ lead\ "#,
            more(&[&[(CN, 0x0c, b" lead ")]]),
        ),
        (
            "every",
            "x509.subject: C=US, CN=a, L=b, O=c, OU=d, POSTALCODE=e, SERIALNUMBER=f, ST=g, STREET=h, DC=i, UID=j, emailAddress=k@l",
            subject(&[
                &[(C, 0x13, b"US")],
                &[(CN, 0x0c, b"a")],
                &[("2.5.4.7", 0x0c, b"b")],
                &[(O, 0x14, b"c")],
                &[(OU, 0x0c, b"d")],
                &[("2.5.4.17", 0x0c, b"e")],
                &[("2.5.4.5", 0x13, b"f")],
                &[(ST, 0x0c, b"g")],
                &[("2.5.4.9", 0x0c, b"h")],
                &[("0.9.2342.19200300.100.1.25", 0x16, b"i")],
                &[("0.9.2342.19200300.100.1.1", 0x0c, b"j")],
                &[("1.2.840.113549.1.9.1", 0x16, b"k@l")],
            ]),
        ),
        ("any", "*\nx509.subject: C=US, ST=WA, O=Acme", subject(&acme)),
        (
            "shared",
            "x509.subject: C=US, ST=WA, O=Acme, OU=a\nx509.subject: C=US, ST=WA, O=Acme, OU=b",
            more(&[&[(CN, 0x0c, b"x"), (OU, 0x0c, b"a")], &[(OU, 0x0c, b"b")]]),
        ),
        (
            "hexadecimal",
            "x509.subject: C=US, ST=WA, O=#0c01",
            more(&[&[("1.2.3", 0x04, b"\x01")], &[(CN, 0x0c, b"#x\n")]]),
        ),
    ];
    let files = files.map(|(name, identities, subject)| {
        let path = format!("corpus/distinguished_name/{name}");
        (path, [identities.as_bytes(), b"\0", &subject].concat())
    });
    for (path, bytes) in &files {
        let at = bytes.iter().position(|byte| *byte == 0).unwrap();
        let certificate = targets::with_subject(&bytes[at + 1..]);
        assert!(
            certificate.is_some_and(|c: x509::Certificate| c.subject_der() == &bytes[at + 1..]),
            "{path}"
        );
    }
    check(files.to_vec());
}
