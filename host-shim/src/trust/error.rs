//! Why trust material could not be had.

use std::fmt;

use countersign::time::Time;

/// Why there is no trusted root, or no newer one. What is kept on disk stays as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustError {
    /// The repository does not have a file that it must have.
    Absent {
        /// Its path in the repository.
        file: String,
    },
    /// Another process is at work on the same directory.
    Busy {
        /// The lock file.
        path: String,
    },
    /// The repository says that we may not have a file.
    Denied {
        /// Its path in the repository.
        file: String,
        /// What it says.
        why: String,
    },
    /// The directory cannot be read or written.
    Disk {
        /// The file or directory.
        path: String,
        /// What the system says.
        why: String,
    },
    /// Metadata that is out of date: whoever serves it may be holding back newer one.
    Expired {
        /// TUF's role.
        role: String,
        /// When it expired.
        at: Time,
        /// The time that counts.
        now: Time,
    },
    /// A file of the repository that is not what it should be.
    Garbled {
        /// Its path in the repository.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// The root metadata to begin with is not good by itself.
    InitialRoot(String),
    /// Files of different states of the repository, put together.
    Mismatch(String),
    /// No such instance is kept, and none is known by this name.
    NoInstance(String),
    /// The repository has no `trusted_root.json`.
    NoTrustedRoot {
        /// The targets that it lists instead.
        lists: Vec<String>,
    },
    /// Older metadata than what was seen before.
    RolledBack {
        /// TUF's role, or the file.
        role: String,
        /// The version that is kept.
        kept: u64,
        /// The version that was offered.
        offered: u64,
    },
    /// A version of the root metadata is missing between two that are there.
    RootGap {
        /// The version that is needed next.
        needs: u64,
        /// The version that is there.
        has: u64,
    },
    /// One key under two names, so that it could sign twice.
    SharedKey {
        /// TUF's role.
        role: String,
    },
    /// More than a file may have.
    TooLarge {
        /// Its path in the repository.
        file: String,
        /// Bytes.
        most: u64,
    },
    /// Something of which there may be so many and no more.
    TooMany {
        /// What.
        what: &'static str,
        /// How many.
        most: u64,
    },
    /// The repository did not answer, or not in a way that says anything.
    Unavailable {
        /// The file's path in the repository.
        file: String,
        /// What happened.
        why: String,
    },
    /// Not signed by enough keys of the role.
    Unsigned {
        /// TUF's role.
        role: String,
        /// Good signatures by distinct keys.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A `trusted_root.json` that this build cannot use.
    Unusable(String),
    /// What the caller asks for is not possible.
    Usage(String),
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { file } => write!(
                f,
                "the repository has no `{file}`: is this the address of a TUF repository, and the \
                 copy of it complete?"
            ),
            Self::Busy { path } => write!(
                f,
                "another process is updating (it holds `{path}`): wait for it to end, and try again"
            ),
            Self::Denied { file, why } => write!(
                f,
                "the repository does not give out `{file}` ({why}): TUF repositories are public; \
                 check the address, and proxies on the way"
            ),
            Self::Disk { path, why } => write!(f, "`{path}`: {why}"),
            Self::Expired { role, at, now } => write!(
                f,
                "freeze: the {role} metadata expired at {at}, and it is {now}: the repository or \
                 the mirror is not kept up, or holds back what is newer; check it, and this \
                 machine's clock"
            ),
            Self::Garbled { file, why } => write!(f, "`{file}` of the repository: {why}"),
            Self::InitialRoot(why) => write!(
                f,
                "the root metadata to begin with is no good: {why}; take root.json from whoever \
                 runs the repository, by a way that you trust"
            ),
            Self::Mismatch(why) => write!(
                f,
                "mix-and-match: {why}: the files are of different states of the repository; try \
                 again, and then ask whoever runs the mirror"
            ),
            Self::NoInstance(name) => write!(
                f,
                "no trusted root `{name}` is kept here: fetch it first, `countersign trust update \
                 --name {name} --mirror URL --root root.json`"
            ),
            Self::NoTrustedRoot { lists } => write!(
                f,
                "the repository has no `trusted_root.json`; it lists {}. Repositories of the older \
                 layout, with one target a key, are not read: ask whoever runs it for a newer one",
                match lists.as_slice() {
                    [] => "nothing".to_owned(),
                    lists => lists.join(", "),
                }
            ),
            Self::RolledBack { role, kept, offered } => write!(
                f,
                "rollback: {role} is of version {offered}, and version {kept} was seen before: the \
                 mirror is out of date, or was tampered with"
            ),
            Self::RootGap { needs, has } => write!(
                f,
                "root metadata of version {has} is there and of version {needs} is not: each is \
                 signed by the one before, so that all are needed: add {needs}.root.json"
            ),
            Self::SharedKey { role } => write!(
                f,
                "the root metadata names one key of role {role} twice, so that one signer would \
                 count as two"
            ),
            Self::TooLarge { file, most } => {
                write!(f, "`{file}` of the repository has more than {most} bytes")
            }
            Self::TooMany { what, most } => write!(f, "more than {most} {what}"),
            Self::Unavailable { file, why } => write!(f, "`{file}` could not be fetched: {why}"),
            Self::Unsigned { role, found, needed } => write!(
                f,
                "the {role} metadata has {found} good signatures of the {needed} that it needs: it \
                 was tampered with, or belongs to another repository than the root metadata"
            ),
            Self::Unusable(why) => write!(
                f,
                "the repository's trusted_root.json is signed, and this build cannot use it: {why}"
            ),
            Self::Usage(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for TrustError {}

impl TrustError {
    /// Whether trying again later may help without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Unavailable { .. })
    }
}
