//! The validations that cost no public-key operation, each judged on what the envelope claims.

use super::{Action, NotationAuthority, Opened, Profile, logged, plugin, timestamp};
use crate::{
    envelope::notation::SigningScheme,
    time::Now,
    timestamp::Token,
    trust::identity::subject_line,
    verdict::{Code, Reason},
    wire::{Kind, Node},
    x509::Certificate,
};

/// How far a signing authority's clock may be ahead of ours, in seconds: the skew that notation-go
/// and Kerberos (RFC 4120 §8.2) allow elsewhere.
const SKEW: i64 = 300;

const PLUGIN: &str = "verification plugin";
const AUTHENTICITY: &str = "authenticity";
const TRUSTED_IDENTITY: &str = "trusted identity";
const EXPIRY: &str = "expiry";
const AUTHENTIC_TIMESTAMP: &str = "authentic timestamp";

/// How one validation came out, and what that leads to.
pub(super) struct Finding {
    check: &'static str,
    action: Action,
    /// One line of detail, or why not.
    pub(super) outcome: Result<String, Reason>,
}

/// All of them, in the order of TP §Steps; and the timestamps that remain to be verified, to
/// [`settle`] the last of them.
pub(super) fn all(
    opened: &Opened,
    authority: &NotationAuthority,
    now: Now<'_>,
) -> (Vec<Finding>, Vec<Token>) {
    let actions = authority.actions;
    let finding = |check, action, outcome| Finding { check, action, outcome };
    let mut all = Vec::new();
    if let Some(outcome) = plugin::check(opened, authority).transpose() {
        all.push(finding(PLUGIN, Action::Enforce, outcome));
    }
    let mut tokens = Vec::new();
    let timestamp = if timestamp::is_asked_for(opened, authority, now) {
        timestamp::tokens(opened, authority.profile).map(|found| {
            tokens = found;
            String::new()
        })
    } else {
        valid_chain(opened, authority.profile, now)
    };
    all.extend([
        finding(AUTHENTICITY, actions.authenticity, authenticity(opened, authority)),
        finding(TRUSTED_IDENTITY, actions.authenticity, trusted_identity(opened, authority)),
        finding(EXPIRY, actions.expiry, expiry(opened, now)),
        finding(AUTHENTIC_TIMESTAMP, actions.authentic_timestamp, timestamp),
    ]);
    (all, tokens)
}

/// What came of the timestamps.
pub(super) fn settle(findings: &mut [Finding], outcome: Result<String, Reason>) {
    if let Some(finding) = findings.iter_mut().find(|f| f.check == AUTHENTIC_TIMESTAMP) {
        finding.outcome = outcome;
    }
}

impl Finding {
    /// True where the signature fails.
    pub(super) fn is_fatal(&self) -> bool {
        self.outcome.is_err() && self.action == Action::Enforce
    }

    /// True where nobody in particular has signed if it fails.
    pub(super) fn is_authenticity(&self) -> bool {
        matches!(self.check, AUTHENTICITY | TRUSTED_IDENTITY)
    }

    /// What the policy let pass.
    pub(super) fn weakness(&self) -> Option<Reason> {
        let reason = self.outcome.as_ref().err()?;
        if self.is_authenticity() {
            return Some(Reason::of(Code::AuthenticityLogged).found(&reason.message));
        }
        Some(reason.clone())
    }

    pub(super) fn into_node(self) -> Node {
        match (self.outcome, self.action) {
            (Ok(detail), _) => Node::pass(Kind::Check, self.check).detail(detail),
            (Err(reason), Action::Enforce) => Node::refuse(Kind::Check, self.check, reason),
            (Err(reason), Action::Log) => logged(self.check, reason),
        }
    }
}

/// The trust store of the signing scheme, with its name.
fn store<'a>(
    opened: &Opened,
    authority: &'a NotationAuthority,
) -> (&'a [Certificate], &'static str) {
    match opened.envelope.attributes.scheme {
        SigningScheme::X509 => (&authority.ca, "ca"),
        SigningScheme::SigningAuthority => (&authority.signing_authority, "signingAuthority"),
    }
}

/// The position of the certificate that is in the trust store; of several, the one that vouches for
/// most.
pub(super) fn anchor(opened: &Opened, authority: &NotationAuthority) -> Option<usize> {
    let (store, _) = store(opened, authority);
    opened.chain.iter().rposition(|c| store.iter().any(|trusted| trusted.der() == c.der()))
}

