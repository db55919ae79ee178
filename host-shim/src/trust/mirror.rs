//! A TUF repository over HTTP.

use super::{RepositoryFiles, TrustError, files};
use crate::http::{Call, Failure, Http, Options, Url, authority, is_loopback};

/// A repository, or a mirror of one.
pub struct Mirror {
    http: Http,
    base: Url,
}

impl Mirror {
    /// A repository at an address: metadata there, targets in `targets/`. Of `options`, plain HTTP is
    /// allowed for addresses of this machine that ask for it.
    pub fn new(address: &str, options: &Options) -> Result<Self, TrustError> {
        let refuse = |why: &str| Err(TrustError::Usage(format!("--mirror {address}: {why}")));
        let with_slash = format!("{}/", address.trim_end_matches('/'));
        let Ok(base) = Url::parse(&with_slash) else { return refuse("it is no URL") };
        let local = base.scheme() == "http" && is_loopback(&authority(&base));
        if base.scheme() != "https" && !local {
            return refuse("it is not https, nor on this machine");
        }
        if !base.username().is_empty() || base.password().is_some() {
            return refuse("no user and password may stand in it");
        }
        if base.query().is_some() || base.fragment().is_some() {
            return refuse("it is the address of a directory, without `?` and `#`");
        }
        let options = Options { plain_http: local, ..options.clone() };
        Ok(Self { http: Http::new(&options), base })
    }
}

impl RepositoryFiles for Mirror {
    fn get(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, TrustError> {
        let file = || path.to_owned();
        let unavailable = |why: String| TrustError::Unavailable { file: file(), why };
        let url = self.base.join(path).map_err(|e| unavailable(e.to_string()))?;
        let reply = self.http.send(&mut Call::get(&url).max_bytes(most));
        let reply = reply.map_err(|failure| match failure {
            Failure::TooLarge(most) => TrustError::TooLarge { file: file(), most },
            failure => unavailable(failure.to_string()),
        })?;
        match reply.status {
            200 => Ok(Some(reply.bytes)),
            404 | 410 => Ok(None),
            // Object stores say so of what is not there, where nobody may list them. go-tuf and
            // python-tuf read it so too, and here alone: whether there is newer root metadata.
            403 if is_next_root(path) => Ok(None),
            401 | 403 => Err(TrustError::Denied { file: file(), why: reply.message() }),
            _ => Err(unavailable(reply.message())),
        }
    }

    fn origin(&self) -> String {
        self.base.to_string()
    }
}

fn is_next_root(path: &str) -> bool {
    files::versioned(path).is_some_and(|(_, name)| name == "root.json")
}
