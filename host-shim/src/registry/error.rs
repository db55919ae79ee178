//! Why a registry did not do what it was asked. Absent, denied and unavailable never blur.

use std::{error::Error, fmt};

use countersign::wire::{Answer, UnavailableReason};

use crate::http::Failure;

/// What a registry's refusal means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryError {
    /// It is not there: the registry says so (404).
    Absent(String),
    /// We may not (401, 403).
    Denied(String),
    /// It cannot be said: the answer makes no sense, or is not what was asked for.
    Garbled(String),
    /// The registry refuses what was sent (400, 405, 406, 409, 413 …).
    Refused(String),
    /// More bytes than this.
    TooLarge(u64),
    /// It cannot be said: no answer, or a passing failure of the registry (429, 5xx).
    Transport(String),
    /// No registry can be asked this.
    Unsupported(String),
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(message) => write!(f, "not found: {message}"),
            Self::Denied(message) => write!(f, "denied: {message}"),
            Self::Garbled(message) => write!(f, "the answer cannot be used: {message}"),
            Self::Refused(message) => write!(f, "refused: {message}"),
            Self::TooLarge(most) => write!(f, "larger than {most} bytes"),
            Self::Transport(message) => write!(f, "unavailable: {message}"),
            Self::Unsupported(message) => f.write_str(message),
        }
    }
}

impl Error for RegistryError {}

impl From<Failure> for RegistryError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Garbled(message) => Self::Garbled(message),
            Failure::TooLarge(most) => Self::TooLarge(most),
            Failure::Transport(message) => Self::Transport(message),
        }
    }
}

impl From<RegistryError> for Answer {
    fn from(error: RegistryError) -> Self {
        let (reason, message) = match error {
            RegistryError::Absent(message) => return Self::Absent { message },
            RegistryError::Denied(message) => return Self::Denied { message },
            RegistryError::Garbled(message) | RegistryError::Refused(message) => {
                (UnavailableReason::Garbled, message)
            }
            RegistryError::TooLarge(_) => (UnavailableReason::TooLarge, error.to_string()),
            RegistryError::Transport(message) => (UnavailableReason::Transport, message),
            RegistryError::Unsupported(message) => (UnavailableReason::Unsupported, message),
        };
        Self::Unavailable { reason, message }
    }
}
