//! Whether certificates were revoked, as far as somebody says so
//! (TP §Certificate Revocation Evaluation).

use std::{cell::RefCell, collections::BTreeMap};

use super::{
    NotationAuthority, Opened, Profile, REVOCATION, Revocation, RevocationRoad, TSA_REVOCATION,
    plugin,
};
use crate::{
    crypto::Spend,
    envelope::notation::SigningScheme,
    revocation::{
        self, Answer, Evidence, Finding, Overall, Report, RevocationError, Status, Terms,
    },
    time::{Now, Time},
    trust::identity::subject_line,
    verdict::{Code, Reason},
    wire::{Kind, Node},
    x509::Certificate,
};

/// Where something is not asked for, as the decision asks for too much already.
pub const NO_ROOM: &str = "no more OCSP responses and CRLs can be asked for in this decision";

/// What was found of chains in this decision: copies of one signature, which anybody can make, cost
/// no more than the one.
#[derive(Debug, Default)]
pub struct Known(RefCell<BTreeMap<Key, Report>>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    chain: Vec<String>,
    signed_at: Option<i64>,
    max_age: Option<i64>,
    is_spec: bool,
}

/// What is asked of whom.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) authority: &'a NotationAuthority,
    pub(super) now: Now<'a>,
    pub(super) road: &'a RevocationRoad<'a>,
    pub(super) spend: &'a Spend,
}

impl<'a> Asked<'a> {
    /// The signing chain. `anchor` is the position of the certificate that is in the trust store.
    ///
    /// What nobody trusts names addresses that are nobody's to visit. That is so of all of a chain
    /// that is not trusted, and of what stands above the anchor: chains are not signed, and anybody
    /// can put another certificate of the same name and key there.
    pub(super) fn about_signer(
        &self,
        opened: &Opened,
        anchor: Option<usize>,
    ) -> Result<Node, Reason> {
        if self.authority.revocation == Revocation::Skip {
            return Err(skipped());
        }
        if let Some(plugin) = plugin::built_in(opened) {
            return Err((plugin.revocation)(opened));
        }
        // "if the signing scheme is `notary.x509.signingAuthority` and the authentic signing time is
        // before the invalidity date, the certificate is considered not revoked"
        let attributes = &opened.envelope.attributes;
        let signed_at = match attributes.scheme {
            SigningScheme::SigningAuthority => attributes.authentic_signing_time,
            SigningScheme::X509 => None,
        };
        let detail = match anchor {
            Some(anchor) => {
                // The anchor itself with who issued it; of the last nobody is asked.
                let chain = opened.chain.get(..anchor.saturating_add(2)).unwrap_or(&opened.chain);
                self.about(chain, signed_at)?
            }
            None => {
                let report =
                    revocation::evaluate(&opened.chain, &Nobody, &self.terms(None), self.spend)?;
                self.settle(&opened.chain, &report)?
            }
        };
        Ok(Node::pass(Kind::Check, REVOCATION).detail(detail))
    }

    /// The chain of a timestamp authority, which was checked up to a root of the `tsa` store.
    pub(super) fn about_tsa(&self, chain: &[Certificate]) -> Result<Node, Reason> {
        match self.authority.tsa_revocation {
            Revocation::Skip => Err(skipped()),
            Revocation::Enforce | Revocation::Log => {
                Ok(Node::pass(Kind::Check, TSA_REVOCATION).detail(self.about(chain, None)?))
            }
        }
    }

    fn terms(&self, signed_at: Option<Time>) -> Terms<'a> {
        Terms {
            profile: self.authority.profile,
            now: self.now,
            signed_at,
            max_age: self.authority.max_evidence_age,
        }
    }

    /// A chain, leaf first and root last, of which every signature was checked.
    ///
    /// spec: TP §Certificate Revocation Evaluation; requirements 99 and 100
    fn about(&self, chain: &[Certificate], signed_at: Option<Time>) -> Result<String, Reason> {
        let terms = self.terms(signed_at);
        let key = Key {
            chain: chain.iter().map(Certificate::fingerprint).collect(),
            signed_at: terms.signed_at.map(Time::unix),
            max_age: terms.max_age,
            is_spec: terms.profile == Profile::Spec,
        };
        if let Some(report) = self.road.known.0.borrow().get(&key) {
            return self.settle(chain, report);
        }
        let report = revocation::evaluate(chain, self.road.evidence, &terms, self.spend)?;
        let settled = self.settle(chain, &report);
        self.road.known.0.borrow_mut().insert(key, report);
        settled
    }

    fn settle(&self, chain: &[Certificate], report: &Report) -> Result<String, Reason> {
        match report.overall() {
            Overall::Good => Ok(found(report)),
            Overall::Revoked { position } => Err(reason(chain, report, position)),
            Overall::Unknown { position } if report.needed.is_empty() => {
                Err(reason(chain, report, position))
            }
            Overall::Unknown { .. } => {
                self.road.needed.borrow_mut().extend(report.needed.iter().cloned());
                Err(Reason::of(Code::RevocationPending))
            }
        }
    }
}

fn reason(chain: &[Certificate], report: &Report, position: usize) -> Reason {
    let subject = chain.get(position).map(|c| subject_line(c.subject())).unwrap_or_default();
    let Some(finding) = report.findings.get(position) else {
        return Reason::of(Code::RevocationUnknown);
    };
    match &finding.status {
        Status::Revoked(revocation) => Reason::new(
            Code::RevocationRevoked,
            format!("certificate with subject `{subject}` is revoked"),
        )
        .found(format!("{}, {}", revocation.at, revocation.reason)),
        Status::Unknown(error) => {
            if is_about_room(finding) {
                return Reason::new(Code::BudgetBytes, NO_ROOM);
            }
            let mut tried: Vec<String> = finding
                .failures
                .iter()
                .take(4)
                .map(|(url, error)| format!("{url}: {error}"))
                .collect();
            if tried.is_empty() {
                tried.push(error.to_string());
            }
            Reason::new(
                Code::RevocationUnknown,
                format!("revocation status of the certificate with subject `{subject}` is unknown"),
            )
            .found(tried.join("; "))
        }
        Status::Ok | Status::NonRevokable => Reason::of(Code::Internal),
    }
}

/// True where somebody was not asked, as too much was asked for already.
fn is_about_room(finding: &Finding) -> bool {
    let is_room = |error: &RevocationError| matches!(error, RevocationError::Unavailable(why) if why == NO_ROOM);
    matches!(&finding.status, Status::Unknown(error) if is_room(error))
        || finding.failures.iter().any(|(_, error)| is_room(error))
}

fn skipped() -> Reason {
    Reason::new(Code::RevocationSkipped, "revocation skipped by policy")
}

/// Who is asked about a chain that is not trusted.
struct Nobody;

impl Evidence for Nobody {
    fn ocsp(&self, _: &str, _: &[u8]) -> Answer<'_> {
        Answer::Unavailable("nobody was asked about a chain that is not trusted".to_owned())
    }

    fn crl(&self, url: &str) -> Answer<'_> {
        self.ocsp(url, &[])
    }
}

fn found(report: &Report) -> String {
    let asked = report.findings.iter().filter(|f| f.status == Status::Ok).count();
    match asked {
        0 => "no certificate names anybody to ask".to_owned(),
        1 => "1 certificate is not revoked".to_owned(),
        count => format!("{count} certificates are not revoked"),
    }
}
