//! The 36 cases of `rev.txt`: what notation-core-go 1.3.0 answered to OCSP responses and CRLs made by
//! a program of the same shape. `compat` agrees with every row; each difference of `spec` has its
//! reason in the table.

use std::fs;

use countersign::{
    time::Time,
    x509::{Certificate, notation_profile::Profile},
};

use crate::{
    made::{
        Crl, DAY, Entry, Fetched, HOUR, INVALIDITY_DATE, ISSUING_DISTRIBUTION_POINT, MINUTE, NOW,
        Response, World, finding, generalized, named, not_run, points, report, terms, vectors,
        verdict,
    },
    sigstore::{
        certificate::{self, EXTENDED_KEY_USAGE},
        der,
    },
};

const URL: &str = "http://c/1.crl";
const SECOND: &str = "http://c/2.crl";

/// One row: its name, what notation-core-go says, and what `spec` says where that differs, with the
/// requirement.
type Row = (&'static str, &'static str, Option<(&'static str, &'static str)>);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("ocsp good by issuer", "OK/OCSP", None),
    ("ocsp good by delegated OCSPSigning", "OK/OCSP",
        Some(("Unknown/OCSP", "D10, 101: without nocheck, and no way to check the responder"))),
    ("ocsp good by issued cert WITHOUT OCSPSigning EKU", "OK/OCSP",
        Some(("Unknown/OCSP", "D10: the responder's purpose"))),
    ("ocsp good by EXPIRED delegated responder", "OK/OCSP",
        Some(("Unknown/OCSP", "D10: the responder's validity"))),
    ("ocsp by unrelated CA", "Unknown/OCSP", None),
    ("ocsp no nextUpdate", "Unknown/OCSP", None),
    ("ocsp expired", "Unknown/OCSP", None),
    ("ocsp thisUpdate in future", "OK/OCSP", Some(("Unknown/OCSP", "D10: thisUpdate"))),
    ("ocsp revoked", "Revoked/OCSP", None),
    ("ocsp revoked revokedAt FUTURE", "Revoked/OCSP", None),
    ("ocsp revoked, invalidityDate after authSigningTime", "OK/OCSP", None),
    ("ocsp revoked, invalidityDate before authSigningTime", "Revoked/OCSP", None),
    ("ocsp revoked, invalidityDate, no authSigningTime", "Revoked/OCSP", None),
    ("ocsp unknown, no CRL", "Unknown/OCSP", None),
    ("ocsp unknown -> CRL good", "OK/OCSPFallbackCRL", None),
    ("ocsp unreachable -> CRL good", "OK/OCSPFallbackCRL", None),
    ("ocsp good, CRL revoked (CRL ignored)", "OK/OCSP", None),
    ("crl good", "OK/CRL", None),
    ("crl revoked", "Revoked/CRL", None),
    ("crl hold", "Revoked/CRL", None),
    ("crl removeFromCRL only", "OK/CRL", None),
    ("crl revoked revocationTime in FUTURE", "Revoked/CRL", None),
    ("crl expired + listed", "Unknown/CRL",
        Some(("Revoked/CRL", "105: who is listed for good stays revoked"))),
    ("crl thisUpdate future", "OK/CRL", Some(("Unknown/CRL", "105: thisUpdate"))),
    ("2 CDPs: 1st ok, 2nd unreachable", "Unknown/CRL", None),
    ("2 CDPs: 1st unreachable, 2nd ok", "Unknown/CRL", None),
    ("2 CDPs: 1st good, 2nd revoked", "Revoked/CRL", None),
    ("https CDP", "Unknown/CRL", None),
    ("crl signed by other", "Unknown/CRL", None),
    ("crl revoked invalidityDate after authSigningTime", "OK/CRL", None),
    ("crl revoked invalidityDate, no authSigningTime", "Revoked/CRL", None),
    ("crl IDP onlyContainsCACerts critical", "OK/CRL",
        Some(("Unknown/CRL", "105: issuingDistributionPoint"))),
];

