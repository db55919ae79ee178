//! Who we are to it, and whether it gives us an image.

use serde_json::Value;

use super::{Exam, Grade};
use crate::registry::{Access, Probe, RegistryError, Scheme, is_tag, matches_digest, sha256_of};

impl Exam<'_> {
    /// What it asks for, and what we would show.
    pub(super) fn access(&mut self) -> Option<Access> {
        match self.registry.access(&self.patient.repository) {
            Ok(access) => {
                self.note("credentials", Grade::Ok, shown(&access));
                Some(access)
            }
            Err(e) => {
                let host = self.patient.repository.host();
                self.note("credentials", Grade::Fail, e.to_string())
                    .means("credentials are configured and cannot be had: nothing is asked without them")
                    .next(format!("log in again: `docker login {host}`"));
                None
            }
        }
    }

    /// Pulls a manifest; its digest.
    pub(super) fn pull(&mut self, access: Option<&Access>) -> Option<String> {
        let reference = self.patient.reference.clone().or_else(|| self.any_tag());
        // Something has to be asked for, so that a token is.
        let named = reference.clone().unwrap_or_else(|| "latest".to_owned());
        let pulled = self.probe(&format!("manifests/{named}"));
        self.token(access, &pulled);
        match pulled {
            Ok(manifest) if manifest.status == 200 => self.manifest(&named, &manifest),
            Ok(answer) => {
                self.refused(&named, reference.is_some(), &answer);
                None
            }
            Err(e) => {
                let host = self.patient.repository.host();
                let next = format!("`docker login {host}`, with an account that may pull");
                let check = self.note("pull", Grade::Fail, format!("`{named}`: {e}"));
                check.means("without its manifest no image is verified").next(next);
                None
            }
        }
    }

    /// A tag that stands for an image.
    fn any_tag(&mut self) -> Option<String> {
        let list = self.probe("tags/list").ok().filter(|list| list.status == 200)?;
        let list: Value = serde_json::from_slice(&list.bytes).ok()?;
        let tags: Vec<&str> =
            list.get("tags")?.as_array()?.iter().filter_map(Value::as_str).collect();
        let is_image = |tag: &&&str| !tag.starts_with("sha256-") && is_tag(tag);
        let latest = tags.iter().find(|tag| **tag == "latest");
        latest.or_else(|| tags.iter().find(is_image)).map(|tag| (*tag).to_owned())
    }

    fn token(&mut self, access: Option<&Access>, pulled: &Result<Probe, RegistryError>) {
        let Some(Access { scheme: Scheme::Token { realm, .. }, .. }) = access else { return };
        let failed = match pulled {
            Ok(probe) if probe.status == 401 => Some(probe.message.clone()),
            Ok(_) => None,
            Err(e) => Some(e.to_string()),
        };
        match failed {
            None => {
                self.note("token", Grade::Ok, format!("`{realm}` gives a token that is taken"));
            }
            Some(words) => {
                let host = self.patient.repository.host();
                self.note("token", Grade::Fail, format!("`{realm}`: {words}"))
                    .means("without a token the registry answers nothing")
                    .next(format!("log in again: `docker login {host}`"));
            }
        }
    }

    fn manifest(&mut self, named: &str, manifest: &Probe) -> Option<String> {
        if !matches!(serde_json::from_slice(&manifest.bytes), Ok(Value::Object(_))) {
            let what = manifest.media_type().unwrap_or("nothing that is said");
            self.note("pull", Grade::Fail, format!("`{named}` is {what}, and no manifest"))
                .means("somebody else than a registry answers: a log-in page, a proxy")
                .next("check the repository's path, and the proxy");
            return None;
        }
        let digest = sha256_of(&manifest.bytes);
        self.note("pull", Grade::Ok, format!("`{named}` is {digest}"));
        match manifest.header("docker-content-digest") {
            None => {
                let check = self.note("digest", Grade::Warn, "no Docker-Content-Digest");
                check
                    .means("the digest is taken from the bytes; HEAD requests of other tools fail");
            }
            Some(claimed) if matches_digest(claimed, &manifest.bytes) => {
                self.note("digest", Grade::Ok, "Docker-Content-Digest is true");
            }
            Some(claimed) => {
                self.note("digest", Grade::Fail, format!("Docker-Content-Digest says {claimed}"))
                    .means("the manifest has another digest: tags are refused here")
                    .next("name images by digest, and report it to the registry's operator");
            }
        }
        Some(digest)
    }

    fn refused(&mut self, named: &str, was_named: bool, answer: &Probe) {
        let found = format!("`{named}`: {}", answer.message);
        if answer.status == 404 && !was_named {
            let check = self.note("pull", Grade::Skipped, "the repository has no image to pull");
            check.next("name one: HOST/REPO:TAG");
            return;
        }
        let check = self.note("pull", Grade::Fail, found);
        match answer.status {
            404 => check
                .means("there is no such image, or this account may not know of it")
                .next("name an image that is there: HOST/REPO:TAG"),
            401 | 403 => check
                .means("this account may not pull from the repository")
                .next("log in with one that may: `docker login HOST`"),
            429 => check
                .means("too many requests: verdicts are undetermined while that lasts")
                .next("log in, which mostly raises the limit, or use a mirror"),
            _ => check.means("the registry fails"),
        };
    }
}

fn shown(access: &Access) -> String {
    let asks = match &access.scheme {
        Scheme::Open => "it asks for none".to_owned(),
        Scheme::Basic => "it asks for a password".to_owned(),
        Scheme::Token { realm, service: Some(service) } => {
            format!("it asks for a token of `{realm}` (service `{service}`)")
        }
        Scheme::Token { realm, service: None } => format!("it asks for a token of `{realm}`"),
    };
    match (&access.source, access.kinds.as_slice()) {
        (Some(source), kinds) => format!("{asks}; {source} has {}", kinds.join(", ")),
        (None, _) => format!("{asks}; there are none for it: we are anonymous"),
    }
}
