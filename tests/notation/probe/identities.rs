//! Distinguished names, in certificates and in policies.

use countersign::verdict::Code::*;

use super::{Accept, Refuse, Reject, Row, Verdict, both, made::Probe};
use crate::draft::Format;

const WHAT_IS_NAMED: &str = "73: only what the identity names has to be beyond doubt";

fn row(name: &'static str, verdict: Verdict, make: fn(&mut Probe)) -> Row {
    both(Format::Jws, name, verdict, make)
}

fn differs(
    name: &'static str,
    compat: Verdict,
    spec: Verdict,
    why: &'static str,
    make: fn(&mut Probe),
) -> Row {
    Row { name, format: Format::Jws, compat, spec, why, make }
}

/// The policy trusts this identity alone.
fn trusts(p: &mut Probe, identity: &'static str) {
    p.identities = vec![identity];
}

fn attribute(kind: &str, value: &str) -> (String, String) {
    (kind.to_owned(), value.to_owned())
}

fn with_mail(p: &mut Probe) {
    p.leaf(|c| c.subject.push(vec![attribute("1.2.840.113549.1.9.1", "a@b.c")]));
}

/// Organization and common name, of characters that are special in text.
fn with_specials(p: &mut Probe, organization: &str, common_name: &str) {
    p.leaf(|c| {
        c.subject[2] = vec![attribute("2.5.4.10", organization)];
        c.subject[3] = vec![attribute("2.5.4.3", common_name)];
    });
}

#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    vec![
        row("emailAddress in subject, ids=*", Accept, with_mail),
        differs("emailAddress in subject, x509.subject", Reject(IdentityUntrusted), Accept, WHAT_IS_NAMED, |p| {
            with_mail(p);
            trusts(p, "x509.subject: C=US, ST=WA, O=Acme");
        }),
        differs("two OUs, x509.subject", Reject(IdentityUntrusted), Accept, WHAT_IS_NAMED, |p| {
            p.leaf(|c| c.subject.insert(3, vec![attribute("2.5.4.11", "a"), attribute("2.5.4.11", "b")]));
            trusts(p, "x509.subject: C=US, ST=WA, O=Acme");
        }),
        row("id x509.subject: C=US, ST=WA, O=Acme", Accept, |p| trusts(p, "x509.subject: C=US, ST=WA, O=Acme")),
        row("id x509.subject:C=US,S=WA,O=Acme,CN=leaf", Accept, |p| trusts(p, "x509.subject:C=US,S=WA,O=Acme,CN=leaf")),
        row("id x509.subject: c=US, st=WA, o=Acme", Refuse(PolicyInvalidValue), |p| trusts(p, "x509.subject: c=US, st=WA, o=Acme")),
        row("id x509.subject: C=US, ST=WA, O=acme", Reject(IdentityUntrusted), |p| trusts(p, "x509.subject: C=US, ST=WA, O=acme")),
        row("id x509.subject: C=US, ST=WA, O=Acme, CN=other", Reject(IdentityUntrusted), |p| trusts(p, "x509.subject: C=US, ST=WA, O=Acme, CN=other")),
        differs("id x509.subject: C=US, ST=WA, O=Acme, L=", Accept, Refuse(PolicyInvalidValue), "74: an empty value says nothing", |p| {
            trusts(p, "x509.subject: C=US, ST=WA, O=Acme, L=");
        }),
        row("id x509.subject: C=US; ST=WA; O=Acme", Accept, |p| trusts(p, "x509.subject: C=US; ST=WA; O=Acme")),
        row("id x509.subject: C=US, ST=WA, O=\"Acme\"", Reject(IdentityUntrusted), |p| trusts(p, "x509.subject: C=US, ST=WA, O=\"Acme\"")),
        row("id x509.subject: C=US, ST=WA, O=Ac\\6de", Accept, |p| trusts(p, "x509.subject: C=US, ST=WA, O=Ac\\6de")),
        differs("id unknown:foo", Reject(IdentityUntrusted), Refuse(PolicyInvalidValue), "71: an identity that nobody reads is an error of the policy", |p| {
            trusts(p, "unknown:foo");
        }),
        row("id x509.subject: C = US , ST = WA , O = Acme", Accept, |p| trusts(p, "x509.subject: C = US , ST = WA , O = Acme ")),
        differs("specials, id escaped", Reject(IdentityUntrusted), Accept, "73: the subject is read as it is, not as Go prints it", |p| {
            with_specials(p, r#"Acme, Inc; "x" + \ =#<>"#, " lead");
            trusts(p, r#"x509.subject: C=US, ST=WA, O=Acme\, Inc\; \"x\" \+ \\ \=\#\<\>"#);
        }),
        row("specials2, id escaped", Accept, |p| {
            with_specials(p, r#"Acme, Inc; "x" + \ <>"#, " lead ");
            trusts(p, r#"x509.subject: C=US, ST=WA, CN=\ lead\ , O=Acme\, Inc\; \"x\" \+ \\ \<\>"#);
        }),
    ]
}
