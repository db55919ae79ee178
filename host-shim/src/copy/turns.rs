//! One after the other, where a tag is read and then written: no registry writes on a condition.

use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// More than are written at once, so that two tags rarely share one.
const TURNS: usize = 64;

/// Waits for all others of this process that write under this tag, in whichever repository.
///
/// Nobody may wait for a second turn while they have one.
pub(crate) fn turn(tag: &str) -> MutexGuard<'static, ()> {
    static ALL: [Mutex<()>; TURNS] = [const { Mutex::new(()) }; TURNS];
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(tag);
    let index = usize::try_from(hash % TURNS as u64).unwrap_or_default();
    ALL[index].lock().unwrap_or_else(PoisonError::into_inner)
}
