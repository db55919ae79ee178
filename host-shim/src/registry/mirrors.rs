//! Mirrors and other places of repositories: `registries.conf`
//! ([containers-registries.conf(5)](https://github.com/containers/image/blob/main/docs/containers-registries.conf.5.md),
//! version 2), as podman, skopeo and CRI-O read it.
//!
//! Where something was found never matters to a verdict, so a mirror can only be of more or less use.
//! What it does not have is asked of the registry itself.

mod files;
mod spelling;

use std::path::PathBuf;

use serde::Deserialize;

use super::{Repository, names::api_host};
use crate::{auth::Environment, http::is_loopback};
use files::{drop_ins, read};
use spelling::{clean, names_images};

/// What is configured for registries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirrors {
    registries: Vec<Entry>,
    notes: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct File {
    registry: Vec<Entry>,
    registries: Option<toml::Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Entry {
    prefix: String,
    location: String,
    insecure: bool,
    blocked: bool,
    mirror_by_digest_only: bool,
    mirror: Vec<Mirror>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Mirror {
    location: String,
    insecure: bool,
    pull_from_mirror: String,
}

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Places {
    /// In this order; the last is the registry itself.
    At(Vec<Repository>),
    /// The configuration forbids it.
    Blocked(String),
}

/// How something is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Digest,
    Tag,
}

impl Mirrors {
    /// The files that are there: `CONTAINERS_REGISTRIES_CONF`, else the user's, else the system's,
    /// and the directories `registries.conf.d` beside them.
    ///
    /// # Errors
    /// When a file cannot be read or understood: it may forbid a registry.
    pub fn well_known(environment: &Environment) -> Result<Self, String> {
        if let Some(path) = environment.path("CONTAINERS_REGISTRIES_CONF") {
            return Self::load(&[path]);
        }
        let own = environment
            .path("XDG_CONFIG_HOME")
            .or_else(|| Some(environment.home()?.join(".config")))
            .map(|config| config.join("containers"));
        let system = PathBuf::from("/etc/containers");
        let own_file = own.iter().map(|own| own.join("registries.conf")).find(|f| f.exists());
        let mut files = vec![own_file.unwrap_or_else(|| system.join("registries.conf"))];
        for directory in [Some(&system), own.as_ref()].into_iter().flatten() {
            files.extend(drop_ins(&directory.join("registries.conf.d"))?);
        }
        Self::load(&files)
    }

    /// These files; of one registry the last counts. One that is not there has nothing to say.
    ///
    /// # Errors
    /// When a file cannot be read or understood.
    pub fn load(files: &[PathBuf]) -> Result<Self, String> {
        let mut mirrors = Self::default();
        for path in files {
            let text = match read(path) {
                Ok(Some(text)) => text,
                Ok(None) => continue,
                Err(e) => return Err(format!("`{}` cannot be read: {e}", path.display())),
            };
            mirrors.add(&text).map_err(|e| format!("`{}`: {e}", path.display()))?;
        }
        Ok(mirrors)
    }

    /// The text of one file.
    ///
    /// # Errors
    /// When it cannot be understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut mirrors = Self::default();
        mirrors.add(text)?;
        Ok(mirrors)
    }

    /// What of the configuration is not followed.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        let file: File = toml::from_str(text).map_err(|e| e.message().to_owned())?;
        if file.registries.is_some() {
            return Err(
                "version 1 of the format is no longer read by anybody: use [[registry]]".into()
            );
        }
        for mut entry in file.registry {
            clean("`location`", &mut entry.location)?;
            let is_of_images = names_images(&entry.prefix);
            if !is_of_images {
                clean("`prefix`", &mut entry.prefix)?;
            }
            if entry.prefix.is_empty() {
                entry.prefix.clone_from(&entry.location);
            }
            if entry.prefix.is_empty() {
                return Err("a [[registry]] has neither `prefix` nor `location`".to_owned());
            }
            for mirror in &entry.mirror {
                let pull = mirror.pull_from_mirror.as_str();
                if !matches!(pull, "" | "all" | "digest-only" | "tag-only") {
                    return Err(format!(
                        "`pull-from-mirror` is all, digest-only or tag-only, not `{pull}`"
                    ));
                }
            }
            for place in entry.mirror.iter_mut().map(|mirror| &mut mirror.location) {
                clean("a mirror's `location`", place)?;
                if place.is_empty() {
                    return Err("a [[registry.mirror]] has no `location`".to_owned());
                }
            }
            let insecure = entry.mirror.iter().filter(|m| m.insecure).map(|m| &m.location);
            let own = entry.insecure.then(|| entry.location()).into_iter();
            for place in
                insecure.map(String::as_str).chain(own).filter(|p| !is_loopback(host_of(p)))
            {
                self.notes.push(format!(
                    "`insecure` of `{place}` is for this machine only: TLS is checked"
                ));
            }
            if is_of_images {
                let words = format!("`prefix = \"{}\"` names single images", entry.prefix);
                if entry.blocked {
                    return Err(format!("{words}, and only repositories are blocked here"));
                }
                self.notes.push(format!("{words} and is not followed: repositories are"));
            }
            self.registries.retain(|other| other.prefix != entry.prefix);
            self.registries.push(entry);
        }
        Ok(())
    }

    /// The same without mirrors: where registries themselves are, and which are blocked. Nothing, if
    /// there are none.
    pub(super) fn left_out(&self) -> Option<Self> {
        if self.registries.iter().all(|entry| entry.mirror.is_empty()) {
            return None;
        }
        let mut own = self.clone();
        own.registries.iter_mut().for_each(|entry| entry.mirror.clear());
        Some(own)
    }

    /// Hosts that may be spoken to without TLS: of those that are called insecure, this machine.
    pub(super) fn insecure(&self) -> Vec<String> {
        let mut hosts = Vec::new();
        for entry in &self.registries {
            let own = entry.insecure.then(|| entry.location());
            let mirrors = entry.mirror.iter().filter(|m| m.insecure).map(|m| m.location.as_str());
            hosts.extend(own.into_iter().chain(mirrors).map(|p| host_of(p).to_owned()));
        }
        hosts.retain(|host| is_loopback(host));
        hosts
    }

    /// Where a repository is to be looked for.
    pub(super) fn places(&self, repository: &Repository, by: By) -> Places {
        let name = named(repository);
        let best = self.registries.iter().filter_map(|entry| Some((entry.covers(&name)?, entry)));
        let Some((rest, entry)) = best.min_by_key(|(rest, _)| rest.len()) else {
            return Places::At(vec![repository.clone()]);
        };
        if entry.blocked {
            return Places::Blocked(format!("`{}` is blocked by registries.conf", entry.prefix));
        }
        let moved = |location: &str| Repository::parse(&format!("{location}{rest}"));
        let mut places: Vec<Repository> = entry
            .mirror
            .iter()
            .filter(|mirror| mirror.serves(by, entry.mirror_by_digest_only))
            .filter_map(|mirror| moved(&mirror.location))
            .collect();
        let own = match entry.location.as_str() {
            "" => None,
            location => moved(location),
        };
        places.push(own.unwrap_or_else(|| repository.clone()));
        Places::At(places)
    }
}

