use der::{Decode, Encode};

use super::*;

fn subject(rdns: &[&[(ObjectIdentifier, u8, &[u8])]]) -> Name {
    fn tlv(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
        let content = parts.concat();
        [vec![tag, u8::try_from(content.len()).unwrap()], content].concat()
    }
    let rdns: Vec<Vec<u8>> = rdns
        .iter()
        .map(|rdn| {
            let attributes: Vec<Vec<u8>> = rdn
                .iter()
                .map(|(oid, tag, value)| {
                    tlv(0x30, &[oid.to_der().unwrap(), tlv(*tag, &[value.to_vec()])])
                })
                .collect();
            tlv(0x31, &attributes)
        })
        .collect();
    Name::from_der(&tlv(0x30, &rdns)).unwrap()
}

fn oid(name: &str) -> ObjectIdentifier {
    ATTRIBUTES.iter().find(|(n, _)| *n == name).unwrap().1
}

fn name(text: &str) -> DistinguishedName {
    match TrustedIdentity::parse(&format!("x509.subject:{text}")) {
        Ok(TrustedIdentity::Subject(name)) => name,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn identities_are_read_as_notation_go_reads_them() {
    let acme = name("C=US,ST=WA,O=Acme");
    for text in [
        " C=US, ST=WA, O=Acme",
        "C=US;S=WA;O=Acme",
        " C = US , ST = WA , O = Acme ",
        r"C=US,ST=WA,O=\41cme",
        r"O=Acme,C=US,ST=WA",
    ] {
        assert_eq!(name(text), acme, "{text}");
    }
    for (text, organization) in [
        (r"C=US,ST=WA,O=Acme\, Inc\; \+ \\ \<\>", r"Acme, Inc; + \ <>"),
        (r"C=US,ST=WA,O=\ lead\ ", " lead "),
        (r"C=US,ST=WA,O=\ lead\   ", " lead "),
        (r#"C=US,ST=WA,O="Acme""#, r#""Acme""#),
        (r"C=US,ST=WA,O=a=b", "a=b"),
        (r"C=US,ST=WA,O=\c3\a4", "ä"),
    ] {
        assert_eq!(name(text).0.get("O").map(String::as_str), Some(organization), "{text}");
    }
}

#[test]
fn what_an_identity_prints_is_read_as_the_same() {
    for text in [r"O=a\=\#b", r"O=\#a", r"O=a#b", r"O=\ a\ ", r#"O=\"\+\,\;\<\>\\"#, r"O=\00\0a"] {
        let identity = TrustedIdentity::parse(&format!("x509.subject:C=US,ST=WA,{text}")).unwrap();
        assert_eq!(TrustedIdentity::parse(&identity.to_string()), Ok(identity), "{text}");
    }
}

/// notation-go takes any type of attribute, and reads some in certificates.
#[test]
fn an_attribute_that_no_subject_is_read_for_may_be_named_in_compat() {
    let parse =
        |text: &str| TrustedIdentity::parse_as(&format!("x509.subject:{text}"), Profile::Compat);
    let all = parse("C=US,ST=WA,O=Acme").unwrap();
    let own = parse("C=US,ST=WA,O=Acme,CustomRDN=CustomValue").unwrap();
    assert_eq!(TrustedIdentity::parse_as(&own.to_string(), Profile::Compat), Ok(own.clone()));
    assert!(check_overlap(&[all, own], Profile::Compat).is_err());
    for text in ["C=US,ST=WA,O=Acme,X=1,X=2", "C=US,ST=WA,O=Acme,=2", "c=US,ST=WA,O=Acme"] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_not_an_identity_is_refused() {
    use IdentityError::*;
    for (text, error) in [
        ("", Empty),
        ("x509.subject", NoPrefix),
        ("C=US, ST=WA, O=Acme", NoPrefix),
        ("unknown:foo", UnknownPrefix("unknown".into())),
        ("x509.subject:", NoEquals),
        ("x509.subject: C=US, ST=WA", Missing("O")),
        ("x509.subject: C=US, O=Acme", Missing("ST")),
        ("x509.subject: ST=WA, O=Acme", Missing("C")),
        ("x509.subject: c=US, st=WA, o=Acme", UnknownAttribute("c".into())),
        ("x509.subject: C=US, ST=WA, O=Acme, 2.5.4.3=x", UnknownAttribute("2.5.4.3".into())),
        ("x509.subject: C=US, ST=WA, O=Acme, L=", EmptyValue("L")),
        ("x509.subject: C=US, ST=WA, O= ", EmptyValue("O")),
        ("x509.subject: C=US, ST=WA, O=Acme, O=Other", Duplicate("O")),
        ("x509.subject: C=US, ST=WA, S=OR, O=Acme", Duplicate("ST")),
        ("x509.subject: C=US, ST=WA, O=Acme+OU=x", MultiValued),
        ("x509.subject: C=US, ST=WA, O=#0c01", Hexadecimal),
        ("x509.subject: C=US, ST=WA, O=Acme,", NoEquals),
        (r"x509.subject: C=US, ST=WA, O=Acme\", Escape),
        (r"x509.subject: C=US, ST=WA, O=\xy", Escape),
        (r"x509.subject: C=US, ST=WA, O=\ff", Escape),
    ] {
        assert_eq!(TrustedIdentity::parse(text), Err(error), "{text}");
    }
}

#[test]
fn identities_of_a_list_do_not_overlap() {
    let list = |texts: &[&str]| {
        let parsed: Vec<_> = texts.iter().map(|t| TrustedIdentity::parse(t).unwrap()).collect();
        check_overlap(&parsed, Profile::Spec)
    };
    let acme = "x509.subject: C=US, ST=WA, O=Acme";
    let build = "x509.subject: C=US, ST=WA, O=Acme, OU=build";
    let test = "x509.subject: C=US, ST=WA, O=Acme, OU=test";
    assert_eq!(list(&["*"]), Ok(()));
    assert_eq!(list(&[build, test]), Ok(()));
    assert_eq!(list(&["*", acme]), Err(IdentityError::AnyAmongOthers));
    assert_eq!(list(&["*", "*"]), Err(IdentityError::AnyAmongOthers));
    for overlap in [[acme, build], [build, acme], [acme, acme]] {
        assert!(matches!(list(&overlap), Err(IdentityError::Overlap(..))), "{overlap:?}");
    }
}

#[test]
fn only_what_the_identity_names_has_to_be_unique() {
    let (utf8, printable) = (0x0c, 0x13);
    let common: [&[_]; 3] = [
        &[(oid("C"), printable, &b"US"[..])],
        &[(oid("ST"), utf8, b"WA")],
        &[(oid("O"), utf8, b"Acme")],
    ];
    let with = |more: &[&'static [(ObjectIdentifier, u8, &'static [u8])]]| {
        subject(&[&common[..], more].concat())
    };
    static TWO_UNITS: [&[(ObjectIdentifier, u8, &[u8])]; 2] = [
        &[(ObjectIdentifier::new_unwrap("2.5.4.11"), 0x0c, b"a")],
        &[(ObjectIdentifier::new_unwrap("2.5.4.11"), 0x0c, b"b")],
    ];
    let two = with(&TWO_UNITS);
    assert_eq!(only_value(&two, "O", Profile::Spec).as_deref(), Some("Acme"));
    assert_eq!(only_value(&two, "OU", Profile::Spec), None);
    assert!(!is_readable_by_notation_go(&two));
    assert!(is_readable_by_notation_go(&with(&[])));
    static SHARED: [&[(ObjectIdentifier, u8, &[u8])]; 1] = [&[
        (ObjectIdentifier::new_unwrap("2.5.4.3"), 0x0c, b"x"),
        (ObjectIdentifier::new_unwrap("2.5.4.11"), 0x0c, b"a"),
    ]];
    let shared = with(&SHARED);
    assert_eq!(only_value(&shared, "OU", Profile::Spec), None);
    assert_eq!(only_value(&shared, "OU", Profile::Compat).as_deref(), Some("a"));
    assert_eq!(only_value(&shared, "O", Profile::Spec).as_deref(), Some("Acme"));
}

#[test]
fn strings_of_every_type_are_read_where_they_have_one_meaning() {
    for (tag, bytes, text) in [
        (0x0c, &b"\xc3\xa4"[..], Some("ä")),
        (0x0c, b"\xff", None),
        (0x13, b"Acme", Some("Acme")),
        (0x16, b"a@b", Some("a@b")),
        (0x14, b"Acme", Some("Acme")),
        (0x14, b"\xe4", None),
        (0x1e, b"\x00A\x00b", Some("Ab")),
        (0x04, b"Acme", None),
    ] {
        let name = subject(&[&[(oid("O"), tag, bytes)]]);
        assert_eq!(only_value(&name, "O", Profile::Spec).as_deref(), text, "{tag:#x} {bytes:x?}");
    }
}

#[test]
fn a_subject_has_one_line() {
    let name = subject(&[
        &[(oid("C"), 0x13, b"DE")],
        &[(oid("O"), 0x0c, b"Acme, \"Inc\"")],
        &[(oid("OU"), 0x0c, b" #x ")],
        &[(oid("CN"), 0x0c, b"#x\n")],
    ]);
    assert_eq!(subject_line(&name), r#"CN=\#x\0a,OU=\ #x\ ,O=Acme\, \"Inc\",C=DE"#);
    let other = subject(&[&[(ObjectIdentifier::new_unwrap("1.2.3"), 0x04, b"\x01")]]);
    assert_eq!(subject_line(&other), "1.2.3=#040101");
    assert_eq!(subject_line(&subject(&[])), "");
}

/// Requirement 74: in `compat` an empty value is that of an attribute that is not there.
#[test]
fn an_empty_value_is_none_in_compat() {
    let read = |text: &str| TrustedIdentity::parse_as(text, Profile::Compat);
    let empty = read("x509.subject: C=US, ST=WA, O=Acme, L=").unwrap();
    let plain = read("x509.subject: C=US, ST=WA, O=Acme").unwrap();
    let overlap = check_overlap(&[empty.clone(), plain], Profile::Compat);
    assert!(matches!(overlap, Err(IdentityError::Overlap(..))));
    let elsewhere = read("x509.subject: C=US, ST=WA, O=Other, L=").unwrap();
    assert_eq!(check_overlap(&[empty, elsewhere], Profile::Compat), Ok(()));
    for (text, name) in [("C=, ST=WA, O=Acme", "C"), ("C=US, ST=WA, O=", "O")] {
        let text = format!("x509.subject: {text}");
        assert_eq!(read(&text), Err(IdentityError::EmptyValue(name)), "{text}");
    }
}
