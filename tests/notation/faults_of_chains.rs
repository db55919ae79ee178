//! Requirements 50–59: the certificate chain.

use countersign::{
    verdict::Code::{self, *},
    verify::notation::Profile,
};

use crate::{
    draft::Field,
    draft::text,
    pki::{
        CONTENT_COMMITMENT, CRL_SIGN, Certificate, DATA_ENCIPHERMENT, DIGITAL_SIGNATURE,
        KEY_AGREEMENT, KEY_CERT_SIGN, KEY_ENCIPHERMENT, Key, der, name,
    },
    setup::{BOTH, Case, JWS, Setup, parse, run},
};

const OK: Result<(), Code> = Ok(());

const ANY: &str = "2.5.29.37.0";
const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
const EMAIL: &str = "1.3.6.1.5.5.7.3.4";
const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";

/// The envelope has this chain, whose last certificate is trusted.
fn chain(s: &mut Setup, chain: Vec<Vec<u8>>) {
    s.authority.ca = vec![parse(chain.last().unwrap())];
    s.draft.chain(chain);
}

fn leaf(s: &mut Setup, change: impl FnOnce(&mut Certificate)) {
    change(&mut s.leaf);
    s.issue();
}

fn intermediate(s: &mut Setup, change: impl FnOnce(&mut Certificate)) {
    change(&mut s.intermediate);
    s.issue();
}

fn root(s: &mut Setup, change: impl FnOnce(&mut Certificate)) {
    change(&mut s.root);
    s.issue();
}

/// ecdsa-with-SHA1, and sha1WithRSAEncryption.
const SHA1: [&str; 2] = ["1.2.840.10045.4.1", "1.2.840.113549.1.1.5"];

fn sha1(oid: &str) -> Option<Vec<u8>> {
    Some(der::sequence(&[der::oid(oid)]))
}

