//! One platform of an index.

use std::{fmt, str::FromStr};

use serde_json::Value;

use super::{
    CopyError,
    contents::{Child, Contents},
    store::{Blob, Store},
};
use crate::registry::Manifest;

/// Bytes of an image's configuration.
const MAX_CONFIG: u64 = 8 << 20;

/// `os/architecture[/variant]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let is_word = |part: &&str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        match parts.as_slice() {
            [os, architecture, rest @ ..] if rest.len() < 2 && parts.iter().all(is_word) => {
                Ok(Self {
                    os: (*os).to_owned(),
                    architecture: (*architecture).to_owned(),
                    variant: rest.first().map(|variant| (*variant).to_owned()),
                })
            }
            _ => Err("OS/ARCHITECTURE[/VARIANT], such as linux/arm64".to_owned()),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

impl Platform {
    fn read(described: &Value) -> Option<Self> {
        let text = |name: &str| described[name].as_str().filter(|text| !text.is_empty());
        Some(Self {
            os: text("os")?.to_owned(),
            architecture: text("architecture")?.to_owned(),
            variant: text("variant").map(str::to_owned),
        })
    }

    /// Whether an image for `other` is one for this. A variant that is not said is any.
    fn takes(&self, other: &Self) -> bool {
        self.os == other.os
            && self.architecture == other.architecture
            && (self.variant.is_none() || self.variant() == other.variant())
    }

    /// image-spec v1.1, "Platform Variants": arm64 is v8 where nothing is said.
    fn variant(&self) -> Option<&str> {
        let default = (self.architecture == "arm64").then_some("v8");
        self.variant.as_deref().or(default)
    }
}

/// The image of an index for a platform; an image that is none of an index, if it is for it.
pub(crate) fn choose(
    source: &dyn Store,
    wanted: &Platform,
    digest: String,
    manifest: Manifest,
) -> Result<(String, Manifest), CopyError> {
    let read = Contents::read(&manifest.bytes);
    let contents = read.map_err(|why| CopyError::Malformed { digest: digest.clone(), why })?;
    let described = |child: &Child| child.platform.as_ref().and_then(Platform::read);
    if !contents.is_index() {
        let own = contents.config.as_ref().map(|config| of_config(source, config)).transpose()?;
        return match own.flatten() {
            Some(own) if wanted.takes(&own) => Ok((digest, manifest)),
            own => Err(none(wanted, own.iter())),
        };
    }
    let there: Vec<(Platform, &Child)> =
        contents.children.iter().filter_map(|child| Some((described(child)?, child))).collect();
    let mut fitting: Vec<_> = there.iter().filter(|(other, _)| wanted.takes(other)).collect();
    if let Some(exact) = fitting.iter().position(|(other, _)| other.variant == wanted.variant) {
        fitting = vec![fitting.swap_remove(exact)];
    }
    let [(_, child)] = fitting.as_slice() else {
        return Err(none(wanted, there.iter().map(|(other, _)| other)));
    };
    let chosen = source.manifest(&child.digest);
    Ok((child.digest.clone(), chosen.map_err(|e| CopyError::source(&child.digest, e))?))
}

fn none<'a>(wanted: &Platform, there: impl Iterator<Item = &'a Platform>) -> CopyError {
    CopyError::NoPlatform {
        wanted: wanted.to_string(),
        there: there.map(ToString::to_string).collect(),
    }
}

fn of_config(source: &dyn Store, config: &Blob) -> Result<Option<Platform>, CopyError> {
    let bytes = super::read_blob(source, config, MAX_CONFIG)?;
    Ok(serde_json::from_slice(&bytes).ok().as_ref().and_then(Platform::read))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_that_is_not_said_is_any_and_arm64_is_v8() {
        let platform = |text: &str| text.parse::<Platform>().unwrap();
        for (wanted, other, takes) in [
            ("linux/amd64", "linux/amd64", true),
            ("linux/amd64", "linux/amd64/v3", true),
            ("linux/arm64/v8", "linux/arm64", true),
            ("linux/arm/v7", "linux/arm/v6", false),
            ("linux/arm/v7", "linux/arm", false),
            ("linux/amd64", "windows/amd64", false),
        ] {
            assert_eq!(platform(wanted).takes(&platform(other)), takes, "{wanted} {other}");
        }
        for bad in ["", "linux", "linux/", "linux/a/b/c", "linux/a b"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }
}
