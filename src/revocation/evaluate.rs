//! A whole chain, in the order of Notation's trust policy specification §Certificate Revocation
//! Evaluation (requirements 99, 100 and 104).

use super::{
    Answer, Evidence, Finding, Method, Needed, Outcome, Pair, Report, RevocationError, Status,
    Stop, Terms, crl,
    list::List,
    ocsp, request,
    request::{FRESHEST_CRL, Point, is_http},
};
use crate::{
    crypto::{Exhausted, Spend},
    x509::Certificate,
};

/// In place of an address, where there is none.
const NO_ADDRESS: &str = "(no address)";

/// What the evidence says of every certificate of `chain`, and what is still to be fetched.
///
/// The chain is in order, leaf first and root last, and its signatures were checked: what is here
/// relies on each certificate being the next one's. One signature operation for a CRL, and at most
/// three for an OCSP response, are paid from `spend`; at most [`super::MOST_URLS`] addresses of each
/// kind are asked for a certificate.
pub fn evaluate(
    chain: &[Certificate],
    evidence: &dyn Evidence,
    terms: &Terms<'_>,
    spend: &Spend,
) -> Result<Report, Exhausted> {
    let evaluation = Evaluation { evidence, terms: *terms, spend };
    let mut findings = Vec::new();
    let mut needed = Vec::new();
    for (certificate, issuer) in chain.iter().zip(chain.iter().skip(1)) {
        let mut own = Vec::new();
        let finding = evaluation.certificate(Pair { certificate, issuer }, &mut own)?;
        // What is no longer open needs nothing.
        if finding.status == Status::Unknown(RevocationError::Pending) {
            needed.append(&mut own);
        }
        findings.push(finding);
    }
    // Requirement 99: "root never checked".
    if !chain.is_empty() {
        findings.push(Finding::of(Status::NonRevokable, None));
    }
    needed.sort();
    needed.dedup();
    Ok(Report { findings, needed })
}

#[derive(Clone, Copy)]
struct Evaluation<'a> {
    evidence: &'a dyn Evidence,
    terms: Terms<'a>,
    spend: &'a Spend,
}

/// Who was asked in vain.
type Failures = Vec<(String, RevocationError)>;

