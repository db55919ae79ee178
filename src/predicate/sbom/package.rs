//! Packages that a policy names: by name, or by package URL; of any version, or of some.

use std::{collections::BTreeMap, fmt};

use super::{
    super::{glob::Glob, purl::Purl},
    component::{Component, Role},
    scheme::Scheme,
    version::Range,
};

/// One of `packages`.
#[derive(Clone, Debug)]
pub struct Package {
    text: String,
    names: Names,
    ranges: Vec<Range>,
    reason: Option<String>,
}

#[derive(Clone, Debug)]
enum Names {
    /// A name, with or without group or namespace before it.
    Name(Glob),
    /// `pkg:type/namespace/name`; the name alone, if there is no star in it.
    Purl { package: Glob, name: Option<String> },
}

/// Why a text names no package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackageError {
    /// Empty, or too long.
    Length,
    /// Not `pkg:type/namespace/name` with or without a version.
    Purl,
    /// Qualifiers and a subpath are not compared.
    Qualifiers,
    /// A version in a name.
    Version,
    /// A version in the package URL, and versions beside it.
    Versions,
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "empty, or longer than 512 characters",
            Self::Purl => {
                "not a package URL: `pkg:type/namespace/name`, stars in namespace and name"
            }
            Self::Qualifiers => "qualifiers and subpath of package URLs are not compared",
            Self::Version => "a name with a version: use `versions`, or a package URL",
            Self::Versions => "the package URL has a version, and `versions` stands beside it",
        })
    }
}

impl Package {
    /// A name or package URL, either with stars; ranges, one of which must hold; why.
    pub fn new(
        text: &str,
        mut ranges: Vec<Range>,
        reason: Option<String>,
    ) -> Result<Self, PackageError> {
        let names = if text.starts_with("pkg:") {
            if text.contains(['?', '#']) {
                return Err(PackageError::Qualifiers);
            }
            let purl = Purl::parse(text).ok_or(PackageError::Purl)?;
            if purl.kind.contains('*') {
                return Err(PackageError::Purl);
            }
            if let Some(version) = &purl.version {
                if !ranges.is_empty() || version.contains('*') {
                    return Err(PackageError::Versions);
                }
                ranges.push(Range::exactly(version));
            }
            let package =
                Glob::parse_any_case(&purl.package()).map_err(|_| PackageError::Length)?;
            let name = (!purl.name.contains('*')).then(|| purl.name.to_lowercase());
            Names::Purl { package, name }
        } else if text.rfind('@').is_some_and(|at| at > 0) {
            return Err(PackageError::Version);
        } else {
            Names::Name(Glob::parse_any_case(text).map_err(|_| PackageError::Length)?)
        };
        Ok(Self { text: text.to_owned(), names, ranges, reason })
    }

    /// Under which name of a component it is found, if there is only one.
    fn key(&self) -> Option<String> {
        match &self.names {
            Names::Name(glob) => glob.is_exact().then(|| glob.as_str().to_lowercase()),
            Names::Purl { name, .. } => name.clone(),
        }
    }

    fn matches(&self, found: &Found<'_>) -> Match {
        let (version, kind, certain) = match &self.names {
            Names::Name(glob) => {
                if !found.names.iter().any(|name| glob.matches(name)) {
                    return Match::No;
                }
                let purl = found.purls.first();
                (found.version(purl), purl.map(|p| p.kind.as_str()), true)
            }
            Names::Purl { package, name } => {
                match found.purls.iter().find(|purl| package.matches(&purl.package())) {
                    Some(purl) => (found.version(Some(purl)), Some(purl.kind.as_str()), true),
                    // What has no package URL may be of any type.
                    None if found.purls.is_empty()
                        && found.is_package
                        && name.as_ref().is_some_and(|name| found.names.contains(name)) =>
                    {
                        (found.version(None), None, false)
                    }
                    None => return Match::No,
                }
            }
        };
        if self.ranges.is_empty() {
            return if certain { Match::Yes } else { Match::Perhaps("it has no package URL") };
        }
        let Some(version) = version else {
            return Match::Perhaps("it has no version");
        };
        let scheme = Scheme::of(kind);
        let told: Vec<_> = self.ranges.iter().map(|r| r.contains(scheme, &version)).collect();
        if told.contains(&Some(true)) {
            return if certain { Match::Yes } else { Match::Perhaps("it has no package URL") };
        }
        if told.contains(&None) {
            return Match::Perhaps("its version cannot be compared");
        }
        Match::No
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        let ranges: Vec<_> = self.ranges.iter().map(ToString::to_string).collect();
        if !ranges.is_empty() && !self.text.contains(&format!("@{}", ranges.join(" or "))) {
            write!(f, " {}", ranges.join(" or "))?;
        }
        match &self.reason {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

/// Whether a component is a package of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    No,
    /// It cannot be told, and why.
    Perhaps(&'static str),
    Yes,
}

/// Packages of a policy, found by name.
#[derive(Clone, Debug, Default)]
pub struct Packages {
    list: Vec<Package>,
    by_name: BTreeMap<String, Vec<usize>>,
    /// Those whose name has stars.
    others: Vec<usize>,
}

impl Packages {
    /// Adds one.
    pub fn push(&mut self, package: Package) {
        let index = self.list.len();
        match package.key() {
            Some(key) => self.by_name.entry(key).or_default().push(index),
            None => self.others.push(index),
        }
        self.list.push(package);
    }

    pub(super) fn list(&self) -> &[Package] {
        &self.list
    }

    /// Those that a component is, or may be.
    pub(super) fn of(&self, component: &Component<'_>) -> Vec<(usize, &Package, Match)> {
        if self.list.is_empty() {
            return Vec::new();
        }
        let found = Found::of(component);
        let mut indices: Vec<usize> = self.others.clone();
        for name in &found.names {
            indices.extend(self.by_name.get(name).into_iter().flatten());
        }
        indices.sort_unstable();
        indices.dedup();
        let package = |index: usize| {
            let package = self.list.get(index)?;
            let matched = package.matches(&found);
            (matched != Match::No).then_some((index, package, matched))
        };
        indices.into_iter().filter_map(package).collect()
    }
}

/// A component by all its names.
struct Found<'a> {
    /// In lower case: its name, and that with group or namespace before it.
    names: Vec<String>,
    purls: Vec<Purl>,
    version: Option<&'a str>,
    is_package: bool,
}

impl<'a> Found<'a> {
    fn of(component: &Component<'a>) -> Self {
        let mut names = vec![component.name.to_lowercase()];
        if let Some(group) = component.group {
            names.push(format!("{group}/{}", component.name).to_lowercase());
            names.push(format!("{group}:{}", component.name).to_lowercase());
        }
        let purls: Vec<_> = component.purls.iter().filter_map(|purl| Purl::parse(purl)).collect();
        for purl in &purls {
            names.push(purl.name.to_lowercase());
            if !purl.namespace.is_empty() {
                names.push(purl.path().to_lowercase());
                names.push(format!("{}:{}", purl.namespace, purl.name).to_lowercase());
            }
        }
        let is_package = component.role == Role::Package;
        Self { names, purls, version: component.version, is_package }
    }

    /// RPM's epoch stands in a qualifier.
    fn version(&self, purl: Option<&Purl>) -> Option<String> {
        let version = purl.and_then(|purl| purl.version.as_deref()).or(self.version)?;
        let epoch = purl.filter(|purl| purl.kind == "rpm").and_then(|p| p.qualifier("epoch"));
        Some(match epoch {
            Some(epoch) if !version.contains(':') => format!("{epoch}:{version}"),
            _ => version.to_owned(),
        })
    }
}
