//! The environment and the clock, as things that are handed in.

use std::{
    collections::BTreeMap, env, ffi::OsString, fmt, path::PathBuf, sync::Arc, time::SystemTime,
};

type Lookup = dyn Fn(&str) -> Option<OsString> + Send + Sync;
type Clock = dyn Fn() -> SystemTime + Send + Sync;

/// Variables and time. Credential helpers and plugins that are run see the process's own
/// environment beside it.
#[derive(Clone)]
pub struct Environment {
    lookup: Arc<Lookup>,
    clock: Arc<Clock>,
}

impl Environment {
    /// That of this process.
    pub fn process() -> Self {
        Self { lookup: Arc::new(|name| env::var_os(name)), clock: Arc::new(SystemTime::now) }
    }

    /// These variables and no others, with this machine's clock.
    pub fn fixed<N: Into<String>, V: Into<OsString>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let variables: BTreeMap<String, OsString> =
            variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let lookup = move |name: &str| variables.get(name).cloned();
        Self { lookup: Arc::new(lookup), clock: Arc::new(SystemTime::now) }
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// A variable; one that is empty counts as not set, as with the tools that define them.
    pub fn os(&self, name: &str) -> Option<OsString> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    /// A variable that is text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.os(name)?.into_string().ok()
    }

    /// A variable that names a file or directory.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.os(name).map(PathBuf::from)
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<PathBuf> {
        self.path(if cfg!(windows) { "USERPROFILE" } else { "HOME" })
    }

    /// The time.
    pub fn now(&self) -> SystemTime {
        (self.clock)()
    }
}

impl Default for Environment {
    fn default() -> Self {
        Self::process()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}
