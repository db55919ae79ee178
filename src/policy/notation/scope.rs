//! Registry scopes: which repositories a statement is about
//! (TP §OCI Trust Policy Constraints).

use crate::reference::normalise;

/// Why a text is not a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ScopeError {
    /// Not `domain/repository`, in the grammar of the distribution project.
    Repository,
    /// `*` inside of a name.
    Wildcard,
}

/// Checks one scope other than `*`, and returns it as written.
///
/// spec: "List of one or more fully qualified repository URIs. The repository URI MUST NOT contain the
/// asterisk character `*`."
pub(super) fn parse(text: &str) -> Result<&str, ScopeError> {
    if text.contains('*') {
        return Err(ScopeError::Wildcard);
    }
    match text.split_once('/') {
        Some((domain, repository)) if is_domain(domain) && is_repository(repository) => Ok(text),
        _ => Err(ScopeError::Repository),
    }
}

/// The same repository as images are named here: the registry in lower case, Docker Hub's aliases
/// folded, the default port left out. `None` where no image has this name.
///
/// spec: "The scope MUST NOT support reference expansion i.e. URIs must be fully qualified. E.g. the
/// scope should be `docker.io/library/registry` rather than `registry`."
pub(super) fn normal(text: &str) -> Option<String> {
    let (domain, repository) = text.split_once('/')?;
    if domain.rsplit_once(':').is_some_and(|(_, port)| !is_port(port)) {
        return None;
    }
    let (registry, name) = normalise(Some(domain), repository);
    (name == repository).then(|| format!("{registry}/{name}"))
}

/// One spelling of a port, as image references have it.
fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0 && port.to_string() == text)
}

/// `label(.label)*(:digits)?`, labels of letters, digits and inner hyphens.
fn is_domain(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    port.is_none_or(digits) && host.split('.').all(label)
}

/// `component(/component)*`
fn is_repository(text: &str) -> bool {
    text.split('/').all(crate::reference::is_path_component)
}
