//! Components, one after the other, against what the policy says of them.

use std::collections::BTreeMap;

use super::{
    super::few::Few,
    Format, Sbom, Unknown,
    component::{Component, Field, Role},
    license::{self, Judged, State},
    package::Match,
};
use crate::verdict::{Code, Reason};

/// What was seen so far.
pub(super) struct Judge<'a> {
    sbom: &'a Sbom,
    /// Packages have few licences between them.
    known: BTreeMap<&'a str, Judged>,
    packages: usize,
    denied_packages: Few,
    denied_licenses: Few,
    not_allowed: Few,
    unlicensed: Few,
    found: Vec<bool>,
    missing: Vec<(Field, Few)>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(sbom: &'a Sbom) -> Self {
        Self {
            sbom,
            known: BTreeMap::new(),
            packages: 0,
            denied_packages: Few::default(),
            denied_licenses: Few::default(),
            not_allowed: Few::default(),
            unlicensed: Few::default(),
            found: vec![false; sbom.require_packages.list().len()],
            missing: sbom.require_fields.iter().map(|field| (*field, Few::default())).collect(),
        }
    }

    pub(super) fn see(&mut self, component: &Component<'a>) {
        let sbom = self.sbom;
        if let Some((_, package, matched)) = sbom.deny_packages.of(component).first() {
            self.denied_packages.push(|| {
                let shown = component.shown();
                match matched {
                    Match::Perhaps(why) => format!("{shown} may be {package}: {why}"),
                    _ => format!("{shown} is {package}"),
                }
            });
        }
        for (index, _, matched) in sbom.require_packages.of(component) {
            if let Some(found) = self.found.get_mut(index).filter(|_| matched == Match::Yes) {
                *found = true;
            }
        }
        if component.role == Role::Package {
            self.packages += 1;
            for (field, missing) in &mut self.missing {
                if !component.has(*field) {
                    missing.push(|| component.shown());
                }
            }
        }
        self.licenses(component);
    }

    fn licenses(&mut self, component: &Component<'a>) {
        let sbom = self.sbom;
        let unknown_passes = sbom.unknown_licenses == Unknown::Allow;
        let mut judged = match component.licenses.as_slice() {
            [] => Judged { state: State::Unknown, allowed: unknown_passes },
            _ => Judged { state: State::Fine, allowed: true },
        };
        for &text in &component.licenses {
            let one = self.known.entry(text).or_insert_with(|| {
                license::judge(text, &sbom.deny_licenses, &sbom.allow_licenses, unknown_passes)
            });
            judged = judged.and(*one);
        }
        let shown = || format!("{} ({})", component.shown(), component.licenses.join(" AND "));
        if judged.state == State::Denied {
            self.denied_licenses.push(shown);
            return;
        }
        let has_list = !sbom.allow_licenses.is_empty();
        if judged.state == State::Unknown && !unknown_passes {
            let asked = has_list || sbom.unknown_licenses == Unknown::Deny;
            // Nobody licenses the image itself, or a file.
            if asked && component.role == Role::Package {
                self.unlicensed.push(|| component.shown());
            } else if has_list && !component.licenses.is_empty() {
                self.unlicensed.push(|| component.shown());
            }
            return;
        }
        if has_list && !judged.allowed {
            self.not_allowed.push(shown);
        }
    }

    pub(super) fn verdict(self, format: Format) -> Result<String, Vec<Reason>> {
        let sbom = self.sbom;
        let mut reasons = Vec::new();
        let mut refuse = |few: &Few, code, message: &'static str, expected: String| {
            if !few.is_empty() {
                let found = format!("{}: {few}", few.count());
                reasons.push(Reason::new(code, message).expected(expected).found(found));
            }
        };
        refuse(
            &self.denied_packages,
            Code::SbomDenied,
            "the SBOM has packages that the policy denies",
            "no package of `deny.packages`".to_owned(),
        );
        refuse(
            &self.denied_licenses,
            Code::SbomDenied,
            "the SBOM has licences that the policy denies",
            format!("none of {}", sbom.deny_licenses.describe()),
        );
        refuse(
            &self.not_allowed,
            Code::SbomDenied,
            "the SBOM has licences that the policy does not allow",
            format!("one of {}", sbom.allow_licenses.describe()),
        );
        let mut absent = Few::default();
        for (package, found) in sbom.require_packages.list().iter().zip(&self.found) {
            if !found {
                absent.push(|| package.to_string());
            }
        }
        refuse(
            &absent,
            Code::SbomRequired,
            "the SBOM lacks packages that the policy requires",
            "every package of `require.packages`".to_owned(),
        );
        refuse(
            &self.unlicensed,
            Code::SbomIncomplete,
            "the SBOM does not say the licence of every package",
            "a licence for every package".to_owned(),
        );
        for (field, missing) in &self.missing {
            refuse(
                missing,
                Code::SbomIncomplete,
                "the SBOM does not say what the policy asks for of every package",
                format!("{} of every package", field.as_str()),
            );
        }
        if self.packages < sbom.min_components {
            reasons.push(
                Reason::of(Code::SbomIncomplete)
                    .expected(format!("at least {} packages", sbom.min_components))
                    .found(format!("{} packages", self.packages)),
            );
        }
        if reasons.is_empty() {
            Ok(format!("{} packages, {}", self.packages, format.as_str()))
        } else {
            Err(reasons)
        }
    }
}
