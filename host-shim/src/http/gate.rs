//! How many requests go to one host at once.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, PoisonError},
};

/// Lets so many in for each host.
pub(super) struct Gate(Arc<Shared>);

struct Shared {
    most: usize,
    inside: Mutex<HashMap<String, usize>>,
    left: Condvar,
}

/// One that is in; out when dropped.
pub(super) struct Turn {
    shared: Arc<Shared>,
    host: String,
}

impl Gate {
    pub(super) fn new(most: usize) -> Self {
        let (inside, left) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Shared { most, inside, left }))
    }

    /// Waits until there is room.
    pub(super) fn enter(&self, host: &str) -> Turn {
        let shared = &self.0;
        let mut inside = shared.inside.lock().unwrap_or_else(PoisonError::into_inner);
        while inside.get(host).is_some_and(|count| *count >= shared.most) {
            inside = shared.left.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
        *inside.entry(host.to_owned()).or_default() += 1;
        Turn { shared: shared.clone(), host: host.to_owned() }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut inside = self.shared.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = inside.get_mut(&self.host) {
            *count -= 1;
            if *count == 0 {
                inside.remove(&self.host);
            }
        }
        self.shared.left.notify_all();
    }
}