#[test]
fn order_and_completeness() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("50", "the root is missing", BOTH, Err(CertificateProfile), |s| {
            let [l, i, _] = s.certificates();
            chain(s, vec![l, i]);
        }),
        ("50", "only a leaf that is not self-signed", JWS, Err(CertificateProfile), |s| {
            let [l, ..] = s.certificates();
            chain(s, vec![l]);
        }),
        ("50", "intermediate and root swapped", BOTH, Err(CertificateProfile), |s| {
            let [l, i, r] = s.certificates();
            chain(s, vec![l, r, i]);
        }),
        ("50", "root first", JWS, Err(CertificateProfile), |s| {
            let [l, i, r] = s.certificates();
            chain(s, vec![r, i, l]);
        }),
        ("50", "the root twice", BOTH, Err(CertificateProfile), |s| {
            let [l, i, r] = s.certificates();
            chain(s, vec![l, i, r.clone(), r]);
        }),
        ("50", "the root and its re-issue", JWS, Err(CertificateProfile), |s| {
            let [l, i, r] = s.certificates();
            s.root.serial = 9;
            let again = s.root.self_signed();
            chain(s, vec![l, i, r, again]);
        }),
        ("50", "the leaf twice", JWS, Err(CertificateProfile), |s| {
            let [l, i, r] = s.certificates();
            chain(s, vec![l.clone(), l, i, r]);
        }),
        ("50", "an unrelated certificate at the end", BOTH, Err(CertificateProfile), |s| {
            let [l, i, r] = s.certificates();
            let other = Certificate::authority("other", Key::p256("other")).self_signed();
            chain(s, vec![l, i, r, other]);
        }),
        ("50", "an unrelated certificate in the middle", JWS, Err(CertificateProfile), |s| {
            let [l, i, r] = s.certificates();
            let other = Certificate::authority("other", Key::p256("other")).self_signed();
            chain(s, vec![l, other, i, r]);
        }),
        ("50", "a self-signed leaf with others after it", BOTH, Err(CertificateProfile), |s| {
            let [_, i, r] = s.certificates();
            let own = s.leaf.self_signed();
            chain(s, vec![own, i, r]);
        }),
        ("50", "the leaf is signed by another key of the issuer's name", BOTH, Err(CertificateProfile), |s| {
            let [_, i, r] = s.certificates();
            let imposter = Certificate::authority("intermediate", Key::p256("imposter"));
            let forged = s.leaf.issued_by(&imposter);
            chain(s, vec![forged, i, r]);
        }),
        ("50", "the intermediate is signed by another key of the root's name", BOTH, Err(CertificateProfile), |s| {
            let [l, _, r] = s.certificates();
            let imposter = Certificate::authority("root", Key::p256("imposter"));
            let forged = s.intermediate.issued_by(&imposter);
            chain(s, vec![l, forged, r]);
        }),
        ("50", "the root's own signature is wrong", BOTH, Err(CertificateProfile), |s| {
            let [l, i, _] = s.certificates();
            let imposter = Certificate::authority("root", Key::p256("imposter"));
            let forged = s.root.issued_by(&imposter);
            chain(s, vec![l, i, forged]);
        }),
        ("50", "the leaf is signed by the issuer's key under another name", BOTH, Err(CertificateProfile), |s| {
            let [_, i, r] = s.certificates();
            let renamed = Certificate::authority("renamed", s.intermediate.key.clone());
            let other = s.leaf.issued_by(&renamed);
            chain(s, vec![other, i, r]);
        }),
        ("50", "the root is signed by its own key under another name", BOTH, Err(CertificateProfile), |s| {
            let [l, i, _] = s.certificates();
            let renamed = Certificate::authority("renamed", s.root.key.clone());
            let other = s.root.issued_by(&renamed);
            chain(s, vec![l, i, other]);
        }),
        ("51", "a leaf with its root's name", BOTH, OK, |s| {
            s.leaf.subject = name("root");
            let own = s.leaf.issued_by(&s.root);
            let [_, _, r] = s.certificates();
            chain(s, vec![own, r]);
        }),
        ("52", "a self-signed leaf", BOTH, OK, |s| {
            let own = s.leaf.self_signed();
            chain(s, vec![own]);
        }),
        ("52", "a self-signed authority as the signer", BOTH, Err(CertificateProfile), |s| {
            s.leaf = Certificate::authority("own", s.draft.key.clone());
            let own = s.leaf.self_signed();
            chain(s, vec![own]);
        }),
        ("52", "a self-signed authority that may sign too", JWS, Err(CertificateProfile), |s| {
            s.leaf.basic_constraints = Some((true, true, None));
            let own = s.leaf.self_signed();
            chain(s, vec![own]);
        }),
        ("57,D3", "a leaf signed with SHA-1", BOTH, Err(CertificateWeak), |s| leaf(s, |c| c.claimed_algorithm = sha1(SHA1[0]))),
        ("57,D3", "a self-signed leaf signed with SHA-1 and RSA", JWS, Err(CertificateWeak), |s| {
            s.leaf.claimed_algorithm = sha1(SHA1[1]);
            let own = s.leaf.self_signed();
            chain(s, vec![own]);
        }),
        ("57,D3", "a self-signed leaf that only claims SHA-1, compat", BOTH, Err(CertificateProfile), |s| {
            s.leaf.claimed_algorithm = sha1(SHA1[0]);
            let own = s.leaf.self_signed();
            chain(s, vec![own]);
            s.authority.profile = Profile::Compat;
        }),
        ("57,D3", "a self-signed leaf that claims SHA-1 by another type of key, compat", JWS, Err(CertificateProfile), |s| {
            s.leaf.claimed_algorithm = sha1(SHA1[1]);
            let own = s.leaf.self_signed();
            chain(s, vec![own]);
            s.authority.profile = Profile::Compat;
        }),
        ("57", "a leaf signed with SHA-1, compat", BOTH, Err(CertificateWeak), |s| {
            leaf(s, |c| c.claimed_algorithm = sha1(SHA1[0]));
            s.authority.profile = Profile::Compat;
        }),
        ("57", "a root signed with SHA-1, compat", BOTH, Err(CertificateWeak), |s| {
            root(s, |c| c.claimed_algorithm = sha1(SHA1[0]));
            s.authority.profile = Profile::Compat;
        }),
        ("57", "an intermediate signed with SHA-1", BOTH, Err(CertificateWeak), |s| intermediate(s, |c| c.claimed_algorithm = sha1(SHA1[0]))),
        ("57", "a root signed with SHA-1", BOTH, Err(CertificateWeak), |s| root(s, |c| c.claimed_algorithm = sha1(SHA1[0]))),
        ("59", "a leaf that outlives its issuer", BOTH, OK, |s| leaf(s, |c| {
            c.not_before = "250101000000Z".into();
            c.not_after = "450101000000Z".into();
        })),
        ("63", "the intermediate alone is trusted", BOTH, OK, |s| {
            let [_, i, _] = s.certificates();
            s.authority.ca = vec![parse(&i)];
        }),
        ("63", "the leaf alone is trusted", BOTH, OK, |s| {
            let [l, ..] = s.certificates();
            s.authority.ca = vec![parse(&l)];
        }),
        ("63", "the root was issued again with the same key", BOTH, Err(AuthenticityUntrusted), |s| {
            let mut again = s.root.clone();
            again.serial = 9;
            s.authority.ca = vec![parse(&again.self_signed())];
        }),
    ];
    run("chains, order", cases);
}

