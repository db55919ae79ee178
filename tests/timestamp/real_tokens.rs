//! What real TSAs made.

use std::{collections::BTreeMap, fs};

use countersign::{
    timestamp::{TimestampError, Token},
    x509::Certificate,
};
use serde_json::Value;

use crate::data::{
    Trust, authorities, certificate_file, corpora, not_run, pem, token_of_cose, token_of_jws,
    tokens_of_bundle, tokens_of_layout, vectors,
};

/// The message of tspclient's own tests.
const NOTATION: &[u8] = b"notation";

fn word(error: &TimestampError) -> String {
    match error {
        TimestampError::Malformed(what) => (*what).to_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn tokens_of_the_conformance_suite() {
    let Some(suite) = vectors("sigstore-conformance") else {
        return not_run("the conformance suite is not there");
    };
    let fails = BTreeMap::from([
        ("rekor2-timestamp-outside-tsa-cert-validity_fail", TimestampError::CertificateExpired),
        ("rekor2-timestamp-payload-mismatch_fail", TimestampError::ImprintMismatch),
        ("rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail", TimestampError::SignerUnknown),
        (
            "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail",
            TimestampError::SignerUnknown,
        ),
    ]);
    let mut cases: Vec<_> = fs::read_dir(&suite).unwrap().map(|d| d.unwrap().path()).collect();
    cases.sort();
    let (mut good, mut bad) = (0, 0);
    for case in cases {
        let name = case.file_name().unwrap().to_str().unwrap();
        let Ok(bundle) = fs::read(case.join("bundle.sigstore.json")) else { continue };
        let Ok(bundle) = serde_json::from_slice::<Value>(&bundle) else { continue };
        let Some((tokens, message)) = tokens_of_bundle(&bundle) else { continue };
        let own = case.join("trusted_root.json");
        let public = suite.join("../sigstore-public-good-trusted_root.json");
        let trust = authorities(if own.is_file() { &own } else { &public });
        for token in tokens {
            let result = trust[0].verify(&token, &message);
            match fails.get(name) {
                Some(error) => assert_eq!(result, Err(error.clone()), "{name}"),
                None => assert!(result.is_ok(), "{name}: {result:?}"),
            }
            *if result.is_ok() { &mut good } else { &mut bad } += 1;
            if result.is_ok() {
                faults_of_a_good_token(&trust[0], &token, &message);
            }
        }
    }
    assert_eq!((good, bad), (29, 4));
}

/// What no token survives.
fn faults_of_a_good_token(trust: &Trust, token: &[u8], message: &[u8]) {
    let other = [message, b"!"].concat();
    assert_eq!(trust.verify(token, &other), Err(TimestampError::ImprintMismatch));
    let nobody = Trust { roots: Vec::new(), ..trust.clone() };
    assert_eq!(nobody.verify(token, message), Err(TimestampError::Untrusted));
    let longer = [token, &[0]].concat();
    assert!(matches!(trust.verify(&longer, message), Err(TimestampError::Malformed(_))));
    for length in 0..token.len() {
        assert!(Token::parse(&token[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn tokens_of_our_corpora() {
    let Some(corpora) = corpora() else {
        return not_run("the corpora are not there");
    };
    let sigstore = |name: &str| authorities(&corpora.join("trust").join(name)).remove(0);
    let notation = Trust::root(pem(&corpora.join("trust/notation-tsa-root.pem")).remove(0));
    let cases = [
        ("b-tsa", sigstore("tsa_trusted_root.json"), 2),
        ("c-mock-rekor0", sigstore("mock_trusted_root.json"), 2),
        ("c-mock-rekor2", sigstore("mock_trusted_root.json"), 2),
        ("d-tsa-jws", notation.clone(), 1),
        ("d-tsa-cose", notation.clone(), 1),
        ("d-expcert-tsa-jws", notation.clone(), 1),
        ("d-expcert-tsa-cose", notation, 1),
    ];
    for (layout, trust, count) in cases {
        let tokens = tokens_of_layout(&corpora.join("layouts").join(layout));
        assert_eq!(tokens.len(), count, "{layout}");
        for (token, message) in tokens {
            let result = trust.verify(&token, &message);
            assert!(result.is_ok(), "{layout}: {result:?}");
            faults_of_a_good_token(&trust, &token, &message);
        }
    }
}

/// tspclient-go's vectors: the same verdicts as its own
/// (`vectors/notation/verdicts/tsp.txt`), but for three tokens.
#[test]
fn tokens_of_tspclient() {
    let Some(vectors) = vectors("tspclient") else {
        return not_run("tspclient's vectors are not there");
    };
    let trust = Trust::root(certificate_file(&vectors.join("testdata/GlobalSignRootCA.crt")));
    let expected: BTreeMap<_, _> = TSPCLIENT.iter().copied().collect();
    let mut seen = 0;
    for folder in ["cms", "testdata"] {
        let mut files: Vec<_> =
            fs::read_dir(vectors.join(folder)).unwrap().map(|f| f.unwrap().path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_none_or(|e| e != "crt")) {
            let stem = file.file_stem().unwrap().to_str().unwrap();
            let result = trust.verify(&fs::read(file).unwrap(), NOTATION);
            let word = result.map_or_else(|e| word(&e), |t| t.time.to_string());
            assert_eq!(expected.get(stem).copied(), Some(word.as_str()), "{stem}");
            seen += 1;
        }
    }
    assert_eq!(seen, TSPCLIENT.len() + 3, "three names are in both folders");
}

const MADE: &str = "2021-09-17T14:09:10Z";
const NOT_TST_INFO: &str = "the content is not TSTInfo";
/// Attributes were put into these by hand.
const ORDER: &str = "the order of the signed attributes";
/// tspclient takes any signer that is good; RFC 3161 has one.
const SIGNERS: &str = "more than one signer";

/// For the message `notation`.
const TSPCLIENT: &[(&str, &str)] = &[
    ("SHA1TimeStampToken", "UnsupportedAlgorithm(\"1.2.840.113549.1.1.5\")"),
    ("Sha1SignedData", NOT_TST_INFO),
    ("SignedDataWithoutSignedAttributes", NOT_TST_INFO),
    ("TimeStampToken", MADE),
    ("TimeStampTokenInvalidSignedAttributeContentType", "the signed content type is not TSTInfo"),
    ("TimeStampTokenNoRoot", "ImprintMismatch"),
    ("TimeStampTokenWithAnInvalidAndAValidSignerInfo", SIGNERS),
    ("TimeStampTokenWithInvalidCertificates", "the certificates in the token"),
    ("TimeStampTokenWithInvalidContentType", NOT_TST_INFO),
    ("TimeStampTokenWithInvalidSignature", "SignatureInvalid"),
    ("TimeStampTokenWithInvalidSigningCertificateV1", ORDER),
    ("TimeStampTokenWithInvalidSigningCertificateV2", ORDER),
    ("TimeStampTokenWithInvalidSigningTime", ORDER),
    ("TimeStampTokenWithInvalidTSTInfo", "TSTInfo"),
    ("TimeStampTokenWithInvalideContentType", NOT_TST_INFO),
    ("TimeStampTokenWithMismatchCertHash", "SignerUnknown"),
    ("TimeStampTokenWithSHA1CertHash", "WeakAlgorithm(\"SHA-1\")"),
    ("TimeStampTokenWithSignedAttributeSHA1", "WeakAlgorithm(\"SHA-1\")"),
    ("TimeStampTokenWithSignerVersion2", "the version of SignerInfo"),
    ("TimeStampTokenWithSigningCertificateV1", "ImprintMismatch"),
    ("TimeStampTokenWithSigningCertificateV1NoCert", ORDER),
    ("TimeStampTokenWithSigningCertificateV2NoCert", ORDER),
    ("TimeStampTokenWithSigningTime", ORDER),
    ("TimeStampTokenWithSigningTimeBeforeExpected", ORDER),
    ("TimeStampTokenWithTSTInfoVersion2", "the version of TSTInfo"),
    // tspclient finds the certificate by the signed identifier where the SignerInfo names another.
    ("TimeStampTokenWithUnknownSignerIssuer", "SignerUnknown"),
    ("TimeStampTokenWithValidAndInvalidSignerInfos", SIGNERS),
    (
        "TimeStampTokenWithWrongSigningCertificateV2IssuerChoiceTag",
        "the issuer of the signing certificate",
    ),
    ("TimeStampTokenWithoutCertificate", "SignerUnknown"),
    (
        "TimeStampTokenWithoutSignedAttributeContentType",
        "no content type among the signed attributes",
    ),
    ("TimeStampTokenWithoutSignedAttributeDigest", "no message digest among the signed attributes"),
    ("TimeStampTokenWithoutSignedAttributes", "no content type among the signed attributes"),
    ("TimeStampTokenWithoutSigner", "no signer"),
    ("TimeStampTokenWithoutSigningCertificate", "no identifier of the signing certificate"),
    ("TimeStampTokenWithoutSigningCertificateV2IssuerSerial", "SignatureInvalid"),
    ("granted", "2021-09-18T11:54:34Z"),
    ("malformed", "neither TimeStampResp nor ContentInfo"),
    ("rejection", "NotGranted(2)"),
    ("validResponseWithSigningCertificateV1", "ImprintMismatch"),
];

/// GlobalSign's, in notation-go's envelopes: they say an accuracy of one second.
#[test]
fn tokens_of_globalsign_in_envelopes() {
    let Some(verifier) = vectors("notation/verifier") else {
        return not_run("the public Notation vectors are not there");
    };
    let root = "truststore/x509/tsa/test-timestamp/globalsignRoot.cer";
    let trust = Trust::root(certificate_file(&verifier.join(root)));
    let names = [
        "jwsWithTimestamp",
        "jwsExpiredWithTimestamp",
        "timestampBeforeNotBefore",
        "timestampAfterNotAfter",
        "coseWithTimestamp",
        "coseExpiredWithTimestamp",
    ];
    for name in names {
        let path = verifier.join("timestamp/sigEnv").join(name).with_extension("sig");
        let envelope = fs::read(path).unwrap();
        let found = match serde_json::from_slice::<Value>(&envelope) {
            Ok(json) => token_of_jws(&json),
            Err(_) => token_of_cose(&envelope),
        };
        let (token, message) = found.unwrap();
        let timestamp = trust.verify(&token, &message).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(timestamp.earliest.unix() + 1, timestamp.time.unix(), "{name}");
        assert_eq!(timestamp.latest.unix() - 1, timestamp.time.unix(), "{name}");
        faults_of_a_good_token(&trust, &token, &message);
    }
}

/// FreeTSA identifies its certificate with SHA-1. Its root is in the token.
#[test]
fn a_token_of_freetsa_needs_its_certificate_to_be_named() {
    let Some(vectors) = vectors("tspclient") else {
        return not_run("tspclient's vectors are not there");
    };
    let path = vectors.join("testdata/TimeStampTokenWithSigningCertificateV1.p7s");
    let token = fs::read(path).unwrap();
    let parsed = Token::parse(&token).unwrap();
    let (roots, leaves): (Vec<_>, Vec<_>) =
        parsed.certificates().iter().cloned().partition(Certificate::is_ca);
    let store = Trust { roots, ..Trust::default() };
    let weak = TimestampError::WeakAlgorithm("SHA-1 for its certificate".into());
    assert_eq!(store.verify(&token, b"test"), Err(weak));
    let named = Trust { leaf: leaves.first().cloned(), ..store };
    let timestamp = named.verify(&token, b"test").unwrap();
    assert_eq!(timestamp.time.to_string(), "2024-04-09T05:29:39Z");
    // It was signed one second before the time that it says.
    faults_of_a_good_token(&named, &token, b"test");
}

/// Microsoft writes milliseconds. The root is nowhere, so the CA below it is trusted here.
#[test]
fn a_token_of_microsoft_has_a_fraction() {
    let layouts = vectors("notation/e2e-layouts");
    let (Some(layouts), Some(tspclient)) = (layouts, vectors("tspclient")) else {
        return not_run("the public Notation vectors are not there");
    };
    let path = tspclient.join("testdata/TimeStampTokenNoRoot.p7s");
    let alone = Token::parse(&fs::read(path).unwrap()).unwrap();
    assert_eq!(alone.claimed_time().to_string(), "2024-06-21T07:12:05Z");

    let found = tokens_of_layout(&layouts.join("e2e-with-timestamped-signature"));
    let [(token, message)] = found.as_slice() else { panic!("{} tokens", found.len()) };
    let parsed = Token::parse(token).unwrap();
    let roots: Vec<_> = parsed.certificates().iter().filter(|c| c.is_ca()).cloned().collect();
    let trust = Trust { roots, ..Trust::default() };
    let timestamp = trust.verify(token, message).unwrap();
    // More than half a second after the whole one, within half a second.
    assert_eq!(timestamp.earliest, timestamp.time);
    assert_eq!(timestamp.latest.unix(), timestamp.time.unix() + 2);

    let invalid = tokens_of_layout(&layouts.join("e2e-with-invalid-timestamped-signature"));
    let [(token, message)] = invalid.as_slice() else { panic!("{} tokens", invalid.len()) };
    assert!(matches!(trust.verify(token, message), Err(TimestampError::Malformed(_))));
}
