//! A map that forgets what was used longest ago.

use std::collections::BTreeMap;

/// A map of limited length and weight.
#[derive(Debug)]
pub(crate) struct Lru<K, V> {
    most_entries: usize,
    most_weight: u64,
    entries: BTreeMap<K, Entry<V>>,
    /// Keys by the time of their last use.
    order: BTreeMap<u64, K>,
    uses: u64,
    weight: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    weight: u64,
    used: u64,
}

impl<K: Clone + Ord, V> Lru<K, V> {
    pub(crate) fn new(most_entries: usize, most_weight: u64) -> Self {
        Self {
            most_entries,
            most_weight,
            entries: BTreeMap::new(),
            order: BTreeMap::new(),
            uses: 0,
            weight: 0,
        }
    }

    /// A value, which is now the youngest.
    pub(crate) fn get(&mut self, key: &K) -> Option<&V> {
        self.uses += 1;
        let entry = self.entries.get_mut(key)?;
        self.order.remove(&entry.used);
        entry.used = self.uses;
        self.order.insert(entry.used, key.clone());
        Some(&entry.value)
    }

    /// Keeps a value in the place of what was there; the oldest make room. What is heavier than all
    /// may be is not kept.
    pub(crate) fn insert(&mut self, key: K, value: V, weight: u64) {
        self.remove(&key);
        if weight > self.most_weight || self.most_entries == 0 {
            return;
        }
        while self.entries.len() >= self.most_entries
            || self.weight.saturating_add(weight) > self.most_weight
        {
            let Some((_, oldest)) = self.order.first_key_value() else { break };
            let oldest = oldest.clone();
            self.remove(&oldest);
        }
        self.uses += 1;
        self.weight += weight;
        self.order.insert(self.uses, key.clone());
        self.entries.insert(key, Entry { value, weight, used: self.uses });
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.used);
        self.weight -= entry.weight;
        Some(entry.value)
    }

    /// Forgets what does not answer to `keep`.
    pub(crate) fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        let gone: Vec<K> = self.entries.keys().filter(|key| !keep(key)).cloned().collect();
        for key in gone {
            self.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(lru: &Lru<u8, u8>) -> Vec<u8> {
        lru.order.values().copied().collect()
    }

    #[test]
    fn forgets_what_was_used_longest_ago() {
        let mut lru = Lru::new(3, 100);
        for key in 1..=3 {
            lru.insert(key, key, 1);
        }
        assert_eq!(lru.get(&1), Some(&1));
        lru.insert(4, 4, 1);
        assert_eq!(keys(&lru), [3, 1, 4]);
        assert_eq!(lru.get(&2), None);
        lru.insert(3, 9, 1);
        assert_eq!((keys(&lru), lru.get(&3)), (vec![1, 4, 3], Some(&9)));
    }

    #[test]
    fn weighs_what_it_keeps() {
        let mut lru = Lru::new(10, 10);
        lru.insert(1, 1, 4);
        lru.insert(2, 2, 4);
        lru.insert(3, 3, 4);
        assert_eq!((keys(&lru), lru.weight), (vec![2, 3], 8));
        lru.insert(4, 4, 11);
        assert_eq!(keys(&lru), [2, 3], "heavier than all may be");
        lru.insert(2, 2, 11);
        assert_eq!(keys(&lru), [3], "what it would replace is out of date");
        lru.insert(5, 5, 10);
        assert_eq!((keys(&lru), lru.weight), (vec![5], 10));
        lru.retain(|key| *key != 5);
        assert_eq!((keys(&lru), lru.weight), (vec![], 0));
    }

    #[test]
    fn may_keep_nothing() {
        let mut lru = Lru::new(0, 10);
        lru.insert(1, 1, 1);
        assert_eq!(lru.get(&1), None);
    }
}
