//! Whether certificates were revoked, as far as somebody says so
//! (TP §Certificate Revocation Evaluation).

use super::{NotationAuthority, Opened, REVOCATION, Revocation, RevocationRoad};
use crate::{
    crypto::Spend,
    envelope::notation::SigningScheme,
    revocation::{self, Overall, Report, Status, Terms},
    time::Time,
    trust::identity::subject_line,
    verdict::{Code, Reason},
    wire::{Kind, Node},
    x509::Certificate,
};

/// What is asked of whom.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) authority: &'a NotationAuthority,
    pub(super) now: Time,
    pub(super) road: &'a RevocationRoad<'a>,
    pub(super) spend: &'a Spend,
}

impl Asked<'_> {
    /// The signing chain. `trusted` where it leads to the trust store: what an untrusted
    /// certificate names is nobody's to visit.
    pub(super) fn about_signer(&self, opened: &Opened, trusted: bool) -> Result<Node, Reason> {
        if self.authority.revocation == Revocation::Skip {
            return Err(Reason::new(Code::RevocationSkipped, "revocation skipped by policy"));
        }
        if !trusted {
            return Err(Reason::new(
                Code::RevocationUnknown,
                "nobody was asked about a chain that is not trusted",
            ));
        }
        // "if the signing scheme is `notary.x509.signingAuthority` and the authentic signing time is
        // before the invalidity date, the certificate is considered not revoked"
        let attributes = &opened.envelope.attributes;
        let signed_at = match attributes.scheme {
            SigningScheme::SigningAuthority => attributes.authentic_signing_time,
            SigningScheme::X509 => None,
        };
        let detail = self.about(&opened.chain, signed_at)?;
        Ok(Node::pass(Kind::Check, REVOCATION).detail(detail))
    }

    /// The chain of a timestamp authority, which was checked up to the `tsa` store.
    pub(super) fn about_tsa(&self, chain: &[Certificate]) -> Result<String, Reason> {
        match self.authority.tsa_revocation {
            Revocation::Skip => Ok(String::new()),
            Revocation::Enforce | Revocation::Log => self.about(chain, None),
        }
    }

    /// A chain, leaf first and root last, of which every signature was checked.
    ///
    /// spec: TP §Certificate Revocation Evaluation; requirements 99 and 100
    pub(super) fn about(
        &self,
        chain: &[Certificate],
        signed_at: Option<Time>,
    ) -> Result<String, Reason> {
        let terms = Terms {
            profile: self.authority.profile,
            now: self.now,
            signed_at,
            max_age: self.authority.max_evidence_age,
        };
        let report = revocation::evaluate(chain, self.road.evidence, &terms, self.spend)?;
        match report.overall() {
            Overall::Good => Ok(found(&report)),
            Overall::Revoked { position } => Err(self.reason(chain, &report, position)),
            Overall::Unknown { position } if report.needed.is_empty() => {
                Err(self.reason(chain, &report, position))
            }
            Overall::Unknown { .. } => {
                self.road.needed.borrow_mut().extend(report.needed);
                Err(Reason::of(Code::RevocationPending))
            }
        }
    }

    fn reason(&self, chain: &[Certificate], report: &Report, position: usize) -> Reason {
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
                    format!(
                        "revocation status of the certificate with subject `{subject}` is unknown"
                    ),
                )
                .found(tried.join("; "))
            }
            Status::Ok | Status::NonRevokable => Reason::of(Code::Internal),
        }
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