/// spec: TP §Steps 4 "Validate that certificate and certificate-chain lead to a trusted certificate
/// present in the named store. If all the certificates in the named store have been evaluated
/// without a match, then fail this step."
fn authenticity(opened: &Opened, authority: &NotationAuthority) -> Result<String, Reason> {
    let (store, name) = store(opened, authority);
    let trusted = |certificate: &&Certificate| store.iter().any(|t| t.der() == certificate.der());
    match opened.chain.iter().find(trusted) {
        Some(certificate) => Ok(format!(
            "{name}: {} sha256:{}",
            subject_line(certificate.subject()),
            certificate.fingerprint()
        )),
        None if store.is_empty() => Err(Reason::new(
            Code::AuthenticityUntrusted,
            format!("the policy has no certificate in the `{name}` store"),
        )),
        None => {
            let root = opened.chain.last().unwrap_or(&opened.leaf);
            Err(Reason::of(Code::AuthenticityUntrusted)
                .next(format!("add the signer's root to the `{name}` store, or check who signed"))
                .expected(format!("one of {} certificates of the `{name}` store", store.len()))
                .found(format!("{} sha256:{}", subject_line(root.subject()), root.fingerprint())))
        }
    }
}

/// spec: TP §Steps 4 "If `trustedIdentities` is `*`, any signing certificate issued by a CA in
/// `trustStore` is allowed … Else validate if the X.509 subject (`x509.subject`) in the
/// `trustedIdentities` list matches with the value of corresponding attributes in the signing
/// certificate's subject"
fn trusted_identity(opened: &Opened, authority: &NotationAuthority) -> Result<String, Reason> {
    if let Some(plugin) = plugin::built_in(opened) {
        return (plugin.trusted_identity)(opened, authority);
    }
    let identities = &authority.trusted_identities;
    match identities.iter().find(|i| i.matches(&opened.leaf, authority.profile)) {
        Some(identity) => Ok(identity.to_string()),
        None => {
            let expected: Vec<String> = identities.iter().map(ToString::to_string).collect();
            Err(Reason::of(Code::IdentityUntrusted)
                .expected(expected.join(" | "))
                .found(subject_line(opened.leaf.subject())))
        }
    }
}

/// spec: SIG §Expiry "The artifact is considered expired when the current time is greater than or
/// equal to expiry time"
fn expiry(opened: &Opened, now: Now<'_>) -> Result<String, Reason> {
    match opened.envelope.attributes.expiry {
        None => Ok("none".into()),
        Some(expiry) if !now.has_reached(expiry) => Ok(expiry.to_string()),
        Some(expiry) => Err(Reason::new(
            Code::ExpiryExpired,
            format!("the digital signature has expired on {expiry}"),
        )
        .expected(format!("expiry after {now}"))
        .found(expiry.to_string())),
    }
}

/// spec: TP §Steps 6, where no timestamp countersignature is asked for.
fn valid_chain(opened: &Opened, profile: Profile, now: Now<'_>) -> Result<String, Reason> {
    let attributes = &opened.envelope.attributes;
    let time = match (attributes.scheme, attributes.authentic_signing_time) {
        // "Validate that the local machine's current time (in UTC) is within the signing
        // certificate chain's validity period."
        (SigningScheme::X509, _) => {
            for certificate in &opened.chain {
                now.watch(certificate.not_before());
                now.watch(certificate.not_after().plus(1));
            }
            now.time()
        }
        // "Validate that the `Authentic Signing Time` is within the signing certificate chain's
        // validity period."
        (SigningScheme::SigningAuthority, Some(time)) => time,
        // "Check for the `Authentic Signing Time` signed attribute. If it does not exist, fail this
        // step."
        (SigningScheme::SigningAuthority, None) => {
            return Err(Reason::of(Code::AuthenticTimestampInvalid));
        }
    };
    // A time that has not come vouches for nothing.
    if profile == Profile::Spec && !now.has_reached(time.minus(SKEW)) {
        return Err(Reason::new(
            Code::AuthenticTimestampInvalid,
            "the authentic signing time is in the future",
        )
        .expected(format!("not after {}", now.time().plus(SKEW)))
        .found(time.to_string()));
    }
    for certificate in &opened.chain {
        let (from, to) = (certificate.not_before(), certificate.not_after());
        if time < from || time > to {
            let state = if time < from { "not valid yet" } else { "expired" };
            return Err(Reason::new(
                Code::AuthenticTimestampInvalid,
                format!(
                    "certificate `{}` was {state} at {time}",
                    subject_line(certificate.subject())
                ),
            )
            .expected(format!("{from} to {to}"))
            .found(time.to_string()));
        }
    }
    Ok(time.to_string())
}