impl Entry {
    fn location(&self) -> &str {
        if self.location.is_empty() { &self.prefix } else { &self.location }
    }

    /// What follows the prefix in a name that it covers.
    fn covers<'a>(&self, name: &'a str) -> Option<&'a str> {
        if let Some(domain) = self.prefix.strip_prefix("*.") {
            // The subdomain is replaced with everything before the path.
            let (host, _) = name.split_once('/')?;
            let bare = host.split(':').next().unwrap_or(host);
            let above = bare.strip_suffix(domain)?;
            return (above.ends_with('.') && above.len() > 1).then(|| &name[host.len()..]);
        }
        let rest = name.strip_prefix(&self.prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

impl Mirror {
    fn serves(&self, by: By, by_digest_only: bool) -> bool {
        match self.pull_from_mirror.as_str() {
            "digest-only" => by == By::Digest,
            "tag-only" => by == By::Tag,
            "" if by_digest_only => by == By::Digest,
            _ => true,
        }
    }
}

/// As configurations name it: Docker Hub's API has another host.
fn named(repository: &Repository) -> String {
    let host = match repository.host() {
        host if host == api_host("docker.io") => "docker.io",
        host => host,
    };
    format!("{host}/{}", repository.name())
}

fn host_of(place: &str) -> &str {
    place.split('/').next().unwrap_or(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = r#"
        unqualified-search-registries = ["docker.io"]
        [[registry]]
        prefix = "docker.io"
        location = "docker.io"
        [[registry.mirror]]
        location = "mirror.example/hub"
        [[registry.mirror]]
        location = "localhost:5000"
        insecure = true
        pull-from-mirror = "digest-only"
        [[registry]]
        prefix = "docker.io/acme"
        location = "new.example/moved"
        [[registry]]
        location = "bad.example"
        blocked = true
        [[registry]]
        prefix = "*.internal.example"
        location = "all.example"
        insecure = true
    "#;

    fn places(name: &str, by: By) -> Vec<String> {
        let mirrors = Mirrors::parse(CONF).unwrap();
        match mirrors.places(&Repository::parse(name).unwrap(), by) {
            Places::At(places) => places.iter().map(ToString::to_string).collect(),
            Places::Blocked(why) => vec![why],
        }
    }

    #[test]
    fn mirrors_come_first_and_the_registry_last() {
        let hub = "registry-1.docker.io/library/nginx";
        assert_eq!(
            places("docker.io/library/nginx", By::Tag),
            ["mirror.example/hub/library/nginx", hub]
        );
        assert_eq!(
            places("docker.io/library/nginx", By::Digest),
            ["mirror.example/hub/library/nginx", "localhost:5000/library/nginx", hub]
        );
    }

    #[test]
    fn the_longest_prefix_counts_and_ends_at_a_slash() {
        assert_eq!(places("docker.io/acme/app", By::Tag), ["new.example/moved/app"]);
        assert_eq!(places("docker.io/acmes/app", By::Tag).len(), 2);
        assert_eq!(places("ghcr.io/acme/app", By::Tag), ["ghcr.io/acme/app"]);
        assert_eq!(places("a.internal.example/x/y", By::Tag), ["all.example/x/y"]);
        assert_eq!(places("internal.example/x", By::Tag), ["internal.example/x"]);
        assert_eq!(places("evilinternal.example/x", By::Tag), ["evilinternal.example/x"]);
    }

    #[test]
    fn what_is_blocked_is_not_asked() {
        assert_eq!(
            places("bad.example/x", By::Tag),
            ["`bad.example` is blocked by registries.conf"]
        );
    }

    #[test]
    fn places_are_compared_however_they_are_spelled() {
        let blocked = |prefix: &str, name: &str| {
            let text = format!("[[registry]]\nprefix = \"{prefix}\"\nblocked = true");
            let mirrors = Mirrors::parse(&text).unwrap();
            let places = mirrors.places(&Repository::parse(name).unwrap(), By::Tag);
            matches!(places, Places::Blocked(_))
        };
        for prefix in ["bad.example/", "BAD.example", "bad.example/acme/", "bad.example/acme/app"] {
            assert!(blocked(prefix, "bad.example/acme/app"), "{prefix}");
        }
        assert!(blocked("*.EXAMPLE", "bad.example/acme/app"));
        assert!(blocked("localhost:5000/", "localhost:5000/app"));
        assert!(!blocked("bad.example/acme/", "bad.example/acmes/app"));
        let text =
            "[[registry]]\nlocation=\"a.example\"\n[[registry.mirror]]\nlocation=\"B.example/c/\"";
        let mirrors = Mirrors::parse(text).unwrap();
        let places = mirrors.places(&Repository::parse("a.example/x").unwrap(), By::Tag);
        let Places::At(places) = places else { panic!("{places:?}") };
        assert_eq!(places[0].to_string(), "b.example/c/x");
    }

    #[test]
    fn a_prefix_of_single_images_is_not_passed_over_in_silence() {
        let of = |more: &str| {
            Mirrors::parse(&format!("[[registry]]\nprefix = \"docker.io/acme/app:1\"\n{more}"))
        };
        assert!(of("blocked = true").unwrap_err().contains("only repositories are blocked"));
        let notes = of("location = \"b.example/app\"").unwrap();
        assert!(notes.notes()[0].contains("is not followed"), "{:?}", notes.notes());
    }

    #[test]
    fn insecure_is_for_this_machine() {
        let mirrors = Mirrors::parse(CONF).unwrap();
        assert_eq!(mirrors.insecure(), ["localhost:5000"]);
        assert_eq!(
            mirrors.notes(),
            ["`insecure` of `all.example` is for this machine only: TLS is checked"]
        );
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for (text, words) in [
            ("[[registry]]\nblocked = true", "neither `prefix` nor `location`"),
            ("[[registry]]\nlocation = 1", "invalid type"),
            ("[registries.search]\nregistries = []", "version 1"),
            (
                "[[registry]]\nlocation=\"a\"\n[[registry.mirror]]\npull-from-mirror=\"x\"",
                "tag-only",
            ),
            ("[[registry", "unclosed"),
            ("[[registry]]\nprefix=\"https://bad.example\"\nblocked=true", "no `https://`"),
            ("[[registry]]\nprefix=\"*.a.example/x\"", "`prefix` is"),
            ("[[registry]]\nlocation=\"a.example/app:1\"", "`location` is"),
            ("[[registry]]\nlocation=\"http://a.example\"", "no `https://`"),
            (
                "[[registry]]\nlocation=\"a\"\n[[registry.mirror]]\nlocation=\"https://b\"",
                "a mirror's `location`",
            ),
            ("[[registry]]\nlocation=\"a\"\n[[registry.mirror]]\ninsecure=true", "no `location`"),
            ("[[registry]]\nlocation=\"a.example/Upper\"", "`location` is"),
        ] {
            let error = Mirrors::parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