#[test]
fn authorities() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("53", "no basicConstraints", BOTH, Err(CertificateProfile), |s| intermediate(s, |c| c.basic_constraints = None)),
        ("53", "CA:FALSE", BOTH, Err(CertificateProfile), |s| intermediate(s, |c| c.basic_constraints = Some((true, false, None)))),
        ("53,D5", "basicConstraints not critical", BOTH, Err(CertificateProfile), |s| intermediate(s, |c| c.basic_constraints = Some((false, true, None)))),
        ("53,D5", "basicConstraints not critical, compat", BOTH, OK, |s| {
            intermediate(s, |c| c.basic_constraints = Some((false, true, None)));
            s.authority.profile = Profile::Compat;
        }),
        ("53", "root with CA:FALSE", JWS, Err(CertificateProfile), |s| root(s, |c| c.basic_constraints = Some((true, false, None)))),
        ("53", "pathLen 0 at the intermediate", BOTH, OK, |s| intermediate(s, |c| c.basic_constraints = Some((true, true, Some(0))))),
        ("53", "pathLen 0 at the root", BOTH, Err(CertificateProfile), |s| root(s, |c| c.basic_constraints = Some((true, true, Some(0))))),
        ("53", "pathLen 1 at the root", BOTH, OK, |s| root(s, |c| c.basic_constraints = Some((true, true, Some(1))))),
        ("53", "no keyUsage", BOTH, Err(CertificateProfile), |s| intermediate(s, |c| c.key_usage = None)),
        ("53", "keyUsage not critical", BOTH, Err(CertificateProfile), |s| intermediate(s, |c| c.key_usage = Some((false, KEY_CERT_SIGN)))),
        ("53", "keyUsage without keyCertSign", BOTH, Err(CertificateProfile), |s| intermediate(s, |c| c.key_usage = Some((true, CRL_SIGN | DIGITAL_SIGNATURE)))),
        ("53", "root without keyCertSign", JWS, Err(CertificateProfile), |s| root(s, |c| c.key_usage = Some((true, CRL_SIGN)))),
        ("58", "a purpose at the intermediate", BOTH, OK, |s| intermediate(s, |c| c.purposes = vec![SERVER_AUTH])),
        ("58", "name constraints that exclude the leaf", BOTH, OK, |s| intermediate(s, |c| {
            // excludedSubtrees: every directory name.
            let subtree = der::sequence(&[der::tlv(0xa4, &der::sequence(&[]))]);
            c.extensions.push(("2.5.29.30", true, der::sequence(&[der::tlv(0xa1, &subtree)])));
        })),
        ("58", "an unknown critical extension", BOTH, OK, |s| intermediate(s, |c| c.extensions.push(("1.2.3.4", true, vec![5, 0])))),
        ("56", "keys of other types and sizes", BOTH, OK, |s| {
            s.root.key = Key::rsa(3072);
            s.intermediate.key = Key::p384("intermediate");
            s.issue();
        }),
    ];
    run("chains, authorities", cases);
}

