//! Names of vulnerabilities: what they are known as, and which of these stand for the whole.

/// Databases with one vulnerability to a name. Advisories of distributions (DSA, RHSA, USN, ELSA…)
/// are about several at once.
const ONE_EACH: &[&str] = &[
    "BIT-", "CGA-", "EUVD-", "GHSA-", "GO-", "GSD-", "MAL-", "OSV-", "PYSEC-", "RUSTSEC-", "SNYK-",
];

/// A name in the form in which names are compared.
pub fn key(name: &str) -> String {
    name.trim().to_ascii_uppercase()
}

/// The name of a finding, and others that its report gives it.
#[derive(Clone, Debug)]
pub(super) struct Names<'a> {
    pub(super) id: &'a str,
    pub(super) others: Vec<&'a str>,
}

/// Other names of what is found in many places at once: they are looked at for each of them. The
/// databases have a handful.
pub(super) const MOST_SHARED: usize = 64;

impl<'a> Names<'a> {
    /// Every name: what is refused under any of them is refused.
    pub(super) fn all(&self) -> impl Iterator<Item = &'a str> + '_ {
        core::iter::once(self.id).chain(self.others.iter().copied())
    }

    /// The names under which the finding as a whole may be excused: its own, and those that name
    /// the same single vulnerability. An advisory about two CVEs is not excused with one of them,
    /// nor is a CVE with the advisory that also mentions it.
    pub(super) fn whole(&self) -> impl Iterator<Item = &'a str> + '_ {
        let several = self.is_about_several();
        let same = move |name: &&'a str| {
            !several && (is_cve(name) || ONE_EACH.iter().any(|prefix| starts_with(name, prefix)))
        };
        core::iter::once(self.id).chain(self.others.iter().copied().filter(same))
    }

    fn is_about_several(&self) -> bool {
        let mut cves = self.all().filter(|name| is_cve(name));
        let Some(first) = cves.next() else {
            return false;
        };
        cves.any(|other| !other.trim().eq_ignore_ascii_case(first.trim()))
    }
}

fn is_cve(name: &str) -> bool {
    starts_with(name, "CVE-")
}

fn starts_with(name: &str, prefix: &str) -> bool {
    name.trim().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(id: &str, others: &[&str]) -> String {
        Names { id, others: others.to_vec() }.whole().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_finding_is_excused_only_under_names_that_mean_all_of_it() {
        for (id, others, expected) in [
            ("CVE-1", &[][..], "CVE-1"),
            ("CVE-1", &["GHSA-a"], "CVE-1 GHSA-a"),
            ("CVE-1", &["cve-1", "ghsa-a"], "CVE-1 cve-1 ghsa-a"),
            ("CVE-1", &["DSA-1-1"], "CVE-1"),
            ("CVE-1", &["CVE-2"], "CVE-1"),
            ("CVE-1", &["CVE-2", "GHSA-a"], "CVE-1"),
            ("GHSA-a", &["CVE-1"], "GHSA-a CVE-1"),
            ("GHSA-a", &["CVE-1", "CVE-1"], "GHSA-a CVE-1 CVE-1"),
            ("GHSA-a", &["CVE-1", "CVE-2"], "GHSA-a"),
            ("ELSA-2020-1", &["CVE-1", "CVE-2"], "ELSA-2020-1"),
            ("ELSA-2020-1", &["CVE-1"], "ELSA-2020-1 CVE-1"),
            ("X", &["Y"], "X"),
        ] {
            assert_eq!(whole(id, others), expected, "{id} {others:?}");
        }
    }
}
