//! Which findings count against the image, and what becomes of the others.

use super::{
    Ignore, Vulnerabilities, Wanted,
    names::key,
    package::covers,
    report::{Finding, Fix, Package},
    severity::Severity,
    shape::shortened,
    vex::Vex,
};
use crate::{
    predicate::purl::Purl,
    time::{Now, Time},
    verdict::{Code, Reason},
};

/// How many a verdict names of each.
const MOST_NAMED: usize = 5;

/// Findings as they come, and what is to be said of them.
pub(super) struct Tally<'p, 'a> {
    policy: &'p Vulnerabilities,
    now: Now<'p>,
    vex: &'p Vex,
    total: usize,
    worst: Option<Severity>,
    refused: usize,
    named: Vec<Refused<'a>>,
    ignored: Excused<'a>,
    by_vex: Excused<'a>,
    expired: Vec<(&'a str, Time)>,
    unfixed: usize,
    in_leeway: usize,
    suppressed: usize,
}

/// Findings that do not count, with some names.
#[derive(Default)]
struct Excused<'a> {
    count: usize,
    names: Vec<&'a str>,
}

impl<'a> Excused<'a> {
    fn add(&mut self, name: &'a str) {
        self.count += 1;
        if self.names.len() < MOST_NAMED && !self.names.contains(&name) {
            self.names.push(name);
        }
    }
}

/// One that counts. Ordered: what matters most comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Refused<'a> {
    by_name: core::cmp::Reverse<bool>,
    severity: core::cmp::Reverse<Severity>,
    id: &'a str,
    package: (Option<&'a str>, Option<&'a str>, Option<&'a str>),
    fix: Option<Option<&'a str>>,
}

impl<'p, 'a> Tally<'p, 'a> {
    pub(super) fn new(policy: &'p Vulnerabilities, now: Now<'p>, vex: &'p Vex) -> Self {
        Self {
            policy,
            now,
            vex,
            total: 0,
            worst: None,
            refused: 0,
            named: Vec::new(),
            ignored: Excused::default(),
            by_vex: Excused::default(),
            expired: Vec::new(),
            unfixed: 0,
            in_leeway: 0,
            suppressed: 0,
        }
    }

    /// Takes one finding.
    pub(super) fn add(&mut self, finding: &Finding<'a>) {
        if finding.suppressed && !self.policy.count_suppressed {
            self.suppressed += 1;
            return;
        }
        self.total += 1;
        self.worst = self.worst.max(Some(finding.severity));
        if finding.names.all().any(|name| self.policy.deny.contains(&key(name))) {
            self.refuse(finding, true);
        } else if finding.severity <= self.policy.allow_up_to {
            // The policy has nothing against it.
        } else if self.is_ignored(finding) {
            self.ignored.add(finding.names.id);
        } else if self.policy.only_fixed && finding.fix == Fix::Absent {
            self.unfixed += 1;
        } else if self.is_in_leeway(finding) {
            self.in_leeway += 1;
        } else if self.vex.excuses(finding) {
            self.by_vex.add(finding.names.id);
        } else {
            self.refuse(finding, false);
        }
    }

    fn refuse(&mut self, finding: &Finding<'a>, by_name: bool) {
        self.refused += 1;
        let Package { name, version, purl } = finding.package;
        let refused = Refused {
            by_name: core::cmp::Reverse(by_name),
            severity: core::cmp::Reverse(finding.severity),
            id: finding.names.id,
            package: (name, version, purl),
            fix: match finding.fix {
                Fix::There(version) => Some(version),
                Fix::Absent | Fix::Unsaid => None,
            },
        };
        let at = self.named.partition_point(|known| *known <= refused);
        if at < MOST_NAMED {
            self.named.truncate(MOST_NAMED - 1);
            self.named.insert(at, refused);
        }
    }

    fn is_ignored(&mut self, finding: &Finding<'a>) -> bool {
        let of_name = |name| self.policy.ignore.get(&key(name)).into_iter().flatten();
        let named: Vec<_> = finding.names.whole().flat_map(of_name).collect();
        if named.is_empty() {
            return false;
        }
        let purl = finding.package.purl.and_then(Purl::parse);
        let mut expired = None;
        for ignore in named.into_iter().filter(|ignore| ignore.is_for(finding, purl.as_ref())) {
            if !self.now.has_reached(ignore.until) {
                return true;
            }
            expired = expired.max(Some(ignore.until));
        }
        if let Some(until) = expired
            && self.expired.len() < MOST_NAMED
            && self.expired.iter().all(|(id, _)| *id != finding.names.id)
        {
            self.expired.push((finding.names.id, until));
        }
        false
    }