/// What a row is made of.
struct Case {
    leaf: certificate::Certificate,
    ocsp: Option<Response>,
    crls: Vec<(&'static str, Crl)>,
    signed_at: Option<i64>,
}

fn case(world: &World, row: &str) -> Case {
    let response = world.response();
    let invalid = generalized(NOW - 5 * HOUR);
    let revoked = response.clone().saying(|s| s.revoked(NOW - MINUTE, None));
    let since = |response: &Response| {
        response.clone().saying(|s| s.with(INVALIDITY_DATE, false, invalid.clone()))
    };
    let by = |change: &dyn Fn(&mut certificate::Certificate)| {
        let mut responder = world.responder();
        change(&mut responder);
        world.response_by(&responder)
    };
    let ocsp = |ocsp: Response, signed_at| Case {
        leaf: world.leaf_with_ocsp(),
        ocsp: Some(ocsp),
        crls: Vec::new(),
        signed_at,
    };
    let crl = |crls: &[(&'static str, Crl)], signed_at| Case {
        leaf: world.leaf_with_crls(&[URL]),
        ocsp: None,
        crls: crls.to_vec(),
        signed_at,
    };
    let both = |ocsp: Option<Response>, crl: Crl| Case {
        leaf: world.leaf_with_ocsp().with("2.5.29.31", false, points(&[&[URL]])),
        ocsp,
        crls: vec![(URL, crl)],
        signed_at: None,
    };
    let two = |crls: &[(&'static str, Crl)]| Case {
        leaf: world.leaf_with_crls(&[URL, SECOND]),
        ..crl(crls, None)
    };
    let one = |entry| crl(&[(URL, world.crl_with(entry))], None);
    let good = world.crl();
    match row {
        "ocsp good by issuer" => ocsp(response, None),
        "ocsp good by delegated OCSPSigning" => ocsp(by(&|_| ()), None),
        "ocsp good by issued cert WITHOUT OCSPSigning EKU" => {
            ocsp(by(&|responder| responder.remove(EXTENDED_KEY_USAGE)), None)
        }
        "ocsp good by EXPIRED delegated responder" => {
            ocsp(by(&|responder| responder.not_after = NOW - HOUR), None)
        }
        "ocsp by unrelated CA" => {
            let mut response = by(&|_| ());
            let other = certificate::Certificate::authority("ocsp", world.other_key.clone());
            response.embedded = vec![other.issued_by(&other.as_issuer())];
            ocsp(response, None)
        }
        "ocsp no nextUpdate" => ocsp(
            response.saying(|mut s| {
                s.next_update = None;
                s
            }),
            None,
        ),
        "ocsp expired" => ocsp(
            response.saying(|mut s| {
                s.next_update = Some(NOW - MINUTE);
                s
            }),
            None,
        ),
        "ocsp thisUpdate in future" => ocsp(
            response.saying(|mut s| {
                s.this_update = NOW + 30 * MINUTE;
                s
            }),
            None,
        ),
        "ocsp revoked" => ocsp(revoked, None),
        "ocsp revoked revokedAt FUTURE" => {
            ocsp(response.saying(|s| s.revoked(NOW + HOUR, None)), None)
        }
        "ocsp revoked, invalidityDate after authSigningTime" => {
            ocsp(since(&revoked), Some(NOW - 10 * HOUR))
        }
        "ocsp revoked, invalidityDate before authSigningTime" => {
            ocsp(since(&revoked), Some(NOW - 2 * HOUR))
        }
        "ocsp revoked, invalidityDate, no authSigningTime" => ocsp(since(&revoked), None),
        "ocsp unknown, no CRL" => ocsp(response.saying(|s| s.unknown()), None),
        "ocsp unknown -> CRL good" => both(Some(response.saying(|s| s.unknown())), good),
        "ocsp unreachable -> CRL good" => both(None, good),
        "ocsp good, CRL revoked (CRL ignored)" => {
            both(Some(response), world.crl_with(Entry::new(1)))
        }
        "crl good" => crl(&[(URL, good)], None),
        "crl revoked" => one(Entry::new(1)),
        "crl hold" => one(Entry::new(6)),
        "crl removeFromCRL only" => one(Entry::new(8)),
        "crl revoked revocationTime in FUTURE" => one(Entry::new(1).at(NOW + HOUR)),
        "crl expired + listed" => {
            let expired = world.crl_with(Entry::new(1)).until(Some(NOW - MINUTE));
            crl(&[(URL, expired)], None)
        }
        "crl thisUpdate future" => crl(&[(URL, good.from(NOW + 30 * MINUTE))], None),
        "2 CDPs: 1st ok, 2nd unreachable" => two(&[(URL, good)]),
        "2 CDPs: 1st unreachable, 2nd ok" => two(&[(SECOND, good)]),
        "2 CDPs: 1st good, 2nd revoked" => {
            two(&[(URL, good), (SECOND, world.crl_with(Entry::new(1)))])
        }
        "https CDP" => {
            let url = "https://c/1.crl";
            Case { leaf: world.leaf_with_crls(&[url]), ..crl(&[(url, good)], None) }
        }
        "crl signed by other" => {
            let issuer = named("other", world.other_key.clone());
            crl(&[(URL, Crl { issuer, ..good })], None)
        }
        "crl revoked invalidityDate after authSigningTime" => {
            let entry = Entry::new(1).with(INVALIDITY_DATE, false, invalid);
            crl(&[(URL, world.crl_with(entry))], Some(NOW - 10 * HOUR))
        }
        "crl revoked invalidityDate, no authSigningTime" => {
            one(Entry::new(1).with(INVALIDITY_DATE, false, invalid))
        }
        "crl IDP onlyContainsCACerts critical" => {
            let only_cas = der::seq(&[der::implicit(2, &[0xff])]);
            crl(&[(URL, good.with(ISSUING_DISTRIBUTION_POINT, true, only_cas))], None)
        }
        _ => panic!("no such row: {row}"),
    }
}

fn answer(row: &str, profile: Profile) -> String {
    let world = World::new();
    let case = case(&world, row);
    let mut bodies: Vec<_> = case.crls.iter().map(|(url, crl)| (*url, crl.make())).collect();
    bodies.extend(case.ocsp.map(|response| ("http://o/", response.make())));
    let mut terms = terms(profile);
    terms.signed_at = case.signed_at.map(Time::from_unix);
    verdict(&finding(&world, &case.leaf, &Fetched::new(&bodies), &terms))
}

#[test]
fn compat_answers_as_notation_go() {
    for (row, expected, _) in ROWS {
        assert_eq!(answer(row, Profile::Compat), *expected, "{row}");
    }
}

#[test]
fn spec_differs_where_the_table_says() {
    for (row, measured, deviation) in ROWS {
        let expected = deviation.map_or(*measured, |(expected, _)| expected);
        assert_eq!(answer(row, Profile::Spec), expected, "{row}");
        assert_ne!(deviation.map(|(expected, _)| expected), Some(*measured), "{row}");
    }
}

/// The columns of `rev.txt` are those of the table: 32 made cases, and four of e2e data.
#[test]
fn the_table_is_what_was_measured() {
    let Some(vectors) = vectors() else {
        return not_run("Notation's vectors are not there");
    };
    let text = fs::read_to_string(vectors.join("verdicts/rev.txt")).unwrap();
    let measured: Vec<_> = text
        .lines()
        .filter(|line| line.contains(" leaf="))
        .map(|line| {
            let (row, columns) = line.split_once(" leaf=").unwrap();
            (row.trim_end(), columns.split([' ', '|']).next().unwrap())
        })
        .collect();
    assert_eq!(measured.len(), 36);
    let made: Vec<_> = ROWS.iter().map(|(row, expected, _)| (*row, *expected)).collect();
    assert_eq!(measured[..32], made[..]);
    assert!(measured[32..].iter().all(|(row, _)| row.starts_with("e2e data ")));
}

/// notation's own test data: a chain whose intermediate has a dead responder and a CRL.
#[test]
fn the_measured_cases_of_public_data_agree_in_both_profiles() {
    let Some(vectors) = vectors() else {
        return not_run("Notation's vectors are not there");
    };
    let read = |name: &str| fs::read(vectors.join("crl").join(name)).unwrap();
    let pem = String::from_utf8(read("certchain_with_crl.pem")).unwrap();
    let chain = Certificate::from_pem_chain(&pem, 3).unwrap();
    let text = fs::read_to_string(vectors.join("verdicts/rev.txt")).unwrap();
    let rows: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("e2e data ")).collect();
    assert_eq!(rows.len(), 4);
    for row in rows {
        let (files, columns) = row.split_once(' ').unwrap();
        let (leaf, inter) = files.split_once('+').unwrap();
        let fetched = Fetched::new(&[
            ("http://localhost:10086/leaf.crl", read(leaf)),
            ("http://localhost:10086/intermediate.crl", read(inter)),
        ]);
        let word = |name: &str| {
            let (_, rest) = columns.split_once(name).unwrap();
            rest.split([' ', '|']).next().unwrap().to_owned()
        };
        for profile in [Profile::Spec, Profile::Compat] {
            let report = report(&chain, &fetched, &terms(profile));
            let found: Vec<_> = report.findings.iter().map(verdict).collect();
            let expected = [word("leaf="), word("inter="), "NonRevokable/Unknown".to_owned()];
            assert_eq!(found, expected, "{files}");
        }
    }
}

/// The measured chain's certificates were valid for 20 days.
#[test]
fn the_clock_is_within_the_validity_of_the_made_certificates() {
    let responder = World::new().responder();
    assert!(responder.not_before <= NOW - DAY && NOW + DAY <= responder.not_after);
}