impl Evaluation<'_> {
    /// Requirement 99: OCSP; where it has no answer for whatever reason, CRLs; who names neither
    /// cannot be revoked.
    fn certificate(&self, pair: Pair<'_>, needed: &mut Vec<Needed>) -> Result<Finding, Exhausted> {
        let unreadable = |error, method| Finding::of(Status::Unknown(error), Some(method));
        let urls = match request::responders(pair.certificate) {
            Ok(urls) => urls,
            Err(error) => return Ok(unreadable(error, Method::Ocsp)),
        };
        let points = match request::crl_points(pair.certificate) {
            Ok(points) => points,
            Err(error) => return Ok(unreadable(error, Method::Crl)),
        };
        // A distribution point without an address is none for notation-go.
        let has_crl = points.iter().any(|point| self.terms.strict() || !point.urls.is_empty());
        if urls.is_empty() && !has_crl {
            return Ok(Finding::of(Status::NonRevokable, None));
        }
        let mut failures = Vec::new();
        let mut method = Method::Crl;
        if !urls.is_empty() {
            match self.ocsp(pair, &urls, needed, &mut failures)? {
                Err(error) if has_crl && error != RevocationError::Pending => {
                    method = Method::OcspFallbackCrl;
                }
                known => return Ok(Finding::new(known, Method::Ocsp, failures)),
            }
        }
        let known = self.crls(pair, &points, needed, &mut failures)?;
        Ok(Finding::new(known, method, failures))
    }

    /// Requirement 103: one responder after the other "until definitive answer"; that a responder
    /// does not know the certificate is one.
    fn ocsp(
        &self,
        pair: Pair<'_>,
        urls: &[String],
        needed: &mut Vec<Needed>,
        failures: &mut Failures,
    ) -> Result<Result<Outcome, RevocationError>, Exhausted> {
        let request = match request::ocsp_request(pair.certificate, pair.issuer) {
            Ok(request) => request,
            Err(error) => return Ok(Err(error)),
        };
        let mut last = RevocationError::UnsupportedUrl;
        for url in urls {
            // The first has the first word. While it is missing, the others are only asked for.
            if last == RevocationError::Pending {
                if is_http(url) {
                    let answer = self.evidence.ocsp(url, &request);
                    let need = || Needed::Ocsp { url: url.clone(), request: request.clone() };
                    let _ = body(answer, need, needed);
                }
                continue;
            }
            match settle(self.responder(pair, url, &request, needed, failures))? {
                Ok(outcome) => return Ok(Ok(outcome)),
                Err(RevocationError::Pending) => last = RevocationError::Pending,
                Err(error) => {
                    failures.push((url.clone(), error.clone()));
                    last = error;
                    if last == RevocationError::StatusUnknown {
                        break;
                    }
                }
            }
        }
        Ok(Err(last))
    }

    fn responder(
        &self,
        pair: Pair<'_>,
        url: &str,
        request: &[u8],
        needed: &mut Vec<Needed>,
        failures: &mut Failures,
    ) -> Result<Outcome, Stop> {
        if !is_http(url) {
            return Err(RevocationError::UnsupportedUrl.into());
        }
        let need = || Needed::Ocsp { url: url.to_owned(), request: request.to_vec() };
        let der = body(self.evidence.ocsp(url, request), need, needed)?;
        let checked = ocsp::check(pair, der, &self.terms, self.spend)?;
        if let Some(delegate) = &checked.delegate {
            let pair = Pair { certificate: delegate, issuer: pair.issuer };
            self.delegate(pair, needed, failures)?;
        }
        Ok(checked.outcome)
    }

    /// By a CRL, so that nobody vouches for himself.
    fn delegate(
        &self,
        pair: Pair<'_>,
        needed: &mut Vec<Needed>,
        failures: &mut Failures,
    ) -> Result<(), Stop> {
        let points = request::crl_points(pair.certificate)?;
        if points.is_empty() {
            return Err(RevocationError::Responder("cannot be checked for revocation").into());
        }
        // That signatures from before it was revoked are good is not about responses.
        let own = Self { terms: Terms { signed_at: None, ..self.terms }, ..*self };
        match own.crls(pair, &points, needed, failures)? {
            Ok(Outcome::Good) => Ok(()),
            Ok(Outcome::Revoked(_)) => Err(RevocationError::Responder("is revoked").into()),
            Err(RevocationError::Pending) => Err(RevocationError::Pending.into()),
            Err(_) => Err(RevocationError::Responder("may have been revoked").into()),
        }
    }

    /// Requirement 104: the CRLs at every address, as nothing in the certificate says which of them
    /// are parts and which are copies; notation-go stops at the first that is not good.
    fn crls(
        &self,
        pair: Pair<'_>,
        points: &[Point],
        needed: &mut Vec<Needed>,
        failures: &mut Failures,
    ) -> Result<Result<Outcome, RevocationError>, Exhausted> {
        let mut open: Option<RevocationError> = None;
        for point in points {
            if point.urls.is_empty() && self.terms.strict() {
                failures.push((NO_ADDRESS.to_owned(), RevocationError::UnsupportedUrl));
                open.get_or_insert(RevocationError::UnsupportedUrl);
            }
            for url in &point.urls {
                match settle(self.crl(pair, point, url, needed))? {
                    Ok(Outcome::Good) => {}
                    Ok(revoked) if open.is_none() || self.terms.strict() => return Ok(Ok(revoked)),
                    Ok(_) => {}
                    Err(RevocationError::Pending) if self.terms.strict() => {
                        open = Some(RevocationError::Pending);
                    }
                    Err(error) => {
                        if error != RevocationError::Pending {
                            failures.push((url.clone(), error.clone()));
                        }
                        open.get_or_insert(error);
                    }
                }
            }
        }
        Ok(open.map_or(Ok(Outcome::Good), Err))
    }

    /// The CRL at one address, with its delta.
    fn crl(
        &self,
        pair: Pair<'_>,
        point: &Point,
        url: &str,
        needed: &mut Vec<Needed>,
    ) -> Result<Outcome, Stop> {
        if !is_http(url) {
            return Err(RevocationError::UnsupportedUrl.into());
        }
        let need = || Needed::Crl { url: url.to_owned() };
        let base = List::parse(body(self.evidence.crl(url), need, needed)?)?;
        let mut some_reasons = false;
        if self.terms.strict() {
            // The same key signs both, and a delta lacks most of what is revoked.
            if base.is_delta() {
                return Err(RevocationError::NotInScope("it is a delta").into());
            }
            some_reasons = base.scope(pair.certificate, point)?;
        }
        crl::check(&base, pair, &self.terms, self.spend)?;
        let mut listing = crl::Listing::default();
        listing.read(&base, pair, &self.terms)?;
        // Trust policy specification §Revocation Checking with CRL, 3.2: "If the CRL is expired and
        // the certificate is listed in the CRL for any reason other than `certificate hold`, the
        // certificate is considered revoked."
        if let Some(revoked) = listing.permanent().filter(|_| self.terms.strict()) {
            return Ok(revoked);
        }
        self.terms.check_times(base.this_update, base.next_update)?;
        let urls = self.delta_urls(&base, pair)?;
        let mut newest = base.this_update;
        if !urls.is_empty() {
            let delta = self.delta(&urls, needed)?;
            crl::check(&delta, pair, &self.terms, self.spend)?;
            crl::check_delta(&base, &delta, &self.terms)?;
            listing.read(&delta, pair, &self.terms)?;
            if let Some(revoked) = listing.permanent().filter(|_| self.terms.strict()) {
                return Ok(revoked);
            }
            self.terms.check_times(delta.this_update, delta.next_update)?;
            newest = newest.max(delta.this_update);
        }
        self.terms.check_age(newest)?;
        match listing.outcome(&self.terms) {
            Outcome::Good if some_reasons => {
                Err(RevocationError::NotInScope("not all reasons of revocation").into())
            }
            outcome => Ok(outcome),
        }
    }

    /// Requirement 107: "Delta CRL: from Freshest CRL ext of base", "freshestCRL only in the
    /// certificate ⇒ unsupported".
    fn delta_urls(&self, base: &List<'_>, pair: Pair<'_>) -> Result<Vec<String>, RevocationError> {
        let points = base.freshest().map_or(Ok(Vec::new()), request::points)?;
        let urls: Vec<String> = points.into_iter().flat_map(|point| point.urls).collect();
        if urls.is_empty() {
            if pair.certificate.extension(&FRESHEST_CRL).is_some() {
                return Err(RevocationError::FreshestInCertificate);
            }
            // notation-go reads that as if there were no deltas.
            if base.freshest().is_some() && self.terms.strict() {
                return Err(RevocationError::Delta("it has no address"));
            }
        }
        Ok(urls)
    }

    /// RFC 5280 §5.2.6: the addresses are of the same delta, so the first that can be read is it.
    fn delta(&self, urls: &[String], needed: &mut Vec<Needed>) -> Result<List<'_>, Stop> {
        let mut last = RevocationError::UnsupportedUrl;
        for url in urls {
            let found = if is_http(url) {
                let need = || Needed::Crl { url: url.clone() };
                body(self.evidence.crl(url), need, needed).and_then(List::parse)
            } else {
                Err(RevocationError::UnsupportedUrl)
            };
            match found {
                Ok(_) if last == RevocationError::Pending => {}
                Ok(list) => return Ok(list),
                Err(_) if last == RevocationError::Pending => {}
                Err(error) => last = error,
            }
        }
        Err(last.into())
    }
}

impl Finding {
    fn of(status: Status, method: Option<Method>) -> Self {
        Self { status, method, failures: Vec::new() }
    }

    fn new(known: Result<Outcome, RevocationError>, method: Method, failures: Failures) -> Self {
        let status = match known {
            Ok(Outcome::Good) => Status::Ok,
            Ok(Outcome::Revoked(revocation)) => Status::Revoked(revocation),
            Err(error) => Status::Unknown(error),
        };
        Self { status, method: Some(method), failures }
    }
}

/// The bytes, or a need.
fn body<'a>(
    answer: Answer<'a>,
    need: impl FnOnce() -> Needed,
    needed: &mut Vec<Needed>,
) -> Result<&'a [u8], RevocationError> {
    match answer {
        Answer::Found(bytes) => Ok(bytes),
        Answer::Missing => {
            needed.push(need());
            Err(RevocationError::Pending)
        }
        Answer::Unavailable(why) => Err(RevocationError::Unavailable(why)),
    }
}

fn settle<T>(result: Result<T, Stop>) -> Result<Result<T, RevocationError>, Exhausted> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Stop::Unknown(error)) => Ok(Err(error)),
        Err(Stop::Exhausted) => Err(Exhausted),
    }
}