    /// A fix that cannot have been there for longer than the policy gives to install it. A date in
    /// the future is none.
    fn is_in_leeway(&self, finding: &Finding<'a>) -> bool {
        let leeway = self.policy.fixed_leeway.get(&finding.severity).copied().unwrap_or_default();
        let Some(since) = finding.since.filter(|_| matches!(finding.fix, Fix::There(_))) else {
            return false;
        };
        self.now.has_reached(since) && !self.now.has_reached(since.plus(leeway))
    }

    /// What is wrong, if anything is.
    pub(super) fn reason(&self) -> Option<Reason> {
        if self.refused == 0 {
            return None;
        }
        let mut found: Vec<_> = self.named.iter().map(Refused::describe).collect();
        if self.refused > self.named.len() {
            found.push(format!("and {} more", self.refused - self.named.len()));
        }
        found.extend(self.expired());
        found.extend(self.vex.notes.iter().cloned());
        let message = match self.refused {
            1 => "the scan has a vulnerability that the policy does not allow".to_owned(),
            many => format!("the scan has {many} vulnerabilities that the policy does not allow"),
        };
        let reason = Reason::new(Code::VulnerabilityFound, message);
        Some(reason.expected(self.policy.describe()).found(found.join("; ")))
    }

    fn expired(&self) -> impl Iterator<Item = String> + '_ {
        let say = |(id, until): &(&str, Time)| {
            format!("the policy's `ignore` of `{}` has expired on {until}", shortened(id))
        };
        self.expired.iter().map(say)
    }

    /// What was seen.
    pub(super) fn describe(&self) -> String {
        let mut said = vec![match (self.total, self.worst) {
            (0, _) | (_, None) => "no vulnerability".to_owned(),
            (1, Some(worst)) => format!("1 vulnerability, `{}`", worst.as_str()),
            (many, Some(worst)) => format!("{many} vulnerabilities, at worst `{}`", worst.as_str()),
        }];
        let excused = |said: &mut Vec<String>, excused: &Excused<'_>, how: &str| {
            if excused.count > 0 {
                let names: Vec<_> = excused.names.iter().map(|name| shortened(name)).collect();
                let more = if excused.count > names.len() { ", …" } else { "" };
                said.push(format!("{} {how} ({}{more})", excused.count, names.join(", ")));
            }
        };
        excused(&mut said, &self.ignored, "ignored by the policy");
        excused(&mut said, &self.by_vex, "excused by VEX");
        for (count, how) in [
            (self.unfixed, "without a fix"),
            (self.in_leeway, "with a fix that is recent"),
            (self.suppressed, "suppressed by the scanner"),
        ] {
            if count > 0 {
                said.push(format!("{count} {how}"));
            }
        }
        said.extend(self.expired());
        said.extend(self.vex.notes.iter().cloned());
        said.join("; ")
    }
}

impl Refused<'_> {
    fn describe(&self) -> String {
        let mut said = format!("`{}`", shortened(self.id));
        let (name, version, purl) = self.package;
        if let Some(name) = name.or(purl) {
            said.push_str(&format!(" in `{}`", shortened(name)));
        }
        if let Some(version) = version {
            said.push_str(&format!(" {}", shortened(version)));
        }
        said.push_str(&format!(": {}", self.severity.0.as_str()));
        match self.fix {
            Some(Some(version)) => said.push_str(&format!(", fixed in {}", shortened(version))),
            Some(None) => said.push_str(", fixed"),
            None => {}
        }
        if self.by_name.0 {
            said.push_str(", denied by name");
        }
        said
    }
}

impl Ignore {
    fn is_for(&self, finding: &Finding<'_>, purl: Option<&Purl>) -> bool {
        match self.package.as_ref().map(|package| &package.0) {
            None => true,
            Some(Wanted::Name(name)) => finding.package.name == Some(name.as_str()),
            Some(Wanted::Purl(wanted)) => purl.is_some_and(|purl| covers(wanted, purl)),
        }
    }
}