#[test]
fn leaves() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("54", "no basicConstraints", BOTH, OK, |s| leaf(s, |c| c.basic_constraints = None)),
        ("54", "CA:TRUE", BOTH, Err(CertificateProfile), |s| leaf(s, |c| c.basic_constraints = Some((true, true, None)))),
        ("54", "no keyUsage", BOTH, Err(CertificateProfile), |s| leaf(s, |c| c.key_usage = None)),
        ("54", "keyUsage not critical", BOTH, Err(CertificateProfile), |s| leaf(s, |c| c.key_usage = Some((false, DIGITAL_SIGNATURE)))),
        ("54", "without digitalSignature", BOTH, Err(CertificateProfile), |s| leaf(s, |c| c.key_usage = Some((true, CONTENT_COMMITMENT)))),
        ("54", "with contentCommitment", BOTH, OK, |s| leaf(s, |c| c.key_usage = Some((true, DIGITAL_SIGNATURE | CONTENT_COMMITMENT)))),
        ("54", "with keyEncipherment", BOTH, Err(CertificateProfile), |s| leaf(s, |c| c.key_usage = Some((true, DIGITAL_SIGNATURE | KEY_ENCIPHERMENT)))),
        ("54", "with dataEncipherment", JWS, Err(CertificateProfile), |s| leaf(s, |c| c.key_usage = Some((true, DIGITAL_SIGNATURE | DATA_ENCIPHERMENT)))),
        ("54", "with keyAgreement", JWS, Err(CertificateProfile), |s| leaf(s, |c| c.key_usage = Some((true, DIGITAL_SIGNATURE | KEY_AGREEMENT)))),
        ("54", "with keyCertSign", BOTH, Err(CertificateProfile), |s| leaf(s, |c| c.key_usage = Some((true, DIGITAL_SIGNATURE | KEY_CERT_SIGN)))),
        ("54", "with cRLSign", JWS, Err(CertificateProfile), |s| leaf(s, |c| c.key_usage = Some((true, DIGITAL_SIGNATURE | CRL_SIGN)))),
        ("54", "with encipherOnly", JWS, Err(CertificateProfile), |s| leaf(s, |c| c.key_usage = Some((true, DIGITAL_SIGNATURE | 0x0100)))),
        ("54", "with decipherOnly", JWS, Err(CertificateProfile), |s| leaf(s, |c| c.key_usage = Some((true, DIGITAL_SIGNATURE | 0x0080)))),
        ("55", "no purpose", BOTH, OK, |s| leaf(s, |c| c.purposes.clear())),
        ("55", "an unknown purpose alone", BOTH, OK, |s| leaf(s, |c| c.purposes = vec!["1.2.3.4"])),
        ("55,D4", "any purpose", BOTH, Err(CertificateProfile), |s| leaf(s, |c| c.purposes = vec![ANY])),
        ("55,D4", "any purpose beside code signing", BOTH, Err(CertificateProfile), |s| leaf(s, |c| c.purposes = vec![CODE_SIGNING, ANY])),
        ("55,D4", "any purpose, compat", BOTH, OK, |s| {
            leaf(s, |c| c.purposes = vec![ANY]);
            s.authority.profile = Profile::Compat;
        }),
        ("55", "serverAuth beside code signing", BOTH, Err(CertificateProfile), |s| leaf(s, |c| c.purposes = vec![CODE_SIGNING, SERVER_AUTH])),
        ("55", "clientAuth", JWS, Err(CertificateProfile), |s| leaf(s, |c| c.purposes = vec![CLIENT_AUTH])),
        ("55", "emailProtection", JWS, Err(CertificateProfile), |s| leaf(s, |c| c.purposes = vec![EMAIL])),
        ("55", "timeStamping", BOTH, Err(CertificateProfile), |s| leaf(s, |c| c.purposes = vec![TIME_STAMPING])),
        ("55,D4", "OCSPSigning", BOTH, Err(CertificateProfile), |s| leaf(s, |c| c.purposes = vec![OCSP_SIGNING])),
        ("55", "timeStamping, compat", JWS, Err(CertificateProfile), |s| {
            leaf(s, |c| c.purposes = vec![TIME_STAMPING]);
            s.authority.profile = Profile::Compat;
        }),
        ("56", "RSA 1024", BOTH, Err(KeyWeak), |s| {
            leaf(s, |c| c.key = Key::rsa_public(1024));
            s.draft.set(Field::Alg, text("PS256"));
        }),
        ("56", "RSA 2560", BOTH, Err(KeyUnsupported), |s| {
            leaf(s, |c| c.key = Key::rsa_public(2560));
            s.draft.set(Field::Alg, text("PS256"));
        }),
        ("56,57", "Ed25519", BOTH, Err(KeyUnsupported), |s| leaf(s, |c| c.key = Key::ed25519_public())),
        ("58", "an unknown critical extension", BOTH, OK, |s| leaf(s, |c| c.extensions.push(("1.2.3.4", true, vec![5, 0])))),
        ("19", "a signature by another key", BOTH, Err(SignatureInvalid), |s| leaf(s, |c| c.key = Key::p256("other"))),
    ];
    run("chains, leaves", cases);
}
