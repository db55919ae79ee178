//! Instances of Sigstore, and the TUF repositories that say what to trust of them.

use countersign::trust::sigstore::{GITHUB, PUBLIC_GOOD, STAGING};

use super::TrustError;

/// When the trusted roots that the module carries were taken: `src/trust/roots/README.md`.
pub const EMBEDDED_SINCE: &str = "2026-11-21";

/// Letters of a name. It is the name of a directory.
const MOST_NAME: usize = 63;

/// An instance whose root metadata is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its name on disk, and in `trustedRoot: { tuf: NAME }`.
    pub name: String,
    /// The repository's address, where it has one.
    pub mirror: Option<String>,
    /// TUF's root metadata to begin with.
    pub initial_root: String,
    /// What the module carries of it.
    pub embedded: Option<Embedded>,
}

/// A trusted root that the module carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// The policy's word for it.
    pub word: &'static str,
    /// The document.
    pub text: &'static str,
}

struct Known {
    name: &'static str,
    mirror: &'static str,
    initial_root: &'static str,
    embedded: Embedded,
}

const KNOWN: [Known; 3] = [
    Known {
        name: "public-good",
        mirror: "https://tuf-repo-cdn.sigstore.dev/",
        initial_root: include_str!("roots/public-good.root.json"),
        embedded: Embedded { word: "embedded", text: PUBLIC_GOOD },
    },
    Known {
        name: "github",
        mirror: "https://tuf-repo.github.com/",
        initial_root: include_str!("roots/github.root.json"),
        embedded: Embedded { word: "github", text: GITHUB },
    },
    Known {
        name: "staging",
        mirror: "https://tuf-repo-cdn.sigstage.dev/",
        initial_root: include_str!("roots/staging.root.json"),
        embedded: Embedded { word: "staging", text: STAGING },
    },
];

impl Instance {
    /// Sigstore's public-good instance, GitHub's and Sigstore's staging instance.
    pub fn known() -> Vec<Self> {
        KNOWN.iter().map(Self::of).collect()
    }

    /// One of [`Self::known`].
    pub fn by_name(name: &str) -> Option<Self> {
        KNOWN.iter().find(|known| known.name == name).map(Self::of)
    }

    /// Sigstore's public-good instance.
    pub fn public_good() -> Self {
        let [public_good, ..] = &KNOWN;
        Self::of(public_good)
    }

    /// Somebody's own, by root metadata that the user was given.
    pub fn own(
        name: &str,
        initial_root: String,
        mirror: Option<String>,
    ) -> Result<Self, TrustError> {
        check_name(name)?;
        if Self::by_name(name).is_some() {
            return Err(TrustError::Usage(format!(
                "`{name}` is an instance whose root metadata is part of this build: give yours \
                 another name with --name"
            )));
        }
        Ok(Self { name: name.to_owned(), mirror, initial_root, embedded: None })
    }

    fn of(known: &Known) -> Self {
        Self {
            name: known.name.to_owned(),
            mirror: Some(known.mirror.to_owned()),
            initial_root: known.initial_root.to_owned(),
            embedded: Some(known.embedded),
        }
    }
}

/// Refuses what cannot be a directory's name on every system.
pub(super) fn check_name(name: &str) -> Result<(), TrustError> {
    let allowed =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if begins && name.len() <= MOST_NAME && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(TrustError::Usage(format!(
        "`{name}` cannot be the name of an instance: up to {MOST_NAME} of a-z, 0-9, `.`, `-` and \
         `_`, a letter or digit first"
    )))
}
